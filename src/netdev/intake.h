// Intake: the memory that all interfaces of the mount receive into, shared by them.
//
// Each buffer is a receiving packet (core/packet.h) with room in front for the header that the
// kernel writes before a frame, so that a long frame goes on without a copy; a short one is copied
// by the network, and its buffer provided again at once.
// Lifecycle: made with the first interface, gone with the last, when no Reception uses it.
// Invariants: a buffer is the kernel's, or is just being looked at, or lacks memory (replenish()).
// Limits: kBuffersMax, so few that they stay in the processor's cache (128 cost a fifth more
// processor time a packet); fewer if max_memory has no room for so many; charged to the daemon's
// user as memory for receiving. Nobody keeps a buffer: what has to wait is taken out of it
// (keep()). Threads: the loop only.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "core/list.h"
#include "core/registry.h"
#include "netdev/ring/buffer_ring.h"
#include "netdev/ring/ring.h"

namespace ipn::netdev {

struct HungryTag;

// Whoever could not receive because no buffer was left.
class Hungry : public core::ListHook<HungryTag> {
  public:
    virtual void buffers_came() = 0;

  protected:
    ~Hungry() = default;
};

class Intake {
  public:
    static constexpr std::size_t kHeaderBytes = core::Offload::kWireBytes;
    static constexpr std::uint16_t kBuffersMax = 32;

    // Throws std::bad_alloc, also if max_memory has no room for any buffer, and std::system_error.
    Intake(ring::Ring& ring, core::Registry& registry, std::uint32_t uid);

    const ring::BufferRing& buffers() const { return buffers_; }

    // The packet that buffer `number` is; the header stands before its data().
    const core::PacketRef& packet(std::uint16_t number) const { return packets_[number]; }
    std::span<const std::byte, kHeaderBytes> header(std::uint16_t number) const;

    // The whole buffer, which begins with the header.
    std::span<std::byte> memory(std::uint16_t number) const;

    // The kernel has filled a buffer, which is not its any more.
    void take() { --provided_; }
    // Whether the kernel has any.
    bool empty() const { return provided_ == 0; }

    // What came in that buffer, to be held: itself, or a copy if that is short.
    core::PacketRef keep(std::uint16_t number) IPN_ON_LOOP;
    // Hands the buffer to the kernel again, with other memory if its packet was taken.
    void provide(std::uint16_t number) IPN_ON_LOOP;
    // Tries again where memory lacked: when something that was held goes.
    void replenish() IPN_ON_LOOP;
    // Calls buffers_came() once there are some.
    void await(Hungry& hungry) { hungry_.push_back(hungry); }

  private:
    // As long as the longest frame with its VLAN tags. The memory classes are coarse: with this one
    // a buffer costs 96 KiB, of which what never was written to is not there.
    static constexpr std::uint32_t kFrameMax = 65535 + 14 + 8;
    static constexpr std::uint32_t kCopiedMax = 16 * 1024;

    void hand_over(std::uint16_t number);
    bool fill(std::uint16_t number) IPN_ON_LOOP;

    core::Registry& registry_;
    core::AccountRef account_;
    ring::BufferRing buffers_;
    std::array<core::PacketRef, kBuffersMax> packets_;
    std::vector<std::uint16_t> lacking_;  // those without memory
    std::uint16_t provided_ = 0;
    core::List<Hungry, HungryTag> hungry_;
};

}  // namespace ipn::netdev
