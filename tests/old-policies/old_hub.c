/* old-hub: a hub as the first edition of <ipn/policy.h> lets one be written. It uses all that there
 * was: it chooses ports from the top, answers `?` with how many packets there were, and repeats
 * what begins with `+` by injecting it. */
#include <errno.h>
#include <ipn/policy.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct ipn_host* host;

static int newnet(struct ipn_net* net) {
    unsigned long* packets = calloc(1, sizeof *packets);
    if (packets == NULL) return -ENOMEM;
    *host->net_private(net) = packets;
    return 0;
}

static void delnet(struct ipn_net* net) {
    free(*host->net_private(net));
}

static int newport(struct ipn_port* port, uint32_t wanted) {
    const struct ipn_net* net = host->net(port);
    uint32_t number = host->numnodes(net);
    if (wanted != IPN_PORT_ANY) return host->free_port(net, wanted);
    while (number-- > 0)
        if (host->free_port(net, number) >= 0) return (int)number;
    return -EADDRNOTAVAIL;
}

static void answer(struct ipn_port* to, unsigned long packets, int depth) {
    char words[32];
    const int length = snprintf(words, sizeof words, "%lu", packets);
    struct ipn_msg* made = host->alloc(to, (uint32_t)length);
    if (made == NULL) return;
    memcpy(host->data(made), words, (size_t)length);
    host->send(to, made, depth);
    host->put(made);
}

static int handlemsg(struct ipn_port* from, struct ipn_msg* msg, int depth) {
    struct ipn_net* net = host->net(from);
    unsigned long* packets = *host->net_private(net);
    if (host->data(msg)[0] == '?') {
        answer(from, *packets, depth);
        return 0;
    }
    ++*packets;
    host->send_all(net, msg, depth);
    if (host->data(msg)[0] == '+' && depth == 0) return host->inject(from, msg, depth);
    return 0;
}

static const struct ipn_policy table = {
    .struct_size = sizeof table,
    .api = IPN_POLICY_API,
    .name = "old-hub",
    .description = "a hub of the first edition",
    .newnet = newnet,
    .delnet = delnet,
    .newport = newport,
    .handlemsg = handlemsg,
};

const struct ipn_policy* ipn_policy_module(const struct ipn_host* its_host) {
    if (its_host->api != IPN_POLICY_API || its_host->struct_size < sizeof *its_host) return NULL;
    host = its_host;
    return &table;
}
