// Distribution: what is said about the rounds of one figure: the median with the spread, and, where
// the rounds fall into two separate groups, the median of each (placement of processes makes many
// so).
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace bench {

struct Distribution {
    double median;
    double min;
    double max;
    std::optional<std::pair<double, double>> modes;
};

// Of the values that are numbers; none if there are none.
std::optional<Distribution> distribution_of(std::vector<double> values);

}  // namespace bench
