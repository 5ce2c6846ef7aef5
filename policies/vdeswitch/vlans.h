// VLANs: which ports are in which, and in what form their frames go there (802.1Q).
//
// A port has one VLAN whose frames it sends and takes without a tag, or none, and any set of others
// whose frames have one. A port for which neither was set is a trunk if `trunk_default` is on: it
// also takes and sends, tagged, frames of every VLAN that is configured at no port. One for which
// something was set is in these VLANs alone, whatever the others are: that is what keeps apart who
// shall be apart. Invariant: ConfiguredVlans counts, for each VLAN, the ports that name it.
// Threads: the loop only.
#pragma once

#include <array>
#include <bitset>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "ethernet.h"

namespace ipn::vdeswitch {

using VlanSet = std::bitset<kVlanMax + 1>;

// "10 20-29": numbers from 1 to 4094 and ranges of them, separated by blanks. "" is no VLAN.
std::optional<VlanSet> parse_vlans(std::string_view text);
// The same, in order and with ranges as long as they can be.
std::string to_string(const VlanSet& vlans, char separator = ' ');

enum class Form : std::uint8_t { none, untagged, tagged };

struct Membership {
    std::optional<Vlan> untagged = kUntaggedVlan;
    VlanSet tagged{};

    bool operator==(const Membership&) const = default;

    bool as_at_first() const { return untagged == kUntaggedVlan && tagged.none(); }
    // How frames of `vlan` come and go, as far as this port names it. The untagged one wins.
    Form form(Vlan vlan) const {
        if (untagged == vlan) return Form::untagged;
        return tagged.test(vlan) ? Form::tagged : Form::none;
    }
};

class ConfiguredVlans {
  public:
    void add(const Membership& membership) { count(membership, 1); }
    void remove(const Membership& membership) { count(membership, -1); }

    bool contains(Vlan vlan) const { return ports_[vlan] > 0; }

  private:
    void count(const Membership& membership, int change) {
        if (membership.untagged && *membership.untagged != kUntaggedVlan)
            ports_[*membership.untagged] += change;
        if (membership.tagged.none()) return;
        for (std::size_t vlan = 1; vlan <= kVlanMax; ++vlan)
            if (membership.tagged.test(vlan)) ports_[vlan] += change;
    }

    std::array<int, kVlanMax + 1> ports_{};
};

}  // namespace ipn::vdeswitch
