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
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/clock.h"
#include "core/error.h"
#include "core/events.h"
#include "core/interface_entry.h"
#include "core/node.h"
#include "core/on_loop.h"
#include "core/oob_watcher.h"
#include "core/options.h"
#include "core/ownership.h"
#include "core/packet.h"
#include "core/packet_watch.h"
#include "core/policy.h"
#include "core/port_set.h"
#include "core/timers.h"
#include "core/work.h"
#include "ipn/policy.h"

namespace ipn::core {

class PolicyTimer;
class Registry;
struct Binding;

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

// A value of an option of the bound policy; of the network itself if `port` is IPN_PORT_ANY.
struct PolicyValue {
    std::uint32_t port;
    std::size_t index;
    std::string text;
};

// A directory in which interfaces are made.
struct InterfaceDirectory {
    Ownership owner;
    std::string netns;   // where those that are made in it are; empty: where their maker is
    bool share = false;  // whether the host goes on using those that are grabbed
};

// Whose the files are that a network has because of its policy.
struct PolicyFiles {
    std::vector<Ownership> views;
    Ownership endpoints;  // their directory
    Ownership endpoint;   // as each of them is at first
    std::map<std::string, Ownership, std::less<>> changed_endpoints;
};

class Network final : private Work, private Backlog::Owner {
  public:
    enum class State : std::uint8_t { up, shutting_down };

    // Since the network was made; nodes that left included.
    struct Counters {
        std::uint64_t packets_in = 0;  // that nodes sent
        std::uint64_t bytes_in = 0;
        std::uint64_t packets_out = 0;  // that nodes received: counted once for each of them
        std::uint64_t bytes_out = 0;
        std::uint64_t dropped = 0;  // for whom a queue had no room, once for each
        std::uint64_t truncated = 0;
        std::uint64_t hops_exceeded = 0;
        std::uint64_t too_short = 0;  // refused, being shorter than the policy can use
    };

    enum class Send : std::uint8_t {
        done,
        would_block,  // lossless and full, or before minreaders
        too_long,     // longer than the MTU, type packet
        too_short,    // shorter than the policy can use
        never_fits,   // a single packet that max_memory can never hold
        closed,       // no writer any more, or the network is shutting down
        reset,        // the node was cut
        refused,      // by the policy, with `error` and `words`
    };
    struct Sent {
        Send outcome = Send::done;
        std::size_t taken =
            0;          // bytes; with type stream perhaps some although the outcome is not done
        int error = 0;  // errno value, for refused
        std::string words{};  // the policy's reason, perhaps, for refused
    };

    struct JoinRequest {
        Role role = Role::none;
        NodeKind kind = NodeKind::file;
        std::uint32_t port = IPN_PORT_ANY;
        Credentials credentials;
        bool accepts_offloads = false;  // any other node is sent ordinary frames only
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
    void leave(Node& node, Event::Reason reason = Event::Reason::none) IPN_ON_LOOP;
    // Disconnects a node from outside: ECONNRESET for whoever uses it.
    void cut(Node& node, Event::Reason reason = Event::Reason::cut) IPN_ON_LOOP;
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

    // ---- interfaces

    // Lists an interface whose node is connected, if it has one, and tells of it.
    // REQUIRES: the network is up.
    void add_interface(InterfaceEntry& entry, Node* node, Event::Reason reason) IPN_ON_LOOP;
    // Takes one off the list that is connected no longer, and tells of it.
    void remove_interface(InterfaceEntry& entry, Event::Reason reason) IPN_ON_LOOP;

    // ---- who follows what happens

    // REQUIRES: the network is up.
    void watch(OobWatcher& watcher) IPN_ON_LOOP { watchers_.push_back(watcher); }
    // Adds what made the network what it is, as events in any order; `values` keeps what they
    // refer to.
    void history(std::vector<Event>& events, std::deque<std::string>& values) const;

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

    // Tells `observer` of every packet from now on, until it leaves or the network ends.
    void observe(PacketObserver& observer) IPN_ON_LOOP;

    // ---- what a policy does (see policy_host.cc)

