#include "core/statistics.h"

#include <chrono>

#include "core/policy.h"

namespace ipn::core {

using Kind = Statistic::Kind;

std::vector<Statistic> statistics_of(Network& network) {
    const Network::Counters& count = network.counters();
    const Backlog& pool = network.pool();
    const auto blocked = std::chrono::nanoseconds(network.blocked()).count();
    std::vector<Statistic> list{
        {"packets_in", Kind::counter, count.packets_in, "Packets that nodes sent"},
        {"bytes_in", Kind::counter, count.bytes_in, "Bytes that nodes sent"},
        {"packets_out", Kind::counter, count.packets_out,
         "Packets that nodes received, once for each of them"},
        {"bytes_out", Kind::counter, count.bytes_out, "Bytes that nodes received"},
        {"dropped", Kind::counter, count.dropped,
         "Packets for which a queue had no room, once for each of them"},
        {"truncated", Kind::counter, count.truncated, "Packets of which the rest was thrown away"},
        {"hops_exceeded", Kind::counter, count.hops_exceeded,
         "Packets that were injected more often than max_hops"},
        {"too_short", Kind::counter, count.too_short, "Packets shorter than the policy can use"},
        {"blocked_ns", Kind::counter, static_cast<std::uint64_t>(blocked),
         "Nanoseconds during which a writer was blocked"},
        {"pool_packets", Kind::gauge, pool.packets(), "Packets that wait to be read"},
        {"pool_packets_peak", Kind::gauge, pool.packets_peak(),
         "The most packets that ever waited"},
        {"pool_bytes", Kind::gauge, pool.bytes(), "Bytes of the packets that wait"},
        {"readers", Kind::gauge, network.readers(), "Nodes that read"},
        {"writers", Kind::gauge, network.writers(), "Nodes that write"},
        {"nodes", Kind::gauge, network.nodes(), "Connected nodes"},
    };
    if (const auto slowest = network.slowest_port())
        list.push_back({"slowest_port", Kind::gauge, *slowest, "The port that holds writers up"});
    const Policy& policy = network.policy();
    for (std::size_t index = 0; index < policy.stats().size(); ++index) {
        const ipn_stat& own = policy.stats()[index];
        list.push_back({policy.name() + "." + own.name,
                        own.kind == IPN_STAT_COUNTER ? Kind::counter : Kind::gauge,
                        network.policy_stat(index), "Counted by the policy " + policy.name()});
    }
    return list;
}

std::vector<Statistic> statistics_of(const Node& node) {
    const Node::Counters& count = node.counters();
    return {
        {"received", Kind::counter, count.received, "Packets that the node received"},
        {"sent", Kind::counter, count.sent, "Packets that the node sent"},
        {"dropped", Kind::counter, count.dropped, "Packets that the node lost"},
        {"truncated", Kind::counter, count.truncated, "Packets that the node read in part"},
        {"queued", Kind::gauge, node.queued(), "Packets that wait for the node"},
    };
}

}  // namespace ipn::core
