// PacketPort: an open of `port` or `ports/N`: one write is one packet, one read is one packet.
//
// On a network of type stream a write is cut into packets, and a read takes what is waiting, across
// packets.
// Threads: the loop only.
#pragma once

#include "fs/open_port.h"

namespace ipn::fs {

class PacketPort final : public OpenPort {
  public:
    PacketPort(ParkedTable& parked, ErrorWordsOf words) : OpenPort(parked, words, 0) {}

  private:
    bool is_stream() const override;
    std::size_t piece(std::span<const std::byte> /*data*/, std::size_t length) const override {
        return length;
    }
    bool writes_in_turn() const override { return false; }
    void answer_with(LaneRequest& request, core::Node::Received first,
                     std::uint32_t size) override IPN_ON_LOOP;
    Progress send(std::span<const std::byte> data,
                  const core::SendWaiter* waiter) override IPN_ON_LOOP;
};

}  // namespace ipn::fs
