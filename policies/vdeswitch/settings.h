// Settings: what can be set on a switch and its ports, one table row per option.
//
// The table is the one place that knows an option's name, range and default; the module, the tests
// and the fuzz target read it. What a change brings about is Switch's business. Values are text; of
// lists, any order and repetition is taken, and shown sorted.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ethernet.h"
#include "fdb.h"
#include "ipn/policy.h"
#include "vlans.h"

namespace ipn::vdeswitch {

struct NetworkSettings {
    Fdb::Limits table;
    bool hub = false;
    bool stp = false;
    std::uint16_t priority = 0x8000;
    bool trunk_default = true;

    bool operator==(const NetworkSettings&) const = default;
};

enum class Edge : std::uint8_t { automatic, no, yes };

struct PortSettings {
    static constexpr std::size_t kAddressesMax = 1024;

    Membership vlans;
    std::uint32_t cost = 20'000;
    Edge edge = Edge::automatic;
    bool isolated = false;
    std::vector<Mac> addresses{};  // static ones, sorted

    bool operator==(const PortSettings&) const = default;
};

// Of a network if it has the first pair of functions, else of a port. set() takes the value and
// returns null, or says why not and changes nothing. With no memory for it: std::bad_alloc.
struct Setting {
    ipn_option option;
    const char* (*set)(NetworkSettings& settings, std::string_view text);
    std::string (*show)(const NetworkSettings& settings);
    const char* (*set_port)(PortSettings& settings, std::string_view text);
    std::string (*show_port)(const PortSettings& settings);
};

inline constexpr std::size_t kSettingsCount = 13;
std::span<const Setting, kSettingsCount> settings();

std::string_view to_string(Edge edge);

}  // namespace ipn::vdeswitch
