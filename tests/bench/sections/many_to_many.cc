// Many to many: N nodes, each of which sends and receives what the others send.
#include <fmt/core.h>

#include "sections/sections.h"
#include "sections/traffic_figures.h"

namespace bench {

void many_to_many(Suite& suite) {
    const Lineup lineup = packet_lineup(suite.setup(), true);
    constexpr std::size_t packet_bytes = 1500;
    const std::vector<unsigned> nodes =
        suite.quick() ? std::vector<unsigned>{8} : std::vector<unsigned>{4, 16};
    for (const Placement placement : suite.placements()) {
        for (const unsigned number : nodes) {
            measure_traffic_case(
                suite, lineup,
                {.title = fmt::format("many to many, {} B", packet_bytes),
                 .row = fmt::format("N={}", number),
                 .placement = placement,
                 .network = {.members = all_to_all(number), .packet_bytes = packet_bytes}},
                [](const std::string&, const std::string&) { return std::nullopt; });
        }
    }
}

}  // namespace bench
