// Observing: what it costs that packets are counted and could be captured, followed and retained,
// while nobody does: ipnfs beside a build of it that cannot (unobserved.py), and beside itself,
// which says how far two of the same are apart.
#include <fmt/core.h>

#include <filesystem>

#include "sections/sections.h"
#include "sections/traffic_figures.h"
#include "transports/ipnfs.h"

namespace bench {

namespace {

constexpr double most_of_it = 0.97;

Lineup lineup_of(const SuiteSetup& setup, IpnfsKind kind) {
    Lineup lineup;
    const IpnfsPlace place = setup.ipnfs.front();
    IpnfsPlace unobserved = place, again = place;
    unobserved.program = setup.unobserved;
    unobserved.build = "unobserved";
    again.build = "the same again";
    for (const IpnfsPlace& each : {place, unobserved, again})
        lineup.ours.push_back(make_ipnfs(kind, each));
    const std::string ours = ipnfs_name(kind, place);
    lineup.pairings.push_back({ours, ipnfs_name(kind, unobserved), true});
    lineup.pairings.push_back({ours, ipnfs_name(kind, again), true});
    return lineup;
}

}  // namespace

void observing(Suite& suite) {
    constexpr std::size_t packet_bytes = 64;
    constexpr unsigned readers = 4;
    if (suite.quick() || suite.setup().ipnfs.empty()) return;
    if (!std::filesystem::exists(suite.setup().unobserved))
        return suite.results().add_failure("ipnfs-unobserved is not built");
    for (const Placement placement : suite.placements()) {
        for (const IpnfsKind kind : {IpnfsKind::port, IpnfsKind::framed}) {
            const Lineup lineup = lineup_of(suite.setup(), kind);
            const std::string again = lineup.pairings.back().peer;
            measure_traffic_case(
                suite, lineup,
                {.title = fmt::format("observable, {} B", packet_bytes),
                 .row = fmt::format("{}, N={}", ipnfs_name(kind, suite.setup().ipnfs.front()),
                                    readers),
                 .placement = placement,
                 .network = {.members = one_to_many(readers), .packet_bytes = packet_bytes}},
                [&](const std::string&, const std::string& peer) {
                    return peer == again ? std::nullopt : std::optional(most_of_it);
                });
        }
    }
}

}  // namespace bench
