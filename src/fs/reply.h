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

// Which packets' frames lie in memory one behind the other, from its beginning.
//
// Many readers of a network often read the same packets: then the answer of the first of them is
// there already. Invariant: a packet's serial number is noted when all of its frame is there.
class FrameMemo {
  public:
    void forget() { count_ = 0; }
    bool has(std::size_t index, const core::Packet& packet) const {
        return index < count_ && serials_[index] == packet.serial();
    }
    // At `index` begins something else, of which only a noted packet is known.
    void cut(std::size_t index) { count_ = std::min(count_, index); }
    void note(std::size_t index, const core::Packet& packet) {
        if (index != count_ || index == serials_.size()) return;
        serials_[count_++] = packet.serial();
    }

  private:
    std::array<std::uint64_t, 256> serials_;
    std::size_t count_ = 0;
};

struct FrameSpace {
    std::span<std::byte> space;
    FrameMemo* memo;  // null: nothing is known of it
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
