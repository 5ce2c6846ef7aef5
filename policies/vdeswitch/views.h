// Views of a switch: policy/fdb, policy/vlans, policy/stp and policy/ports. A header line, then one
// row a line, its fields separated by blanks; `-` stands for what is not there.
#pragma once

#include "switch.h"

namespace ipn::vdeswitch {

// Each may throw std::bad_alloc.
void show_fdb(const Switch& bridge, ipn_text* text);
void show_vlans(const Switch& bridge, ipn_text* text);
void show_stp(const Switch& bridge, ipn_text* text);
void show_ports(const Switch& bridge, ipn_text* text);

}  // namespace ipn::vdeswitch
