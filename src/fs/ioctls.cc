// ioctl(2) on an open port: ours, and those of the network's policy.

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "core/policy_call.h"
#include "core/policy_handles.h"
#include "fs/filesystem.h"
#include "ipn/ipn.h"

namespace ipn::fs {

using core::Node;

void Filesystem::ioctl(Request request, fuse_ino_t node, std::uint64_t handle, unsigned command,
                       std::span<const char> in, std::size_t out_size) {
    Place place = inodes_.find(node);
    place.open =
        dynamic_cast<OpenPort*>(files_.find(handle));  // of several opens of an inode, this one
    if (place.open == nullptr) return request.error(ENOTTY);
    switch (command) {
        case IPN_IOC_GETATTR:
        case IPN_IOC_SETATTR:
            return ioctl_attribute(std::move(request), place, command, in, out_size);
        case IPN_IOC_RECVOOB:
            return ioctl_receive_oob(std::move(request), place, out_size);
        default:
            return ioctl_policy(std::move(request), place, command, in, out_size);
    }
}

void Filesystem::ioctl_attribute(Request request, const Place& place, unsigned command,
                                 std::span<const char> in, std::size_t out_size) {
    const bool get = command == IPN_IOC_GETATTR;
    ipn_attr attribute;
    if (in.size() != sizeof attribute || (get && out_size < sizeof attribute))
        return request.error(EINVAL);
    std::memcpy(&attribute, in.data(), sizeof attribute);

    const std::string_view whole(attribute.name, strnlen(attribute.name, sizeof attribute.name));
    const std::string_view name =
        whole.starts_with(kAttributePrefix) ? whole.substr(kAttributePrefix.size()) : whole;
    if (get) {
        const auto value = attribute_of_open(place, name, request.caller());
        if (!value && name == kErrorName) return request.error(value.error().code);
        if (!value) return refuse(request, place, value.error());
        attribute.size =
            static_cast<std::uint32_t>(std::min(value->size(), sizeof attribute.value));
        std::memcpy(attribute.value, value->data(), attribute.size);
        const auto* bytes = reinterpret_cast<const char*>(&attribute);
        return request.ioctl({bytes, sizeof attribute});
    }
    if (attribute.size > sizeof attribute.value)
        return refuse(request, place, {EINVAL, "size is larger than the value can be"});
    auto set = attributes_.set(place, name, {attribute.value, attribute.size}, request.caller());
    if (!set) return refuse(request, place, set.error());
    commit(std::move(request), Inodes::shown(place), std::move(*set),
           [](Request& answer) { answer.ioctl({}); });
}

// What the node has, what its network has, or the words behind the caller's last error on its name.
core::Result<std::string> Filesystem::attribute_of_open(const Place& place, std::string_view name,
                                                        const core::Credentials& caller) const {
    if (name == kErrorName) {
        const std::string* words = words_.find(caller.uid, Inodes::shown(place));
        if (words == nullptr) return core::fail(ENODATA, "there was no error yet");
        return *words;
    }
    auto of_node = attributes_.get(place, name);
    if (of_node) return of_node;
    auto of_network = attributes_.get(
        {.kind = Place::Kind::network, .network = &place.open->node().network()}, name);
    return of_network ? of_network : of_node;
}

void Filesystem::ioctl_receive_oob(Request request, const Place& place, std::size_t out_size) {
    ipn_oob message{};
    static_assert(sizeof message.data == core::OobQueue::kLengthMax);
    if (out_size < sizeof message) return request.error(EINVAL);
    const core::PacketRef packet = place.open->node().receive_oob();
    if (!packet) return request.error(EAGAIN);
    message.size = packet->length();
    std::memcpy(message.data, packet->data(), packet->length());
    request.ioctl({reinterpret_cast<const char*>(&message), sizeof message});
}

void Filesystem::ioctl_policy(Request request, const Place& place, unsigned command,
                              std::span<const char> in, std::size_t out_size) {
    Node& node = place.open->node();
    const auto policy_ioctl = node.network().policy().table().ioctl;
    if (policy_ioctl == nullptr || node.state() != Node::State::connected)
        return request.error(ENOTTY);
    std::vector<char> out(out_size);
    const core::PolicyCall call(node.network());
    const int answer =
        policy_ioctl(handle(node), command, in.data(), in.size(), out.data(), out.size());
    if (answer < 0) {
        const int error = call.error_of(answer);
        if (error == ENOTTY) return request.error(error);  // asked by programs on their own account
        return refuse(request, place, {error, call.words("the policy refused")});
    }
    request.ioctl(out, answer);
}

}  // namespace ipn::fs
