"""Asynchronous I/O by the system calls themselves: io_setup(2), io_submit(2), io_getevents(2)."""

import ctypes
import os
import platform

_NUMBERS = {  # io_setup, io_getevents, io_submit
    "x86_64": (206, 208, 209),
    "aarch64": (0, 4, 2),
    "riscv64": (0, 4, 2),
}
IO_SETUP, IO_GETEVENTS, IO_SUBMIT = _NUMBERS[platform.machine()]

READ, WRITE = 0, 1  # IOCB_CMD_PREAD, IOCB_CMD_PWRITE


class _Request(ctypes.Structure):  # struct iocb
    _fields_ = [
        ("data", ctypes.c_uint64),
        ("key", ctypes.c_uint32),
        ("flags", ctypes.c_int32),
        ("opcode", ctypes.c_uint16),
        ("priority", ctypes.c_int16),
        ("fd", ctypes.c_uint32),
        ("buffer", ctypes.c_uint64),
        ("size", ctypes.c_uint64),
        ("offset", ctypes.c_int64),
        ("reserved", ctypes.c_uint64),
        ("event_flags", ctypes.c_uint32),
        ("event_fd", ctypes.c_uint32),
    ]


class _Event(ctypes.Structure):  # struct io_event
    _fields_ = [
        ("data", ctypes.c_uint64),
        ("request", ctypes.c_uint64),
        ("result", ctypes.c_int64),
        ("result2", ctypes.c_int64),
    ]


_libc = ctypes.CDLL(None, use_errno=True)


def _syscall(number, *arguments):
    result = _libc.syscall(ctypes.c_long(number), *arguments)
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


class Aio:
    """A context for asynchronous I/O; the process's end ends it."""

    def __init__(self, depth):
        self._context = ctypes.c_uint64(0)
        self._kept = []  # the kernel writes to what is in flight
        _syscall(IO_SETUP, ctypes.c_uint(depth), ctypes.byref(self._context))

    def submit(self, opcode, fd, buffer):
        """Submit one request; blocks if the file cannot do it asynchronously."""
        address = ctypes.addressof(ctypes.c_char.from_buffer(buffer))
        request = _Request(opcode=opcode, fd=fd, buffer=address, size=len(buffer))
        self._kept.append((request, buffer))
        pointer = ctypes.pointer(request)
        _syscall(IO_SUBMIT, self._context, ctypes.c_long(1), ctypes.byref(pointer))

    def wait(self):
        """The result of one request: a count, or minus errno."""
        event = _Event()
        _syscall(
            IO_GETEVENTS,
            self._context,
            ctypes.c_long(1),
            ctypes.c_long(1),
            ctypes.byref(event),
            None,
        )
        return event.result
