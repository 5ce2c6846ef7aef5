// broadcast as a module.
#include "broadcast.h"

extern "C" const ipn_policy* ipn_policy_module(const ipn_host* host) {
    return ipn_broadcast_policy(host);
}
