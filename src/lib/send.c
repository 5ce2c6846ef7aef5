/* SPDX-License-Identifier: MIT
 *
 * Sending: packets are put behind their lengths into one contiguous buffer, since segments cost the
 * kernel more than bytes.
 *
 * A write that ends early ends between two packets, as long as the buffer is one request to the
 * daemon. Where the kernel was told to split it into smaller ones, it may end within a packet. The
 * stream cannot be rid of that any more: the packet counts as sent, and its rest stays where it
 * lies and goes before everything else.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "node.h"

#define STAGED_BYTES (256u * 1024u)

static size_t put(unsigned char* to, const struct ipn_packet* packet) {
    to[0] = (unsigned char)(packet->length >> 8);
    to[1] = (unsigned char)packet->length;
    memcpy(to + HEADER_BYTES, packet->data, packet->length);
    return HEADER_BYTES + packet->length;
}

/* Puts as many of the packets as fit into the node's buffer. Returns how many bytes that are; 0 if
 * the first of them cannot be sent. */
static size_t stage(const struct ipn_node* node, const struct ipn_packet* packets, size_t count) {
    size_t bytes = 0;
    for (size_t i = 0; i < count; ++i) {
        const size_t length = packets[i].length;
        if (length == 0 || length > node->mtu) break;
        if (HEADER_BYTES + length > STAGED_BYTES - bytes) break;
        bytes += put(node->staged + bytes, &packets[i]);
    }
    return bytes;
}

/* How many of the packets that were staged went through, or into the stream in part, with so many
 * bytes. The rest of the last one is remembered. */
static size_t packets_in(struct ipn_node* node, size_t bytes, const struct ipn_packet* packets) {
    size_t count = 0;
    size_t end = 0;
    while (end < bytes) end += HEADER_BYTES + packets[count++].length;
    node->rest.start = bytes;
    node->rest.end = end;
    return count;
}

int ipn_flush(struct ipn_node* node) {
    struct part* rest = &node->rest;
    while (rest->start < rest->end) {
        const ssize_t written =
            write(node->fd, node->staged + rest->start, rest->end - rest->start);
        if (written < 0) return -1;
        rest->start += (size_t)written;
    }
    return 0;
}

ssize_t ipn_send_many(struct ipn_node* node, const struct ipn_packet* packets, size_t count) {
    if (node->staged == NULL && (node->staged = malloc(STAGED_BYTES)) == NULL) return -1;
    if (ipn_flush(node) < 0) return -1;
    size_t sent = 0;
    while (sent < count) {
        const size_t bytes = stage(node, packets + sent, count - sent);
        if (bytes == 0) errno = EMSGSIZE;
        const ssize_t written = bytes == 0 ? -1 : write(node->fd, node->staged, bytes);
        if (written < 0) return sent > 0 ? (ssize_t)sent : -1;
        sent += packets_in(node, (size_t)written, packets + sent);
        if ((size_t)written < bytes) {
            ipn_flush(node); /* what cannot go now goes first next time */
            break;
        }
    }
    return (ssize_t)sent;
}

int ipn_send(struct ipn_node* node, const void* data, size_t length) {
    const struct ipn_packet packet = {.data = data, .length = length};
    return ipn_send_many(node, &packet, 1) < 0 ? -1 : 0;
}
