#include "core/frames.h"

#include <new>

#include "core/segmentation.h"

namespace ipn::core {
namespace {

std::size_t cost_of_all(const Segmenter& segmenter) {
    const std::uint32_t last = segmenter.count() - 1;  // the others are as long as the first
    return last * PacketPool::cost(segmenter.length(0)) + PacketPool::cost(segmenter.length(last));
}

// From the last to the first, each with those that follow hanging on it. They are charged as the
// packet is; the caller has seen that this is possible, or does not mind.
PacketRef make_row(const Segmenter& segmenter, const Packet& packet, PacketPool& pool) {
    PacketRef row;
    for (std::uint32_t i = segmenter.count(); i-- > 0;) {
        const std::uint32_t length = segmenter.length(i);
        PacketRef frame = packet.retained()
                              ? pool.allocate(length, packet.payer(), Memory::Purpose::retained)
                              : pool.allocate_beyond_limit(length, packet.payer());
        segmenter.write(i, frame->data());
        frame->from = packet.from;
        frame->hang_on(std::move(row));
        row = std::move(frame);
    }
    return row;
}

}  // namespace

bool make_frames(Packet& packet, PacketPool& pool, bool beyond_limit) {
    if (packet.next_frame() != nullptr) return true;
    const Segmenter segmenter({packet.data(), packet.length()}, packet.offload);
    if (!beyond_limit && !pool.can_charge(cost_of_all(segmenter), packet.payer(), packet.purpose()))
        return false;
    try {
        packet.hang_on(make_row(segmenter, packet, pool));
        return true;
    } catch (const std::bad_alloc&) {
        return false;
    }
}

}  // namespace ipn::core
