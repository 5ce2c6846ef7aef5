// Heap: how often the daemon asks for memory for each packet, once warm. Target 6.
#include <fmt/core.h>

#include <deque>

#include "measure/footprint.h"
#include "sections/lineup.h"
#include "sections/sections.h"

namespace bench {

namespace {

// A server that is watched.
struct Watched {
    std::unique_ptr<AllocationCounter> counter;
    std::unique_ptr<Transport> transport;
};

template <typename Place, typename Make>
Watched watch(const SuiteSetup& setup, Place place, Make make) {
    auto counter = std::make_unique<AllocationCounter>(setup.directory, setup.allocation_counter);
    place.environment = counter->environment();
    return {std::move(counter), make(place)};
}

}  // namespace

void heap(Suite& suite) {
    constexpr unsigned readers = 4;
    constexpr double none = 0.001;  // room for what the daemon does once in a while
    const SuiteSetup& setup = suite.setup();
    std::deque<Watched> watched;
    watched.push_back(watch(setup, setup.naive_hub, make_naive_hub));
    for (const IpnfsPlace& place : setup.ipnfs) {
        for (const IpnfsKind kind : {IpnfsKind::port, IpnfsKind::framed}) {
            watched.push_back(watch(setup, place, [kind](const IpnfsPlace& counted) {
                return make_ipnfs(kind, counted);
            }));
        }
    }
    Figure& figure = suite.results().add_figure({.title = "heap",
                                                 .row = fmt::format("N={}", readers),
                                                 .unit = "allocations a packet",
                                                 .better = Better::lower});
    std::vector<Subject> subjects;
    for (const Watched& each : watched) {
        subjects.push_back(
            {each.transport->name(),
             [&each] { return allocations_per_packet(*each.transport, *each.counter, readers); }});
    }
    suite.measure_rounds(figure, subjects);
    for (const Subject& subject : subjects) {
        if (subject.name != naive_hub_name) suite.results().judge(figure, subject.name, none);
    }
}

}  // namespace bench
