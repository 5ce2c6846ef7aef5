// Round trip: two nodes answer each other's packets.
#include <fmt/core.h>

#include "measure/latency.h"
#include "sections/lineup.h"
#include "sections/sections.h"

namespace bench {

namespace {

void round_trip(Suite& suite, const Lineup& lineup, Placement placement) {
    const Cores cores(placement);
    const LatencySetup latency;
    Figure& figure = suite.results().add_figure({.title = "round trip",
                                                 .placement = placement,
                                                 .row = fmt::format("{} B", latency.packet_bytes),
                                                 .unit = "us, p50",
                                                 .better = Better::lower});
    std::vector<Subject> subjects;
    for (Transport* transport : lineup.all()) {
        subjects.push_back({transport->name(), [transport, &latency] {
                                return measure_round_trip(*transport, latency).p50_us;
                            }});
    }
    suite.measure_rounds(figure, subjects);
    for (const Pairing& pair : lineup.pairings) {
        suite.results().compare(figure, pair.ours, pair.peer);
    }
    suite.compare_mounts(
        figure, [](const IpnfsPlace& place) { return ipnfs_name(IpnfsKind::port, place); });
}

}  // namespace

void round_trip(Suite& suite) {
    const Lineup lineup = single_packet_lineup(suite.setup());
    for (const Placement placement : suite.placements()) round_trip(suite, lineup, placement);
}

}  // namespace bench
