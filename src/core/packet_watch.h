// PacketWatch: the packets of one network as its observers are told of them, and what became of
// each.
//
// A *passage* is one packet on its way through the policy: from whom it is, which nodes it was
// queued for, which of them lost it and why, or why it was not taken at all. A packet that a policy
// makes, or holds and sends later, has a passage of its own; one that is sent again has another.
// Lifecycle: passages gather while a call into the policy is under way, in the order in which their
// packets came, and are told when it returns (tell()), so that an observer knows all of it.
// Limits: kPassagesMax; of what is gathered beyond, a passage is told in parts. Cost: with no
// observer a network asks idle() and nothing else. Invariant: no passage is left behind tell(), so
// that borrowed packets may end after it. What there is no memory for is told as missed().
// Threads: the loop only. Not done: keeping anything; see fs/capture.h.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "core/list.h"
#include "core/packet.h"

namespace ipn::core {

// What became of a packet that was sent to a node.
enum class Fate : std::uint8_t {
    queued,
    unwanted,    // the node does not read, or no more
    queue_full,  // lossy, and the reader too slow
    no_memory,
    too_long,  // for what the node reads
};

struct Passage {
    struct Drop {
        std::uint32_t port;
        Fate fate;
    };

    PacketRef packet;
    WallTime time{};         // exact
    std::uint32_t from = 0;  // a port; Node::kNobody: the policy itself
    bool injected = false;   // by the policy, as if from that port
    std::vector<std::uint32_t> to;
    std::vector<Drop> drops;
    std::string refused;  // why it was not taken; empty if it was
};

struct PacketObserverTag;

// Neither call may let an observer join or leave.
class PacketObserver : public ListHook<PacketObserverTag> {
  public:
    virtual void passed(const Passage& passage) noexcept = 0;
    // A packet passed, and there was no memory to tell what became of it.
    virtual void missed() noexcept = 0;
    // Nothing more comes.
    virtual void network_ended() = 0;

  protected:
    ~PacketObserver() = default;
};

class PacketWatch {
  public:
    explicit PacketWatch(const Clock& clock) : clock_(clock) {}

    bool idle() const { return observers_.empty(); }
    void add(PacketObserver& observer) { observers_.push_back(observer); }

    // REQUIRES for all three: not idle().
    void entered(Packet& packet, std::uint32_t from, bool injected = false) noexcept;
    void offered(Packet& packet, std::uint32_t to, Fate fate) noexcept;
    void refused(Packet& packet, std::string_view why) noexcept;

    void tell() noexcept {
        if (!passages_.empty()) tell_all();
    }
    void end();

  private:
    static constexpr std::size_t kPassagesMax = 64;

    Passage& begin(Packet& packet, std::uint32_t from, bool injected);
    // The last passage of the packet that is under way.
    Passage& of(Packet& packet);
    void tell_all() noexcept;
    void missed() noexcept;

    const Clock& clock_;
    List<PacketObserver, PacketObserverTag> observers_;
    std::vector<Passage> passages_;
};

}  // namespace ipn::core
