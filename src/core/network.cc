#include "core/network.h"

#include <algorithm>
#include <cstring>
#include <new>

#include "core/registry.h"

namespace ipn::core {
namespace {

ipn_net* handle(Network& network) {
    return reinterpret_cast<ipn_net*>(&network);
}
ipn_port* handle(Node& node) {
    return reinterpret_cast<ipn_port*>(&node);
}
ipn_msg* handle(Packet& packet) {
    return reinterpret_cast<ipn_msg*>(&packet);
}

// What a policy's call answered, as an errno value: it may be nonsense, which no kernel would take.
int errno_of(int answer) {
    constexpr int kErrnoMax = 511;
    if (answer == 0) return 0;
    return answer < 0 && answer >= -kErrnoMax ? -answer : EPROTO;
}

// Makes room for one more element, so that the push_back that follows cannot fail.
template <typename T>
void reserve_one(std::vector<T>& vector) {
    constexpr std::size_t kFirst = 4;
    if (vector.size() == vector.capacity()) vector.reserve(std::max(kFirst, 2 * vector.size()));
}

}  // namespace

// Around every call into the policy: what it injects meanwhile is handled when it has returned.
class Network::PolicyCall {
  public:
    explicit PolicyCall(Network& network) : network_(network) { ++network_.policy_calls_; }
    ~PolicyCall() {
        const AssumeLoop here;
        if (--network_.policy_calls_ == 0) network_.run_injected();
    }
    PolicyCall(const PolicyCall&) = delete;
    PolicyCall& operator=(const PolicyCall&) = delete;

