// connector as a module.
#include "connector.h"

extern "C" const ipn_policy* ipn_policy_module(const ipn_host* host) {
    return ipn_connector_policy(host);
}
