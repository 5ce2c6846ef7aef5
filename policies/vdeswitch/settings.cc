#include "settings.h"

#include <algorithm>
#include <array>

#include "text.h"

namespace ipn::vdeswitch {
namespace {

template <typename T>
const char* set_switch(T& value, std::string_view text) {
    if (text != "0" && text != "1") return "it is 0 or 1";
    value = text == "1";
    return nullptr;
}

std::string show_switch(bool value) {
    return value ? "1" : "0";
}

const char* set_ageing(NetworkSettings& settings, std::string_view text) {
    const auto seconds = parse_number(text, 1, 1'000'000);
    if (!seconds) return "it is a number of seconds from 1 to 1000000";
    settings.table.ageing_ms = std::uint64_t{*seconds} * 1000;
    return nullptr;
}

const char* set_table_size(NetworkSettings& settings, std::string_view text) {
    static_assert(Fdb::kSizeMax == 1'048'576);
    const auto stations = parse_number(text, 1, Fdb::kSizeMax);
    if (!stations) return "it is a number of stations from 1 to 1048576";
    settings.table.table_size = *stations;
    return nullptr;
}

const char* set_persistence(NetworkSettings& settings, std::string_view text) {
    const auto time = parse_number(text, 0, 3'600'000);
    if (!time) return "it is a number of milliseconds from 0 to 3600000";
    settings.table.persistence_ms = *time;
    return nullptr;
}

const char* set_priority(NetworkSettings& settings, std::string_view text) {
    constexpr std::uint32_t kStep = 4096;
    const auto priority = parse_number(text, 0, 15 * kStep);
    if (!priority || *priority % kStep != 0) return "it is a multiple of 4096 from 0 to 61440";
    settings.priority = static_cast<std::uint16_t>(*priority);
    return nullptr;
}

const char* set_untagged(PortSettings& settings, std::string_view text) {
    const auto vlan = parse_number(text, 0, kVlanMax);
    if (!vlan && text != "none") return "it is a VLAN from 0 to 4094, or none";
    settings.vlans.untagged = vlan;
    return nullptr;
}

const char* set_tagged(PortSettings& settings, std::string_view text) {
    const auto vlans = parse_vlans(text);
    if (!vlans) return "it is a list of VLANs from 1 to 4094 and ranges of them, as in '10 20-29'";
    settings.vlans.tagged = *vlans;
    return nullptr;
}

const char* set_cost(PortSettings& settings, std::string_view text) {
    const auto cost = parse_number(text, 1, 200'000'000);
    if (!cost) return "it is a number from 1 to 200000000";
    settings.cost = *cost;
    return nullptr;
}

constexpr std::array<std::string_view, 3> kEdges{"auto", "0", "1"};

const char* set_edge(PortSettings& settings, std::string_view text) {
    const auto found = std::find(kEdges.begin(), kEdges.end(), text);
    if (found == kEdges.end()) return "it is auto, 0 or 1";
    settings.edge = static_cast<Edge>(found - kEdges.begin());
    return nullptr;
}

const char* set_addresses(PortSettings& settings, std::string_view text) {
    std::vector<Mac> addresses;
    while (const auto word = next_word(text)) {
        const auto mac = parse_mac(*word);
        if (!mac || is_group(*mac) || *mac == 0)
            return "it is a list of stations' addresses, as in '02:00:00:00:00:01'";
        addresses.push_back(*mac);
    }
    std::sort(addresses.begin(), addresses.end());
    addresses.erase(std::unique(addresses.begin(), addresses.end()), addresses.end());
    if (addresses.size() > PortSettings::kAddressesMax) return "a port has at most 1024 of them";
    settings.addresses = std::move(addresses);
    return nullptr;
}

std::string show_addresses(const PortSettings& settings) {
    std::string text;
    for (const Mac mac : settings.addresses) {
        if (!text.empty()) text += ' ';
        text += to_string(mac);
    }
    return text;
}

using N = NetworkSettings;
using P = PortSettings;
// Who is where, and who may talk to whom, is not for those who only use a port.
constexpr std::uint32_t kOfPort = IPN_OPTION_PORT | IPN_OPTION_MANAGER;

constexpr std::array<Setting, kSettingsCount> kSettings{{
    {{"ageing_s", "1..1000000 seconds", "300", IPN_OPTION_NET},
     set_ageing,
     [](const N& n) { return std::to_string(n.table.ageing_ms / 1000); },
     nullptr,
     nullptr},
    {{"table_size", "1..1048576 stations", "16384", IPN_OPTION_NET},
     set_table_size,
     [](const N& n) { return std::to_string(n.table.table_size); },
     nullptr,
     nullptr},
    {{"persistence_ms", "0..3600000 ms", "3000", IPN_OPTION_NET},
     set_persistence,
     [](const N& n) { return std::to_string(n.table.persistence_ms); },
     nullptr,
     nullptr},
    {{"hub", "0, 1", "0", IPN_OPTION_NET},
     [](N& n, std::string_view text) { return set_switch(n.hub, text); },
     [](const N& n) { return show_switch(n.hub); },
     nullptr,
     nullptr},
    {{"stp", "0, 1", "0", IPN_OPTION_NET},
     [](N& n, std::string_view text) { return set_switch(n.stp, text); },
     [](const N& n) { return show_switch(n.stp); },
     nullptr,
     nullptr},
    {{"priority", "0..61440, multiples of 4096", "32768", IPN_OPTION_NET},
     set_priority,
     [](const N& n) { return std::to_string(n.priority); },
     nullptr,
     nullptr},
    {{"trunk_default", "0, 1", "1", IPN_OPTION_NET},
     [](N& n, std::string_view text) { return set_switch(n.trunk_default, text); },
     [](const N& n) { return show_switch(n.trunk_default); },
     nullptr,
     nullptr},
    {{"untagged", "0..4094, none", "0", kOfPort},
     nullptr,
     nullptr,
     set_untagged,
     [](const P& p) {
         return p.vlans.untagged ? std::to_string(*p.vlans.untagged) : std::string("none");
     }},
    {{"tagged", "VLANs 1..4094", "", kOfPort},
     nullptr,
     nullptr,
     set_tagged,
     [](const P& p) { return to_string(p.vlans.tagged); }},
    {{"cost", "1..200000000", "20000", kOfPort},
     nullptr,
     nullptr,
     set_cost,
     [](const P& p) { return std::to_string(p.cost); }},
    {{"edge", "auto, 0, 1", "auto", kOfPort},
     nullptr,
     nullptr,
     set_edge,
     [](const P& p) { return std::string(to_string(p.edge)); }},
    {{"isolated", "0, 1", "0", kOfPort},
     nullptr,
     nullptr,
     [](P& p, std::string_view text) { return set_switch(p.isolated, text); },
     [](const P& p) { return show_switch(p.isolated); }},
    {{"static", "addresses", "", kOfPort}, nullptr, nullptr, set_addresses, show_addresses},
}};

}  // namespace

std::span<const Setting, kSettingsCount> settings() {
    return kSettings;
}

std::string_view to_string(Edge edge) {
    return kEdges[static_cast<std::size_t>(edge)];
}

}  // namespace ipn::vdeswitch
