// vdeswitch as a module.
#include "vdeswitch.h"

extern "C" const ipn_policy* ipn_policy_module(const ipn_host* host) {
    return ipn_vdeswitch_policy(host);
}
