// Scale: what a delivery costs with many readers, beside what it costs with few. Target 5. Sockets,
// which no daemon stands behind, show what so many processes cost by themselves.
#include <fmt/core.h>

#include <optional>

#include "measure/traffic.h"
#include "sections/sections.h"
#include "transports/ipnfs.h"
#include "transports/seqpacket.h"

namespace bench {

namespace {

constexpr unsigned few = 16;
constexpr unsigned many = 256;

double cpu_us_of_delivery(Suite& suite, Transport& transport, unsigned readers) {
    constexpr Milliseconds warm_up{100};
    const Milliseconds measured{suite.quick() ? 300 : 500};
    const TrafficSetup setup{.network = {.members = one_to_many(readers), .packet_bytes = 1500}};
    return measure_traffic(transport, setup, warm_up, measured).cpu_us();
}

void scale(Suite& suite, Placement placement, Transport& transport, std::optional<double> target) {
    const Cores cores(placement);
    const auto name = [](unsigned readers) { return fmt::format("{} readers", readers); };
    Figure& figure = suite.results().add_figure({.title = "processor time by readers, 1500 B",
                                                 .placement = placement,
                                                 .row = transport.name(),
                                                 .unit = "us a delivery",
                                                 .better = Better::lower});
    std::vector<Subject> subjects;
    for (const unsigned readers : {few, many}) {
        subjects.push_back({name(readers), [&suite, &transport, readers] {
                                return cpu_us_of_delivery(suite, transport, readers);
                            }});
    }
    suite.measure_rounds(figure, subjects);
    suite.results().compare(figure, name(many), name(few), target);
}

}  // namespace

void scale(Suite& suite) {
    constexpr double target = 1.2;
    for (const Placement placement : suite.placements()) {
        for (const IpnfsPlace& place : suite.setup().ipnfs) {
            for (const IpnfsKind kind : {IpnfsKind::port, IpnfsKind::framed}) {
                scale(suite, placement, *make_ipnfs(kind, place), target);
            }
        }
        if (!suite.quick()) scale(suite, placement, *make_seqpacket(), std::nullopt);
    }
}

}  // namespace bench
