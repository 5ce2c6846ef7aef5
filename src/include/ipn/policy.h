/* SPDX-License-Identifier: MIT
 *
 * <ipn/policy.h>: what decides who receives a packet.
 *
 * A policy is one table of calls, struct ipn_policy. The network's side is another, struct
 * ipn_host, which the policy gets once, from the function that hands its own table over,
 * ipn_policy_module(). Both tables begin with their size and the API number. They only ever grow at
 * the end within one API number: test a member that is newer than the header you need with
 * IPN_HAS().
 *
 * Threads: every call in both directions happens on the daemon's one loop. A policy that waits for
 * anything stops every network of the mount.
 * Errors: calls that return int return 0 (or what they say) or a negative errno.
 * Ownership: objects (net, port, msg) belong to the host. A policy may keep a net between newnet
 * and delnet, a port between newport and delport, and a msg while it holds it.
 */
#ifndef IPN_POLICY_H
#define IPN_POLICY_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define IPN_POLICY_API 1u

/* A port number that leaves the choice to the network: the lowest that is free and not reserved. */
#define IPN_PORT_ANY 0xffffffffu

#define IPN_HAS(table, member) \
    ((table)->struct_size >= offsetof(__typeof__(*(table)), member) + sizeof((table)->member))

struct ipn_net;   /* a network */
struct ipn_port;  /* a node connected to a port of a network */
struct ipn_msg;   /* a packet; immutable once it was sent */
struct ipn_timer; /* a call at a time */
struct ipn_text;  /* text that a policy writes for a reader */

/* Roles of a port, as bits. */
#define IPN_ROLE_READER 1u
#define IPN_ROLE_WRITER 2u

/* Who opened a port. pid 0: not known here (another pid namespace). */
struct ipn_credentials {
    uint32_t uid;
    uint32_t gid;
    uint32_t pid;
};

/* What a network offers to its policy. */
struct ipn_host {
    size_t struct_size;
    uint32_t api;

    /* Queues `msg` for the node at `to`. Never to the port the packet came from, nor to one that
     * does not read: then nothing happens. `depth` is what handlemsg() was called with. What does
     * not fit (a lossy network) is dropped and counted at that node. */
    void (*send)(struct ipn_port* to, struct ipn_msg* msg, int depth);
    /* The same for every reader of the network, in one call. */
    void (*send_all)(struct ipn_net* net, struct ipn_msg* msg, int depth);
    /* Handles `msg` as if `from` had sent it, after the packet now being handled. depth + 1 is what
     * handlemsg() will get; above the mount's max_hops the packet is dropped: -ELOOP. -ENOTCONN:
     * `from` is not connected yet, or no longer. -ENOMEM. */
    int (*inject)(struct ipn_port* from, struct ipn_msg* msg, int depth);

    /* A new packet of `length` bytes, 1..MTU, to be filled through data() and released with put().
     * `payer` is whose memory it takes: usually the port that sent what it answers. NULL if there
     * is no memory for it. */
    struct ipn_msg* (*alloc)(struct ipn_port* payer, uint32_t length);
    /* Keeps `msg` beyond the call it was handed to. -ENOMEM: there was no memory to keep it in. */
    int (*hold)(struct ipn_msg* msg);
    void (*put)(struct ipn_msg* msg);
    unsigned char* (*data)(struct ipn_msg* msg);
    uint32_t (*length)(const struct ipn_msg* msg);

    /* The port number to answer to newport(): `wanted`, or with IPN_PORT_ANY the lowest that is
     * free and not reserved. -EADDRNOTAVAIL none, or not below numnodes; -EADDRINUSE taken. */
    int (*free_port)(const struct ipn_net* net, uint32_t wanted);

    uint32_t (*number)(const struct ipn_port* port);
    struct ipn_net* (*net)(const struct ipn_port* port);
    struct ipn_port* (*port)(const struct ipn_net* net, uint32_t number); /* NULL: not in use */
    uint32_t (*numnodes)(const struct ipn_net* net);
    uint32_t (*mtu)(const struct ipn_net* net);

    /* A place for the policy's own data, NULL at first. */
    void** (*net_private)(struct ipn_net* net);
    void** (*port_private)(struct ipn_port* port);

    /* ---- From here on: not in the first edition of this API (see IPN_HAS). */

    const char* (*net_name)(const struct ipn_net* net); /* valid until the next rename */
    uint64_t (*net_id)(const struct ipn_net* net);      /* never used twice during a mount */
    uint32_t (*role)(const struct ipn_port* port);      /* IPN_ROLE_* */
    struct ipn_credentials (*credentials)(const struct ipn_port* port);
    /* Whether port `number` is kept by name: then its options outlive the node that uses it. */
    int (*reserved)(const struct ipn_net* net, uint32_t number);

