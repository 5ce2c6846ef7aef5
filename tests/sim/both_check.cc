// What Both compares after steps, and what must hold when nothing is left to do.
#include <algorithm>

#include "both.h"
#include "core/on_loop.h"

namespace ipn::sim {
namespace {

using core::AssumeLoop;
using core::Network;
using core::Node;

constexpr unsigned kHeaderMax = 14 + 40 + 20;

const char* name_of(Model::State state) {
    constexpr const char* kNames[] = {"connected", "ended", "cut"};
    return kNames[static_cast<int>(state)];
}

const char* name_of(Node::State state) {
    switch (state) {
        case Node::State::detached:
            return "detached";
        case Node::State::connected:
            return "connected";
        case Node::State::ended:
            return "ended";
        case Node::State::cut:
            return "cut";
    }
    return "";
}

template <typename Map>
std::vector<int> numbers_of(const Map& map) {
    std::vector<int> numbers;
    for (const auto& entry : map) numbers.push_back(entry.first);
    return numbers;
}

}  // namespace

void Both::check() {
    model_.observe();
    same("networks", 0, registry_.size(), model_.networks.size());
    same("memory used", 0, registry_.memory().used(), model_.memory_used());
    same("memory retained", 0, registry_.memory().used(core::Memory::Purpose::retained),
         model_.memory_retained());
    same("accounts", 0, registry_.memory().accounts(), model_.accounts());
    // A lossless network may exceed it by the frames of one packet.
    const std::size_t beyond =
        kPayloadMax / kSegmentMin * core::PacketPool::cost(kPayloadMax + kHeaderMax);
    must(registry_.memory().used() <= registry_.memory().limit() + beyond,
         "more memory than there is", 0);
    if (!difference_.empty()) return;
    for (const auto& [number, network] : model_.networks) check_network(number);
    for (const auto& [node, actor] : actors_) check_node(*actor);
    gone_.clear();  // only now: who left holds nothing, also before it is destroyed
}

void Both::check_network(int number) {
    const Model::Network& expected = model_.networks.at(number);
    const Network* found = registry_.find(ids_.at(number));
    must(found != nullptr, "a network has gone", number);
    if (found == nullptr) return;
    const Network& it = *found;
    const bool has_name = registry_.find(it.name()) == found;
    same("having a name", number, has_name, expected.name.has_value());
    if (expected.name) same("name", number, it.name(), *expected.name);
    same("up", number, it.state() == Network::State::up, expected.up);
    same("readers", number, it.readers(), model_.readers(number));
    same("writers", number, it.writers(), model_.writers(number));
    same("nodes", number, it.nodes(), model_.connected(number).size());
    same("end of ports", number, it.ports_end(), model_.ports_end(number));
    same("waiting packets", number, it.backlog(), model_.waiting_packets(number));
    if (expected.options.lossless != 0)
        must(it.backlog() <= expected.options.msgpoolsize, "a pool that is more than full", number);
}

void Both::check_node(const Actor& actor) {
    const AssumeLoop here;
    const int node = actor.number;
    const Node& it = actor.node;
    const Model::Node& expected = model_.nodes.at(node);
    same("state", node, std::string(name_of(it.state())), name_of(expected.state));
    same("reading", node, core::reads(it.role()), expected.reads);
    same("writing", node, core::writes(it.role()), expected.writes);
    same("port", node, it.number(), expected.number);
    same("description", node, it.description(), expected.description);
    same("packets queued", node, it.queued(), expected.queue.size());
    same("sender of the last packet", node, it.last_from(),
         expected.last_from.value_or(Node::kNobody));
    same("received", node, it.counters().received, expected.received);
    same("sent", node, it.counters().sent, expected.sent);
    same("dropped", node, it.counters().dropped, expected.dropped);
    same("truncated", node, it.counters().truncated, expected.truncated);
    const Node::Readiness ready = it.readiness();
    const Model::Ready ready_expected = model_.ready(node);
    same("readable", node, ready.readable, ready_expected.readable);
    same("writable", node, ready.writable, ready_expected.writable);
    same("hung up", node, ready.hung_up, ready_expected.hung_up);
    same("failed", node, ready.failed, ready_expected.failed);
    if (expected.state == Model::State::connected)
        same("node at the port", node, it.network().node_at(it.number()), &it);
}

void Both::check_rest() {
    for (const auto& [node, it] : actors_) {
        if (!it->parked_reads.empty())
            must(!model_.something_to_read(node), "a read waits although there is something", node);
        const bool connected = it->node.state() == Node::State::connected;
        if (it->watched != 0 && connected && core::writes(it->node.role()))
            must(model_.would_block(node, it->watched, false), "nobody said that a write can go on",
                 node);
        for (const WaitingWrite& write : it->writes) {
            const auto& line = model_.networks.at(model_.nodes.at(node).network).line;
            const bool not_yet = std::count(line.begin(), line.end(), write.number) != 0 &&
                                 line.front() != write.number;
            if (not_yet) continue;
            must(model_.would_block(node, write.rest.size(), true),
                 "a write waits although it need not", write.number);
        }
    }
}

bool Both::read_everything() {
    bool any = false;
    for (const int node : numbers_of(actors_)) {
        actor(node).parked_reads.clear();
        while (!model_.nodes.at(node).queue.empty() && difference_.empty())
            any = read(node, kPacketMax);
    }
    return any;
}

void Both::wind_up() {
    trace("wind up");
    for (const int number : numbers_of(model_.networks))
        if (model_.networks.at(number).up) set_option(number, "minreaders", "0");
    while (difference_.empty()) {
        run_all();
        check();
        check_rest();
        const bool read_any = read_everything();
        if (read_any) continue;
        for (const auto& [number, network] : model_.networks)
            must(network.line.empty() && network.lacking_memory.empty(),
                 "everything was read, and writes wait for ever", number);
        break;
    }
    while (difference_.empty() && !actors_.empty()) {
        leave(actors_.begin()->first);
        check();
    }
    while (difference_.empty() && !model_.networks.empty()) {
        destroy(model_.networks.begin()->first);
        check();
    }
    same("memory used at the end", 0, registry_.memory().used(), 0U);
    same("memory retained at the end", 0, registry_.memory().used(core::Memory::Purpose::retained),
         0U);
    same("accounts at the end", 0, registry_.memory().accounts(), 0U);
    same("networks at the end", 0, registry_.size(), 0U);
}

}  // namespace ipn::sim
