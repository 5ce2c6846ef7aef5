#!/usr/bin/env python3
"""libipn from Python, by ctypes: many packets in one system call.

    libipn.py receive /run/ipn/lan0        print each packet as a line
    libipn.py send /run/ipn/lan0 < FILE    send each line as a packet
"""

import ctypes
import os
import sys

READER, WRITER, BOTH, NONBLOCK = 1, 2, 3, 4  # from <ipn/ipn.h>


class Packet(ctypes.Structure):
    _fields_ = [("data", ctypes.c_void_p), ("length", ctypes.c_size_t)]


def _library():
    library = ctypes.CDLL(os.environ.get("LIBIPN", "libipn.so.1"), use_errno=True)
    node, size, text = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_char_p
    packets = ctypes.POINTER(Packet)
    signatures = {
        "ipn_open": (node, text, ctypes.c_int),
        "ipn_close": (None, node),
        "ipn_fd": (ctypes.c_int, node),
        "ipn_mtu": (size, node),
        "ipn_send_many": (ctypes.c_ssize_t, node, packets, size),
        "ipn_receive_many": (ctypes.c_ssize_t, node, ctypes.c_void_p, size, packets, size),
        "ipn_pending": (size, node),
        "ipn_get": (ctypes.c_ssize_t, node, text, text, size),
        "ipn_set": (ctypes.c_int, node, text, text),
        "ipn_node_error": (text, node, ctypes.c_int, text, size),
        "ipn_open_error": (text, text, ctypes.c_int, text, size),
    }
    for name, (result, *arguments) in signatures.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


ipn = _library()


class Node:
    """A node on the network whose directory is `network`."""

    def __init__(self, network, role=BOTH):
        self._node = ipn.ipn_open(os.fsencode(network), role)
        if not self._node:
            raise self._error(ipn.ipn_open_error, os.fsencode(network))
        self._buffer = ctypes.create_string_buffer(256 * 1024)
        self._packets = (Packet * 1024)()

    def close(self):
        ipn.ipn_close(self._node)
        self._node = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def fileno(self):
        return ipn.ipn_fd(self._node)

    def send(self, *packets):
        """Send these packets, bytes each; waits until all are sent."""
        array = (Packet * len(packets))()
        for element, packet in zip(array, packets):
            element.data = ctypes.cast(ctypes.c_char_p(packet), ctypes.c_void_p)
            element.length = len(packet)
        sent = 0
        while sent < len(packets):
            rest = ctypes.cast(ctypes.byref(array, sent * ctypes.sizeof(Packet)), _PACKETS)
            sent += self._checked(ipn.ipn_send_many(self._node, rest, len(packets) - sent))

    def receive(self):
        """A list of the packets that are waiting, at least one; empty at the end of file."""
        count = ipn.ipn_receive_many(
            self._node, self._buffer, len(self._buffer), self._packets, len(self._packets)
        )
        self._checked(count)
        return [ctypes.string_at(packet.data, packet.length) for packet in self._packets[:count]]

    def __getitem__(self, name):
        value = ctypes.create_string_buffer(512)
        self._checked(ipn.ipn_get(self._node, name.encode(), value, len(value)))
        return value.value.decode()

    def __setitem__(self, name, value):
        self._checked(ipn.ipn_set(self._node, name.encode(), str(value).encode()))

    def _checked(self, result):
        if result < 0:
            raise self._error(ipn.ipn_node_error, self._node)
        return result

    @staticmethod
    def _error(in_words, subject):
        number = ctypes.get_errno()
        words = ctypes.create_string_buffer(256)
        in_words(subject, number, words, len(words))
        return OSError(number, words.value.decode())


_PACKETS = ctypes.POINTER(Packet)


def main(action, network):
    if action == "send":
        with Node(network, WRITER) as node:
            lines = sys.stdin.buffer.read().splitlines()
            node.send(*(line for line in lines if line))
            print(f"sent {node['sent']} packets", file=sys.stderr)
    elif action == "receive":
        with Node(network, READER) as node:
            while packets := node.receive():
                sys.stdout.buffer.write(b"".join(packet + b"\n" for packet in packets))
                sys.stdout.buffer.flush()
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
