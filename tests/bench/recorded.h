// Recorded: the ratios that the tree remembers, so that CI notices when a change makes ipnfs
// slower. Only ratios are recorded: absolute figures move from machine to machine.
#pragma once

#include <string>
#include <vector>

#include "results.h"

namespace bench {

// Writes the ratios of this run into the file; those of figures that were not measured stay.
void record(const Results& results, const std::string& file);

// What is wrong with this run: each ratio that is more than 25 % worse than the recorded one, and
// each absolute target that is missed. Ratios that are not recorded are not judged.
std::vector<std::string> regressions(const Results& results, const std::string& file);

}  // namespace bench
