/* Modules that are bad in one way each; the build says in which. */
#include <errno.h>
#include <ipn/policy.h>
#include <stddef.h>

#ifdef BAD_NO_SYMBOL
int nothing_that_anybody_looks_for;
#else

static const struct ipn_host* host;

static int handlemsg(struct ipn_port* from, struct ipn_msg* msg, int depth) {
    host->send_all(host->net(from), msg, depth);
    return 0;
}

#ifdef BAD_REFUSING /* refuses every network */
static int newnet(struct ipn_net* net) {
    (void)net;
    host->explain("not this one");
    return -ENOSPC;
}
static const struct ipn_policy table = {
    .struct_size = sizeof table,
    .api = IPN_POLICY_API,
    .name = "refusing",
    .newnet = newnet,
    .handlemsg = handlemsg,
};
#endif

#ifdef BAD_API
static const struct ipn_policy table = {
    .struct_size = sizeof table,
    .api = IPN_POLICY_API + 1,
    .name = "otherapi",
    .handlemsg = handlemsg,
};
#endif

#ifdef BAD_HALF_HOOKS /* lacks destroy */
static void* create(struct ipn_net* net) {
    return net;
}
static const struct ipn_hooks hooks = {.struct_size = sizeof hooks, .create = create};
static const struct ipn_policy table = {
    .struct_size = sizeof table,
    .api = IPN_POLICY_API,
    .name = "halfhooks",
    .handlemsg = handlemsg,
    .hooks = &hooks,
};
#endif

#ifdef BAD_FAULTY /* answers nonsense, and leaves packets and a timer behind */
static void expired(void* context) {
    (void)context;
}
static int newnet(struct ipn_net* net) {
    struct ipn_timer* timer = host->timer_new(net, expired, NULL);
    return timer == NULL ? -ENOMEM : host->timer_arm(timer, host->now_ns() + 3600000000000u);
}
static int forgetful(struct ipn_port* from, struct ipn_msg* msg, int depth) {
    (void)handlemsg;
    (void)from;
    (void)depth;
    host->hold(msg);
    return host->data(msg)[0] == '!' ? -100000 : 0;
}
static const struct ipn_policy table = {
    .struct_size = sizeof table,
    .api = IPN_POLICY_API,
    .name = "faulty",
    .newnet = newnet,
    .handlemsg = forgetful,
};
#endif

const struct ipn_policy* ipn_policy_module(const struct ipn_host* its_host) {
    host = its_host;
#ifdef BAD_CONSTRUCTOR
    (void)handlemsg;
    host->explain("this machine has no such hardware");
    return NULL;
#else
    return &table;
#endif
}

#endif
