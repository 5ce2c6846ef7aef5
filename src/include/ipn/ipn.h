/* SPDX-License-Identifier: MIT
 *
 * <ipn/ipn.h>: what a program can ask of a port that it has open.
 *
 * The attributes of one's own node (SEE ipnfs-options(7)) by ioctl(2), whatever the permissions of
 * the file are. fgetxattr(2) and fsetxattr(2) on the descriptor do the same as far as the file's
 * owner and mode let them.
 */
#ifndef IPN_IPN_H
#define IPN_IPN_H

#include <linux/ioctl.h>
#include <linux/types.h>

/* `name` is NUL-terminated, with or without the prefix "user.ipn."; `value` is not: `size` bytes.
 */
struct ipn_attr {
    char name[64];
    __u32 size;
    __u32 reserved; /* 0 */
    char value[256];
};

/* Fills in value and size. ENODATA: no such attribute. */
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

#endif
