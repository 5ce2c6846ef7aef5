// Fan-in: N senders, one receiver, at which they compete.
#include <fmt/core.h>

#include "sections/sections.h"
#include "sections/traffic_figures.h"

namespace bench {

void fan_in(Suite& suite) {
    const Lineup lineup = packet_lineup(suite.setup(), false);
    constexpr std::size_t packet_bytes = 1500;
    const std::vector<unsigned> senders =
        suite.quick() ? std::vector<unsigned>{16} : std::vector<unsigned>{4, 16};
    for (const Placement placement : suite.placements()) {
        for (const unsigned number : senders) {
            measure_traffic_case(
                suite, lineup,
                {.title = fmt::format("fan-in, {} B", packet_bytes),
                 .row = fmt::format("N={}", number),
                 .placement = placement,
                 .network = {.members = many_to_one(number), .packet_bytes = packet_bytes}},
                [](const std::string&, const std::string&) { return std::nullopt; });
        }
    }
}

}  // namespace bench