    // Neither throws: what there is no memory for is the node's loss.
    void deliver(Node& to, Packet& packet) IPN_ON_LOOP;
    void deliver_all(Packet& packet) IPN_ON_LOOP;
    Result<void> inject(Node& from, Packet& packet, int depth) IPN_ON_LOOP;
    // EADDRNOTAVAIL, EADDRINUSE.
    Result<std::uint32_t> free_port(std::uint32_t wanted) const;
    PacketRef allocate(Node& payer, std::uint32_t length) IPN_ON_LOOP;
    // A packet like `original`, with `add` bytes instead of its first `cut`.
    PacketRef derive(Node& payer, const Packet& original, std::uint32_t cut,
                     std::uint32_t add) IPN_ON_LOOP;
    // A packet of these bytes of `original`.
    PacketRef slice(Node& payer, const Packet& original, std::uint32_t offset,
                    std::uint32_t length) IPN_ON_LOOP;
    // Writers wait as for a full pool.
    void hold_writers(bool held) IPN_ON_LOOP;
    // For the policy that is bound, or that is being bound or leaves.
    PolicyTimer* new_timer(void (*expired)(void*), void* context) IPN_ON_LOOP;
    void*& policy_private();

    // ---- options

    const NetworkOptions& options() const { return options_; }
    // What a change of an option replaced, to put it back.
    struct Replaced {
        struct Value {
            const Option* option;
            std::string text;
            bool was_set;
        };
        std::vector<Value> options;
        std::vector<PolicyValue> policy_values;  // if another policy is bound now
    };
    // EINVAL bad value, EBUSY not while nodes are connected, EADDRINUSE numnodes below a port in
    // use, and what the policy says. An option that was never set follows the policy's presets when
    // another is bound; one that was set stays.
    Result<Replaced> set_option(const Option& option, std::string_view text) IPN_ON_LOOP;
    // To what it is at first: as the policy presets it, or as it is set on the root.
    Result<Replaced> reset_option(const Option& option) IPN_ON_LOOP;
    // As far as that is still possible.
    void put_back(const Replaced& replaced) IPN_ON_LOOP;

    // ---- the policy that is bound, and its own options (see network_policy.cc)

    Policy& policy() const { return *policy_; }
    // Counts how often the network was bound.
    std::uint32_t binding_number() const { return binding_number_; }
    // Of the network if `port` is IPN_PORT_ANY, else of a port that is in use or reserved.
    // ENODATA: it has no value.
    Result<std::string> policy_option(std::uint32_t port, std::size_t index) IPN_ON_LOOP;
    // EBUSY not while nodes are connected, EPIPE, and what the policy says.
    Result<void> set_policy_option(std::uint32_t port, std::size_t index,
                                   std::string_view text) IPN_ON_LOOP;
    // All that can be set and have a value: of the network and its reserved ports, or of one port.
    std::vector<PolicyValue> policy_values() IPN_ON_LOOP;
    std::vector<PolicyValue> policy_values(std::uint32_t port) IPN_ON_LOOP;
    void put_back(const std::vector<PolicyValue>& values) IPN_ON_LOOP;

    // ---- facts

    std::uint64_t id() const { return id_; }
    const std::string& name() const { return name_; }
    State state() const { return state_; }
    std::uint32_t readers() const { return static_cast<std::uint32_t>(readers_.size()); }
    std::uint32_t writers() const { return writers_; }
    std::uint32_t nodes() const { return nodes_; }
    std::uint32_t backlog() const { return backlog_->packets(); }
    Registry& registry() const { return registry_; }
    WallTime created() const { return created_.time; }
    WallTime last_packet() const { return last_packet_; }
    const Counters& counters() const { return counters_; }
    // For how long at least one writer was blocked, all such times together.
    Duration blocked() const;
    const Backlog& pool() const { return *backlog_; }
    // Who holds a lossless network up: the port of a reader that has the oldest packet still to
    // read.
    std::optional<std::uint32_t> slowest_port() const;
    std::uint64_t policy_stat(std::size_t index) IPN_ON_LOOP;

    Ownership directory;
    Ownership port_file;
    Ownership framed_file;
    Ownership stats_file;
    Ownership oob_file;
    Ownership capture_file;
    Ownership ports_directory;
    Ownership policy_directory;
    InterfaceDirectory taps;
    InterfaceDirectory grabs;
    PolicyFiles policy_files;

  private:
    friend class Node;
    friend class PolicyCall;
    friend class Registry;

    struct Injected {
        std::uint32_t from;
        PacketRef packet;
        int depth;
    };

    Result<Replaced> change(const Option& option, NetworkOptions wanted, bool set) IPN_ON_LOOP;
    Result<void> apply(NetworkOptions wanted) IPN_ON_LOOP;
    struct OptionChange {
        const Option* option;
        std::string value;
    };
    std::vector<OptionChange> changes_to(const NetworkOptions& wanted) const;
    void tell_changes(const std::vector<OptionChange>& changes) IPN_ON_LOOP;
    Result<void> resize(std::uint32_t numnodes) IPN_ON_LOOP;
    Result<void> check_size(std::uint32_t numnodes) const;

