#include "broadcast.h"

namespace {

const ipn_host* host;

int handlemsg(ipn_port* from, ipn_msg* msg, int depth) {
    host->send_all(host->net(from), msg, depth);
    return 0;
}

constexpr ipn_policy kBroadcast{
    .struct_size = sizeof(ipn_policy),
    .api = IPN_POLICY_API,
    .name = "broadcast",
    .description = "a hub: every node but the sender",
    .newnet = nullptr,
    .delnet = nullptr,
    .resizenet = nullptr,
    .newport = nullptr,
    .postnewport = nullptr,
    .predelport = nullptr,
    .delport = nullptr,
    .handlemsg = handlemsg,
};

}  // namespace

extern "C" const ipn_policy* ipn_broadcast_policy(const ipn_host* host_table) {
    host = host_table;
    return &kBroadcast;
}
