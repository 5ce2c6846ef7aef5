// OobQueue: the out-of-band messages that wait for one node.
//
// The messages are packets, charged to the node's user as such, but of no network's pool: they hold
// nobody up. Limits: kMessagesMax messages of at most kLengthMax bytes; what does not fit is
// dropped and counted. A node that wants no messages has no queue. Threads: the loop only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <utility>

#include "core/packet.h"
#include "core/queue.h"

namespace ipn::core {

class OobQueue {
  public:
    static constexpr std::uint32_t kMessagesMax = 64;
    static constexpr std::size_t kLengthMax = 4096;

    bool empty() const { return messages_.empty(); }
    std::uint64_t dropped() const { return dropped_; }

    // May throw std::bad_alloc, changing nothing.
    void push(PacketPool& pool, Account& payer, std::span<const std::byte> message) {
        PacketRef packet;
        if (messages_.size() < kMessagesMax)
            packet = pool.allocate(static_cast<std::uint32_t>(message.size()), payer);
        if (packet) std::memcpy(packet->data(), message.data(), message.size());
        if (!packet || !messages_.push(*packet)) ++dropped_;
    }

    // Null if there is none.
    PacketRef pop() { return messages_.empty() ? PacketRef() : messages_.pop(); }
    void clear() { messages_.clear(); }

  private:
    PacketQueue messages_;
    std::uint64_t dropped_ = 0;
};

}  // namespace ipn::core
