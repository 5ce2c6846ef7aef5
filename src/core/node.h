// Node: what is connected to a port of a network, whatever its kind.
//
// Role, queue, counters and attributes are the node's. What differs between an open file, an
// interface or a cable is behind Endpoint, which owns its Node.
//
// Lifecycle: detached, then connected by Network::join(), then
//   ended  the network was ended by force: what is queued can still be read, then end of file;
//   cut    disconnected from outside (removed, or stalled for too long): ECONNRESET at once;
// and at last Network::leave(), which every node that joined must do before it is destroyed.
// A node with a *prefix* reads a byte stream in which so many bytes of its endpoint's making
// precede each packet. They are counted here, so that a packet is begun, and nothing comes between
// its parts, as soon as the first of them is read. They say its length in 16 bits; a packet longer
// than that, which only a policy can make, is dropped and counted.
// Invariants: (1) only a connected reader's queue
// grows; (2) a node that never reads is never sent packets; (3) a lossy node's queue holds at most
// msgpoolsize packets, a lossless one's at most what its network's backlog holds.
// A packet with offloads is one packet of the queue. A node that does not accept them reads the
// frames that it stands for instead, one by one; received and dropped count these, so that they add
// up to what was sent in ordinary frames. It gets all of them or none.
// Threads: the loop only.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "core/error.h"
#include "core/events.h"
#include "core/list.h"
#include "core/memory.h"
#include "core/on_loop.h"
#include "core/oob_queue.h"
#include "core/ownership.h"
#include "core/packet_watch.h"
#include "core/queue.h"
#include "core/work.h"

namespace ipn::core {

class Network;
class Node;

enum class Role : std::uint8_t { none = 0, reader = 1, writer = 2, both = 3 };

constexpr bool reads(Role role) {
    return (static_cast<unsigned>(role) & 1u) != 0;
}
constexpr bool writes(Role role) {
    return (static_cast<unsigned>(role) & 2u) != 0;
}
constexpr Role operator|(Role a, Role b) {
    return static_cast<Role>(static_cast<unsigned>(a) | static_cast<unsigned>(b));
}
// `role` without these parts of it.
constexpr Role without(Role role, Role parts) {
    return static_cast<Role>(static_cast<unsigned>(role) & ~static_cast<unsigned>(parts));
}
const char* to_string(Role role);

enum class NodeKind : std::uint8_t { file, tap, grab };
const char* to_string(NodeKind kind);

// Who connected the node. pid 0: not known here (another pid namespace).
struct Credentials {
    std::uint32_t uid = 0;
    std::uint32_t gid = 0;
    std::uint32_t pid = 0;
};

// What a kind of node has to do for the network. Called on the loop; may call receive() and
// leave(), but must not send within the call.
class Endpoint {
  public:
    // There may be something new for receive(): packets, end of file.
    virtual void deliver() = 0;
    // A send that did not go through may now. Only after Network::watch_writable().
    virtual void writable() = 0;
    // The node was ended, cut, narrowed or hung up (in part): whoever waits must try again now.
    virtual void state_changed() = 0;

  protected:
    ~Endpoint() = default;
};

struct WritableTag;

class Node final : private Work, public ListHook<WritableTag> {
  public:
    enum class State : std::uint8_t { detached, connected, ended, cut };

    struct Counters {
        std::uint64_t received = 0;   // packets read
        std::uint64_t sent = 0;       // packets written
        std::uint64_t dropped = 0;    // packets that did not fit this node's queue, or an interface
        std::uint64_t truncated = 0;  // packets read in part, the rest thrown away
    };

    // What one receive() got.
    enum class Receive : std::uint8_t {
        packet,   // `packet`, `offset`, `length` say which bytes; a prefix are the first of them
        nothing,  // try again after Endpoint::deliver()
        end_of_file,
        lost,   // packets were dropped here (option overrun_error); told once
        reset,  // the node was cut
    };
    struct Received {
        Receive outcome = Receive::nothing;
        PacketRef packet{};
        std::uint32_t offset = 0;
        std::uint32_t length = 0;
    };

    // What poll(2) would say.
    struct Readiness {
        bool urgent = false;  // an out-of-band message waits
        bool readable = false;
        bool writable = false;
        bool hung_up = false;
        bool failed = false;
    };

    explicit Node(Endpoint& endpoint, std::uint8_t prefix = 0)
        : prefix_(prefix), endpoint_(endpoint) {}
    ~Node();

    // Takes up to `space` bytes of the oldest packet. With type packet and no prefix the rest of
    // it, if any, stays for the next call or is thrown away (option short_read).
    Received receive(std::uint32_t space) IPN_ON_LOOP;

    // How many bytes of the oldest packet there are for the next receive() that follow on the last
    // one's without a gap; 0: none.
    std::uint32_t follows() const;

    Readiness readiness() const IPN_ON_LOOP;

