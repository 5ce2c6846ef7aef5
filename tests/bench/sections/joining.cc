// Joining: what joining and leaving costs beside few nodes and many. Target 5.
#include "measure/joining.h"

#include <fmt/core.h>

#include "harness/cores.h"
#include "sections/lineup.h"
#include "sections/sections.h"

namespace bench {

namespace {

std::string subject_name(const Transport& transport, unsigned nodes) {
    return fmt::format("{}, beside {} nodes", transport.name(), nodes);
}

}  // namespace

// On one core, so that both who joins and who serves are measured, and not where they run.
void joining(Suite& suite) {
    constexpr unsigned few = 10;
    constexpr unsigned many = 1000;
    constexpr unsigned very_many = 10'000;
    constexpr double flat = 1.25;
    const Cores cores(Placement::one_core);
    Figure& figure = suite.results().add_figure({.title = "joining and leaving",
                                                 .placement = Placement::one_core,
                                                 .row = "a reader",
                                                 .unit = "us, p50",
                                                 .better = Better::lower});
    const auto vde = make_vde_peer(suite.setup());
    std::vector<std::unique_ptr<Transport>> ours;
    for (const IpnfsPlace& place : suite.setup().ipnfs) {
        ours.push_back(make_ipnfs(IpnfsKind::port, place));
    }
    std::vector<Subject> subjects;
    const auto add = [&subjects](Transport& transport, unsigned nodes) {
        subjects.push_back({subject_name(transport, nodes),
                            [&transport, nodes] { return join_and_leave_us(transport, nodes); }});
    };
    if (!suite.quick()) {
        for (const unsigned nodes : {few, many}) add(*vde, nodes);
    }
    for (const auto& each : ours) {
        for (const unsigned nodes : {few, many, very_many}) add(*each, nodes);
    }
    suite.measure_rounds(figure, subjects);
    for (const auto& each : ours) {
        for (const unsigned nodes : {many, very_many}) {
            suite.results().compare(figure, subject_name(*each, nodes), subject_name(*each, few),
                                    flat);
        }
        suite.results().compare(figure, subject_name(*each, few), subject_name(*vde, few));
    }
}

}  // namespace bench
