// Headers: where the headers of a TCP or UDP packet in an Ethernet frame are.
//
// Behind any number of VLAN tags; IPv4 with options; IPv6 with the extension headers behind which
// the kernel cuts packets too: hop-by-hop options, routing, destination options. Fragments,
// tunnels and everything else are not found.
// Invariant: every header found lies in the frame whole.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace ipn::core {

struct Headers {
    static constexpr std::uint8_t kTcp = 6, kUdp = 17;  // protocols

    static std::optional<Headers> find(std::span<const std::byte> frame);

    std::size_t network = 0;    // IP's begins here
    std::size_t transport = 0;  // TCP's or UDP's
    std::size_t end = 0;        // of the last one: where the payload begins
    std::uint8_t protocol = 0;
    bool ipv4 = false;
    bool routed = false;  // the destination in the IPv6 header is not the last one

    std::size_t checksum_offset() const;  // in the transport header
    // One's complement sum of the pseudo header of this packet, as it lies in memory.
    std::uint16_t pseudo_header_sum(std::span<const std::byte> frame) const;
};

}  // namespace ipn::core
