#include "sections/sections.h"

namespace bench {

const std::vector<Section>& all_sections() {
    static const std::vector<Section> sections = {
        {"fanout", fan_out},  {"fanin", fan_in},        {"manytomany", many_to_many},
        {"scale", scale},     {"twoloops", two_loops},  {"roundtrip", round_trip},
        {"oneway", one_way},  {"stream", stream},       {"joining", joining},
        {"idle", idle},       {"heap", heap},           {"breakdown", breakdown},
        {"ids", message_ids}, {"observing", observing},
    };
    return sections;
}

}  // namespace bench
