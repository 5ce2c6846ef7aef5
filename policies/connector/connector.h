// The connector policy: a bus of message ids, after the kernel's netlink connector.
//
// Here the calls of <ipn/policy.h> meet a Bus: they find it and its ports, and keep exceptions in.
#pragma once

#include "ipn/policy.h"

extern "C" const ipn_policy* ipn_connector_policy(const ipn_host* host);
