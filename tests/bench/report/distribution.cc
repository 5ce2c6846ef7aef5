#include "report/distribution.h"

#include <algorithm>
#include <cmath>
#include <span>

namespace bench {

namespace {

double median_of(std::span<const double> sorted) {
    const std::size_t half = sorted.size() / 2;
    return sorted.size() % 2 == 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}

// Two modes: at least two values on either side of a gap that is wide beside the values themselves.
std::optional<std::pair<double, double>> modes_of(std::span<const double> sorted) {
    constexpr std::size_t members_min = 2;
    constexpr double gap_min = 1.4;
    std::size_t split = 0;
    double widest = gap_min;
    for (std::size_t i = members_min; i + members_min <= sorted.size(); ++i) {
        if (sorted[i - 1] > 0 && sorted[i] / sorted[i - 1] >= widest) {
            split = i;
            widest = sorted[i] / sorted[i - 1];
        }
    }
    if (split == 0) return std::nullopt;
    return std::pair{median_of(sorted.first(split)), median_of(sorted.subspan(split))};
}

}  // namespace

std::optional<Distribution> distribution_of(std::vector<double> values) {
    std::erase_if(values, [](double value) { return std::isnan(value); });
    if (values.empty()) return std::nullopt;
    std::sort(values.begin(), values.end());
    return Distribution{.median = median_of(values),
                        .min = values.front(),
                        .max = values.back(),
                        .modes = modes_of(values)};
}

}  // namespace bench
