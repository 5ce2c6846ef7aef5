// Network: one IPN network. It knows its nodes, takes their packets in, hands them to its policy
// and holds writers up while there is no room.
//
// Lifecycle: made by Registry::create(); up until shut_down(); then shutting down until the last
// node has left, and then destroyed by the registry. An ephemeral network goes with its last node.
//
// A packet's way: send() makes a Packet of the writer's bytes and lets the policy offer it to nodes
// (Node::offer); the order of these calls is the order in which every node sees the packets.
// Invariants:
//  (1) lossless: the backlog never exceeds msgpoolsize, save by what a policy allocates itself; no
//      node ever drops;
//  (2) writers that wait for room, or for minreaders, stand in one line, and none is overtaken; one
//      whose user lacks memory (max_memory) steps aside, so that it holds up nobody else;
//  (3) nothing here calls an Endpoint in the middle of a dispatch: wake-ups are Work;
//  (4) every change either happens whole or not at all.
// Threads: the loop only. Not done: files, permissions (Ownership is only kept here), time-outs
// other than stall_timeout_ms.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/clock.h"
#include "core/error.h"
#include "core/node.h"
#include "core/on_loop.h"
#include "core/options.h"
#include "core/ownership.h"
#include "core/packet.h"
#include "core/port_set.h"
#include "core/timers.h"
#include "core/work.h"
#include "ipn/policy.h"

namespace ipn::core {

class Registry;

struct WaiterTag;

// A write that waits for room. Whoever waits calls send() again from retry(), as itself.
class SendWaiter : public ListHook<WaiterTag> {
  public:
    // True if the write is through with, one way or another: then it has left the line. Must not
    // touch other waiters.
    virtual bool retry() = 0;

  protected:
    ~SendWaiter() = default;
};

// A port that is kept for whoever opens it by its number.
struct Reservation {
    Ownership file;
    std::string description;
};

class Network final : private Work, private Backlog::Owner {
  public:
    enum class State : std::uint8_t { up, shutting_down };

    enum class Send : std::uint8_t {
        done,
        would_block,  // lossless and full, or before minreaders
        too_long,     // longer than the MTU, type packet
        never_fits,   // a single packet that max_memory can never hold
        closed,       // no writer any more, or the network is shutting down
        reset,        // the node was cut
        refused,      // by the policy, with `error`
    };
    struct Sent {
        Send outcome = Send::done;
        std::size_t taken =
            0;          // bytes; with type stream perhaps some although the outcome is not done
        int error = 0;  // errno value, for refused
    };

    struct JoinRequest {
        Role role = Role::none;
        NodeKind kind = NodeKind::file;
        std::uint32_t port = IPN_PORT_ANY;
        Credentials credentials;
    };

    Network(Registry& registry, std::uint64_t id, std::string name, const NetworkOptions& options,
            Ownership directory);
    ~Network();
    Network(const Network&) = delete;
    Network& operator=(const Network&) = delete;

    // ---- nodes

    // EADDRNOTAVAIL no free port, EADDRINUSE that port is in use, EPIPE shutting down, and what the
    // policy says.
    Result<void> join(Node& node, const JoinRequest& request) IPN_ON_LOOP;
    // May destroy the network (ephemeral, or shutting down).
    void leave(Node& node) IPN_ON_LOOP;
    // Disconnects a node from outside: ECONNRESET for whoever uses it.
    void cut(Node& node) IPN_ON_LOOP;
    // Ends the network by force. May destroy it.
    void shut_down() IPN_ON_LOOP;

    Node* node_at(std::uint32_t number) const {
        return number < ports_.size() ? ports_[number] : nullptr;
    }
    std::uint32_t ports_end() const { return taken_.end(); }

    // EADDRINUSE: reserved or in use already; EADDRNOTAVAIL: not below numnodes.
    Result<void> reserve(std::uint32_t number, Ownership file) IPN_ON_LOOP;
    void unreserve(std::uint32_t number) IPN_ON_LOOP;
    Reservation* reservation(std::uint32_t number);

    // ---- packets

    // Nothing if the node may send: else closed or reset.
    std::optional<Send> why_not_to_send(const Node& from) const;
    // Sends `data`: one packet, or with type stream as many as it takes. `waiter`: set if this is
    // the head of the line trying again; anybody else waits behind those who wait.
    Sent send(Node& from, std::span<const std::byte> data,
              const SendWaiter* waiter = nullptr) IPN_ON_LOOP;
    // Sends `packet`, which was never sent before, as one packet whatever the network's type. One
    // that was received is taken over at this node's cost, unless it is short and is copied, or
    // cannot be sent: ask receiving(). Too long: one of the frames that it stands for exceeds the
    // MTU.
    Sent send(Node& from, const PacketRef& packet, const SendWaiter* waiter = nullptr) IPN_ON_LOOP;
    // Joins the line of those who wait for room.
    void wait(SendWaiter& waiter) IPN_ON_LOOP;
    void stop_waiting(SendWaiter& waiter) IPN_ON_LOOP;
    // Endpoint::writable() is called once, when a send of this node may go through again.
    void watch_writable(Node& node) IPN_ON_LOOP;
    // Whether a packet of MTU bytes would have to wait.
    bool would_block(const Node& from) const IPN_ON_LOOP;

