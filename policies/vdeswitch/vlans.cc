#include "vlans.h"

#include "text.h"

namespace ipn::vdeswitch {

std::optional<VlanSet> parse_vlans(std::string_view text) {
    VlanSet vlans;
    while (const auto word = next_word(text)) {
        const std::size_t dash = word->find('-');
        const auto first = parse_number(word->substr(0, dash), 1, kVlanMax);
        const auto last =
            dash == word->npos ? first : parse_number(word->substr(dash + 1), 1, kVlanMax);
        if (!first || !last || *last < *first) return std::nullopt;
        for (std::uint32_t vlan = *first; vlan <= *last; ++vlan) vlans.set(vlan);
    }
    return vlans;
}

std::string to_string(const VlanSet& vlans, char separator) {
    std::string text;
    for (std::size_t first = 1; first <= kVlanMax; ++first) {
        if (!vlans.test(first)) continue;
        std::size_t last = first;
        while (last < kVlanMax && vlans.test(last + 1)) ++last;
        if (!text.empty()) text += separator;
        text += std::to_string(first);
        if (last > first) text += '-' + std::to_string(last);
        first = last;
    }
    return text;
}

}  // namespace ipn::vdeswitch