    /* The reason, in words for people, behind the error that the call now running will return. */
    void (*explain)(const char* words);
    /* A line in the daemon's log, as warning. The policy's and network's names are put before it.
     */
    void (*warn)(const struct ipn_net* net, const char* words);

    /* A new packet like `msg`, with `add` bytes to be filled in instead of its first `cut`; what is
     * known of it besides (where it came from, offloads) is kept and moved along. It may be up to
     * 16 bytes longer than the MTU. Released with put(). NULL if there is no memory for it. */
    struct ipn_msg* (*derive)(struct ipn_port* payer, struct ipn_msg* msg, uint32_t cut,
                              uint32_t add);

    /* Queues an out-of-band message, 1..4096 bytes, for the node at `to` if it wants them
     * (`user.ipn.want_oob`). What does not fit its queue is dropped and counted. */
    void (*send_oob)(struct ipn_port* to, const void* data, size_t length);

    /* Nanoseconds of the monotonic clock. */
    uint64_t (*now_ns)(void); /* NOLINT(modernize-redundant-void-arg): it is C */
    /* `expired(context)` is called at the time that the timer was last armed for, once. It is
     * for the policy to free it, in delnet() at the latest. NULL: no memory. timer_arm() replaces
     * an earlier time. */
    struct ipn_timer* (*timer_new)(struct ipn_net* net, void (*expired)(void* context),
                                   void* context);
    int (*timer_arm)(struct ipn_timer* timer, uint64_t at_ns); /* -ENOMEM */
    void (*timer_disarm)(struct ipn_timer* timer);
    void (*timer_free)(struct ipn_timer* timer);

    /* Writers wait as for a full pool as long as `held` is not 0. */
    void (*hold_writers)(struct ipn_net* net, int held);
    /* The other end of this port has gone for good: reads give what is pending and then end of
     * file, writes EPIPE, polls POLLHUP. */
    void (*hang_up)(struct ipn_port* port);
    /* Who the other end of this port is: shown as `user.ipn.peer_pid`, `peer_uid`, `peer_gid`. */
    void (*set_peer)(struct ipn_port* port, struct ipn_credentials peer);

    /* Adds to what a view or a list shows. */
    void (*print)(struct ipn_text* text, const char* bytes, size_t length);

    /* hang_up() in part. IPN_ROLE_READER: nobody writes to this port any more, and reads give what
     * is pending and then end of file; IPN_ROLE_WRITER: nobody reads what it writes, and writes
     * give EPIPE. Once both are said, it is hang_up(). */
    void (*hang_up_role)(struct ipn_port* port, uint32_t roles);

    /* A new packet of the `length` bytes of `msg` from `offset` on, which came from where `msg`
     * did. Released with put(). NULL if there is no memory for it, if these are no bytes of `msg`,
     * and for what is yet to be made ordinary frames (an interface's offloads). */
    struct ipn_msg* (*slice)(struct ipn_port* payer, struct ipn_msg* msg, uint32_t offset,
                             uint32_t length);
};

/* An option of a policy, `user.ipn.POLICY.NAME`. */
#define IPN_OPTION_NET 1u         /* of the network */
#define IPN_OPTION_PORT 2u        /* of a port, in use or reserved */
#define IPN_OPTION_UNCONNECTED 4u /* changes only while no node is connected: else EBUSY */
#define IPN_OPTION_READ_ONLY 8u
/* Of a port, but set by those who may write the network's directory, not by who uses the port. */
#define IPN_OPTION_MANAGER 16u
struct ipn_option {
    const char* name;    /* [a-z0-9_] */
    const char* values;  /* for people */
    const char* initial; /* what it is before it is set, and after setfattr -x; NULL if read only */
    uint32_t flags;
};

/* An option of every network that is another at first under this policy: {"lossless", "1"}. */
struct ipn_preset {
    const char* option;
    const char* value;
};

/* A file in policy/ that shows something of the network: lines of text. 0 or a negative errno. */
struct ipn_view {
    const char* name; /* [a-z0-9_] */
    int (*show)(struct ipn_net* net, struct ipn_text* text);
};

/* A number in `stats` and `.ipnfs/metrics`. */
#define IPN_STAT_COUNTER 0u /* only grows */
#define IPN_STAT_GAUGE 1u
struct ipn_stat {
    const char* name; /* [a-z0-9_] */
    uint32_t kind;
    uint64_t (*value)(const struct ipn_net* net);
};

/* A directory in the network in which every name that check() knows can be opened; what is read and
 * written through it is up to handlemsg(), which finds its ports marked by open(). */
