// PacketQueue: the packets that wait for one node, oldest first, and where packets are missing.
//
// A ring of references that grows by doubling, up to the bound its node sets (the queue itself has
// none), and never for an idle node. A gap is a place at which packets were dropped; it stands
// before a packet or at the end. Threads: the loop only.
#pragma once

#include <cstdint>
#include <memory>

#include "core/packet.h"

namespace ipn::core {

class PacketQueue {
  public:
    PacketQueue() = default;
    ~PacketQueue() { clear(); }
    PacketQueue(const PacketQueue&) = delete;
    PacketQueue& operator=(const PacketQueue&) = delete;

    bool empty() const { return size_ == 0; }
    std::uint32_t size() const { return size_; }

    // False, and nothing changed, if there is no memory to grow.
    [[nodiscard]] bool push(Packet& packet);

    Packet& front() const { return *slots_[first_].packet; }
    // The oldest of those that are in the network's pool; null: none. Retained ones are not, which
    // stand before all others.
    const Packet* first_pooled() const;
    PacketRef pop();
    void clear();

    void mark_gap() { gap_at_end_ = true; }
    bool gap_at_front() const { return empty() ? gap_at_end_ : slots_[first_].gap_before; }
    void forget_gap_at_front() { (empty() ? gap_at_end_ : slots_[first_].gap_before) = false; }

  private:
    struct Slot {
        PacketRef packet;
        bool gap_before = false;
    };

    bool grow();

    std::unique_ptr<Slot[]> slots_;
    std::uint32_t capacity_ = 0;  // a power of two, or 0
    std::uint32_t first_ = 0;
    std::uint32_t size_ = 0;
    bool gap_at_end_ = false;
};

}  // namespace ipn::core
