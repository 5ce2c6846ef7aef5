#include "core/network.h"

#include <algorithm>
#include <cstring>
#include <new>

#include "core/binding.h"
#include "core/frames.h"
#include "core/policy_call.h"
#include "core/policy_handles.h"
#include "core/registry.h"

namespace ipn::core {
namespace {

std::size_t place_of(const Option& option) {
    return static_cast<std::size_t>(&option - options().data());
}

// Which bit of Network::set_options_ is this option's.
std::uint32_t option_bit(const Option& option) {
    const std::size_t place = place_of(option);
    IPN_CHECK(place < 32);
    return std::uint32_t{1} << place;
}

constexpr const char* kRefused = "the policy refused the packet";

// Why a packet was not taken, for those who watch.
const char* why(Network::Send outcome) {
    switch (outcome) {
        case Network::Send::too_long:
            return "longer than the MTU";
        case Network::Send::too_short:
            return "shorter than the policy can use";
        case Network::Send::never_fits:
            return "out of memory";
        case Network::Send::done:
        case Network::Send::would_block:
        case Network::Send::closed:
        case Network::Send::reset:
        case Network::Send::refused:
            break;
    }
    return kRefused;
}

// Makes room for one more element, so that the push_back that follows cannot fail.
template <typename T>
void reserve_one(std::vector<T>& vector) {
    constexpr std::size_t kFirst = 4;
    if (vector.size() == vector.capacity()) vector.reserve(std::max(kFirst, 2 * vector.size()));
}

}  // namespace

Network::Network(Registry& registry, std::uint64_t id, std::string name,
                 const NetworkOptions& options, Ownership directory_ownership)
    : directory(directory_ownership),
      port_file{directory.mode & 0666, directory.uid, directory.gid},
      framed_file(port_file),
      stats_file{directory.mode & 0444, directory.uid, directory.gid},
      oob_file{directory.mode & 0444, directory.uid, directory.gid},
      capture_file{0400, directory.uid, directory.gid},
      ports_directory(directory),
      policy_directory(directory),
      taps{directory, {}, false},
      grabs{directory, {}, false},
      registry_(registry),
      id_(id),
      name_(std::move(name)),
      options_(options),
      gate_open_(options.minreaders == 0),
      backlog_(Backlog::make(*this)),
      watch_(registry.clock()),
      stall_timer_(registry.timers(),
                   [this] {
                       const AssumeLoop here;
                       stall_timer_expired();
                   }),
      created_{0, registry.clock().wall()},
      last_packet_(created_.time) {}

Network::~Network() {
    const AssumeLoop here;
    IPN_CHECK(attached_ == 0 && waiters_.empty());
    if (binding_) end_policy();
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
    node.accepts_offloads_ = request.accepts_offloads;
    node.credentials_ = request.credentials;
    auto number = choose_port(node, request.port);
    if (!number) {
        node.network_ = nullptr;
        return tl::unexpected(std::move(number.error()));
    }
    try {
        if (*number >= ports_.size()) ports_.resize(*number + 1);
        if (!taken_.contains(*number)) taken_.insert(*number);
        const Reservation* kept = reservation(*number);
        if (kept != nullptr && !kept->description.empty())
            node.description_ = std::make_unique<const std::string>(kept->description);
    } catch (const std::bad_alloc&) {
        left(node);
        node.network_ = nullptr;
        throw;
    }

    node.number_ = *number;
    node.account_ = std::move(account);
    node.state_ = Node::State::connected;
    node.file = {0644, request.credentials.uid, request.credentials.gid};
    node.other_writers_at_join_ = writers_;
    ports_[*number] = &node;
    ++nodes_;
    ++attached_;
    enlist(node, request.role);
    node.writer_joins_at_join_ = writer_joins_;
    if (const auto postnewport = policy_->table().postnewport) {
        const PolicyCall call(*this);
        postnewport(handle(node));
    }
    node.connected_ =
        registry_.tell({.kind = Event::Kind::connect, .network = this, .node = &node});
    offer_retained(node);
    return {};
}

Result<std::uint32_t> Network::choose_port(Node& node, std::uint32_t wanted) {
    const auto newport = policy_->table().newport;
    if (newport == nullptr) return free_port(wanted);
    const PolicyCall call(*this);
    const int chosen = newport(handle(node), wanted);
    if (chosen < 0) {
        return fail(call.error_of(chosen),
                    call.words(chosen == -EADDRNOTAVAIL ? "the policy has no port free"
                                                        : "the policy refused the port"));
    }
    auto number = free_port(static_cast<std::uint32_t>(chosen));
    if (wanted == IPN_PORT_ANY && number && reservations_.contains(*number))
        number = fail(EADDRINUSE, "the policy chose a port that is reserved");
    if (!number) left(node);
    return number;
}

void Network::left(Node& node) {
    const auto delport = policy_->table().delport;
    if (delport == nullptr) return;
    const PolicyCall call(*this);
    delport(handle(node));
}

void Network::disconnect(Node& node, Node::State state, Event::Reason reason) {
    if (const auto predelport = policy_->table().predelport) {
        const PolicyCall call(*this);
        predelport(handle(node));
    }
    dismiss(node, node.role_);
    node.state_ = state;
    node.ListHook<WritableTag>::unlink();
    watch_for_stall();
    ports_[node.number_] = nullptr;
    if (!reservations_.contains(node.number_)) taken_.erase(node.number_);
    --nodes_;
    left(node);
    reset_port(node.number_);
    if (state == Node::State::cut) node.clear();
    registry_.tell(
        {.kind = Event::Kind::disconnect, .network = this, .node = &node, .reason = reason});
    if (node.kind_ != NodeKind::file) tell_of_interface(node, reason);
}

void Network::leave(Node& node, Event::Reason reason) {
    IPN_CHECK(node.network_ == this);
    if (node.state_ == Node::State::connected) disconnect(node, Node::State::cut, reason);
    node.clear();
    node.ListHook<WorkTag>::unlink();
    node.network_ = nullptr;
    node.account_ = {};
    node.state_ = Node::State::detached;
    --attached_;
    const bool last = state_ == State::up ? options_.ephemeral && nodes_ == 0 : attached_ == 0;
    if (last) registry_.destroy(*this);
}

void Network::cut(Node& node, Event::Reason reason) {
    if (node.state_ != Node::State::connected) return;
    disconnect(node, Node::State::cut, reason);
    node.endpoint_.state_changed();
}

void Network::shut_down() {
    if (state_ == State::shutting_down) return;
    state_ = State::shutting_down;
    ++attached_;  // whoever leaves meanwhile must not destroy the network under us
    registry_.policies().observers().shutting_down(*this);
    forget_retained(0);
    shut_down_ = registry_.tell({.kind = Event::Kind::shutdown, .network = this});
    for (std::size_t number = 0; number < ports_.size(); ++number) {
        Node* node = ports_[number];
        if (node == nullptr) continue;
        disconnect(*node, Node::State::ended, Event::Reason::shutdown);
        node->endpoint_.state_changed();
    }
    while (!interfaces_.empty()) remove_interface(interfaces_.front(), Event::Reason::shutdown);
    IPN_CHECK(nodes_ == 0 && waiters_.empty() && lacking_memory_.empty());
    watch_.end();
    while (!watchers_.empty()) watchers_.pop_front().ended();
    if (--attached_ == 0) registry_.destroy(*this);
}

void Network::add_interface(InterfaceEntry& entry, Node* node, Event::Reason reason) {
    IPN_CHECK(state_ == State::up);
    interfaces_.push_back(entry);
    entry.node = node;
    tell_interface(entry, reason);
}

void Network::remove_interface(InterfaceEntry& entry, Event::Reason reason) {
    tell_interface(entry, reason);
    entry.ListHook<InterfaceEntryTag>::unlink();
    entry.node = nullptr;
}

void Network::tell_of_interface(const Node& node, Event::Reason reason) {
    InterfaceEntry* entry =
        interfaces_.find_if([&](const InterfaceEntry& other) { return other.node == &node; });
    if (entry == nullptr) return;
    switch (reason) {
        case Event::Reason::none:
            return remove_interface(*entry, Event::Reason::removed);
        case Event::Reason::moved:
            return remove_interface(*entry, Event::Reason::moved_away);
        case Event::Reason::shutdown:
            return remove_interface(*entry, reason);
        default:
            tell_interface(*entry, reason);
            entry->node = nullptr;
    }
}

void Network::tell_interface(InterfaceEntry& entry, Event::Reason reason) {
    entry.reason = reason;
    entry.told = registry_.tell({.kind = Event::Kind::interface,
                                 .network = this,
                                 .node = entry.node,
                                 .interface = &entry,
                                 .reason = reason});
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
    if (role != Role::none) tell_watchers();
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
    if (role != Role::none) tell_watchers();
    update_gate();
}

void Network::tell_watchers() {
    watchers_.for_each([](OobWatcher& watcher) {
        const AssumeLoop here;
        watcher.counted();
    });
}

void Network::narrow(Node& node, Role role) {
    const Role given_up = without(node.role_, role);
    if (node.state_ == Node::State::connected) dismiss(node, given_up);
    node.role_ = role;
    if (reads(given_up)) {
        node.queue_.clear();
        node.front_offset_ = 0;
    }
    if (node.state_ != Node::State::connected || given_up == Role::none) return;
    if (const auto narrowed = policy_->table().narrowed) {
        const PolicyCall call(*this);
        narrowed(handle(node));
    }
    registry_.tell({.kind = Event::Kind::option,
                    .network = this,
                    .node = &node,
                    .option = "role",
                    .value = to_string(role)});
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
    if (reservations_.erase(number) == 0 || node_at(number) != nullptr) return;
    taken_.erase(number);
    reset_port(number);
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
    if (!from.can_send()) return Send::closed;
    return {};
}

Network::Sent Network::send(Node& from, std::span<const std::byte> data, const SendWaiter* waiter) {
    IPN_CHECK(!data.empty());
    if (const auto reason = why_not_to_send(from)) return {*reason};
    if (options_.type == Type::packet && data.size() > options_.mtu)
        return reject(from, data, {}, Send::too_long);

    Sent sent;
    std::size_t taken = 0;
    while (sent.outcome == Send::done && taken < data.size()) {
        const std::size_t length = std::min<std::size_t>(data.size() - taken, options_.mtu);
        try {
            sent = send_one(from, data.subspan(taken, length), waiter);
        } catch (const std::bad_alloc&) {
            if (taken == 0) throw;
            sent = {Send::never_fits};  // what was sent is to be told
        }
        if (sent.outcome == Send::done) taken += length;
    }
    sent.taken = taken;
    // Whoever waited for memory only, while there was room, waits for the readers too now.
    if (taken > 0 && !has_room() && anybody_waits()) watch_for_stall();
    return sent;
}

Network::Sent Network::send_one(Node& from, std::span<const std::byte> data,
                                const SendWaiter* waiter) {
    if (const auto outcome = why_not_now(data.size(), waiter))
        return reject(from, data, {}, *outcome);
    const auto length = static_cast<std::uint32_t>(data.size());
    const PacketRef packet = registry_.packets().allocate(length, from.account());
    if (packet) std::memcpy(packet->data(), data.data(), data.size());
    return enter(from, packet, data, {});
}

Network::Sent Network::send(Node& from, const PacketRef& packet, const SendWaiter* waiter) {
    if (const auto reason = why_not_to_send(from)) return {*reason};
    const std::uint32_t length = packet->length();
    const std::span<const std::byte> data(packet->data(), length);
    if (packet->offload.longest_frame(length) > options_.mtu)
        return reject(from, data, packet->offload, Send::too_long);
    if (const auto outcome = why_not_now(length, waiter))
        return reject(from, data, packet->offload, *outcome);

    PacketPool& pool = registry_.packets();
    const bool received = packet->receiving();
    const PacketRef entering = received ? pool.take_over(packet, from.account()) : packet;
    Sent sent = enter(from, entering, data, packet->offload);
    if (sent.outcome != Send::done) return sent;
    sent.taken = length;
    if (!has_room() && anybody_waits()) watch_for_stall();
    return sent;
}

Network::Sent Network::enter(Node& from, const PacketRef& packet, std::span<const std::byte> data,
                             const Offload& offload) {
    if (packet) {
        packet->from = from.number_;
        backlog_->enter(*packet);
        return dispatch(from, *packet);
    }
    if (!registry_.packets().could_ever_fit(static_cast<std::uint32_t>(data.size())))
        return reject(from, data, offload, Send::never_fits);
    if (options_.lossless) {
        registry_.await_memory(*this);
        return {Send::would_block};
    }
    Packet passing = Packet::borrow(data);
    passing.from = from.number_;
    passing.offload = offload;
    return dispatch(from, passing);
}

Network::Sent Network::reject(const Node& from, std::span<const std::byte> data,
                              const Offload& offload, Send outcome) {
    if (watch_.idle() || outcome == Send::would_block) return {outcome};
    Packet passing = Packet::borrow(data);
    passing.offload = offload;
    watch_.entered(passing, from.number_);
    watch_.refused(passing, why(outcome));
    watch_.tell();
    return {outcome};
}

std::optional<Network::Send> Network::why_not_now(std::size_t length, const SendWaiter* waiter) {
    if (length < policy_->table().length_min) {
        ++counters_.too_short;
        return Send::too_short;
    }
    const bool others_wait = waiter == nullptr && !waiters_.empty();
    if (others_wait || !has_room()) return Send::would_block;
    return {};
}

bool Network::has_room() const {
    return gate_open_ && !binding_->writers_held && !(options_.lossless && full());
}

bool Network::would_block(const Node& from) const {
    if (!waiters_.empty() || !has_room()) return true;
    return options_.lossless && !registry_.packets().has_room(options_.mtu, from.account());
}

Network::Sent Network::dispatch(Node& from, Packet& packet) {
    const PolicyCall call(*this);
    if (!watch_.idle()) watch_.entered(packet, from.number_);
    const int answer = policy_->table().handlemsg(handle(from), handle(packet), 0);
    if (answer != 0) {
        Sent refused{Send::refused, 0, call.error_of(answer), call.words(kRefused)};
        if (!watch_.idle()) watch_.refused(packet, refused.words);
        return refused;
    }
    ++from.counters_.sent;
    ++counters_.packets_in;
    counters_.bytes_in += packet.length();
    last_packet_ = registry_.clock().wall();
    return {Send::done};
}

void Network::observe(PacketObserver& observer) {
    watch_.add(observer);
    if (state_ != State::up) observer.network_ended();
}

Result<void> Network::inject(Node& from, Packet& packet, int depth) {
    auto queued = queue_injected(from, packet, depth);
    if (!queued && !watch_.idle()) {
        watch_.entered(packet, from.number_, true);
        watch_.refused(packet, queued.error().words);
    }
    return queued;
}

Result<void> Network::queue_injected(Node& from, Packet& packet, int depth) {
    constexpr std::size_t kWaitingMax = 4096;
    if (from.state_ != Node::State::connected)
        return fail(ENOTCONN, "only a connected node can be injected for");
    if (depth < 0 || static_cast<std::uint32_t>(depth) + 1 > registry_.limits().hops) {
        ++counters_.hops_exceeded;
        return fail(ELOOP, "injected more often than max_hops");
    }
    if (packet.length() < policy_->table().length_min) {
        ++counters_.too_short;
        return fail(EINVAL, "shorter than the policy can use");
    }
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
        if (from == nullptr) continue;
        const PolicyCall call(*this);
        if (!watch_.idle()) watch_.entered(*item.packet, item.from, true);
        const int answer = call.error_of(
            policy_->table().handlemsg(handle(*from), handle(*item.packet), item.depth));
        if (answer != 0 && !watch_.idle()) watch_.refused(*item.packet, call.explanation(kRefused));
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

PacketRef Network::derive(Node& payer, const Packet& original, std::uint32_t cut,
                          std::uint32_t add) {
    constexpr std::uint32_t kLongerMax = 16;
    const std::uint32_t rest = original.length() - cut;
    if (cut > original.length() || add > PacketPool::kLengthMax - rest || rest + add == 0)
        return {};
    const auto offload = original.offload_behind(cut, add);
    if (!offload || offload->longest_frame(rest + add) > options_.mtu + kLongerMax) return {};
    PacketRef packet = registry_.packets().allocate(rest + add, payer.account());
    if (packet) {
        packet->derive_from(original, cut, add, *offload);
        backlog_->enter(*packet);
    }
    return packet;
}

PacketRef Network::slice(Node& payer, const Packet& original, std::uint32_t offset,
                         std::uint32_t length) {
    const bool within = offset <= original.length() && length <= original.length() - offset;
    if (length == 0 || !within || !original.offload.plain()) return {};
    PacketRef packet = registry_.packets().allocate(length, payer.account());
    if (packet) {
        std::memcpy(packet->data(), original.data() + offset, length);
        packet->from = original.from;
        backlog_->enter(*packet);
    }
    return packet;
}

void Network::deliver(Node& to, Packet& packet) {
    if (to.number_ == packet.from) return;
    const Fate fate = to.offer(packet);
    if (!watch_.idle()) watch_.offered(packet, to.number_, fate);
}

void Network::deliver_all(Packet& packet) {
    for (Node* reader : readers_) deliver(*reader, packet);
    if (options_.retain > 0) retain(packet);
}

void Network::retain(const Packet& packet) {
    forget_retained(options_.retain - 1);
    if (packet.transient()) return;
    PacketRef copy;
    try {
        do {
            copy = registry_.packets().allocate(packet.length(), packet.payer(),
                                                Memory::Purpose::retained);
            if (!copy && retained_.empty()) return;
            if (!copy) retained_.pop_front();
        } while (!copy);
        std::memcpy(copy->data(), packet.data(), packet.length());
        copy->from = packet.from;
        copy->offload = packet.offload;
        retained_.push_back(std::move(copy));
    } catch (const std::bad_alloc&) {  // there are fewer then
    }
}

void Network::forget_retained(std::size_t but) {
    while (retained_.size() > but) retained_.pop_front();
}

void Network::offer_retained(Node& node) {
    if (!reads(node.role_)) return;
    std::size_t number = retained_.size();
    if (!options_.lossless) number = std::min<std::size_t>(number, options_.msgpoolsize);
    for (std::size_t next = retained_.size() - number; next < retained_.size(); ++next) {
        Packet& packet = *retained_[next];
        const bool can_be_read =
            !node.reads_frames_of(packet) || make_frames(packet, registry_.packets(), false);
        if (can_be_read) node.offer(packet);
    }
}

// ---- back-pressure

void Network::wait(SendWaiter& waiter) {
    waiters_.push_back(waiter);
    note_blocked();
    watch_for_stall();
    if (has_room()) let_writers_go_on();  // it is memory that lacks
}

void Network::stop_waiting(SendWaiter& waiter) {
    waiter.ListHook<WaiterTag>::unlink();
    note_blocked();
    watch_for_stall();
    let_writers_go_on();
}

void Network::note_blocked() {
    const bool blocked = !waiters_.empty() || !lacking_memory_.empty();
    if (blocked == blocked_since_.has_value()) return;
    const Instant now = registry_.clock().now();
    if (blocked) {
        blocked_since_ = now;
    } else {
        blocked_ += now - *blocked_since_;
        blocked_since_.reset();
    }
}

Duration Network::blocked() const {
    return blocked_since_ ? blocked_ + (registry_.clock().now() - *blocked_since_) : blocked_;
}

std::optional<std::uint32_t> Network::slowest_port() const {
    const Packet* oldest = backlog_->oldest();
    if (!options_.lossless || oldest == nullptr) return {};
    for (const Node* reader : readers_)
        if (reader->queue_.first_pooled() == oldest) return reader->number_;
    return {};
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
    note_blocked();
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
        if (oldest != nullptr && reader->queue_.first_pooled() == oldest) stalled.push_back(reader);
    watch_for_stall();
    // The last to leave may destroy the network.
    for (Node* reader : stalled) cut(*reader, Event::Reason::stalled);
}

// ---- options

Result<Network::Replaced> Network::set_option(const Option& option, std::string_view text) {
    NetworkOptions wanted = options_;
    if (auto parsed = set(wanted, option, text); !parsed)
        return tl::unexpected(std::move(parsed.error()));
    return change(option, std::move(wanted), true);
}

Result<Network::Replaced> Network::reset_option(const Option& option) {
    NetworkOptions wanted = options_;
    if (auto parsed = set(wanted, option, initial(option, *policy_)); !parsed)
        return tl::unexpected(std::move(parsed.error()));
    return change(option, std::move(wanted), false);
}

Result<Network::Replaced> Network::change(const Option& option, NetworkOptions wanted, bool set) {
    Replaced replaced;
    if (wanted != options_) {
        if (state_ != State::up) return fail(EPIPE, "the network is shutting down");
        if (option.when == Option::When::unconnected && nodes_ > 0) {
            return fail(EBUSY, std::string(option.name) +
                                   " can only change while no node is connected, and " +
                                   std::to_string(nodes_) + " are");
        }
        if (wanted.policy != options_.policy) {
            const auto policy = registry_.policies().find_for_network(wanted.policy);
            if (!policy) return tl::unexpected(policy.error());
            follow_presets(wanted, policy_, **policy);
            replaced.policy_values = policy_values();
        }
    }
    for (const Option& other : core::options()) {
        const bool marked_anew = &other == &option && was_set(other) != set;
        if (marked_anew || other.show(wanted) != other.show(options_))
            replaced.options.push_back({&other, other.show(options_), was_set(other)});
    }
    if (wanted != options_)
        if (auto applied = apply(std::move(wanted)); !applied)
            return tl::unexpected(std::move(applied.error()));
    set_options_ = (set_options_ & ~option_bit(option)) | (set ? option_bit(option) : 0);
    return replaced;
}

bool Network::was_set(const Option& option) const {
    return (set_options_ & option_bit(option)) != 0;
}

void Network::put_back(const Replaced& replaced) {
    NetworkOptions wanted = options_;
    std::uint32_t set_bits = set_options_;
    for (const auto& [option, text, was_set] : replaced.options) {
        if (option->when == Option::When::unconnected && nodes_ > 0) continue;
        static_cast<void>(set(wanted, *option, text));
        set_bits = (set_bits & ~option_bit(*option)) | (was_set ? option_bit(*option) : 0);
    }
    if (state_ != State::up || !apply(std::move(wanted))) return;
    set_options_ = set_bits;
    put_back(replaced.policy_values);
}

Result<void> Network::apply(NetworkOptions wanted) {
    const NetworkOptions before = options_;
    const std::vector<OptionChange> changes = changes_to(wanted);
    option_changes_.resize(core::options().size());
    if (wanted.policy != options_.policy) {
        if (auto bound = bind(wanted); !bound) return bound;
        registry_.policies().observers().bound(*this);
    } else if (wanted.numnodes != options_.numnodes) {
        if (auto resized = resize(wanted.numnodes); !resized) return resized;
    }
    options_ = std::move(wanted);
    // What was sent under other rules is not for readers under these.
    const bool same_rules = options_.policy == before.policy && options_.mtu == before.mtu &&
                            options_.type == before.type;
    forget_retained(same_rules ? options_.retain : 0);
    if (options_.eof != before.eof) wake_readers_at_end();
    if (options_.overrun_error && !before.overrun_error)
        for (Node* reader : readers_) reader->schedule_delivery();
    if (readers() == 0 && writers_ == 0) gate_open_ = false;
    update_gate();
    if (options_.stall_timeout_ms != before.stall_timeout_ms) stall_timer_.disarm();
    watch_for_stall();
    tell_changes(changes);
    return {};
}

std::vector<Network::OptionChange> Network::changes_to(const NetworkOptions& wanted) const {
    std::vector<OptionChange> changes;
    for (const Option& option : core::options())
        if (std::string value = option.show(wanted); value != option.show(options_))
            changes.push_back({&option, std::move(value)});
    return changes;
}

void Network::tell_changes(const std::vector<OptionChange>& changes) {
    for (const auto& [option, value] : changes) {
        if (option->name == "policy")
            registry_.tell({.kind = Event::Kind::policy, .network = this, .policy = value});
        else
            option_changes_[place_of(*option)] = registry_.tell({.kind = Event::Kind::option,
                                                                 .network = this,
                                                                 .option = option->name,
                                                                 .value = value});
    }
}

void Network::history(std::vector<Event>& events, std::deque<std::string>& values) const {
    events.push_back({.kind = Event::Kind::create,
                      .network = this,
                      .policy = policy_->name(),
                      .stamp = created_});
    for (std::size_t place = 0; place < option_changes_.size(); ++place) {
        if (option_changes_[place].seq == 0) continue;
        const Option& option = core::options()[place];
        events.push_back({.kind = Event::Kind::option,
                          .network = this,
                          .option = option.name,
                          .value = values.emplace_back(option.show(options_)),
                          .stamp = option_changes_[place]});
    }
    for (const Node* node : ports_) {
        if (node == nullptr) continue;
        events.push_back({.kind = Event::Kind::connect,
                          .network = this,
                          .node = node,
                          .stamp = node->connected()});
    }
    interfaces_.for_each([&](const InterfaceEntry& entry) {
        events.push_back({.kind = Event::Kind::interface,
                          .network = this,
                          .node = entry.node,
                          .interface = &entry,
                          .reason = entry.reason,
                          .stamp = entry.told});
    });
    if (state_ != State::up)
        events.push_back({.kind = Event::Kind::shutdown, .network = this, .stamp = shut_down_});
}

Result<void> Network::resize(std::uint32_t numnodes) {
    if (auto enough = check_size(numnodes); !enough) return enough;
    const auto resizenet = policy_->table().resizenet;
    if (resizenet == nullptr) return {};
    const PolicyCall call(*this);
    return call.result_of(resizenet(handle(*this), options_.numnodes, numnodes),
                          "the policy refused so many ports");
}

Result<void> Network::check_size(std::uint32_t numnodes) const {
    if (numnodes >= taken_.end()) return {};
    return fail(EADDRINUSE, "port " + std::to_string(taken_.end() - 1) +
                                " is in use or reserved, so numnodes is at least " +
                                std::to_string(taken_.end()));
}

}  // namespace ipn::core
