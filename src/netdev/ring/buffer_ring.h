// BufferRing: memory that the kernel may receive into, in the order in which it was provided; one
// for all descriptors, so that memory is only taken for what really comes.
//
// Lifecycle: provide() hands a buffer over; it is the kernel's until a Reception gets its number
// back. Before a BufferRing is destroyed every Reception that uses it has to have ended.
// Limits: `entries` buffers at once, numbered below that.
// Threads: the ring's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "netdev/ring/ring.h"

namespace ipn::ring {

class BufferRing {
  public:
    // `entries`: a power of two, at most 32768. Throws std::system_error.
    BufferRing(Ring& ring, std::uint16_t entries);
    ~BufferRing();
    BufferRing(const BufferRing&) = delete;
    BufferRing& operator=(const BufferRing&) = delete;

    void provide(std::span<std::byte> memory, std::uint16_t number);

    std::uint16_t group() const { return group_; }

  private:
    std::size_t bytes() const;

    Ring& ring_;
    const std::uint16_t entries_;
    const std::uint16_t group_;
    io_uring_buf_ring* shared_;  // with the kernel
};

}  // namespace ipn::ring
