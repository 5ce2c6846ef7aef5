// FramedPort: an open of `framed`: reads and writes a byte stream in which each packet is preceded
// by its length, 16 bits, big-endian, as in the streams of VDE's tools.
//
// Reading: as many whole packets as fit; if not even one does, its beginning, and the next read
// goes on there.
// Writing: as many packets as there are. One that ends beyond the write is kept until the rest
// comes (see deframer.h). A length of 0 is skipped. One above the MTU ends the stream: the write
// returns what came before it, and from then on every write fails with EINVAL; reading goes on. A
// packet that cannot be sent, because the policy refuses it, say, is not taken: the write returns
// what came before it, and one that begins with it fails. A write that is cut short ends between
// two packets, if it began so. Only one write of an open is under way at
// a time, since they are parts of one stream. What was written of a packet whose rest never comes
// goes with the open file. Threads: the loop only.
#pragma once

#include "fs/deframer.h"
#include "fs/open_port.h"

namespace ipn::fs {

class FramedPort final : public OpenPort {
  public:
    FramedPort(ParkedTable& parked, ErrorWordsOf words)
        : OpenPort(parked, words, Deframer::kHeaderBytes) {}

  private:
    bool is_stream() const override { return true; }
    std::size_t piece(std::span<const std::byte> data, std::size_t length) const override {
        return Deframer::whole(data, length);
    }
    bool writes_in_turn() const override { return bad_length_ == 0; }
    void answer_with(LaneRequest& request, core::Node::Received first,
                     std::uint32_t size) override IPN_ON_LOOP;
    Progress send(std::span<const std::byte> data,
                  const core::SendWaiter* waiter) override IPN_ON_LOOP;
    bool writable_now(const core::Node::Readiness& ready) const override;
    void stop_sending() override { deframer_.forget(); }

    // Sends or keeps what is at the front of `data`.
    Progress send_next(std::span<const std::byte> data, const core::SendWaiter* waiter) IPN_ON_LOOP;
    Progress stream_ended() const;

    Deframer deframer_;
    std::size_t bad_length_ = 0;  // the one that ended the stream
};

}  // namespace ipn::fs
