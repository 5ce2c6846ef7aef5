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
        {"packets_in", Kind::counter, count.packets_in},
        {"bytes_in", Kind::counter, count.bytes_in},
        {"packets_out", Kind::counter, count.packets_out},
        {"bytes_out", Kind::counter, count.bytes_out},
        {"dropped", Kind::counter, count.dropped},
        {"truncated", Kind::counter, count.truncated},
        {"hops_exceeded", Kind::counter, count.hops_exceeded},
        {"too_short", Kind::counter, count.too_short},
        {"blocked_ns", Kind::counter, static_cast<std::uint64_t>(blocked)},
        {"pool_packets", Kind::gauge, pool.packets()},
        {"pool_packets_peak", Kind::gauge, pool.packets_peak()},
        {"pool_bytes", Kind::gauge, pool.bytes()},
        {"readers", Kind::gauge, network.readers()},
        {"writers", Kind::gauge, network.writers()},
        {"nodes", Kind::gauge, network.nodes()},
    };
    if (const auto slowest = network.slowest_port())
        list.push_back({"slowest_port", Kind::gauge, *slowest});
    const Policy& policy = network.policy();
    for (std::size_t index = 0; index < policy.stats().size(); ++index) {
        const ipn_stat& own = policy.stats()[index];
        list.push_back({policy.name() + "." + own.name,
                        own.kind == IPN_STAT_COUNTER ? Kind::counter : Kind::gauge,
                        network.policy_stat(index)});
    }
    return list;
}

std::vector<Statistic> statistics_of(const Node& node) {
    const Node::Counters& count = node.counters();
    return {
        {"received", Kind::counter, count.received}, {"sent", Kind::counter, count.sent},
        {"dropped", Kind::counter, count.dropped},   {"truncated", Kind::counter, count.truncated},
        {"queued", Kind::gauge, node.queued()},
    };
}

}  // namespace ipn::core
