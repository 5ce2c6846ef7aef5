// The own lane: READ, WRITE and POLL requests as open files get them, without an allocation each.
//
// A request is answered exactly once; one that is destroyed unanswered is a bug, unless an
// exception is on its way: then memory ran out, and the answer is ENOMEM. Whoever cannot answer yet
// parks it (see open_port.h).
#pragma once

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <span>
#include <utility>

#include "core/check.h"
#include "fs/channel.h"
#include "fs/reply.h"

namespace ipn::fs {

class LaneRequest {
  public:
    LaneRequest(Reply& reply, std::uint64_t unique) : reply_(&reply), unique_(unique) {}
    LaneRequest(LaneRequest&& other) noexcept
        : reply_(std::exchange(other.reply_, nullptr)), unique_(other.unique_) {}
    LaneRequest& operator=(LaneRequest&&) = delete;
    ~LaneRequest() {
        if (reply_ == nullptr) return;
        IPN_CHECK(std::uncaught_exceptions() > 0);
        error(ENOMEM);
    }

    std::uint64_t unique() const { return unique_; }
    bool may_wait() const { return reply_->may_wait(); }

    void error(int code) { answer().error(unique_, code); }
    void read_nothing() { answer().small(unique_, {}); }
    void read_packet(core::Packet& packet, std::uint32_t offset, std::uint32_t length) {
        answer().packet(unique_, packet, offset, length);
    }
    std::span<std::byte> gather_space() { return reply_->gather_space(); }
    FrameSpace frame_space() { return reply_->frame_space(); }
    void read_gathered(std::size_t length) { answer().gathered(unique_, length); }
    void written(std::uint32_t bytes) {
        const fuse_write_out out{.size = bytes, .padding = 0};
        answer().small(unique_, std::as_bytes(std::span(&out, 1)));
    }
    void polled(std::uint32_t events) {
        const fuse_poll_out out{.revents = events, .padding = 0};
        answer().small(unique_, std::as_bytes(std::span(&out, 1)));
    }

  private:
    Reply& answer() {
        IPN_CHECK(reply_ != nullptr);
        return *std::exchange(reply_, nullptr);
    }

    Reply* reply_;
    std::uint64_t unique_;
};

struct ReadRequest {
    LaneRequest request;
    std::uint64_t offset;  // > 0: the kernel goes on with a large read that one reply filled
    std::uint32_t size;
    bool nonblocking;
};

struct WriteRequest {
    LaneRequest request;
    std::span<const std::byte> data;
    bool nonblocking;
};

struct PollRequest {
    LaneRequest request;
    Channel& channel;  // for wake-ups, which are no answers
    std::uint64_t poll_handle;
    std::uint32_t events;
    bool wants_wakeup;
};

// What an open file does with them. Destroying it answers nothing: the kernel releases a file only
// when no request of it is left.
class OpenFile {
  public:
    virtual ~OpenFile() = default;
    virtual void read(ReadRequest read) = 0;
    virtual void write(WriteRequest write) = 0;
    virtual void poll(PollRequest poll) = 0;
};

}  // namespace ipn::fs
