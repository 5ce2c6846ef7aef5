#include "recorded.h"

#include <fmt/core.h>

#include <cmath>
#include <filesystem>

#include "json_file.h"

namespace bench {

namespace {

constexpr double tolerated_loss = 0.25;

double rounded(double ratio) {
    return std::round(ratio * 1000) / 1000;
}

// How good this run is beside the recorded one; 1 is as good.
double quality(const Comparison& comparison, double recorded) {
    const double ratio = comparison.value.median / recorded;
    return comparison.better == Better::higher ? ratio : 1 / ratio;
}

}  // namespace

void record(const Results& results, const std::string& file) {
    auto recorded =
        std::filesystem::exists(file) ? read_json_file(file) : nlohmann::ordered_json::object();
    for (const Comparison& comparison : results.comparisons()) {
        if (comparison.is_ratio) recorded[comparison.name] = rounded(comparison.value.median);
    }
    write_json_file(recorded, file);
}

std::vector<std::string> regressions(const Results& results, const std::string& file) {
    const auto recorded = read_json_file(file);
    std::vector<std::string> found = results.failures();
    for (const Comparison& comparison : results.comparisons()) {
        if (!comparison.is_ratio && !comparison.met()) {
            found.push_back(fmt::format("{}: {:.3g}, target {:.3g}", comparison.name,
                                        comparison.value.median, *comparison.target));
        }
        if (!comparison.is_ratio || !recorded.contains(comparison.name)) continue;
        const double before = recorded[comparison.name];
        if (quality(comparison, before) < 1 - tolerated_loss) {
            found.push_back(fmt::format("{}: {:.3g}, recorded {:.3g}", comparison.name,
                                        comparison.value.median, before));
        }
    }
    return found;
}

}  // namespace bench
