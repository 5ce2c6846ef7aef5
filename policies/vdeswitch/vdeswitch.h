// The vdeswitch policy: an Ethernet switch (see switch.h), as the table of calls that networks
// know.
#pragma once

#include "ipn/policy.h"

extern "C" const ipn_policy* ipn_vdeswitch_policy(const ipn_host* host);
