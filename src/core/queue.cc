#include "core/queue.h"

#include <new>

namespace ipn::core {

bool PacketQueue::push(Packet& packet) {
    if (size_ == capacity_ && !grow()) return false;
    Slot& slot = slots_[(first_ + size_) & (capacity_ - 1)];
    slot.packet = PacketRef(packet);
    slot.gap_before = std::exchange(gap_at_end_, false);
    ++size_;
    return true;
}

const Packet* PacketQueue::first_pooled() const {
    for (std::uint32_t i = 0; i < size_; ++i) {
        const Packet* packet = slots_[(first_ + i) & (capacity_ - 1)].packet.get();
        if (!packet->retained()) return packet;
    }
    return nullptr;
}

PacketRef PacketQueue::pop() {
    IPN_CHECK(size_ > 0);
    Slot& slot = slots_[first_];
    first_ = (first_ + 1) & (capacity_ - 1);
    --size_;
    return std::move(slot.packet);
}

void PacketQueue::clear() {
    while (!empty()) pop();
    slots_.reset();
    capacity_ = first_ = 0;
    gap_at_end_ = false;
}

bool PacketQueue::grow() {
    constexpr std::uint32_t kFirstCapacity = 4;
    const std::uint32_t capacity = capacity_ == 0 ? kFirstCapacity : capacity_ * 2;
    std::unique_ptr<Slot[]> slots(new (std::nothrow) Slot[capacity]);
    if (!slots) return false;
    for (std::uint32_t i = 0; i < size_; ++i)
        slots[i] = std::move(slots_[(first_ + i) & (capacity_ - 1)]);
    slots_ = std::move(slots);
    capacity_ = capacity;
    first_ = 0;
    return true;
}

}  // namespace ipn::core