struct ipn_endpoints {
    const char* directory; /* [a-z0-9_] */
    /* 0: `name` can be opened. -ENOENT, or -EINVAL: no such name. */
    int (*check)(const struct ipn_net* net, const char* name);
    /* Those that are in use: one name a line. */
    void (*list)(const struct ipn_net* net, struct ipn_text* text);
    /* `port`, which has joined and is not known to anybody yet, is opened as `name`. */
    int (*open)(struct ipn_port* port, const char* name);
};

/* What a module may want to know of every network of the mount, whatever its policy. For each
 * network the calls never overlap and come in this order: create, bound (again at every change),
 * shutdown, destroy. Networks and policies that exist when the module is registered are told at
 * once; when it is unregistered, shutdown and destroy come for each network. What net_private()
 * gives is the bound policy's, not theirs. */
struct ipn_hooks {
    size_t struct_size;
    void* (*create)(struct ipn_net* net); /* required; its context is handed to the others */
    void (*shutdown)(struct ipn_net* net, void* context);
    void (*destroy)(struct ipn_net* net, void* context); /* required */
    void (*bound)(struct ipn_net* net, void* context, const char* policy);
    void (*policy_registered)(const char* policy, int registered);
};

/* What a policy offers to its networks. Calls other than handlemsg may be NULL. */
struct ipn_policy {
    size_t struct_size;
    uint32_t api;
    const char* name;        /* [a-z0-9-], what `user.ipn.policy` is set to */
    const char* description; /* one line */

    /* A network was bound to this policy; an error refuses. */
    int (*newnet)(struct ipn_net* net);
    /* It no longer is: drop what was kept for it. No node is connected. */
    void (*delnet)(struct ipn_net* net);
    /* numnodes is about to change; an error refuses. */
    int (*resizenet)(struct ipn_net* net, uint32_t old_size, uint32_t new_size);

    /* A node wants to join, at port `wanted` or IPN_PORT_ANY. Returns its port number or an error.
     * The port cannot be sent to yet. NULL: free_port(). */
    int (*newport)(struct ipn_port* port, uint32_t wanted);
    /* It joined, and can be sent to. */
    void (*postnewport)(struct ipn_port* port);
    /* It is about to leave, and can still be sent to. */
    void (*predelport)(struct ipn_port* port);
    /* It left: drop what was kept for it. */
    void (*delport)(struct ipn_port* port);

    /* `from` sent `msg`: send() it, or others, to whom it concerns. An error goes to the sender,
     * and then nothing may have been sent. `depth` is 0, or how often the packet was injected. */
    int (*handlemsg)(struct ipn_port* from, struct ipn_msg* msg, int depth);

    /* ---- From here on: not in the first edition of this API. Every member may be 0. */

    /* Packets that are shorter are refused (EINVAL) and counted before handlemsg() sees them. */
    uint32_t length_min;

    const struct ipn_option* options;
    size_t options_count;
    /* `number` is the port's, or IPN_PORT_ANY for an option of the network; `index` is the
     * option's. Setting changes nothing if it returns an error; with `net` NULL it only says
     * whether the value would do. Getting returns the length that the value has, of which up to
     * `size` bytes were written, or -ENODATA. */
    int (*setsockopt)(struct ipn_net* net, uint32_t number, size_t index, const char* value,
                      size_t length);
    int (*getsockopt)(const struct ipn_net* net, uint32_t number, size_t index, char* value,
                      size_t size);
    /* Port `number` is neither in use nor reserved any more: its options are as at first. */
    void (*resetport)(struct ipn_net* net, uint32_t number);

    const struct ipn_preset* presets;
    size_t presets_count;
    const struct ipn_view* views;
    size_t views_count;
    const struct ipn_stat* stats;
    size_t stats_count;

    /* An ioctl(2) on an open port that is none of <ipn/ipn.h>: at most 16383 bytes in and out.
     * Returns what ioctl(2) returns, or a negative errno; -ENOTTY: not known. */
    int (*ioctl)(struct ipn_port* port, uint32_t request, const void* in, size_t in_size, void* out,
                 size_t out_size);

    const struct ipn_endpoints* endpoints;
    /* With hooks, handlemsg may be NULL: then no network is bound to it. */
    const struct ipn_hooks* hooks;

    /* The port gave a part of its role up, for good: shutdown(2), as `user.ipn.role`. */
    void (*narrowed)(struct ipn_port* port);
};

/* What a module exports: its table, or NULL if it cannot work here. */
__attribute__((visibility("default"))) const struct ipn_policy* ipn_policy_module(
    const struct ipn_host* host);

#ifdef __cplusplus
}
#endif

#endif
