// pair as a module.
#include "pair.h"

extern "C" const ipn_policy* ipn_policy_module(const ipn_host* host) {
    return ipn_pair_policy(host);
}
