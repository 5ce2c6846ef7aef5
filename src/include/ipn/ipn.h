/* SPDX-License-Identifier: MIT
 *
 * <ipn/ipn.h>: networks of ipnfs for programs in C and C++; the functions are in libipn, see
 * ipn(3).
 *
 * First the ioctls, which need no library: the attributes of a node by the descriptor that it has
 * open, whatever the permissions of the file are. Then the library: nodes that send and receive
 * many packets in one system call.
 *
 * Errors: functions that return int or ssize_t return -1 and set errno; nothing is ever printed.
 * Threads: one thread may send on a node while another receives on it; two that do the same need a
 * lock. Different nodes have nothing to do with each other: the library has no state of its own.
 * Ownership: a node is the caller's, from ipn_open() to ipn_close(); all other memory is the
 * caller's all the time, and no function keeps a pointer into it.
 */
#ifndef IPN_IPN_H
#define IPN_IPN_H

#include <linux/ioctl.h>
#include <linux/types.h>
#include <stddef.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- ioctls on an open port */

/* `name` is NUL-terminated, with or without the prefix "user.ipn."; `value` is not: `size` bytes.
 */
struct ipn_attr {
    char name[64];
    __u32 size;
    __u32 reserved; /* 0 */
    char value[256];
};

/* Fills in value and size: of an attribute of the node; of an option of its network; or "error",
 * what was behind the last error of this user on the file that was opened. ENODATA: no such
 * attribute. */
#define IPN_IOC_GETATTR _IOWR('N', 1, struct ipn_attr)
/* EOPNOTSUPP no such attribute, EPERM read only or not narrower (role), EINVAL bad value. */
#define IPN_IOC_SETATTR _IOW('N', 2, struct ipn_attr)

/* An out-of-band message: `size` bytes. */
struct ipn_oob {
    __u32 size;
    __u32 reserved; /* 0 */
    char data[4096];
};

/* Takes the oldest out-of-band message that waits. EAGAIN: there is none, or the attribute
 * "want_oob" is not 1. */
#define IPN_IOC_RECVOOB _IOR('N', 3, struct ipn_oob)

/* ---- libipn: nodes */

struct ipn_node;

/* Flags of ipn_open(). */
#define IPN_READER 0x1
#define IPN_WRITER 0x2
#define IPN_BOTH (IPN_READER | IPN_WRITER)
#define IPN_NONBLOCK 0x4 /* calls that would wait fail with EAGAIN */

/* Joins the network whose directory is `network`, at any free port. NULL and errno: what open(2)
 * says, EADDRNOTAVAIL no port is free, EPIPE the network is shutting down, ENOTTY it is none. */
struct ipn_node* ipn_open(const char* network, int flags);
/* Leaves, without waiting. Packets that were received and not yet handed out are lost, and so is
 * one that was sent in part, see ipn_flush(). NULL is allowed. */
void ipn_close(struct ipn_node* node);

/* The descriptor, for poll(2) and fcntl(2), not to be read, written or closed. Packets that
 * ipn_pending() counts do not make it readable. */
int ipn_fd(const struct ipn_node* node);
/* The length of the longest packet. */
size_t ipn_mtu(const struct ipn_node* node);
int ipn_set_nonblock(struct ipn_node* node, int on);

/* Waits until one of `events` (POLLIN, POLLOUT, POLLPRI) is so, POLLERR or POLLHUP, or so many
 * milliseconds have passed; forever if negative. Returns what is so, 0 for a time-out. */
int ipn_wait(struct ipn_node* node, short events, int timeout_ms);

/* ---- libipn: packets */

struct ipn_packet {
    const void* data;
    size_t length;
};

/* Sends one packet: 0. EMSGSIZE: it has no bytes, or more than the MTU; and what write(2) says. */
int ipn_send(struct ipn_node* node, const void* data, size_t length);
/* Sends packets[0] to packets[count - 1], in this order, in as few system calls as can be. Returns
 * how many were sent: fewer than `count` if the next one cannot be, or a signal came, or the node
 * does not block and there was no more room, or much waits already. -1 only if none was; then errno
 * is about the first. */
ssize_t ipn_send_many(struct ipn_node* node, const struct ipn_packet* packets, size_t count);

/* Where a system call ended within a packet, which it does only if the kernel splits large
 * requests, this packet counts as sent, and the node keeps its rest, which goes before anything
 * else. This sends what is kept, if anything: a program that does not block and has nothing more to
 * send calls it until it returns 0. -1, EAGAIN: there is no room yet. */
int ipn_flush(struct ipn_node* node);

/* Receives one packet into `buffer`. Returns its length, 0 at the end of file. EMSGSIZE: it is
 * longer than `size`, and stays. Further packets may be read along with it, and are kept in the
 * node for the next call. */
ssize_t ipn_receive(struct ipn_node* node, void* buffer, size_t size);
/* Receives as many packets as are waiting, up to `max`, in one system call. They lie in `buffer`,
 * and packets[0], packets[1], … say where. `size` is at least ipn_mtu() + 2, more if the policy
 * makes packets longer: else EMSGSIZE, and they stay. Waits for the first only. Returns how many, 0
 * at the end of file. What was read beyond `max` is kept in the node for the next call: let `max`
 * be large enough, since that costs a copy. */
ssize_t ipn_receive_many(struct ipn_node* node, void* buffer, size_t size,
                         struct ipn_packet* packets, size_t max);
/* How many packets are kept in the node. */
size_t ipn_pending(const struct ipn_node* node);

/* Takes the oldest out-of-band message that waits for a node whose attribute "want_oob" is 1.
 * Returns its length; it is cut to `size` bytes. EAGAIN: there is none; this function never waits.
 */
ssize_t ipn_receive_oob(struct ipn_node* node, void* buffer, size_t size);

/* ---- libipn: attributes and options, by their names without "user.ipn." */

/* The value of an attribute of the node, or of an option of its network, as a string. Returns its
 * length; ERANGE if that, with the NUL, is more than `size`. ENODATA: there is none of that name.
 */
ssize_t ipn_get(struct ipn_node* node, const char* name, char* value, size_t size);
/* Sets an attribute of the node. */
int ipn_set(struct ipn_node* node, const char* name, const char* value);

/* The same for an option of the network whose directory is `network`: what getxattr(2) and
 * setxattr(2) say. */
ssize_t ipn_network_get(const char* network, const char* name, char* value, size_t size);
int ipn_network_set(const char* network, const char* name, const char* value);

/* ---- libipn: errors in words
 *
 * Each writes into `words` a sentence about the last failure of a call, `error` being its errno,
 * and returns `words`. The sentence is the file system's (user.ipn.error), or that of strerror(3)
 * where it has none. It is cut to `size` bytes. errno stays as it is. */

/* … of a call for this node. */
char* ipn_node_error(struct ipn_node* node, int error, char* words, size_t size);
/* … of ipn_open(network). */
char* ipn_open_error(const char* network, int error, char* words, size_t size);
/* … of ipn_network_get() and ipn_network_set(). */
char* ipn_network_error(const char* network, int error, char* words, size_t size);

/* "0.1.0" */
const char* ipn_version(void);

#ifdef __cplusplus
}
#endif

#endif
