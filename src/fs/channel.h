// Channel: replies and notifications on /dev/fuse (or a socket that stands in for it in tests).
//
// Every answer is one contiguous write: header and data side by side, since segments cost the
// kernel more than bytes. A packet that is answered whole goes out of its own memory, its header in
// its headroom; what is gathered from several goes through one page-aligned buffer. A reply that
// the kernel no longer wants (ENOENT: its request was aborted) is nobody's failure. Threads: the
// loop only. Not done: reading; see session.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "core/packet.h"
#include "fs/reply.h"
#include "fs/wire.h"

namespace ipn::fs {

class Channel final : public Reply {
  public:
    Channel();
    void attach(int fd) { fd_ = fd; }

    void error(std::uint64_t unique, int code) override;
    void small(std::uint64_t unique, std::span<const std::byte> data) override;
    void packet(std::uint64_t unique, core::Packet& packet, std::uint32_t offset,
                std::uint32_t length) override;
    std::span<std::byte> gather_space() override;
    FrameSpace frame_space() override;
    void gathered(std::uint64_t unique, std::size_t length) override;
    bool may_wait() const override { return true; }

    // Wakes whoever polls the file that the kernel calls `poll_handle`.
    void wake_pollers(std::uint64_t poll_handle);
    // Makes the kernel send us a request: NOTIFY_REPLY, with that id and nothing in it. `node` has
    // to be a regular file that the kernel knows; false if it is not.
    bool ask_back(std::uint64_t unique, std::uint64_t node);

  private:
    struct Free {
        void operator()(void* pointer) const;
    };
    // Both: 0, or the errno value of a message that the kernel refused; see send().
    template <typename Notice>
    int notify(fuse_notify_code code, const Notice& notice);
    int write(const void* bytes, std::size_t length);
    void send(const void* bytes, std::size_t length);

    int fd_ = -1;
    FrameMemo memo_;                           // of `buffer_`
    std::unique_ptr<std::byte, Free> buffer_;  // a page of headroom, then kDataMax bytes
};

}  // namespace ipn::fs
