#include "pair.h"

#include <array>
#include <cerrno>
#include <cstdint>

namespace {

constexpr std::uint32_t kEnds = 2;
constexpr std::uint32_t kRoles = IPN_ROLE_READER | IPN_ROLE_WRITER;

const ipn_host* host;

// ---- whether there is a pair: all that is kept of a network

char a_pair;

bool paired(const ipn_net* net) {
    return *host->net_private(const_cast<ipn_net*>(net)) != nullptr;
}

void set_paired(ipn_net* net, bool paired) {
    *host->net_private(net) = paired ? &a_pair : nullptr;
    host->hold_writers(net, paired ? 0 : 1);
}

// The node at the other end; null if nobody is there.
ipn_port* other_end(const ipn_port* port) {
    return host->port(host->net(port), kEnds - 1 - host->number(port));
}

// `port` is hung up as far as `other` does not do what would be its other half.
void match(ipn_port* port, const ipn_port* other) {
    const std::uint32_t role = host->role(other);
    const std::uint32_t unread = (role & IPN_ROLE_READER) != 0 ? 0 : IPN_ROLE_WRITER;
    const std::uint32_t unwritten = (role & IPN_ROLE_WRITER) != 0 ? 0 : IPN_ROLE_READER;
    host->hang_up_role(port, unread | unwritten);
}

// ---- networks

int check_size(std::uint32_t numnodes) {
    if (numnodes == kEnds) return 0;
    host->explain("a pair has two ports: numnodes is 2");
    return -EINVAL;
}

int newnet(ipn_net* net) {
    if (const int wrong = check_size(host->numnodes(net)); wrong != 0) return wrong;
    set_paired(net, false);
    return 0;
}

int resizenet(ipn_net*, std::uint32_t, std::uint32_t new_size) {
    return check_size(new_size);
}

// ---- ports

int newport(ipn_port* port, std::uint32_t wanted) {
    const ipn_net* net = host->net(port);
    const int number = host->free_port(net, wanted);
    if (number < 0 || !paired(net)) return number;
    host->explain("one end of the pair has gone; when the other has gone too, new ones may come");
    return -EADDRNOTAVAIL;
}

void postnewport(ipn_port* port) {
    ipn_port* other = other_end(port);
    if (other == nullptr) return;
    host->set_peer(port, host->credentials(other));
    host->set_peer(other, host->credentials(port));
    match(port, other);
    match(other, port);
    set_paired(host->net(port), true);
}

void narrowed(ipn_port* port) {
    if (ipn_port* other = other_end(port)) match(other, port);
}

void predelport(ipn_port* port) {
    if (ipn_port* other = other_end(port)) host->hang_up_role(other, kRoles);
}

void delport(ipn_port* port) {
    ipn_net* net = host->net(port);
    for (std::uint32_t end = 0; end < kEnds; ++end)
        if (host->port(net, end) != nullptr) return;
    set_paired(net, false);
}

// ---- packets

int handlemsg(ipn_port* from, ipn_msg* msg, int depth) {
    ipn_port* other = other_end(from);
    if (other == nullptr) return -EPIPE;
    host->send(other, msg, depth);
    return 0;
}

constexpr std::array kPresets{ipn_preset{"lossless", "1"}, ipn_preset{"numnodes", "2"}};

constexpr ipn_policy kPair{
    .struct_size = sizeof(ipn_policy),
    .api = IPN_POLICY_API,
    .name = "pair",
    .description = "two ends: what one writes the other reads",
    .newnet = newnet,
    .delnet = nullptr,
    .resizenet = resizenet,
    .newport = newport,
    .postnewport = postnewport,
    .predelport = predelport,
    .delport = delport,
    .handlemsg = handlemsg,
    .presets = kPresets.data(),
    .presets_count = kPresets.size(),
    .narrowed = narrowed,
};

}  // namespace

extern "C" const ipn_policy* ipn_pair_policy(const ipn_host* host_table) {
    host = host_table;
    return IPN_HAS(host, hang_up_role) ? &kPair : nullptr;
}
