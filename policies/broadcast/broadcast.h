// The broadcast policy: a hub. Every reader but the sender receives every packet.
#pragma once

#include "ipn/policy.h"

extern "C" const ipn_policy* ipn_broadcast_policy(const ipn_host* host);
