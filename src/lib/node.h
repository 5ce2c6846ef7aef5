/* SPDX-License-Identifier: MIT
 *
 * What a node is inside libipn: a descriptor of `framed`, whose stream send.c makes and receive.c
 * takes apart.
 *
 * Invariants: (1) send.c uses `staged` and `rest` only, receive.c `kept` only, so that one thread
 * may send while another one receives; (2) while `rest` is not empty nothing else is written.
 * Limits: a node holds STAGED_BYTES of what is sent, and of what is received one read and one
 * packet.
 */
#ifndef IPN_LIB_NODE_H
#define IPN_LIB_NODE_H

#include <stddef.h>

#include "ipn/ipn.h"

#define HEADER_BYTES 2u /* before each packet of the stream: its length, big-endian */
#define LENGTH_MAX 65535u

/* One system call of at most so many bytes is one request to the daemon, wherever they lie in
 * memory; the kernel splits what is larger, at any byte. */
#define REQUEST_BYTES_MAX (1024u * 1024u - 2u * 4096u)

/* bytes[start] to bytes[end - 1] are meant. */
struct part {
    size_t start;
    size_t end;
};

/* The stream as far as it was received and not yet handed out. It may end within a packet. */
struct kept {
    unsigned char* bytes; /* null until the first is received */
    size_t capacity;
    struct part part;
};

struct ipn_node {
    int fd;
    size_t mtu;
    unsigned char* staged; /* what is being sent; null until the first is */
    struct part rest;      /* of it: what is missing of a packet that was sent in part */
    struct kept kept;
};

#endif
