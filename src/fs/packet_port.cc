#include "fs/packet_port.h"

#include <algorithm>
#include <cstring>

namespace ipn::fs {

using core::Node;

bool PacketPort::is_stream() const {
    return node().network().options().type == core::Type::stream;
}

void PacketPort::answer_with(LaneRequest& request, Node::Received first, std::uint32_t size) {
    const bool more = is_stream() && first.length < size && node().follows() > 0;
    if (!more) return request.read_packet(*first.packet, first.offset, first.length);

    const std::span<std::byte> space = request.gather_space();
    const std::size_t room = std::min<std::size_t>(size, space.size());
    std::size_t length = 0;
    Node::Received received = std::move(first);
    for (;;) {
        std::memcpy(space.data() + length, received.packet->data() + received.offset,
                    received.length);
        length += received.length;
        if (length == room || node().follows() == 0) break;
        received = node().receive(static_cast<std::uint32_t>(room - length));
    }
    request.read_gathered(length);
}

OpenPort::Progress PacketPort::send(std::span<const std::byte> data,
                                    const core::SendWaiter* waiter) {
    return progress_of(node().network().send(node(), data, waiter));
}

}  // namespace ipn::fs
