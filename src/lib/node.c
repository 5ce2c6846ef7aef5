/* SPDX-License-Identifier: MIT
 *
 * Joining, leaving and waiting.
 */
#include "node.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

static int access_of(int flags) {
    switch (flags & IPN_BOTH) {
        case IPN_READER:
            return O_RDONLY;
        case IPN_WRITER:
            return O_WRONLY;
        case IPN_BOTH:
            return O_RDWR;
        default:
            errno = EINVAL;
            return -1;
    }
}

static int open_framed(const char* network, int flags) {
    const int access = access_of(flags);
    if (access < 0) return -1;
    const int directory = open(network, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0) return -1;
    const int nonblock = (flags & IPN_NONBLOCK) != 0 ? O_NONBLOCK : 0;
    const int fd = openat(directory, "framed", access | nonblock | O_CLOEXEC);
    const int error = errno;
    close(directory);
    errno = error;
    return fd;
}

/* Learns what is needed to use fd as a node. */
static int get_to_know(struct ipn_node* node) {
    char mtu[16];
    if (ipn_get(node, "mtu", mtu, sizeof mtu) < 0) return -1;
    node->mtu = strtoul(mtu, NULL, 10);
    return 0;
}

struct ipn_node* ipn_open(const char* network, int flags) {
    struct ipn_node* node = calloc(1, sizeof *node);
    if (node == NULL) return NULL;
    node->fd = open_framed(network, flags);
    if (node->fd >= 0 && get_to_know(node) == 0) return node;
    const int error = errno;
    ipn_close(node);
    errno = error;
    return NULL;
}

void ipn_close(struct ipn_node* node) {
    if (node == NULL) return;
    if (node->fd >= 0) {
        if (ipn_set_nonblock(node, 1) == 0) ipn_flush(node);
        close(node->fd);
    }
    free(node->staged);
    free(node->kept.bytes);
    free(node);
}

int ipn_fd(const struct ipn_node* node) {
    return node->fd;
}

size_t ipn_mtu(const struct ipn_node* node) {
    return node->mtu;
}

int ipn_set_nonblock(struct ipn_node* node, int on) {
    const int flags = fcntl(node->fd, F_GETFL);
    if (flags < 0) return -1;
    return fcntl(node->fd, F_SETFL, on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK) < 0 ? -1 : 0;
}

int ipn_wait(struct ipn_node* node, short events, int timeout_ms) {
    const int kept = (events & POLLIN) != 0 && ipn_pending(node) > 0;
    struct pollfd waiting = {.fd = node->fd, .events = events, .revents = 0};
    if (poll(&waiting, 1, kept ? 0 : timeout_ms) < 0) return -1;
    return waiting.revents | (kept ? POLLIN : 0);
}

const char* ipn_version(void) {
    return IPNFS_VERSION;
}
