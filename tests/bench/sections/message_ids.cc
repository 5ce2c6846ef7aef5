// Message ids: a bus of the connector, whose readers subscribe to one id of many, beside a
// multicast group of netlink and a topic of ZeroMQ's of as many; and how much the other ids cost.
#include <fmt/core.h>

#include "sections/sections.h"
#include "sections/traffic_figures.h"
#include "transports/connector.h"
#include "transports/netlink.h"
#include "transports/zeromq.h"

namespace bench {

namespace {

constexpr unsigned few = 10;
constexpr unsigned many = 10'000;
constexpr double flat = 0.8;

Lineup lineup_of(const SuiteSetup& setup) {
    Lineup lineup;
    lineup.peers.push_back(make_netlink());
    lineup.peers.push_back(make_zeromq(setup.directory, many));
    if (setup.ipnfs.empty()) return lineup;
    for (const unsigned ids : {few, many})
        lineup.ours.push_back(
            make_connector(setup.ipnfs.front(), setup.policies + "/connector.so", ids));
    const std::string ours = connector_name(many);
    lineup.pairings.push_back({ours, connector_name(few), true});
    lineup.pairings.push_back({ours, netlink_name, true});
    lineup.pairings.push_back({ours, zeromq_topics_name, true});
    return lineup;
}

std::optional<double> target_of(const std::string& /*ours*/, const std::string& peer) {
    if (peer == connector_name(few)) return flat;
    return std::nullopt;
}

}  // namespace

void message_ids(Suite& suite) {
    constexpr std::size_t packet_bytes = 64;
    const Lineup lineup = lineup_of(suite.setup());
    lineup.describe(suite.results());
    const std::vector<unsigned> subscribers =
        suite.quick() ? std::vector<unsigned>{4} : std::vector<unsigned>{1, 4, 16};
    for (const Placement placement : suite.placements()) {
        for (const unsigned number : subscribers) {
            measure_traffic_case(
                suite, lineup,
                {.title = fmt::format("messages to one id, {} B", packet_bytes),
                 .row = fmt::format("N={}", number),
                 .placement = placement,
                 .network = {.members = one_to_many(number), .packet_bytes = packet_bytes}},
                target_of);
        }
    }
}

}  // namespace bench
