// Recorded: the ratios that the tree remembers, so that CI notices when a change makes ipnfs
// slower. Only ratios are recorded: absolute figures move from machine to machine.
#pragma once

#include <string>
#include <vector>

#include "report/results.h"

namespace bench {

// Writes the ratios of this run into the file; those of figures that were not measured stay.
void record(const Results& results, const std::string& file);

struct Regression {
    std::string name;     // of the comparison
    std::string section;  // to be measured again
    std::string words;
};

// What is wrong with this run: each ratio that is worse than the recorded one by more than 25 %, or
// 60 % where the other is not the naive hub; each absolute target that is missed; and whatever
// could not be measured. Ratios that are not recorded are not judged.
std::vector<Regression> regressions(const Results& results, const std::string& file);

// Those of the second run that the first had too.
std::vector<Regression> confirmed(const std::vector<Regression>& first,
                                  const std::vector<Regression>& second);

}  // namespace bench
