/* witness: uses the whole interface, and its view `calls` tells how it was called. What is written
 * says what is to happen: `>3 words` goes to port 3; `!words` goes to all out of band; `~words`
 * comes late, by a timer; `#words` to each reader with its port number instead of the `#`; `+words`
 * again, injected; anything else to all. In rooms/NAME, words go only to those who opened it. */
#include <ctype.h>
#include <errno.h>
#include <ipn/policy.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct ipn_host* host;

enum { values_max = 64, room_max = 16 };

struct state {
    char calls[4096];
    char colour[values_max];
    struct ipn_timer* timer;
    struct ipn_msg* late;
    uint64_t packets;
};

static struct state* state_of(const struct ipn_net* net) {
    return *host->net_private((struct ipn_net*)net);
}

static void note(const struct ipn_net* net, const char* format, ...) {
    struct state* state = state_of(net);
    const size_t used = strlen(state->calls);
    va_list values;
    va_start(values, format);
    vsnprintf(state->calls + used, sizeof state->calls - used, format, values);
    va_end(values);
}

static int for_each_reader(struct ipn_net* net, int (*call)(struct ipn_port*, struct ipn_msg*),
                           struct ipn_msg* msg) {
    int result = 0;
    for (uint32_t number = 0; number < host->numnodes(net) && result == 0; number++) {
        struct ipn_port* to = host->port(net, number);
        if (to != NULL && (host->role(to) & IPN_ROLE_READER) != 0) result = call(to, msg);
    }
    return result;
}

/* ---- networks */

static void expired(void* context) {
    struct ipn_net* net = context;
    struct state* state = state_of(net);
    host->send_all(net, state->late, 0);
    host->put(state->late);
    state->late = NULL;
}

static int newnet(struct ipn_net* net) {
    struct state* state = calloc(1, sizeof *state);
    if (state == NULL) return -ENOMEM;
    state->timer = host->timer_new(net, expired, net);
    if (state->timer == NULL) {
        free(state);
        return -ENOMEM;
    }
    strcpy(state->colour, "grey");
    *host->net_private(net) = state;
    note(net, "newnet %s\n", host->net_name(net));
    return 0;
}

static void delnet(struct ipn_net* net) {
    struct state* state = state_of(net);
    if (state->late != NULL) host->put(state->late);
    host->timer_free(state->timer);
    host->warn(net, "delnet");
    free(state);
}

static int resizenet(struct ipn_net* net, uint32_t old_size, uint32_t new_size) {
    note(net, "resizenet %u %u\n", old_size, new_size);
    return new_size == 13 ? -EDOM : 0;
}

/* ---- ports */

static int newport(struct ipn_port* port, uint32_t wanted) {
    const int number = host->free_port(host->net(port), wanted);
    note(host->net(port), "newport %d\n", number);
    return number;
}
static void postnewport(struct ipn_port* port) {
    note(host->net(port), "postnewport %u\n", host->number(port));
}
static void predelport(struct ipn_port* port) {
    note(host->net(port), "predelport %u\n", host->number(port));
}
static void delport(struct ipn_port* port) {
    note(host->net(port), "delport\n");
    free(*host->port_private(port));
}
static void resetport(struct ipn_net* net, uint32_t number) {
    note(net, "resetport %u\n", number);
}

/* ---- packets */

static int send_oob(struct ipn_port* to, struct ipn_msg* msg) {
    host->send_oob(to, host->data(msg) + 1, host->length(msg) - 1);
    return 0;
}

static int send_marked(struct ipn_port* to, struct ipn_msg* msg) {
    struct ipn_msg* marked = host->derive(to, msg, 1, 1);
    if (marked == NULL) return -ENOMEM;
    host->data(marked)[0] = (unsigned char)('0' + host->number(to));
    host->send(to, marked, 0);
    host->put(marked);
    return 0;
}

static int send_later(struct ipn_net* net, struct ipn_msg* msg) {
    const uint64_t delay_ns = 1000000;
    struct state* state = state_of(net);
    if (state->late != NULL) return -EBUSY;
    if (host->hold(msg) != 0) return -ENOMEM;
    state->late = msg;
    return host->timer_arm(state->timer, host->now_ns() + delay_ns);
}

static int send_in_room(struct ipn_port* from, struct ipn_msg* msg, int depth) {
    struct ipn_net* net = host->net(from);
    for (uint32_t number = 0; number < host->numnodes(net); number++) {
        struct ipn_port* to = host->port(net, number);
        const char* room = to == NULL ? NULL : *host->port_private(to);
        if (room != NULL && strcmp(room, *host->port_private(from)) == 0)
            host->send(to, msg, depth);
    }
    return 0;
}

