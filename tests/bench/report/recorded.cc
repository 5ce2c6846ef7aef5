#include "report/recorded.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <iterator>
#include <string_view>

#include "report/json_file.h"

namespace bench {

namespace {

// The naive hub pays what ipnfs pays, packet by packet, so that a ratio to it holds from day to
// day. What sockets cost beside it, and how long an idle process takes to wake up, moves by a
// factor of two within a day, on one machine.
constexpr std::string_view steady_reference = "naive hub";
constexpr double tolerated_loss = 0.25;
constexpr double tolerated_loss_to_others = 0.6;

double tolerated(std::string_view comparison) {
    return comparison.ends_with(steady_reference) ? tolerated_loss : tolerated_loss_to_others;
}

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

std::vector<Regression> regressions(const Results& results, const std::string& file) {
    const auto recorded = read_json_file(file);
    std::vector<Regression> found;
    const auto add = [&found](const Comparison& comparison, const char* bound, double value) {
        found.push_back({comparison.name, comparison.section,
                         fmt::format("{}: {:.3g}, {} {:.3g}", comparison.name,
                                     comparison.value.median, bound, value)});
    };
    for (const Failure& failure : results.failures())
        if (!failure.of_peer) found.push_back({failure.words, failure.section, failure.words});
    for (const Comparison& comparison : results.comparisons()) {
        if (!comparison.is_ratio) {
            if (!comparison.met()) add(comparison, "target", *comparison.target);
        } else if (recorded.contains(comparison.name)) {
            const double before = recorded[comparison.name];
            if (quality(comparison, before) < 1 - tolerated(comparison.name))
                add(comparison, "recorded", before);
        }
    }
    return found;
}

std::vector<Regression> confirmed(const std::vector<Regression>& first,
                                  const std::vector<Regression>& second) {
    std::vector<Regression> both;
    std::copy_if(second.begin(), second.end(), std::back_inserter(both),
                 [&first](const Regression& regression) {
                     return std::any_of(first.begin(), first.end(), [&](const Regression& each) {
                         return each.name == regression.name;
                     });
                 });
    return both;
}

}  // namespace bench
