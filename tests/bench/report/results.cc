#include "report/results.h"

#include <algorithm>
#include <utility>

namespace bench {

void Figure::add(const std::string& subject, double value) {
    auto found = std::find_if(subjects_.begin(), subjects_.end(),
                              [&](const Subject& each) { return each.name == subject; });
    if (found == subjects_.end()) found = subjects_.insert(found, {.name = subject, .rounds = {}});
    found->rounds.push_back(value);
}

std::string Figure::table() const {
    if (!quantity_.placement) return quantity_.title;
    return quantity_.title + ", " + std::string(name_of(*quantity_.placement));
}

std::vector<double> Figure::rounds_of(const std::string& subject) const {
    for (const Subject& each : subjects_) {
        if (each.name == subject) return each.rounds;
    }
    return {};
}

bool Comparison::met() const {
    if (!target) return true;
    return better == Better::higher ? value.median >= *target : value.median <= *target;
}

Figure& Results::add_figure(Figure::Quantity quantity) {
    return figures_.emplace_back(std::move(quantity));
}

void Results::compare(const Figure& figure, const std::string& subject,
                      const std::string& reference, std::optional<double> target) {
    const auto ours = figure.rounds_of(subject);
    const auto theirs = figure.rounds_of(reference);
    std::vector<double> ratios;
    for (std::size_t round = 0; round < std::min(ours.size(), theirs.size()); ++round) {
        ratios.push_back(ours[round] / theirs[round]);
    }
    const auto value = distribution_of(std::move(ratios));
    if (!value) return;
    comparisons_.push_back(
        {.name = figure.table() + ", " + figure.row() + ": " + subject + " / " + reference,
         .section = section_,
         .better = figure.quantity().better,
         .is_ratio = true,
         .value = *value,
         .target = target});
}

void Results::judge(const Figure& figure, const std::string& subject, double target) {
    const auto value = distribution_of(figure.rounds_of(subject));
    if (!value) return;
    comparisons_.push_back({.name = figure.table() + ", " + figure.row() + ": " + subject,
                            .section = section_,
                            .better = figure.quantity().better,
                            .is_ratio = false,
                            .value = *value,
                            .target = target});
}

}  // namespace bench