  private:
    Network& network_;
};

Network::Network(Registry& registry, std::uint64_t id, std::string name,
                 const NetworkOptions& options, Ownership directory_ownership)
    : directory(directory_ownership),
      port_file{directory.mode & 0666, directory.uid, directory.gid},
      framed_file(port_file),
      ports_directory(directory),
      registry_(registry),
      id_(id),
      name_(std::move(name)),
      options_(options),
      policy_(nullptr),
      gate_open_(options.minreaders == 0),
      backlog_(Backlog::make(*this)),
      stall_timer_(registry.timers(),
                   [this] {
                       const AssumeLoop here;
                       stall_timer_expired();
                   }),
      created_(registry.clock().wall()),
      last_packet_(created_) {}

Network::~Network() {
    IPN_CHECK(attached_ == 0 && waiters_.empty());
    if (policy_ != nullptr && policy_->delnet != nullptr) policy_->delnet(handle(*this));
}

// ---- nodes

Result<void> Network::join(Node& node, const JoinRequest& request) {
    IPN_CHECK(node.state_ == Node::State::detached);
    if (state_ != State::up) return fail(EPIPE, "the network is shutting down");

    AccountRef account = registry_.memory().account(request.credentials.uid);
    reserve_one(readers_);
    node.network_ = this;
    node.role_ = node.joined_role_ = request.role;
    node.kind_ = request.kind;
    node.credentials_ = request.credentials;
    auto number = choose_port(node, request.port);
    if (!number) {
        node.network_ = nullptr;
        return tl::unexpected(std::move(number.error()));
    }
    try {
        if (*number >= ports_.size()) ports_.resize(*number + 1);
        if (!taken_.contains(*number)) taken_.insert(*number);
    } catch (const std::bad_alloc&) {
        if (policy_->delport != nullptr) policy_->delport(handle(node));
        node.network_ = nullptr;
        throw;
    }

    node.number_ = *number;
    node.account_ = std::move(account);
    node.state_ = Node::State::connected;
    node.file = {0644, request.credentials.uid, request.credentials.gid};
    node.other_writers_at_join_ = writers_;
    if (Reservation* kept = reservation(*number)) node.description_ = kept->description;
    ports_[*number] = &node;
    ++nodes_;
    ++attached_;
    enlist(node, request.role);
    node.writer_joins_at_join_ = writer_joins_;
    if (policy_->postnewport != nullptr) {
        const PolicyCall call(*this);
        policy_->postnewport(handle(node));
    }
    return {};
}

Result<std::uint32_t> Network::choose_port(Node& node, std::uint32_t wanted) {
    if (policy_->newport == nullptr) return free_port(wanted);
    const PolicyCall call(*this);
    const int chosen = policy_->newport(handle(node), wanted);
    if (chosen < 0) {
        return fail(errno_of(chosen), chosen == -EADDRNOTAVAIL ? "the policy has no port free"
                                                               : "the policy refused the port");
    }
    auto number = free_port(static_cast<std::uint32_t>(chosen));
    if (wanted == IPN_PORT_ANY && number && reservations_.contains(*number))
        number = fail(EADDRINUSE, "the policy chose a port that is reserved");
    if (!number && policy_->delport != nullptr) policy_->delport(handle(node));
    return number;
}

void Network::disconnect(Node& node, Node::State state) {
    if (policy_->predelport != nullptr) {
        const PolicyCall call(*this);
        policy_->predelport(handle(node));
    }
    dismiss(node, node.role_);
    node.state_ = state;
    node.ListHook<WritableTag>::unlink();
    watch_for_stall();
    ports_[node.number_] = nullptr;
    if (!reservations_.contains(node.number_)) taken_.erase(node.number_);
    --nodes_;
    if (policy_->delport != nullptr) policy_->delport(handle(node));
    if (state == Node::State::cut) node.queue_.clear();
}

void Network::leave(Node& node) {
    IPN_CHECK(node.network_ == this);
    if (node.state_ == Node::State::connected) disconnect(node, Node::State::cut);
    node.queue_.clear();
    node.ListHook<WorkTag>::unlink();
    node.network_ = nullptr;
    node.account_ = {};
    node.state_ = Node::State::detached;
    --attached_;
    const bool last = state_ == State::up ? options_.ephemeral && nodes_ == 0 : attached_ == 0;
    if (last) registry_.destroy(*this);
}

void Network::cut(Node& node) {
    if (node.state_ != Node::State::connected) return;
    disconnect(node, Node::State::cut);
    node.endpoint_.state_changed();
}

void Network::shut_down() {
    if (state_ == State::shutting_down) return;
    state_ = State::shutting_down;
    ++attached_;  // whoever leaves meanwhile must not destroy the network under us
    for (std::size_t number = 0; number < ports_.size(); ++number) {
        Node* node = ports_[number];
        if (node == nullptr) continue;
        disconnect(*node, Node::State::ended);
        node->endpoint_.state_changed();
    }
    IPN_CHECK(nodes_ == 0 && waiters_.empty() && lacking_memory_.empty());
    if (--attached_ == 0) registry_.destroy(*this);
}

void Network::enlist(Node& node, Role role) {
    if (reads(role)) {
        node.reader_index_ = readers();
        readers_.push_back(&node);
    }
    if (writes(role)) {
        ++writers_;
        ++writer_joins_;
    }
    update_gate();
}

void Network::dismiss(Node& node, Role role) {
    if (reads(role)) {
        readers_[node.reader_index_] = readers_.back();
        readers_[node.reader_index_]->reader_index_ = node.reader_index_;
        readers_.pop_back();
    }
    if (writes(role)) {
        --writers_;
        wake_readers_at_end();
    }
    update_gate();
}

void Network::narrow(Node& node, Role role) {
    const auto given_up =
        static_cast<Role>(static_cast<unsigned>(node.role_) & ~static_cast<unsigned>(role));
    if (node.state_ == Node::State::connected) dismiss(node, given_up);
    node.role_ = role;
    if (reads(given_up)) {
        node.queue_.clear();
        node.front_offset_ = 0;
    }
}

// Option minreaders: writers wait until that many readers were connected at once, and then no more
// until nobody is left.
void Network::update_gate() {
    const bool was_open = gate_open_;
    if (readers() >= options_.minreaders)
        gate_open_ = true;
    else if (readers() == 0 && writers_ == 0)
        gate_open_ = false;
    if (gate_open_ && !was_open) let_writers_go_on();
}

// Option eof: a reader can be at its end only when it is the last writer itself, or nobody is.
void Network::wake_readers_at_end() {
    if (options_.eof != EndOfFile::last_writer || writers_ > 1) return;
    for (Node* reader : readers_) reader->schedule_delivery();
}

Result<void> Network::reserve(std::uint32_t number, Ownership file) {
    if (number >= options_.numnodes) {
        return fail(EADDRNOTAVAIL, "there are only ports 0 to numnodes - 1, and numnodes is " +
                                       std::to_string(options_.numnodes));
    }
    if (taken_.contains(number))
        return fail(EADDRINUSE, "port " + std::to_string(number) + " is in use or reserved");
    if (state_ != State::up) return fail(EPIPE, "the network is shutting down");
    taken_.insert(number);
    try {
        reservations_.emplace(number, Reservation{file, {}});
    } catch (const std::bad_alloc&) {
        taken_.erase(number);
        throw;
    }
    return {};
}

void Network::unreserve(std::uint32_t number) {
    if (reservations_.erase(number) != 0 && node_at(number) == nullptr) taken_.erase(number);
}

Reservation* Network::reservation(std::uint32_t number) {
    const auto found = reservations_.find(number);
    return found == reservations_.end() ? nullptr : &found->second;
}

Result<std::uint32_t> Network::free_port(std::uint32_t wanted) const {
    const std::string numnodes = std::to_string(options_.numnodes);
    if (wanted == IPN_PORT_ANY) {
        const std::uint32_t lowest = taken_.lowest_free();
        if (lowest < options_.numnodes) return lowest;
        return fail(EADDRNOTAVAIL, "no port is free: all " + numnodes + " are in use or reserved");
    }
    if (wanted >= options_.numnodes)
        return fail(EADDRNOTAVAIL,
                    "there are only ports 0 to numnodes - 1, and numnodes is " + numnodes);
    if (node_at(wanted) != nullptr)
        return fail(EADDRINUSE, "port " + std::to_string(wanted) + " is in use");
    return wanted;
}

// ---- packets

std::optional<Network::Send> Network::why_not_to_send(const Node& from) const {
    IPN_CHECK(from.network_ == this);
    if (from.state_ == Node::State::cut || from.out_of_memory_) return Send::reset;
    if (from.state_ == Node::State::ended || !writes(from.role_)) return Send::closed;
    return {};
}

Network::Sent Network::send(Node& from, std::span<const std::byte> data, const SendWaiter* waiter) {
    IPN_CHECK(!data.empty());
    if (const auto reason = why_not_to_send(from)) return {*reason};
    if (options_.type == Type::packet && data.size() > options_.mtu) return {Send::too_long};

    Sent sent;
    while (sent.outcome == Send::done && sent.taken < data.size()) {
        const std::size_t length = std::min<std::size_t>(data.size() - sent.taken, options_.mtu);
        try {
            sent.outcome = send_one(from, data.subspan(sent.taken, length), waiter, sent.error);
        } catch (const std::bad_alloc&) {
            if (sent.taken == 0) throw;
            sent.outcome = Send::never_fits;  // what was sent is to be told
        }
        if (sent.outcome == Send::done) sent.taken += length;
    }
    // Whoever waited for memory only, while there was room, waits for the readers too now.
    if (sent.taken > 0 && !has_room() && anybody_waits()) watch_for_stall();
    return sent;
}

Network::Send Network::send_one(Node& from, std::span<const std::byte> data,
                                const SendWaiter* waiter, int& error) {
    if (must_wait(waiter)) return Send::would_block;
    const auto length = static_cast<std::uint32_t>(data.size());
    const PacketRef packet = registry_.packets().allocate(length, from.account());
    if (packet) std::memcpy(packet->data(), data.data(), data.size());
    return enter(from, packet, data, {}, error);
}

Network::Sent Network::send(Node& from, const PacketRef& packet, const SendWaiter* waiter) {
    if (const auto reason = why_not_to_send(from)) return {*reason};
    const std::uint32_t length = packet->length();
    if (packet->offload.longest_frame(length) > options_.mtu) return {Send::too_long};
    if (must_wait(waiter)) return {Send::would_block};

    PacketPool& pool = registry_.packets();
    const bool received = packet->receiving();
    const PacketRef entering = received ? pool.take_over(packet, from.account()) : packet;
    Sent sent;
    sent.outcome = enter(from, entering, {packet->data(), length}, packet->offload, sent.error);
    if (sent.outcome == Send::done) sent.taken = length;
    return sent;
}

Network::Send Network::enter(Node& from, const PacketRef& packet, std::span<const std::byte> data,
                             const Offload& offload, int& error) {
    if (packet) {
        packet->from = from.number_;
        backlog_->enter(*packet);
        error = dispatch(from, *packet, 0);
    } else if (!registry_.packets().could_ever_fit(static_cast<std::uint32_t>(data.size()))) {
        return Send::never_fits;
    } else if (options_.lossless) {
        registry_.await_memory(*this);
        return Send::would_block;
    } else {
        Packet passing = Packet::borrow(data);
        passing.from = from.number_;
        passing.offload = offload;
        error = dispatch(from, passing, 0);
    }
    if (error != 0) return Send::refused;
    ++from.counters_.sent;
    last_packet_ = registry_.clock().wall();
    return Send::done;
}

bool Network::must_wait(const SendWaiter* waiter) const {
    const bool others_wait = waiter == nullptr && !waiters_.empty();
    return others_wait || !has_room();
}

bool Network::has_room() const {
    return gate_open_ && !(options_.lossless && full());
}

bool Network::would_block(const Node& from) const {
    if (!waiters_.empty() || !has_room()) return true;
    return options_.lossless && !registry_.packets().has_room(options_.mtu, from.account());
}

int Network::dispatch(Node& from, Packet& packet, int depth) {
    const PolicyCall call(*this);
    return errno_of(policy_->handlemsg(handle(from), handle(packet), depth));
}

Result<void> Network::inject(Node& from, Packet& packet, int depth) {
    constexpr std::size_t kWaitingMax = 4096;
    if (from.state_ != Node::State::connected)
        return fail(ENOTCONN, "only a connected node can be injected for");
    if (depth < 0 || static_cast<std::uint32_t>(depth) + 1 > registry_.limits().hops)
        return fail(ELOOP, "injected more often than max_hops");
    if (packet.transient() || injected_.size() >= kWaitingMax)
        return fail(ENOMEM, "no room for an injected packet");
    injected_.push_back({from.number_, PacketRef(packet), depth + 1});
    if (packet.from == Node::kNobody) packet.from = from.number_;
    if (policy_calls_ == 0) run_injected();
    return {};
}

void Network::run_injected() {
    if (injected_.empty()) return;
    ++policy_calls_;  // what is injected meanwhile comes behind, in this same loop
    for (std::size_t next = 0; next < injected_.size(); ++next) {
        const Injected item = injected_[next];
        Node* from = node_at(item.from);
        if (from != nullptr) policy_->handlemsg(handle(*from), handle(*item.packet), item.depth);
    }
    injected_.clear();
    --policy_calls_;
}

PacketRef Network::allocate(Node& payer, std::uint32_t length) {
    if (length == 0 || length > options_.mtu) return {};
    PacketRef packet = registry_.packets().allocate(length, payer.account());
    if (packet) {
        packet->from = Node::kNobody;
        backlog_->enter(*packet);
    }
    return packet;
}

void Network::deliver(Node& to, Packet& packet) {
    if (to.number_ != packet.from) to.offer(packet);
}

void Network::deliver_all(Packet& packet) {
    for (Node* reader : readers_) deliver(*reader, packet);
}

// ---- back-pressure

void Network::wait(SendWaiter& waiter) {
    waiters_.push_back(waiter);
    watch_for_stall();
    if (has_room()) let_writers_go_on();  // it is memory that lacks
}

void Network::stop_waiting(SendWaiter& waiter) {
    waiter.ListHook<WaiterTag>::unlink();
    watch_for_stall();
    let_writers_go_on();
}

void Network::watch_writable(Node& node) {
    if (!node.ListHook<WritableTag>::linked()) writable_watchers_.push_back(node);
    if (has_room()) registry_.await_memory(*this);
    watch_for_stall();
}

void Network::let_writers_go_on() {
    if (anybody_waits()) registry_.work().add(*this);
}

void Network::memory_freed() {
    lacking_memory_.take_all(waiters_);
    waiters_.take_all(lacking_memory_);
    let_writers_go_on();
}

void Network::run() {
    const AssumeLoop here;
    while (!waiters_.empty() && has_room()) {
        SendWaiter& waiter = waiters_.front();
        if (waiter.retry() || !has_room()) continue;
        // There is room, so that only memory can lack, and only for this writer's user.
        waiter.ListHook<WaiterTag>::unlink();
        lacking_memory_.push_back(waiter);
    }
    if (!has_room()) return watch_for_stall();
    stalled_since_.reset();
    List<Node, WritableTag> watchers;
    watchers.take_all(writable_watchers_);
    while (!watchers.empty()) watchers.pop_front().endpoint_.writable();
}

void Network::packet_left(bool was_oldest) {
    if (was_oldest) stalled_since_.reset();
    let_writers_go_on();
}

// Option stall_timeout_ms. The timer is not armed anew for every packet: when it expires early, it
// waits for the rest.
void Network::watch_for_stall() {
    const bool stalled =
        options_.stall_timeout_ms != 0 && options_.lossless && anybody_waits() && full();
    if (!stalled) return stalled_since_.reset();
    if (!stalled_since_) stalled_since_ = registry_.clock().now();
    const std::chrono::milliseconds timeout(options_.stall_timeout_ms);
    if (!stall_timer_.armed()) stall_timer_.arm(*stalled_since_ + timeout);
}

void Network::stall_timer_expired() {
    watch_for_stall();  // is it still so? Arms the timer for what is left of the time
    const std::chrono::milliseconds timeout(options_.stall_timeout_ms);
    if (!stalled_since_ || registry_.clock().now() < *stalled_since_ + timeout) return;
    stall_timer_.disarm();
    stalled_since_.reset();
    const Packet* oldest = backlog_->oldest();
    std::vector<Node*> stalled;
    for (Node* reader : readers_)
        if (!reader->queue_.empty() && &reader->queue_.front() == oldest) stalled.push_back(reader);
    watch_for_stall();
    for (Node* reader : stalled) cut(*reader);  // the last to leave may destroy the network
}

// ---- options

Result<void> Network::set_option(const Option& option, std::string_view text) {
    NetworkOptions wanted = options_;
    if (auto parsed = set(wanted, option, text); !parsed) return parsed;
    if (wanted == options_) return {};
    if (state_ != State::up) return fail(EPIPE, "the network is shutting down");
    if (option.when == Option::When::unconnected && nodes_ > 0) {
        return fail(EBUSY, std::string(option.name) +
                               " can only change while no node is connected, and " +
                               std::to_string(nodes_) + " are");
    }
    return apply(wanted);
}

Result<void> Network::apply(const NetworkOptions& wanted) {
    if (wanted.policy != options_.policy || policy_ == nullptr)
        if (auto bound = rebind(wanted.policy); !bound) return bound;
    if (wanted.numnodes != options_.numnodes)
        if (auto resized = resize(wanted.numnodes); !resized) return resized;

    const NetworkOptions before = std::exchange(options_, wanted);
    if (options_.eof != before.eof) wake_readers_at_end();
    if (options_.overrun_error && !before.overrun_error)
        for (Node* reader : readers_) reader->schedule_delivery();
    if (readers() == 0 && writers_ == 0) gate_open_ = false;
    update_gate();
    if (options_.stall_timeout_ms != before.stall_timeout_ms) stall_timer_.disarm();
    watch_for_stall();
    return {};
}

Result<void> Network::rebind(const std::string& policy) {
    const auto found = registry_.policies().find(policy);
    if (!found) return tl::unexpected(found.error());
    void* const before = std::exchange(policy_private, nullptr);
    const int error = (*found)->newnet == nullptr ? 0 : errno_of((*found)->newnet(handle(*this)));
    if (error != 0) {
        policy_private = before;
        return fail(error, "policy '" + policy + "' refused the network");
    }
    if (policy_ != nullptr && policy_->delnet != nullptr) {
        void* const after = std::exchange(policy_private, before);
        policy_->delnet(handle(*this));
        policy_private = after;
    }
    policy_ = *found;
    return {};
}

Result<void> Network::resize(std::uint32_t numnodes) {
    if (numnodes < taken_.end()) {
        return fail(EADDRINUSE, "port " + std::to_string(taken_.end() - 1) +
                                    " is in use or reserved, so numnodes is at least " +
                                    std::to_string(taken_.end()));
    }
    if (policy_->resizenet == nullptr) return {};
    const PolicyCall call(*this);
    const int error = errno_of(policy_->resizenet(handle(*this), options_.numnodes, numnodes));
    return error == 0 ? Result<void>() : fail(error, "the policy refused so many ports");
}

}  // namespace ipn::core
