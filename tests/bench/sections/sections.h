// Sections: the parts of the benchmark, each with its figures, comparisons and targets.
#pragma once

#include <string>
#include <vector>

#include "sections/suite.h"

namespace bench {

void fan_out(Suite& suite);
void fan_in(Suite& suite);
void many_to_many(Suite& suite);
void scale(Suite& suite);
void two_loops(Suite& suite);
void round_trip(Suite& suite);
void one_way(Suite& suite);
void stream(Suite& suite);
void joining(Suite& suite);
void idle(Suite& suite);
void heap(Suite& suite);
void breakdown(Suite& suite);
void message_ids(Suite& suite);
void observing(Suite& suite);

struct Section {
    std::string name;
    void (*run)(Suite&);
};

const std::vector<Section>& all_sections();

}  // namespace bench
