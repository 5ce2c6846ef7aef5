/* observer: watches every network of the mount, and writes what it sees to the file that
 * $IPNFS_TEST_OBSERVER names in the daemon's environment. A network's context is the name that it
 * had when it was created. */
#include <ipn/policy.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct ipn_host* host;

static void note(const char* format, ...) {
    const char* path = getenv("IPNFS_TEST_OBSERVER");
    FILE* file = path == NULL ? NULL : fopen(path, "a");
    if (file == NULL) return;
    va_list values;
    va_start(values, format);
    vfprintf(file, format, values);
    va_end(values);
    fclose(file);
}

static void* create(struct ipn_net* net) {
    note("create %s\n", host->net_name(net));
    return strdup(host->net_name(net));
}
static void bound(struct ipn_net* net, void* context, const char* policy) {
    (void)net;
    note("bound %s %s\n", (const char*)context, policy);
}
static void shut_down(struct ipn_net* net, void* context) {
    (void)net;
    note("shutdown %s\n", (const char*)context);
}
static void destroy(struct ipn_net* net, void* context) {
    (void)net;
    note("destroy %s\n", (const char*)context);
    free(context);
}
static void policy_registered(const char* policy, int registered) {
    note("%s %s\n", registered ? "registered" : "unregistered", policy);
}

static const struct ipn_hooks hooks = {
    .struct_size = sizeof hooks,
    .create = create,
    .shutdown = shut_down,
    .destroy = destroy,
    .bound = bound,
    .policy_registered = policy_registered,
};

static const struct ipn_policy table = {
    .struct_size = sizeof table,
    .api = IPN_POLICY_API,
    .name = "observer",
    .description = "watches",
    .hooks = &hooks,
};

const struct ipn_policy* ipn_policy_module(const struct ipn_host* its_host) {
    host = its_host;
    return &table;
}
