// Report: results for people (tables on stdout) and for programs (JSON).
#pragma once

#include <string>

#include "report/results.h"

namespace bench {

void print_report(const Results& results);
void write_json(const Results& results, const std::string& file);

}  // namespace bench
