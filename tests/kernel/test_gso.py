"""Segmentation in software, beside what the running kernel makes of the same packets.

A packet socket hands each packet with its virtio header to a TAP that has no offloads: the kernel
cuts it, and the frames that come out of the TAP must be those that the core cuts, byte for byte.
Scapy builds the packets, and checks every checksum once more. No mount is needed for that.
"""

import ctypes
import fcntl
import os
import select
import socket
import struct
import subprocess

import pytest
from scapy.all import (
    IP,
    TCP,
    UDP,
    Dot1AD,
    Dot1Q,
    Ether,
    IPv6,
    IPv6ExtHdrDestOpt,
    IPv6ExtHdrHopByHop,
    IPv6ExtHdrRouting,
    Raw,
    RouterAlert,
    in4_chksum,
    in6_chksum,
)
from scapy.layers.inet import IPOption_NOP, IPOption_Timestamp

SOURCE, DESTINATION = "02:00:00:00:00:01", "02:00:00:00:00:02"
V4 = {"src": "10.1.2.3", "dst": "10.1.2.254"}
V6 = {"src": "2001:db8::1", "dst": "2001:db8::2"}
TIMESTAMPS = [("NOP", None), ("NOP", None), ("Timestamp", (287454020, 1432778632))]
LAST = "2001:db8::3"
ROUTED = IPv6ExtHdrRouting(type=2, segleft=1, addresses=[LAST])

NEEDS_CSUM, DATA_VALID = 1, 2
TCPV4, TCPV6, UDP_L4, ECN = 1, 4, 5, 0x80
WITHOUT_CHECKSUM_HEADER = struct.pack("=BBHHHH", 0, 0, 0, 0, 0, 0)


def headers(*layers):
    frame = Ether(src=SOURCE, dst=DESTINATION)
    for layer in layers:
        frame = frame / layer
    return frame


CASES = {
    "tcp4": headers(IP(**V4, id=7), TCP(seq=1000)),
    "tcp4-id-wraps": headers(IP(**V4, id=0xFFFF), TCP(seq=1000)),
    "tcp4-sequence-wraps": headers(IP(**V4), TCP(seq=0xFFFFFC00)),
    "tcp4-timestamps": headers(IP(**V4), TCP(options=TIMESTAMPS)),
    "tcp4-dont-fragment": headers(IP(**V4, id=9, flags="DF"), TCP()),
    "tcp4-fin-psh": headers(IP(**V4), TCP(flags="FPA")),
    "tcp4-all-flags": headers(IP(**V4, tos=2), TCP(flags="FPAUEC", urgptr=9)),
    "tcp4-cwr": headers(IP(**V4, tos=1), TCP(flags="AC")),
    "tcp4-ip-options": headers(
        IP(**V4, options=[IPOption_Timestamp(), IPOption_NOP()]), TCP(options=TIMESTAMPS)
    ),
    "tcp4-vlan": headers(Dot1Q(vlan=7, prio=5), IP(**V4), TCP()),
    "tcp4-qinq": headers(Dot1AD(vlan=100), Dot1Q(vlan=7), IP(**V4), TCP()),
    "tcp6": headers(IPv6(**V6, tc=3, fl=0x12345), TCP(seq=1000, options=TIMESTAMPS)),
    "tcp6-vlan": headers(Dot1Q(vlan=7), IPv6(**V6), TCP(flags="FPA")),
    "tcp6-hop-by-hop": headers(
        IPv6(**V6), IPv6ExtHdrHopByHop(options=[RouterAlert(value=0)]), TCP()
    ),
    "tcp6-destination": headers(IPv6(**V6), IPv6ExtHdrDestOpt(), TCP()),
    "tcp6-routing": headers(IPv6(**V6), ROUTED, TCP(flags="FPA")),
    "tcp6-three-extensions": headers(
        IPv6(**V6), IPv6ExtHdrHopByHop(), ROUTED, IPv6ExtHdrDestOpt(), TCP()
    ),
    "udp4": headers(IP(**V4, id=7), UDP(sport=4660, dport=80)),
    "udp4-vlan": headers(Dot1Q(vlan=7), IP(**V4), UDP(sport=4660, dport=80)),
    "udp6": headers(IPv6(**V6), UDP(sport=4660, dport=80)),
    "udp6-destination": headers(IPv6(**V6), IPv6ExtHdrDestOpt(), UDP(sport=1, dport=2)),
}
# Payload and segment size; segment size 0: only the checksum is to be completed.
SIZES = [(1000, 0), (1001, 0), (5000, 1400), (4200, 1400), (4201, 1400), (65000, 1400), (9, 8)]


