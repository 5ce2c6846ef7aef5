/* SPDX-License-Identifier: MIT
 *
 * Attributes of nodes, options of networks, and what went wrong in words.
 */
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/xattr.h>

#include "node.h"

#define XATTR_NAME_BYTES 256 /* with the NUL, as the kernel has it */

/* ---- of a node */

static int name_attribute(struct ipn_attr* attribute, const char* name) {
    memset(attribute, 0, sizeof *attribute);
    const size_t length = strlen(name);
    if (length >= sizeof attribute->name) {
        errno = ENODATA;
        return -1;
    }
    memcpy(attribute->name, name, length);
    return 0;
}

ssize_t ipn_get(struct ipn_node* node, const char* name, char* value, size_t size) {
    struct ipn_attr attribute;
    if (name_attribute(&attribute, name) < 0) return -1;
    if (ioctl(node->fd, IPN_IOC_GETATTR, &attribute) < 0) return -1;
    if (attribute.size >= size) {
        errno = ERANGE;
        return -1;
    }
    memcpy(value, attribute.value, attribute.size);
    value[attribute.size] = '\0';
    return (ssize_t)attribute.size;
}

int ipn_set(struct ipn_node* node, const char* name, const char* value) {
    struct ipn_attr attribute;
    if (name_attribute(&attribute, name) < 0) return -1;
    const size_t length = strlen(value);
    if (length > sizeof attribute.value) {
        errno = EINVAL;
        return -1;
    }
    memcpy(attribute.value, value, length);
    attribute.size = (__u32)length;
    return ioctl(node->fd, IPN_IOC_SETATTR, &attribute) < 0 ? -1 : 0;
}

/* ---- of a network */

/* `to`: XATTR_NAME_BYTES. */
static int name_xattr(char* to, const char* name) {
    const int length = snprintf(to, XATTR_NAME_BYTES, "user.ipn.%s", name);
    if (length >= 0 && length < XATTR_NAME_BYTES) return 0;
    errno = ENODATA;
    return -1;
}

ssize_t ipn_network_get(const char* network, const char* name, char* value, size_t size) {
    char xattr[XATTR_NAME_BYTES];
    if (name_xattr(xattr, name) < 0) return -1;
    if (size < 2) { /* one byte is for the NUL, and a size of 0 would mean something else */
        errno = ERANGE;
        return -1;
    }
    const ssize_t length = getxattr(network, xattr, value, size - 1);
    if (length >= 0) value[length] = '\0';
    return length;
}

int ipn_network_set(const char* network, const char* name, const char* value) {
    char xattr[XATTR_NAME_BYTES];
    if (name_xattr(xattr, name) < 0) return -1;
    return setxattr(network, xattr, value, strlen(value), 0);
}

/* ---- in words */

/* Whether a sentence of the file system is about this error: others never come from there. */
static bool has_words(int error) {
    static const int without[] = {EACCES, EAGAIN, EBADF,   EFAULT, EINTR,  EMFILE,      EMSGSIZE,
                                  ENFILE, ENOENT, ENOTDIR, ENOTTY, ERANGE, ENAMETOOLONG};
    for (size_t i = 0; i < sizeof without / sizeof without[0]; ++i)
        if (error == without[i]) return false;
    return true;
}

static char* no_words(int error, char* words, size_t size) {
    char description[128];
    snprintf(words, size, "%s", strerror_r(error, description, sizeof description));
    return words;
}

/* What stands in attribute `error` of a file. */
static char* words_of(const char* path, int error, char* words, size_t size) {
    const int before = errno;
    char sentence[1024];
    const ssize_t length = has_words(error) ? ipn_network_get(path, "error", sentence, 1024) : -1;
    if (length >= 0)
        snprintf(words, size, "%s", sentence);
    else
        no_words(error, words, size);
    errno = before;
    return words;
}

char* ipn_network_error(const char* network, int error, char* words, size_t size) {
    return words_of(network, error, words, size);
}

char* ipn_open_error(const char* network, int error, char* words, size_t size) {
    char path[PATH_MAX];
    const int length = snprintf(path, sizeof path, "%s/framed", network);
    if (length < 0 || (size_t)length >= sizeof path) return no_words(error, words, size);
    return words_of(path, error, words, size);
}

char* ipn_node_error(struct ipn_node* node, int error, char* words, size_t size) {
    const int before = errno;
    char sentence[sizeof((struct ipn_attr*)0)->value + 1];
    if (error == EMSGSIZE)
        snprintf(words, size, "a packet has from 1 to %zu bytes, and a buffer room for it",
                 node->mtu);
    else if (has_words(error) && ipn_get(node, "error", sentence, sizeof sentence) >= 0)
        snprintf(words, size, "%s", sentence);
    else
        no_words(error, words, size);
    errno = before;
    return words;
}
