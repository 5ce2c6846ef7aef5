#include "both.h"

#include <algorithm>
#include <cstdio>

#include "broadcast.h"
#include "bytes.h"
#include "core/on_loop.h"
#include "core/options.h"
#include "ethernet_frames.h"
#include "run_work.h"

namespace ipn::sim {
namespace {

using core::AssumeLoop;
using core::Network;
using core::Node;
using core::Role;

constexpr core::Ownership kSomebody{0755, 1000, 1000};

Model::Outcome of_model(Network::Send outcome) {
    switch (outcome) {
        case Network::Send::done:
            return Model::Outcome::done;
        case Network::Send::would_block:
            return Model::Outcome::would_block;
        case Network::Send::too_long:
            return Model::Outcome::too_long;
        case Network::Send::too_short:  // no policy here minds
        case Network::Send::never_fits:
            return Model::Outcome::never_fits;
        case Network::Send::closed:
        case Network::Send::refused:
            return Model::Outcome::closed;
        case Network::Send::reset:
            return Model::Outcome::reset;
    }
    return {};
}

Model::Got of_model(Node::Receive outcome) {
    switch (outcome) {
        case Node::Receive::packet:
            return Model::Got::packet;
        case Node::Receive::nothing:
            return Model::Got::nothing;
        case Node::Receive::end_of_file:
            return Model::Got::end_of_file;
        case Node::Receive::lost:
            return Model::Got::lost;
        case Node::Receive::reset:
            return Model::Got::reset;
    }
    return {};
}

const char* name_of(Model::Outcome outcome) {
    constexpr const char* kNames[] = {"done",       "would block", "too long",
                                      "never fits", "closed",      "reset"};
    return kNames[static_cast<int>(outcome)];
}

const char* name_of(Model::Got got) {
    constexpr const char* kNames[] = {"a packet", "nothing", "end of file", "lost", "reset"};
    return kNames[static_cast<int>(got)];
}

template <typename T>
int code(const core::Result<T>& result) {
    return result ? 0 : result.error().code;
}

// What packets of 0, 1, 2, … bytes take of the memory, found out by asking for some.
std::vector<std::size_t> packet_costs() {
    std::vector<std::size_t> costs{0};
    core::Memory memory(1 << 20);
    core::PacketPool pool(memory);
    const core::AccountRef payer = memory.account(0);
    constexpr std::uint32_t kMtu = 1514;
    for (std::uint32_t length = 1; length <= kMtu; ++length) {
        const core::PacketRef packet = pool.allocate(length, *payer);
        costs.push_back(memory.used());
    }
    return costs;
}

const std::vector<std::size_t>& costs() {
    static const std::vector<std::size_t> found = packet_costs();
    return found;
}

}  // namespace

Both::Both(std::size_t memory, bool tracing)
    : tracing_(tracing),
      registry_(clock_, {.networks = kNetworksMax, .hops = 8, .memory = memory, .gather = {}}),
      model_(memory, kNetworksMax, costs()) {
    const auto added = registry_.policies().add(ipn_broadcast_policy(&core::policy_host()));
    IPN_CHECK(added);
}

void Both::print(const std::string& line) {
    std::fprintf(stderr, "  %s\n", line.c_str());
}

Network& Both::network(int number) {
    return *registry_.find(ids_.at(number));
}

// ---- networks

void Both::create(const std::string& name) {
    const AssumeLoop here;
    const int number = ++last_number_;
    const auto created = registry_.create(name, kSomebody);
    const int error = model_.create(number, name);
    trace("create network ", number, " '", name, "': ", error);
    same("create", number, code(created), error);
    if (created) ids_[number] = (*created)->id();
}

void Both::rename(int number, const std::string& name) {
    const AssumeLoop here;
    const int error = model_.rename(number, name);
    trace("rename network ", number, " to '", name, "': ", error);
    same("rename", number, code(registry_.rename(network(number), name)), error);
}

void Both::remove(int number, bool restored) {
    const AssumeLoop here;
    const auto name = model_.networks.at(number).name;
    const int error = model_.unlink(number);
    trace("remove network ", number, restored ? " and restore it: " : ": ", error);
    Network& it = network(number);
    same("unlink", number, code(registry_.unlink(it)), error);
    if (error != 0) return;
    if (restored && name) {
        model_.restore_name(number, *name);
        registry_.restore_name(it);
    } else {
        model_.destroy(number);
        registry_.destroy(it);
    }
}

void Both::destroy(int number) {
    const AssumeLoop here;
    trace("destroy network ", number, " by force");
    Network& it = network(number);
    model_.destroy(number);
    registry_.destroy(it);
}

void Both::shut_down(int number) {
    const AssumeLoop here;
    trace("shut network ", number, " down");
    Network& it = network(number);
    model_.shut_down(number);
    it.shut_down();
}

// ---- nodes

void Both::join(int number, const Joining& how) {
    const AssumeLoop here;
    const int node = ++last_number_;
    auto joining = std::make_unique<Actor>(*this, node, how.framed ? 2 : 0);
    joining->leaves_when_called = how.leaves_when_called;
    const int error = model_.join(node, number, core::reads(how.role), core::writes(how.role),
                                  how.port, how.uid, how.framed, how.offloads);
    trace("node ", node, " joins network ", number, " as ", core::to_string(how.role),
          how.port ? " at port " + std::to_string(*how.port) : "", ", uid ", how.uid,
          how.framed ? ", framed" : "", how.offloads ? ", with offloads" : "",
          how.leaves_when_called ? ", leaves when called: " : ": ", error);
    const auto joined =
        network(number).join(joining->node, {.role = how.role,
                                             .kind = core::NodeKind::file,
                                             .port = how.port.value_or(IPN_PORT_ANY),
                                             .credentials = {how.uid, how.uid, 1},
                                             .accepts_offloads = how.offloads});
    same("join", node, code(joined), error);
    if (joined) actors_[node] = std::move(joining);
}

void Both::leave(int node) {
    const AssumeLoop here;
    trace("node ", node, " leaves");
    Actor& it = actor(node);
    while (!it.writes.empty()) leave_line(it.writes.front());
    gone_.push_back(std::move(actors_.at(node)));
    actors_.erase(node);
    model_.leave(node);
    it.node.network().leave(it.node);
}

void Both::cut(int node) {
    const AssumeLoop here;
    trace("node ", node, " is cut");
    model_.cut(node);
    Node& it = actor(node).node;
    it.network().cut(it);
}

void Both::narrow(int node, Role role) {
    const AssumeLoop here;
    const int error = model_.narrow(node, core::reads(role), core::writes(role));
    trace("node ", node, " narrows to ", core::to_string(role), ": ", error);
    same("narrow", node, code(actor(node).node.narrow(role)), error);
}

void Both::describe(int node, const std::string& text) {
    const AssumeLoop here;
    const int error = model_.describe(node, text);
    trace("node ", node, " is described '", text, "': ", error);
    same("describe", node, code(actor(node).node.set_description(text)), error);
}

void Both::note_stall(const Actor& it) {
    const bool by_itself = it.node.state() == Node::State::cut &&
                           model_.nodes.at(it.number).state == Model::State::connected;
    if (!by_itself) return;
    trace("node ", it.number, " is cut because it stalls");
    must(may_be_cut_.count(it.number) != 0, "a reader was cut that did not stall", it.number);
    model_.cut(it.number);
}

// ---- packets

// Different every time, and in every place of it.
std::string Both::content(std::size_t length) {
    std::string bytes;
    while (bytes.size() < length) bytes += std::to_string(++last_content_) + '.';
    bytes.resize(length);
    return bytes;
}

Model::Sent Both::send(Actor& from, std::string_view data, const WaitingWrite* waiting) {
    const AssumeLoop here;
    const Network::Sent core = from.node.network().send(from.node, test::bytes(data), waiting);
    const Model::Sent model = model_.send(from.number, data, waiting != nullptr);
    trace("node ", from.number, waiting != nullptr ? " tries again: " : " sends ", data.size(),
          " bytes: ", name_of(model.outcome), ", ", model.taken, " taken");
    same("send", from.number, std::string(name_of(of_model(core.outcome))), name_of(model.outcome));
    same("bytes sent", from.number, core.taken, model.taken);
    return model;
}

void Both::write(int node, std::size_t length, IfBlocked if_blocked) {
    const AssumeLoop here;
    Actor& from = actor(node);
    const std::string data = content(length);
    const Model::Sent sent = send(from, data, nullptr);
    if (sent.outcome != Model::Outcome::would_block) return;
    if (if_blocked == IfBlocked::watch) {
        trace("  and watches");
        from.watched = length - sent.taken;
        model_.networks.at(model_.nodes.at(node).network).watchers.insert(node);
        from.node.network().watch_writable(from.node);
    } else if (if_blocked == IfBlocked::wait) {
        WaitingWrite& write = from.writes.emplace_back(from, ++last_number_,
                                                       std::string_view(data).substr(sent.taken));
        trace("  and waits: write ", write.number);
        model_.networks.at(model_.nodes.at(node).network).line.push_back(write.number);
        from.node.network().wait(write);
    }
}

void Both::write_large(int node, const Large& large) {
    const AssumeLoop here;
    const test::Frame frame{.ipv6 = large.ipv6,
                            .identification = static_cast<unsigned>(++last_content_),
                            .tcp = large.tcp,
                            .payload = content(large.payload)};
    const std::string whole = frame.build_partial();
    const core::AccountRef nobody = received_memory_.account(0);
    const core::PacketRef packet = received_.allocate(static_cast<std::uint32_t>(whole.size()),
                                                      *nobody, core::Memory::Purpose::receiving);
    std::copy(whole.begin(), whole.end(), reinterpret_cast<char*>(packet->data()));
    const auto offload = core::Offload::from_wire(frame.wire(large.segment_size),
                                                  {packet->data(), packet->length()});
    must(offload.has_value(), "a packet that was not taken", node);
    if (!offload) return;
    packet->offload = *offload;

    const std::vector<std::string> frames = frame.segments(large.segment_size);
    Node& from = actor(node).node;
    const Network::Sent core = from.network().send(from, packet);
    const Model::Sent model = model_.send_large(node, whole, frames);
    trace("node ", node, " sends ", whole.size(), " bytes that are ", frames.size(),
          " frames: ", name_of(model.outcome));
    same("send", node, std::string(name_of(of_model(core.outcome))), name_of(model.outcome));
    same("bytes sent", node, core.taken, model.taken);
}

bool Both::retry(WaitingWrite& write) {
    const int number = model_.nodes.at(write.actor.number).network;
    Model::Network& network = model_.networks.at(number);
    must(!network.line.empty() && network.line.front() == write.number,
         "a write was tried out of its turn", write.number);
    const Model::Sent sent = send(write.actor, write.rest, &write);
    write.rest.erase(0, sent.taken);
    if (sent.outcome == Model::Outcome::would_block) {
        if (model_.has_room(number)) {
            std::erase(network.line, write.number);
            network.lacking_memory.push_back(write.number);
        }
        return false;
    }
    write.core::ListHook<core::WaiterTag>::unlink();
    leave_line(write);
    return true;
}

void Both::give_up(WaitingWrite& write) {
    send(write.actor, write.rest, &write);
    leave_line(write);
}

void Both::leave_line(WaitingWrite& write) {
    const AssumeLoop here;
    trace("write ", write.number, " ends");
    Model::Network& network = model_.networks.at(model_.nodes.at(write.actor.number).network);
    std::erase(network.line, write.number);
    std::erase(network.lacking_memory, write.number);
    // In retry() leaving the line is enough.
    if (write.core::ListHook<core::WaiterTag>::linked())
        write.actor.node.network().stop_waiting(write);
    write.actor.writes.remove_if([&](const WaitingWrite& other) { return &other == &write; });
}

void Both::interrupt(int node, std::size_t which_write) {
    auto position = actor(node).writes.begin();
    std::advance(position, which_write);
    leave_line(*position);
}

bool Both::read(int node, std::uint32_t space) {
    const AssumeLoop here;
    const Node::Received core = actor(node).node.receive(space);
    const Model::Received model = model_.receive(node, space);
    trace("node ", node, " reads up to ", space, ": ", name_of(model.got), " ", model.bytes);
    same("receive", node, std::string(name_of(of_model(core.outcome))), name_of(model.got));
    const bool framed = model_.nodes.at(node).framed;
    if (core.packet) {
        const bool plain = core.packet->offload.plain();
        must(plain || model_.nodes.at(node).offloads, "offloads that a node did not agree to",
             node);
        same("bytes received", node, test::text(core, framed), model.bytes);
    }
    same("bytes that follow", node, std::size_t{actor(node).node.follows()}, model_.follows(node));
    return model.got != Model::Got::nothing;
}

void Both::read_or_park(int node, std::uint32_t space) {
    if (actor(node).parked_reads.empty() && read(node, space)) return;
    trace("node ", node, " parks a read of ", space);
    actor(node).parked_reads.push_back(space);
    actor(node).node.expect_delivery(true);
}

void Both::answer_reads(Actor& it) {
    while (!it.parked_reads.empty() && read(it.number, it.parked_reads.front()))
        it.parked_reads.pop_front();
    it.node.expect_delivery(!it.parked_reads.empty());
}

void Both::note_writable(Actor& it) {
    trace("node ", it.number, " may be able to write");
    it.watched = 0;
    model_.networks.at(model_.nodes.at(it.number).network).watchers.erase(it.number);
}

// ---- options and ports

void Both::reserve(int number, unsigned port) {
    const AssumeLoop here;
    const int error = model_.reserve(number, port);
    trace("reserve port ", port, " of network ", number, ": ", error);
    same("reserve", number, code(network(number).reserve(port, kSomebody)), error);
}

void Both::unreserve(int number, unsigned port) {
    const AssumeLoop here;
    trace("unreserve port ", port, " of network ", number);
    model_.unreserve(number, port);
    network(number).unreserve(port);
}

void Both::set_option(int number, const std::string& name, const std::string& text) {
    const AssumeLoop here;
    const int error = model_.set_option(number, name, text);
    trace("set ", name, " of network ", number, " to '", text, "': ", error);
    const core::Option& option = *core::find_option(name);
    Network& it = network(number);
    const std::string before = option.show(it.options());
    same("set " + name, number, code(it.set_option(option, text)), error);
    same(name, number, option.show(it.options()), error == 0 ? text : before);
}

void Both::set_default(const std::string& name, const std::string& text) {
    const AssumeLoop here;
    const int error = model_.set_default(name, text);
    trace("set the default of ", name, " to '", text, "': ", error);
    same("set default " + name, 0, code(registry_.set_default(*core::find_option(name), text)),
         error);
}

// ---- time and work

void Both::advance(unsigned milliseconds) {
    trace("advance ", milliseconds, " ms");
    clock_.advance(std::chrono::milliseconds(milliseconds));
    model_.advance(milliseconds);
    std::set<int> must_be_cut;
    for (const auto& [number, network] : model_.networks) {
        may_be_cut_.merge(model_.may_be_cut(number));
        must_be_cut.merge(model_.must_be_cut(number));
    }
    registry_.timers().run(clock_.now());
    may_be_cut_.clear();
    for (const int node : must_be_cut) {
        const auto it = model_.nodes.find(node);
        must(it == model_.nodes.end() || it->second.state != Model::State::connected,
             "a reader that stalls was not cut", node);
    }
}

void Both::run_one() {
    if (registry_.work().empty()) return;
    trace("run one");
    registry_.work().run_one();
}

void Both::run_all() {
    trace("run all");
    test::run_work(registry_.work());
}

}  // namespace ipn::sim