    // Binds a network that is being made to the policy that its options name.
    Result<void> bind_first() IPN_ON_LOOP;
    // To the policy that `wanted` names, which sees the network with these options.
    Result<void> bind(const NetworkOptions& wanted) IPN_ON_LOOP;
    void swap_binding(std::unique_ptr<Binding>& other);
    Result<void> begin_policy() IPN_ON_LOOP;
    void end_policy() IPN_ON_LOOP;
    Result<void> give_policy_option(std::uint32_t port, std::size_t index,
                                    std::string_view text) IPN_ON_LOOP;
    void disown_timers() IPN_ON_LOOP;
    bool was_set(const Option& option) const;
    // What `option` is at first under `policy`, on this mount.
    std::string initial(const Option& option, const Policy& policy) const;
    // Lets the options that were never set follow from one policy's presets (null: none) to
    // another's.
    void follow_presets(NetworkOptions& options, const Policy* from, const Policy& to) const;
    void reset_port(std::uint32_t number) IPN_ON_LOOP;
    void left(Node& node) IPN_ON_LOOP;  // tells the policy: delport

    // What keeps a packet of that length from being sent now; counts it if it is too short.
    std::optional<Send> why_not_now(std::size_t length, const SendWaiter* waiter) IPN_ON_LOOP;
    Sent send_one(Node& from, std::span<const std::byte> data,
                  const SendWaiter* waiter) IPN_ON_LOOP;
    // What is sent is `data`, in `packet` if there was memory for one.
    Sent enter(Node& from, const PacketRef& packet, std::span<const std::byte> data,
               const Offload& offload) IPN_ON_LOOP;
    // What send() answers for a packet that is not taken at all.
    Sent reject(const Node& from, std::span<const std::byte> data, const Offload& offload,
                Send outcome) IPN_ON_LOOP;
    bool has_room() const;
    Sent dispatch(Node& from, Packet& packet) IPN_ON_LOOP;
    Result<void> queue_injected(Node& from, Packet& packet, int depth) IPN_ON_LOOP;
    void run_injected() IPN_ON_LOOP;
    Result<std::uint32_t> choose_port(Node& node, std::uint32_t wanted) IPN_ON_LOOP;

    // Counts the node among the readers and writers, or no longer. The caller made room in
    // readers_.
    void enlist(Node& node, Role role) IPN_ON_LOOP;
    void dismiss(Node& node, Role role) IPN_ON_LOOP;
    void narrow(Node& node, Role role) IPN_ON_LOOP;
    // Takes a connected node out of everything; it still has to leave().
    void disconnect(Node& node, Node::State state, Event::Reason reason) IPN_ON_LOOP;
    // What becomes of the interface, if any, whose node was disconnected.
    void tell_of_interface(const Node& node, Event::Reason reason) IPN_ON_LOOP;
    void tell_interface(InterfaceEntry& entry, Event::Reason reason) IPN_ON_LOOP;
    // The number of readers or writers is another.
    void tell_watchers() IPN_ON_LOOP;
    void update_gate() IPN_ON_LOOP;
    void wake_readers_at_end() IPN_ON_LOOP;
    // Option retain: keeps a copy of what went to everybody, and gives it to a reader that joins.
    void retain(const Packet& packet) IPN_ON_LOOP;
    void forget_retained(std::size_t but);
    void offer_retained(Node& node) IPN_ON_LOOP;
    void let_writers_go_on();
    // Keeps account of the time that writers are blocked, after they became some or none.
    void note_blocked();
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
    std::uint32_t set_options_ = 0;  // bits, by the place in options(): those that somebody set
    std::unique_ptr<Binding> binding_;
    Policy* policy_ = nullptr;  // binding_'s
    std::uint32_t binding_number_ = 0;
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
    std::deque<PacketRef> retained_;  // in no pool; oldest first
    PacketWatch watch_;
    int policy_calls_ = 0;  // how many calls into the policy are on the stack

    Timer stall_timer_;
    std::optional<Instant> stalled_since_;

    List<InterfaceEntry, InterfaceEntryTag> interfaces_;
    List<OobWatcher, OobWatcherTag> watchers_;
    Stamp created_;
    Stamp shut_down_;
    std::vector<Stamp> option_changes_;  // by the place in options(); empty: there was none
    WallTime last_packet_;
    Counters counters_;
    Duration blocked_{0};  // until blocked_since_
    std::optional<Instant> blocked_since_;
};

}  // namespace ipn::core
