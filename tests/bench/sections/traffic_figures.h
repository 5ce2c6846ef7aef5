// TrafficFigures: one row of a table of deliveries a second, and one of processor time a delivery,
// of everybody in a lineup who can carry that traffic.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "harness/cores.h"
#include "sections/lineup.h"
#include "sections/suite.h"

namespace bench {

struct TrafficCase {
    std::string title;  // "fan-out, 1500 B"
    std::string row;    // "N=16"
    Placement placement;
    NetworkSetup network;
};

// What the ratio of deliveries a second is to reach, by the names of the subjects.
using TrafficTarget =
    std::function<std::optional<double>(const std::string& ours, const std::string& peer)>;

void measure_traffic_case(Suite& suite, const Lineup& lineup, const TrafficCase& each,
                          const TrafficTarget& target);

}  // namespace bench
