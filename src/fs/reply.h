// Reply: where the answer to one request goes, whichever way the request came.
//
// Whoever handles a request sees only this. A request is answered by exactly one call; what became
// of an answer that the kernel no longer wants is nobody's failure.
// Lifecycle: it outlives the requests that name it. Threads: the loop only.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "core/packet.h"
#include "fs/wire.h"

namespace ipn::fs {

// FrameMemo: which packets lie as frames in the memory that answers are gathered in, one behind the
// other from its beginning.
//
// Many readers of a network mostly read the same packets: then the answer to the first of them is
// there already for the next. A packet is known by its serial number, since memory is reused.
// Invariant: what is noted is there as a whole. Limit: the first kMax; of more, a read can only
// have short ones, which are copied as quickly. Threads: the loop only.
class FrameMemo {
  public:
    static constexpr std::size_t kMax = 256;

    // Something else was put there.
    void forget() { count_ = 0; }
    bool has(std::size_t index, const core::Packet& packet) const {
        return index < count_ && serials_[index] == packet.serial();
    }
    // From the frame `index` on, something else is put there.
    void cut(std::size_t index) { count_ = std::min(count_, index); }
    void note(std::size_t index, const core::Packet& packet) {
        if (index == count_ && index < kMax) serials_[count_++] = packet.serial();
    }

  private:
    std::array<std::uint64_t, kMax> serials_;
    std::size_t count_ = 0;
};

struct FrameSpace {
    std::span<std::byte> space;
    FrameMemo* memo;  // null: nothing of it is known
};

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
    // The same, with what is there from the last answer that was gathered so.
    virtual FrameSpace frame_space() { return {gather_space(), nullptr}; }
    virtual void gathered(std::uint64_t unique, std::size_t length) = 0;

    // Whether the request may stay unanswered for as long as it takes. If not, so many wait that
    // others could not be handled any more.
    virtual bool may_wait() const = 0;

  protected:
    ~Reply() = default;
};

}  // namespace ipn::fs
