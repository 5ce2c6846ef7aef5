// What a policy knows of our objects: the opaque types of <ipn/policy.h>, both ways.
#pragma once

#include "core/network.h"
#include "core/node.h"
#include "core/packet.h"
#include "ipn/policy.h"

namespace ipn::core {

inline ipn_net* handle(const Network& network) {
    return reinterpret_cast<ipn_net*>(const_cast<Network*>(&network));
}
inline ipn_port* handle(Node& node) {
    return reinterpret_cast<ipn_port*>(&node);
}
inline ipn_msg* handle(Packet& packet) {
    return reinterpret_cast<ipn_msg*>(&packet);
}

inline Network& network_of(const ipn_net* net) {
    return *reinterpret_cast<Network*>(const_cast<ipn_net*>(net));
}
inline Node& node_of(const ipn_port* port) {
    return *reinterpret_cast<Node*>(const_cast<ipn_port*>(port));
}
inline Packet& packet_of(const ipn_msg* msg) {
    return *reinterpret_cast<Packet*>(const_cast<ipn_msg*>(msg));
}

}  // namespace ipn::core

// Text that a policy writes through print().
struct ipn_text {
    static constexpr std::size_t kLengthMax = 16 * 1024 * 1024;
    std::string bytes;
    bool overflowed = false;  // some of it did not fit, or there was no memory for it
};