class Packet:
    """A packet whose checksum is to be completed, and what virtio's header says of it."""

    def __init__(self, frame, payload, segment_size):
        built = Ether(bytes(frame / Raw(payload)))
        self.transport = built[TCP] if TCP in built else built[UDP]
        self.start = len(built) - len(self.transport)
        self.offset = 16 if TCP in built else 6
        self.header_length = len(built) - len(payload)
        kind = UDP_L4 if UDP in built else TCPV4 if IP in built else TCPV6
        if TCP in built and "C" in self.transport.flags:
            kind |= ECN
        field = self.start + self.offset
        partial = struct.pack("!H", ~self.pseudo_header_checksum(built) & 0xFFFF)
        raw = bytes(built)
        self.frame = raw[:field] + partial + raw[field + 2 :]
        self.header = struct.pack(
            "=BBHHHH",
            NEEDS_CSUM,
            kind if segment_size else 0,
            self.header_length,
            segment_size,
            self.start,
            self.offset,
        )

    def pseudo_header_checksum(self, built):
        """Scapy's checksum of nothing but the pseudo header, with the length of this packet."""
        length = len(built) - self.start
        protocol = socket.IPPROTO_TCP if TCP in built else socket.IPPROTO_UDP
        if IP in built:
            pseudo = socket.inet_aton(built[IP].src) + socket.inet_aton(built[IP].dst)
            pseudo += struct.pack("!HH", protocol, length)
        else:
            last = LAST if IPv6ExtHdrRouting in built else built[IPv6].dst
            pseudo = socket.inet_pton(socket.AF_INET6, built[IPv6].src)
            pseudo += socket.inet_pton(socket.AF_INET6, last)
            pseudo += struct.pack("!LL", length, protocol)
        total = sum(struct.unpack(f"!{len(pseudo) // 2}H", pseudo))
        while total > 0xFFFF:
            total = (total & 0xFFFF) + (total >> 16)
        return ~total & 0xFFFF


def check_checksums(frame):
    """What scapy would have written into this frame is what is there."""
    parsed = Ether(frame)
    again = Ether(frame)
    for layer in (IP, TCP, UDP):
        if layer in again:
            del again[layer].chksum
    rebuilt = Ether(bytes(again))
    for layer in (IP, TCP, UDP):
        if layer in parsed:
            assert parsed[layer].chksum == rebuilt[layer].chksum, layer


class Tap:
    """A TAP without offloads in a network namespace of this process's own, and a packet socket."""

    TUNSETIFF, IFF_TAP, IFF_NO_PI = 0x400454CA, 0x0002, 0x1000
    SOL_PACKET, PACKET_VNET_HDR = 263, 15
    CLONE_NEWNET = 0x40000000

    def __init__(self):
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.unshare(self.CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "unshare")
        with open("/proc/sys/net/ipv6/conf/default/disable_ipv6", "w") as file:
            file.write("1")
        self.fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        request = struct.pack("16sH22x", b"tap0", self.IFF_TAP | self.IFF_NO_PI)
        fcntl.ioctl(self.fd, self.TUNSETIFF, request)
        subprocess.run(["ip", "link", "set", "tap0", "up"], check=True)
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        self.socket.setsockopt(self.SOL_PACKET, self.PACKET_VNET_HDR, 1)

    def cut(self, packet):
        """The frames that the kernel makes of it."""
        protocol = struct.unpack("!H", packet.frame[12:14])[0]
        self.socket.sendto(packet.header + packet.frame, ("tap0", protocol))
        frames = []
        while select.select([self.fd], [], [], 0)[0]:  # it sends before sendto returns
            frames.append(os.read(self.fd, 65600))
        return frames

    def close(self):
        self.socket.close()
        os.close(self.fd)


@pytest.fixture(scope="module")
def tap():
    tap = Tap()
    yield tap
    tap.close()


def cut(packets):
    """The frames that the core makes of each packet; None if it is refused."""
    whole = [packet.header + packet.frame for packet in packets]
    asked = b"".join(struct.pack("=L", len(one)) + one for one in whole)
    told = subprocess.run([os.environ["SEGMENT"]], input=asked, stdout=subprocess.PIPE, check=True)
    numbers = memoryview(told.stdout)

    def take(size):
        nonlocal numbers
        taken, numbers = bytes(numbers[:size]), numbers[size:]
        return taken

    def number():
        return struct.unpack("=L", take(4))[0]

    answers = []
    for _ in packets:
        count = number()
        refused = count == 0xFFFFFFFF
        answers.append(None if refused else [take(number()) for _ in range(count)])
    assert not numbers
    return answers


@pytest.mark.parametrize("name", CASES)
def test_frames_are_those_that_the_kernel_cuts(tap, name):
    packets = [Packet(CASES[name], os.urandom(length), size) for length, size in SIZES]
    for packet, ours in zip(packets, cut(packets)):
        kernels = tap.cut(packet)
        assert ours is not None
        assert len(ours) == len(kernels)
        assert ours == kernels


@pytest.mark.parametrize("name", CASES)
def test_checksums_are_right(name):
    packets = [Packet(CASES[name], os.urandom(length), size) for length, size in SIZES]
    for frames in cut(packets):
        for frame in frames:
            check_checksums(frame)