    // Gives parts of the role up: shutdown(2). EPERM if `role` is not a part of what is left.
    Result<void> narrow(Role role) IPN_ON_LOOP;

    // Nobody is at the other end any more to do the other half of `parts` of the role. reader: what
    // is queued can still be read, then end of file; writer: sending fails. A policy may say so in
    // the middle of a dispatch; the endpoint is told later.
    void hang_up(Role parts) IPN_ON_LOOP;
    bool can_send() const {
        return state_ == State::connected && writes(role_) && !writes(hung_up_) && !out_of_memory_;
    }
    Role hung_up() const { return hung_up_; }

    // ---- out-of-band messages

    bool wants_oob() const { return oob_ != nullptr; }
    void want_oob(bool wanted) IPN_ON_LOOP;
    // The oldest message; null if there is none.
    PacketRef receive_oob() IPN_ON_LOOP { return oob_ == nullptr ? PacketRef() : oob_->pop(); }
    std::uint64_t oob_dropped() const { return oob_ == nullptr ? 0 : oob_->dropped(); }
    // Tells the network's watchers of a message, and queues it if the node wants it. May throw
    // std::bad_alloc.
    void offer_oob(std::span<const std::byte> message) IPN_ON_LOOP;

    // At most 127 bytes of text without control characters: else EINVAL.
    Result<void> set_description(std::string_view text) IPN_ON_LOOP;
    static Result<void> check_description(std::string_view text);

    // For an interface: a packet that came to it and could not be sent, or that it could not take.
    void count_dropped();

    // Whether deliver() is called for each arrival, or not at all.
    void expect_delivery(bool expected) { delivery_expected_ = expected; }

    Network& network() const {
        IPN_CHECK(network_ != nullptr);
        return *network_;
    }
    State state() const { return state_; }
    Role role() const { return role_; }
    NodeKind kind() const { return kind_; }
    std::uint32_t number() const { return number_; }
    const Credentials& credentials() const { return credentials_; }
    const Counters& counters() const { return counters_; }
    std::string description() const { return description_ ? *description_ : std::string(); }
    std::uint32_t last_from() const { return last_from_; }  // the port of the packet last received
    std::uint32_t queued() const { return queue_.size(); }
    bool accepts_offloads() const { return accepts_offloads_; }
    const Stamp& connected() const { return connected_; }  // when it was
    Account& account() const { return *account_; }

    static constexpr std::uint32_t kNobody = UINT32_MAX;

    std::unique_ptr<const Credentials> peer;  // who is at the other end, if the policy says so
    void* policy_private = nullptr;
    Ownership file;  // of its entry in ports/, unless the port is reserved

  private:
    friend class Network;

    // In front, so that together with `file` they leave no holes: there are many idle nodes.
    Credentials credentials_;
    std::uint32_t number_ = 0;
    std::uint32_t reader_index_ = 0;  // where the network's list of readers has it
    std::uint32_t front_offset_ = 0;  // how much of front() was read
    std::uint32_t last_from_ = kNobody;
    std::uint32_t other_writers_at_join_ = 0;
    State state_ = State::detached;
    Role role_ = Role::none;
    Role joined_role_ = Role::none;  // before it was narrowed
    NodeKind kind_ = NodeKind::file;
    const std::uint8_t prefix_;
    bool accepts_offloads_ = false;
    bool delivery_expected_ = false;
    bool out_of_memory_ = false;  // lossless, and the queue could not grow: to be cut
    Role hung_up_ = Role::none;   // what the other end no longer is there for
    bool state_changed_ = false;  // the endpoint is to be told

    // Takes a packet into the queue, or counts that it is lost.
    Fate offer(Packet& packet) IPN_ON_LOOP;
    // What will become of the packet, unless memory lacks.
    Fate fate_of(const Packet& packet) const;
    void drop(const Packet& packet);
    // Whether it gets the frames that the packet stands for.
    bool reads_frames_of(const Packet& packet) const {
        return !packet.offload.plain() && !accepts_offloads_;
    }
    bool make_readable(Packet& packet) IPN_ON_LOOP;
    bool within_oldest() const { return front_offset_ > 0 || front_frame_ != nullptr; }
    // What the next receive() reads of. REQUIRES: something is queued.
    Packet& front() const;
    PacketRef pop_front();
    void schedule_delivery() IPN_ON_LOOP;
    void clear();  // all that waits to be read
    bool at_end_of_file() const;
    void run() override;

    Endpoint& endpoint_;
    Network* network_ = nullptr;
    AccountRef account_;
    PacketQueue queue_;
    Packet* front_frame_ = nullptr;  // of the oldest packet, when its first frames were read
    std::unique_ptr<const std::string> description_;  // few have one
    Counters counters_;
    Stamp connected_;
    std::uint64_t writer_joins_at_join_ = 0;
    std::unique_ptr<OobQueue> oob_;
};

}  // namespace ipn::core
