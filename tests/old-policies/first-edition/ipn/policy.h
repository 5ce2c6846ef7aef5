/* SPDX-License-Identifier: MIT
 *
 * <ipn/policy.h>: what decides who receives a packet.
 *
 * A policy is one table of calls, struct ipn_policy. The network's side is another, struct
 * ipn_host, which the policy gets once, from the function that hands its own table over:
 *
 *     const struct ipn_policy *ipn_policy_module(const struct ipn_host *host);
 *
 * Both tables begin with their size and the API number. They only ever grow at the end within one
 * API number: test a member that is newer than the header you need with IPN_HAS().
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

struct ipn_net;  /* a network */
struct ipn_port; /* a node connected to a port of a network */
struct ipn_msg;  /* a packet; immutable once it was sent */

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
};

#ifdef __cplusplus
}
#endif

#endif
