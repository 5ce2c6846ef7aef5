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
#include "fs/wire.h"

namespace ipn::fs {

class Channel {
  public:
    static constexpr std::size_t kDataMax = 1024 * 1024;  // of one reply

    Channel();
    void attach(int fd) { fd_ = fd; }

    void error(std::uint64_t unique, int code);
    // `data` is at most a few hundred bytes.
    void small(std::uint64_t unique, std::span<const std::byte> data);
    void packet(std::uint64_t unique, core::Packet& packet, std::uint32_t offset,
                std::uint32_t length);
    // Where to gather the data of a reply that gathered() then sends.
    std::span<std::byte> gather_space();
    void gathered(std::uint64_t unique, std::size_t length);

    // Wakes whoever polls the file that the kernel calls `poll_handle`.
    void wake_pollers(std::uint64_t poll_handle);

  private:
    struct Free {
        void operator()(void* pointer) const;
    };
    void send(const void* bytes, std::size_t length);

    int fd_ = -1;
    std::unique_ptr<std::byte, Free> buffer_;  // a page of headroom, then kDataMax bytes
};

}  // namespace ipn::fs
