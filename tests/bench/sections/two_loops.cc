// Two loops: what a second loop could give. Two busy networks on one daemon, whose loop carries
// both, beside two daemons, each with one of them.
#include <fmt/core.h>

#include <future>

#include "measure/traffic.h"
#include "sections/sections.h"
#include "transports/ipnfs.h"

namespace bench {

namespace {

constexpr std::size_t packet_bytes = 1500;
constexpr const char* one_loop = "one loop";
constexpr const char* two_loops_name = "two loops";

struct Both {
    double deliveries_per_s = 0;
    double loop_busy = 0;  // of the first network's daemon: cores
};

Both measure_both(Network& first, Network& second, const NetworkSetup& setup) {
    constexpr Milliseconds warm_up{100};
    constexpr Milliseconds measured{500};
    Traffic one(first, std::nullopt, {.network = setup});
    Traffic other(second, std::nullopt, {.network = setup});
    one.wait_until_flowing();
    other.wait_until_flowing();
    sleep_for(warm_up);
    auto at_the_same_time =
        std::async(std::launch::async, [&other, measured] { return other.measure(measured); });
    const TrafficResult result = one.measure(measured);
    const double seconds = std::chrono::duration<double>(measured).count();
    return {.deliveries_per_s = result.deliveries_per_s + at_the_same_time.get().deliveries_per_s,
            .loop_busy = result.server.cpu_s / seconds};
}

Both measure_both(IpnfsKind kind, const IpnfsPlace& place, unsigned loops, unsigned readers) {
    const NetworkSetup setup{.members = one_to_many(readers), .packet_bytes = packet_bytes};
    const auto mount = std::make_shared<IpnfsMount>(place);
    const auto other_mount = loops == 1 ? mount : std::make_shared<IpnfsMount>(place);
    const auto first = make_ipnfs_network(kind, mount, "first", setup);
    const auto second = make_ipnfs_network(kind, other_mount, "second", setup);
    return measure_both(*first, *second, setup);
}

void compare_loops(Suite& suite, IpnfsKind kind, const IpnfsPlace& place, unsigned readers) {
    const Cores cores(Placement::all_cores);
    const std::string row = fmt::format("{}, N={} twice", ipnfs_name(kind, place), readers);
    Figure& rate =
        suite.results().add_figure({.title = fmt::format("two networks, {} B", packet_bytes),
                                    .placement = Placement::all_cores,
                                    .row = row,
                                    .unit = "deliveries/s",
                                    .better = Better::higher});
    Figure& busy = suite.results().add_figure({.title = "how busy a loop is",
                                               .placement = Placement::all_cores,
                                               .row = row,
                                               .unit = "of a core",
                                               .better = Better::lower});
    std::vector<Subject> subjects;
    for (const unsigned loops : {1u, 2u}) {
        const char* name = loops == 1 ? one_loop : two_loops_name;
        subjects.push_back({name, [=, &busy, &place] {
                                const Both both = measure_both(kind, place, loops, readers);
                                busy.add(name, both.loop_busy);
                                return both.deliveries_per_s;
                            }});
    }
    suite.measure_rounds(rate, subjects);
    suite.results().compare(rate, two_loops_name, one_loop);
}

}  // namespace

void two_loops(Suite& suite) {
    if (suite.quick()) return;
    for (const IpnfsPlace& place : suite.setup().ipnfs) {
        for (const IpnfsKind kind : {IpnfsKind::port, IpnfsKind::framed}) {
            for (const unsigned readers : {1u, 16u}) compare_loops(suite, kind, place, readers);
        }
    }
}

}  // namespace bench
