#include "sections/suite.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <exception>

namespace bench {

namespace {

// Whose failing says nothing of ipnfs: now and then vde_switch leaves a client unconnected.
bool fails_by_itself(const std::string& subject) {
    return subject.starts_with("vde_switch");
}

}  // namespace

std::vector<Placement> Suite::placements() const {
    if (setup_.quick) return {Placement::one_core};
    return {Placement::all_cores, Placement::one_core};
}

bool Suite::wanted(const Subject& subject) const {
    const auto& names = setup_.subjects;
    return names.empty() || std::find(names.begin(), names.end(), subject.name) != names.end();
}

void Suite::measure_rounds(Figure& figure, std::vector<Subject> subjects) {
    std::erase_if(subjects, [this](const Subject& subject) { return !wanted(subject); });
    if (subjects.empty()) return;
    fmt::print(stderr, "{}, {}\n", figure.table(), figure.row());
    std::vector<bool> failed(subjects.size(), false);
    for (unsigned round = 0; round < setup_.rounds; ++round) {
        for (std::size_t turn = 0; turn < subjects.size(); ++turn) {
            const std::size_t index = (turn + round) % subjects.size();
            const Subject& subject = subjects[index];
            double value = std::nan("");
            try {
                if (!failed[index]) value = subject.measure();
            } catch (const std::exception& error) {
                failed[index] = true;
                results_.add_failure(fmt::format("{}, {}, {}: {}", figure.table(), figure.row(),
                                                 subject.name, error.what()),
                                     fails_by_itself(subject.name));
            }
            figure.add(subject.name, value);
        }
    }
}

void Suite::compare_mounts(const Figure& figure,
                           const std::function<std::string(const IpnfsPlace&)>& name) {
    for (std::size_t other = 1; other < setup_.ipnfs.size(); ++other) {
        results_.compare(figure, name(setup_.ipnfs[other]), name(setup_.ipnfs.front()));
    }
}

}  // namespace bench
