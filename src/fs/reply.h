// Reply: where the answer to one request goes, whichever way the request came.
//
// Whoever handles a request sees only this. A request is answered by exactly one call; what became
// of an answer that the kernel no longer wants is nobody's failure.
// Lifecycle: it outlives the requests that name it. Threads: the loop only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "core/packet.h"
#include "fs/wire.h"

namespace ipn::fs {

class Reply {
  public:
    static constexpr std::size_t kDataMax = 1024 * 1024;  // bytes of one answer

    virtual void error(std::uint64_t unique, int code) = 0;
    // `data` is at most a few hundred bytes.
    virtual void small(std::uint64_t unique, std::span<const std::byte> data) = 0;
    virtual void packet(std::uint64_t unique, core::Packet& packet, std::uint32_t offset,
                        std::uint32_t length) = 0;
    // Where to gather up to kDataMax bytes of an answer that gathered() then sends.
    virtual std::span<std::byte> gather_space() = 0;
    virtual void gathered(std::uint64_t unique, std::size_t length) = 0;

    // Whether the request may stay unanswered for as long as it takes. If not, so many wait that
    // others could not be handled any more.
    virtual bool may_wait() const = 0;

  protected:
    ~Reply() = default;
};

}  // namespace ipn::fs
