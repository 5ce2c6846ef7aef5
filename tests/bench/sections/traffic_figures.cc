#include "sections/traffic_figures.h"

#include <fmt/core.h>

#include "measure/traffic.h"

namespace bench {

namespace {

constexpr double loss_worth_a_note = 0.001;

struct Figures {
    Figure& rate;
    Figure& cpu;
};

double measure(Suite& suite, Transport& transport, const NetworkSetup& network,
               const Figures& figures) {
    const auto warm_up = suite.quick() ? Milliseconds{60} : Milliseconds{80};
    const auto measured = suite.quick() ? Milliseconds{200} : Milliseconds{250};
    const TrafficResult result =
        measure_traffic(transport, {.network = network}, warm_up, measured);
    figures.cpu.add(transport.name(), result.cpu_us());
    if (result.lost > loss_worth_a_note) {
        suite.results().add_note(fmt::format("{}, {}, {}: {:.1f} % lost", figures.rate.table(),
                                             figures.rate.row(), transport.name(),
                                             100 * result.lost));
    }
    return result.deliveries_per_s;
}

void compare(Suite& suite, const Lineup& lineup, const Figures& figures,
             const TrafficTarget& target) {
    Results& results = suite.results();
    for (const Pairing& pair : lineup.pairings) {
        results.compare(figures.rate, pair.ours, pair.peer, target(pair.ours, pair.peer));
        if (pair.by_cpu) results.compare(figures.cpu, pair.ours, pair.peer);
    }
    for (const IpnfsKind kind : {IpnfsKind::port, IpnfsKind::framed}) {
        const auto name = [kind](const IpnfsPlace& place) { return ipnfs_name(kind, place); };
        suite.compare_mounts(figures.rate, name);
        suite.compare_mounts(figures.cpu, name);
    }
}

}  // namespace

void measure_traffic_case(Suite& suite, const Lineup& lineup, const TrafficCase& each,
                          const TrafficTarget& target) {
    const Cores cores(each.placement);
    const Figures figures{
        .rate = suite.results().add_figure({.title = each.title,
                                            .placement = each.placement,
                                            .row = each.row,
                                            .unit = "deliveries/s",
                                            .better = Better::higher}),
        .cpu = suite.results().add_figure({.title = "processor time, " + each.title,
                                           .placement = each.placement,
                                           .row = each.row,
                                           .unit = "us a delivery",
                                           .better = Better::lower})};
    std::vector<Subject> subjects;
    for (Transport* transport : lineup.all()) {
        if (!transport->carries(each.network)) continue;
        subjects.push_back({transport->name(), [&suite, &each, &figures, transport] {
                                return measure(suite, *transport, each.network, figures);
                            }});
    }
    suite.measure_rounds(figures.rate, subjects);
    compare(suite, lineup, figures, target);
}

}  // namespace bench
