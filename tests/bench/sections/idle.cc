// Idle: what a daemon costs that has nothing to do. Targets 5 and 6.
#include <fmt/core.h>

#include "measure/footprint.h"
#include "measure/idle_nodes.h"
#include "sections/sections.h"
#include "transports/ipnfs.h"

namespace bench {

namespace {

void resident(Suite& suite, const IpnfsPlace& place) {
    constexpr double target_mib = 8;
    const std::string name = ipnfs_name(IpnfsKind::port, place);
    Figure& figure = suite.results().add_figure(
        {.title = "idle daemon", .row = "resident", .unit = "MiB", .better = Better::lower});
    suite.measure_rounds(figure, {{name, [&] { return resident_mib_when_idle(place); }}});
    suite.results().judge(figure, name, target_mib);
}

void idle_networks(Suite& suite, const IpnfsPlace& place) {
    constexpr double target_bytes = 512;
    constexpr double no_measurable_percent = 0.1;
    const IdleSetup idle;
    const std::string name = ipnfs_name(IpnfsKind::port, place);
    const auto figure = [&](const std::string& quantity, const std::string& unit) -> Figure& {
        return suite.results().add_figure(
            {.title = fmt::format("{} idle networks, {} nodes each, {}", idle.networks,
                                  idle.nodes_per_network, quantity),
             .row = name,
             .unit = unit,
             .better = Better::lower});
    };
    Figure& node = figure("memory a node", "bytes");
    Figure& network = figure("memory a network", "bytes");
    Figure& cpu = figure("processor time", "% of a core");
    suite.measure_rounds(node, {{name, [&] {
                                     const auto measured = measure_idle_networks(place, idle);
                                     network.add(name, measured.bytes_per_network);
                                     cpu.add(name, measured.cpu_percent);
                                     return measured.bytes_per_node;
                                 }}});
    suite.results().judge(node, name, target_bytes);
    suite.results().judge(cpu, name, no_measurable_percent);
}

}  // namespace

void idle(Suite& suite) {
    for (const IpnfsPlace& place : suite.setup().ipnfs) {
        resident(suite, place);
        idle_networks(suite, place);
    }
}

}  // namespace bench