    // ---- what a policy does (see policy_host.cc)

    void deliver(Node& to, Packet& packet) IPN_ON_LOOP;
    void deliver_all(Packet& packet) IPN_ON_LOOP;
    Result<void> inject(Node& from, Packet& packet, int depth) IPN_ON_LOOP;
    // EADDRNOTAVAIL, EADDRINUSE.
    Result<std::uint32_t> free_port(std::uint32_t wanted) const;
    PacketRef allocate(Node& payer, std::uint32_t length) IPN_ON_LOOP;

    // ---- options

    const NetworkOptions& options() const { return options_; }
    // EINVAL bad value, EBUSY not while nodes are connected, EADDRINUSE numnodes below a port in
    // use, and what the policy says.
    Result<void> set_option(const Option& option, std::string_view text) IPN_ON_LOOP;

    // ---- facts

    std::uint64_t id() const { return id_; }
    const std::string& name() const { return name_; }
    State state() const { return state_; }
    std::uint32_t readers() const { return static_cast<std::uint32_t>(readers_.size()); }
    std::uint32_t writers() const { return writers_; }
    std::uint32_t nodes() const { return nodes_; }
    std::uint32_t backlog() const { return backlog_->packets(); }
    Registry& registry() const { return registry_; }
    WallTime created() const { return created_; }
    WallTime last_packet() const { return last_packet_; }

    Ownership directory;
    Ownership port_file;
    Ownership framed_file;
    Ownership ports_directory;
    void* policy_private = nullptr;

  private:
    friend class Node;
    friend class Registry;
    class PolicyCall;

    struct Injected {
        std::uint32_t from;
        PacketRef packet;
        int depth;
    };

    Result<void> apply(const NetworkOptions& wanted) IPN_ON_LOOP;
    Result<void> rebind(const std::string& policy) IPN_ON_LOOP;
    Result<void> resize(std::uint32_t numnodes) IPN_ON_LOOP;
    Send send_one(Node& from, std::span<const std::byte> data, const SendWaiter* waiter,
                  int& error) IPN_ON_LOOP;
    // What is sent is `data`, in `packet` if there was memory for one.
    Send enter(Node& from, const PacketRef& packet, std::span<const std::byte> data,
               const Offload& offload, int& error) IPN_ON_LOOP;
    bool has_room() const;
    bool must_wait(const SendWaiter* waiter) const;
    int dispatch(Node& from, Packet& packet, int depth) IPN_ON_LOOP;
    void run_injected() IPN_ON_LOOP;
    Result<std::uint32_t> choose_port(Node& node, std::uint32_t wanted) IPN_ON_LOOP;

    // Counts the node among the readers and writers, or no longer. The caller made room in
    // readers_.
    void enlist(Node& node, Role role) IPN_ON_LOOP;
    void dismiss(Node& node, Role role) IPN_ON_LOOP;
    void narrow(Node& node, Role role) IPN_ON_LOOP;
    // Takes a connected node out of everything; it still has to leave().
    void disconnect(Node& node, Node::State state) IPN_ON_LOOP;
    void update_gate() IPN_ON_LOOP;
    void wake_readers_at_end() IPN_ON_LOOP;
    void let_writers_go_on();
    void memory_freed() IPN_ON_LOOP;
    bool anybody_waits() const {
        return !waiters_.empty() || !lacking_memory_.empty() || !writable_watchers_.empty();
    }
    void watch_for_stall() IPN_ON_LOOP;
    void stall_timer_expired() IPN_ON_LOOP;

    void run() override;  // Work: writers may go on
    void packet_left(bool was_oldest) override;
    bool full() const { return backlog_->packets() >= options_.msgpoolsize; }

    Registry& registry_;
    const std::uint64_t id_;
    std::string name_;
    NetworkOptions options_;
    const ipn_policy* policy_;
    State state_ = State::up;

    std::vector<Node*> ports_;  // by number; null where nobody is connected
    PortSet taken_;             // in use or reserved
    std::map<std::uint32_t, Reservation> reservations_;
    std::vector<Node*> readers_;
    std::uint32_t writers_ = 0;
    std::uint32_t nodes_ = 0;     // connected
    std::uint32_t attached_ = 0;  // connected, ended or cut: everybody who still has to leave()
    std::uint64_t writer_joins_ = 0;
    bool gate_open_ = true;

    Backlog::Ptr backlog_;
    List<SendWaiter, WaiterTag> waiters_;  // the line
    List<SendWaiter, WaiterTag>
        lacking_memory_;  // those who stepped aside; first when there is some
    List<Node, WritableTag> writable_watchers_;
    std::vector<Injected> injected_;
    int policy_calls_ = 0;  // how many calls into the policy are on the stack

    Timer stall_timer_;
    std::optional<Instant> stalled_since_;

    const WallTime created_;
    WallTime last_packet_;
};

}  // namespace ipn::core
