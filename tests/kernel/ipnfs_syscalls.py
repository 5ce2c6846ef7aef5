"""System calls as they are, where Python's own retry, check or do not exist."""

import ctypes
import fcntl
import os
import struct

libc = ctypes.CDLL(None, use_errno=True)
libc.read.restype = libc.write.restype = libc.mmap.restype = ctypes.c_ssize_t

# From <ipn/ipn.h>; struct ipn_attr is name, size, reserved, value.
IPN_ATTR = struct.Struct("=64sII256s")
IPN_IOC_GETATTR = 3 << 30 | IPN_ATTR.size << 16 | ord("N") << 8 | 1
IPN_IOC_SETATTR = 1 << 30 | IPN_ATTR.size << 16 | ord("N") << 8 | 2


def ioctl_get(node, name):
    """An option of the node that is open here, whatever the permissions of its file."""
    attribute = bytearray(IPN_ATTR.pack(name.encode(), 0, 0, b""))
    fcntl.ioctl(node, IPN_IOC_GETATTR, attribute)
    _, size, _, value = IPN_ATTR.unpack(attribute)
    return value[:size].decode()


def ioctl_set(node, name, value):
    text = str(value).encode()
    fcntl.ioctl(node, IPN_IOC_SETATTR, IPN_ATTR.pack(name.encode(), len(text), 0, text))


def raw_read(fd, size):
    """read(2), which fails with EINTR where os.read would try again."""
    buffer = ctypes.create_string_buffer(size)
    received = _checked(libc.read(fd, buffer, ctypes.c_size_t(size)))
    return buffer.raw[:received]


def raw_write(fd, data):
    """write(2), which fails with EINTR where os.write would try again."""
    return _checked(libc.write(fd, data, ctypes.c_size_t(len(data))))


def raw_mmap(size, protection, flags, fd):
    """mmap(2), without the checks of Python's own."""
    return _checked(libc.mmap(None, ctypes.c_size_t(size), protection, flags, fd, ctypes.c_long(0)))


def signal_thread(thread, number):
    """Send a signal to one thread of this process, if it still exists."""
    libc.tgkill(os.getpid(), thread, number)


def _checked(result):
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result
