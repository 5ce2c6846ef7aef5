/* SPDX-License-Identifier: MIT
 *
 * Receiving: a read of the stream, taken apart where it lies.
 *
 * What the caller has no room for is kept in the node. A read that has room for the longest packet
 * ends between two, unless a policy made a packet longer than the MTU, or the kernel splits large
 * reads: then the beginning of the last one is kept as well, and the next call reads no more than
 * its rest, so that what follows goes straight to the caller again.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "node.h"

/* The kernel pins all pages of what is read to, however little comes: 64 KiB cost less than more.
 */
#define READ_AHEAD_BYTES (64u * 1024u)

/* A part of the stream. */
struct stream {
    const unsigned char* bytes;
    size_t length;
};

static size_t length_of(const unsigned char* header) {
    return (size_t)header[0] << 8 | header[1];
}

/* Takes the packet at the beginning of the stream off it. False if there is no whole one. */
static bool next(struct stream* stream, struct ipn_packet* packet) {
    if (stream->length < HEADER_BYTES) return false;
    const size_t length = length_of(stream->bytes);
    if (stream->length - HEADER_BYTES < length) return false;
    packet->data = stream->bytes + HEADER_BYTES;
    packet->length = length;
    stream->bytes += HEADER_BYTES + length;
    stream->length -= HEADER_BYTES + length;
    return true;
}

static size_t take(struct stream* stream, struct ipn_packet* packets, size_t max) {
    size_t count = 0;
    while (count < max && next(stream, &packets[count])) ++count;
    return count;
}

static struct stream stream_of(const struct kept* kept) {
    struct stream stream = {NULL, 0};
    if (kept->bytes != NULL) {
        stream.bytes = kept->bytes + kept->part.start;
        stream.length = kept->part.end - kept->part.start;
    }
    return stream;
}

static bool packet_kept(const struct ipn_node* node) {
    struct stream kept = stream_of(&node->kept);
    struct ipn_packet packet;
    return next(&kept, &packet);
}

static bool anything_kept(const struct ipn_node* node) {
    return node->kept.part.start < node->kept.part.end;
}

/* Makes room to keep `bytes` of the stream and the rest of a packet. Nothing is kept yet. */
static int reserve(struct ipn_node* node, size_t bytes) {
    const size_t needed = bytes + HEADER_BYTES + LENGTH_MAX;
    if (node->kept.capacity >= needed) return 0;
    unsigned char* larger = malloc(needed);
    if (larger == NULL) return -1;
    free(node->kept.bytes);
    node->kept.bytes = larger;
    node->kept.capacity = needed;
    return 0;
}

static void keep(struct ipn_node* node, struct stream rest) {
    if (rest.length > 0) memcpy(node->kept.bytes, rest.bytes, rest.length);
    node->kept.part.start = 0;
    node->kept.part.end = rest.length;
}

/* Reads on in the packet whose beginning is all that is kept. What read(2) returns. */
static ssize_t read_on(struct ipn_node* node) {
    struct kept* kept = &node->kept;
    const struct stream begun = stream_of(kept);
    const size_t whole =
        begun.length < HEADER_BYTES ? HEADER_BYTES : HEADER_BYTES + length_of(begun.bytes);
    const ssize_t got = read(node->fd, kept->bytes + kept->part.end, whole - begun.length);
    if (got > 0) kept->part.end += (size_t)got;
    return got;
}

/* Copies packets that were kept, with their lengths, to `buffer`. */
static ssize_t hand_out(struct ipn_node* node, unsigned char* buffer, size_t size,
                        struct ipn_packet* packets, size_t max) {
    struct stream kept = stream_of(&node->kept);
    const struct stream all = kept;
    size_t used = 0;
    struct ipn_packet packet;
    for (size_t count = 0; count < max && next(&kept, &packet); ++count) {
        const size_t end = all.length - kept.length;
        if (end > size) break;
        used = end;
    }
    if (used == 0) {
        errno = EMSGSIZE;
        return -1;
    }
    memcpy(buffer, all.bytes, used);
    node->kept.part.start += used;
    struct stream handed_out = {buffer, used};
    return (ssize_t)take(&handed_out, packets, max);
}

ssize_t ipn_receive_many(struct ipn_node* node, void* buffer, size_t size,
                         struct ipn_packet* packets, size_t max) {
    if (size < HEADER_BYTES + node->mtu || max == 0) {
        errno = EMSGSIZE;
        return -1;
    }
    if (size > REQUEST_BYTES_MAX) size = REQUEST_BYTES_MAX;
    while (!packet_kept(node)) {
        if (anything_kept(node)) {
            const ssize_t got = read_on(node);
            if (got <= 0) return got;
            continue;
        }
        if (reserve(node, size) < 0) return -1;
        const ssize_t got = read(node->fd, buffer, size);
        if (got <= 0) return got;
        struct stream stream = {buffer, (size_t)got};
        const size_t count = take(&stream, packets, max);
        keep(node, stream);
        if (count > 0) return (ssize_t)count;
    }
    return hand_out(node, buffer, size, packets, max);
}

/* Reads ahead, as far as there is anything. What read(2) returns. */
static ssize_t read_ahead(struct ipn_node* node) {
    if (reserve(node, READ_AHEAD_BYTES) < 0) return -1;
    const ssize_t got = read(node->fd, node->kept.bytes, READ_AHEAD_BYTES);
    node->kept.part.start = 0;
    node->kept.part.end = got > 0 ? (size_t)got : 0;
    return got;
}

ssize_t ipn_receive(struct ipn_node* node, void* buffer, size_t size) {
    struct stream kept = stream_of(&node->kept);
    struct ipn_packet packet;
    while (!next(&kept, &packet)) {
        const ssize_t got = anything_kept(node) ? read_on(node) : read_ahead(node);
        if (got <= 0) return got;
        kept = stream_of(&node->kept);
    }
    if (packet.length > size) {
        errno = EMSGSIZE;
        return -1;
    }
    memcpy(buffer, packet.data, packet.length);
    node->kept.part.start += HEADER_BYTES + packet.length;
    return (ssize_t)packet.length;
}

ssize_t ipn_receive_oob(struct ipn_node* node, void* buffer, size_t size) {
    struct ipn_oob message;
    if (ioctl(node->fd, IPN_IOC_RECVOOB, &message) < 0) return -1;
    const size_t length = message.size < size ? message.size : size;
    memcpy(buffer, message.data, length);
    return (ssize_t)length;
}

size_t ipn_pending(const struct ipn_node* node) {
    struct stream kept = stream_of(&node->kept);
    struct ipn_packet packet;
    size_t count = 0;
    while (next(&kept, &packet)) ++count;
    return count;
}