static int handlemsg(struct ipn_port* from, struct ipn_msg* msg, int depth) {
    struct ipn_net* net = host->net(from);
    const unsigned char* data = host->data(msg);
    state_of(net)->packets++;
    if (*host->port_private(from) != NULL) return send_in_room(from, msg, depth);
    if (data[0] == '!') return for_each_reader(net, send_oob, msg);
    if (data[0] == '#') return for_each_reader(net, send_marked, msg);
    if (data[0] == '~') return send_later(net, msg);
    if (data[0] == '>') {
        struct ipn_port* to = host->port(net, (uint32_t)(data[1] - '0'));
        if (to == NULL) return -EHOSTUNREACH;
        host->send(to, msg, depth);
        return 0;
    }
    host->send_all(net, msg, depth);
    return data[0] == '+' && depth < 2 ? host->inject(from, msg, depth) : 0;
}

/* ---- options: 0 colour, of the network; 1 ports, read only */

static int setsockopt(struct ipn_net* net, uint32_t number, size_t index, const char* value,
                      size_t length) {
    (void)number;
    if (index != 0 || length == 0 || length >= values_max) {
        host->explain("a colour has a name");
        return -EINVAL;
    }
    if (net == NULL) return 0;
    memset(state_of(net)->colour, 0, values_max);
    memcpy(state_of(net)->colour, value, length);
    return 0;
}

static int getsockopt(const struct ipn_net* net, uint32_t number, size_t index, char* value,
                      size_t size) {
    (void)number;
    return index == 0 ? snprintf(value, size, "%s", state_of(net)->colour)
                      : snprintf(value, size, "%u", host->numnodes(net));
}

static int ioctl(struct ipn_port* port, uint32_t request, const void* in, size_t in_size, void* out,
                 size_t out_size) {
    note(host->net(port), "ioctl %x\n", request);
    if (in_size != out_size) return -ENOTTY;
    for (size_t i = 0; i < in_size; i++)
        ((char*)out)[i] = (char)toupper(((const unsigned char*)in)[i]);
    return (int)in_size;
}

/* ---- files */

static int show_calls(struct ipn_net* net, struct ipn_text* text) {
    host->print(text, state_of(net)->calls, strlen(state_of(net)->calls));
    return 0;
}

static uint64_t packets(const struct ipn_net* net) {
    return state_of(net)->packets;
}

static int check(const struct ipn_net* net, const char* name) {
    (void)net;
    const size_t length = strspn(name, "abcdefghijklmnopqrstuvwxyz");
    return name[length] == '\0' && length < room_max ? 0 : -ENOENT;
}

static void list(const struct ipn_net* net, struct ipn_text* text) {
    for (uint32_t number = 0; number < host->numnodes(net); number++) {
        struct ipn_port* port = host->port(net, number);
        const char* room = port == NULL ? NULL : *host->port_private(port);
        if (room == NULL) continue;
        host->print(text, room, strlen(room));
        host->print(text, "\n", 1);
    }
}

static int open_room(struct ipn_port* port, const char* name) {
    note(host->net(port), "open %u %s\n", host->number(port), name);
    if (strcmp(name, "closed") == 0) return -EUSERS;
    *host->port_private(port) = strdup(name);
    return 0;
}

static const struct ipn_option options[] = {
    {"colour", "a name", "grey", IPN_OPTION_NET | IPN_OPTION_UNCONNECTED},
    {"ports", "a number", NULL, IPN_OPTION_NET | IPN_OPTION_READ_ONLY},
};
static const struct ipn_preset presets[] = {{"mtu", "100"}};
static const struct ipn_view views[] = {{"calls", show_calls}};
static const struct ipn_stat stats[] = {{"packets", IPN_STAT_COUNTER, packets}};
static const struct ipn_endpoints rooms = {"rooms", check, list, open_room};

static const struct ipn_policy table = {
    .struct_size = sizeof table,
    .api = IPN_POLICY_API,
    .name = "witness",
    .description = "tells how it is called",
    .newnet = newnet,
    .delnet = delnet,
    .resizenet = resizenet,
    .newport = newport,
    .postnewport = postnewport,
    .predelport = predelport,
    .delport = delport,
    .handlemsg = handlemsg,
    .length_min = 2,
    .options = options,
    .options_count = 2,
    .setsockopt = setsockopt,
    .getsockopt = getsockopt,
    .resetport = resetport,
    .presets = presets,
    .presets_count = 1,
    .views = views,
    .views_count = 1,
    .stats = stats,
    .stats_count = 1,
    .ioctl = ioctl,
    .endpoints = &rooms,
};

const struct ipn_policy* ipn_policy_module(const struct ipn_host* its_host) {
    host = its_host;
    return &table;
}
