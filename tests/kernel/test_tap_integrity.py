"""Checksums through every combination of offloads, judged by tshark, and by the receiving kernel.

    TAP  -- network -- TAP                     partial checksums cross in one piece: the kernel judges
                 |---- file                    whole frames: tshark judges every one
                 `---- GRAB -- veth -- far     whole frames: far's wire has no offloads, tshark judges
"""

import collections
import ctypes
import fcntl
import hashlib
import json
import os
import random
import socket
import struct

import pytest

from ipnfs_netns import File, make_tap, quiet, touch
from ipnfs_testlib import Task, run, until

ADDRESSES = {4: "10.0.0.{}", 6: "fd00::{}"}
FAMILY = {4: socket.AF_INET, 6: socket.AF_INET6}
BYTES = 1_000_000
DATAGRAMS = 300
UDP_SEGMENT = 103  # of SOL_UDP
COUNTERS = ("TcpInCsumErrors", "UdpInCsumErrors", "Udp6InCsumErrors", "TcpInErrs", "UdpInErrors")

pytestmark = pytest.mark.usefixtures("spawn")


@pytest.fixture
def station(netns):
    """station(network, 1): a namespace whose tap1 is 10.0.0.1 and fd00::1."""

    def make(network, number):
        space = netns()
        make_tap(network, space, f"tap{number}")
        space.set_up(f"tap{number}", f"10.0.0.{number}/24", f"fd00::{number}/64")
        return space

    return make


def without_offloads(interface):
    """As `ethtool -K` does it: frames of the MTU, with their checksums, as on a wire."""
    SIOCETHTOOL = 0x8946
    SRXCSUM, STXCSUM, STSO, SGSO, SGRO = 0x15, 0x17, 0x1F, 0x24, 0x2C
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        for command in (STSO, SGSO, SGRO, STXCSUM, SRXCSUM):
            value = ctypes.create_string_buffer(struct.pack("II", command, 0))
            request = struct.pack("16sQ16x", interface.encode(), ctypes.addressof(value))
            fcntl.ioctl(sock, SIOCETHTOOL, request)


@pytest.fixture
def grabbed(netns):
    """grabbed(network, 2): a namespace with eth0, at the other end of a grabbed wire.

    That end takes apart and sums up nothing, and leaves nothing to the wire.
    """

    def make(network, number):
        far, near = netns(), netns()
        quiet(near)
        far.ip("link", "add", "eth0", "type", "veth", "peer", "name", "eth0", "netns", near.name)
        for space in (far, near):
            space.does(without_offloads, "eth0")
        near.ip("link", "set", "eth0", "up")
        far.set_up("eth0", f"10.0.0.{number}/24", f"fd00::{number}/64")
        file = File(network, "grab", "eth0", near)
        near.does(touch, file.path)
        until(lambda: file.state()["controlled"] == "no", "the file is closed")
        return far

    return make


def errors_of(space):
    """What the kernel's counters say of bad checksums there."""
    found = {}
    for line in space.run("nstat", "-asz").splitlines()[1:]:
        name, value, _ = line.split()
        if name in COUNTERS:
            found[name] = int(value)
    assert "TcpInCsumErrors" in found and "UdpInCsumErrors" in found and "Udp6InCsumErrors" in found
    return found


def payload():
    return random.Random(1).randbytes(BYTES)


def send_tcp(sender, receiver, family, address):
    """Both ways on one connection: the payload there, and back."""
    data = payload()
    listening = receiver.does(
        lambda: socket.create_server((address, 7000), family=FAMILY[family])
    )
    near = sender.does(socket.create_connection, (address, 7000))
    far, _ = listening.accept()
    for source, target in ((near, far), (far, near)):
        task = Task(source.sendall, data)
        came = bytearray()
        while len(came) < len(data):
            came += target.recv(1 << 20)
        task.result()
        assert hashlib.sha256(came).digest() == hashlib.sha256(data).digest()
    for sock in (listening, near, far):
        sock.close()


def send_udp(sender, receiver, family, address):
    """Datagrams of every length that there is, and large ones that the kernel is to cut in 1000s."""
    far = receiver.does(socket.socket, FAMILY[family], socket.SOCK_DGRAM)
    far.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    far.bind((address, 7001))
    far.settimeout(30)
    near = sender.does(socket.socket, FAMILY[family], socket.SOCK_DGRAM)
    data = payload()
    for number in range(DATAGRAMS):
        part = data[number : 2 * number + 1 + number * 3]
        near.sendto(part, (address, 7001))
        assert far.recv(1 << 16) == part
    near.setsockopt(socket.SOL_UDP, UDP_SEGMENT, 1000)
    for start in range(0, 100_000, 10_500):
        near.sendto(data[start : start + 10_500], (address, 7001))
        came = [far.recv(1 << 16) for _ in range(11)]
        assert came == [data[start + i * 1000 : start + min((i + 1) * 1000, 10_500)] for i in range(11)]
    near.close()
    far.close()


SEND = {"tcp": send_tcp, "udp": send_udp}


class Judge:
    """What tshark says of the frames of a capture."""

    def __init__(self, path):
        options = [
            part
            for protocol in ("ip", "tcp", "udp")
            for part in ("-o", f"{protocol}.check_checksum:TRUE")
        ]
        shown = run("tshark", "-n", "-r", path, *options, "-T", "json", "-J", "frame ip ipv6 tcp udp")
        self.packets = [packet["_source"]["layers"] for packet in json.loads(shown)]

    def statuses(self, protocol):
        """How many have a checksum of this protocol that is good ("1"), bad ("0"), or else."""
        return collections.Counter(
            layers[protocol][f"{protocol}.checksum.status"]
            for layers in self.packets
            if protocol in layers and f"{protocol}.checksum.status" in layers[protocol]
        )

    def longest(self):
        return max(int(layers["frame"]["frame.len"]) for layers in self.packets)


def assert_good(path, protocol, family, least):
    judge = Judge(path)
    statuses = judge.statuses(protocol)
    assert set(statuses) == {"1"}, f"{protocol}: {statuses}"
    assert statuses["1"] >= least
    if family == 4:
        assert set(judge.statuses("ip")) == {"1"}
    assert judge.longest() <= 1514, "longer than a node without offloads agreed to"


def write_pcap(path, packets):
    with open(path, "wb") as file:
        # Little-endian, version 2.4, Ethernet.
        file.write(bytes.fromhex("d4c3b2a1 0200 0400 00000000 00000000 00000400 01000000"))
        for packet in packets:
            length = len(packet).to_bytes(4, "little")
            file.write(bytes(8) + length + length + packet)


def least_frames(protocol):
    return BYTES * 2 // 1460 if protocol == "tcp" else DATAGRAMS


@pytest.mark.parametrize("family", [4, 6], ids=["ipv4", "ipv6"])
@pytest.mark.parametrize("protocol", ["tcp", "udp"])
class TestEveryCombination:
    def test_tap_to_tap_and_file(self, net, station, scratch, protocol, family):
        """The receiving kernel takes them as they are, a file at the same time cut and summed up."""
        lan = net(msgpoolsize=65535)
        one, two = station(lan, 1), station(lan, 2)
        address = ADDRESSES[family].format(2)
        assert one.pings(address)
        reader = lan.reader()
        before = errors_of(one), errors_of(two)
        SEND[protocol](one, two, family, address)
        assert (errors_of(one), errors_of(two)) == before
        assert reader.count("dropped") == 0
        write_pcap(scratch / "file.pcap", reader.read_all())
        assert_good(scratch / "file.pcap", protocol, family, least_frames(protocol))

    @pytest.mark.parametrize("direction", ["to the wire", "from the wire"])
    def test_tap_and_grab(
        self, net, station, grabbed, scratch, spawn, protocol, family, direction
    ):
        lan = net()
        inside, far = station(lan, 1), grabbed(lan, 2)
        here, there, number = (inside, far, 2) if direction == "to the wire" else (far, inside, 1)
        address = ADDRESSES[family].format(number)
        until(lambda: here.pings(address))
        capture = scratch / "wire.pcap"
        tcpdump = spawn(
            *far.command("tcpdump", "-i", "eth0", "-U", "-B", "16384", "-w", capture, protocol),
            stderr=-3,
        )
        until(lambda: capture.exists() and capture.stat().st_size >= 24)
        before = errors_of(here), errors_of(there)
        SEND[protocol](here, there, family, address)
        assert (errors_of(here), errors_of(there)) == before
        tcpdump.terminate()
        assert tcpdump.wait(30) == 0
        assert_good(capture, protocol, family, least_frames(protocol) // 2)

    def test_file_to_tap(self, net, station, scratch, protocol, family):
        """What a file saw, written to another network, is taken by a kernel as if it came at once."""
        lan, other = net("lan", msgpoolsize=65535), net("other", lossless=1)
        one, two = station(lan, 1), station(lan, 2)
        address = ADDRESSES[family].format(2)
        assert one.pings(address)
        reader = lan.reader()
        SEND[protocol](one, two, family, address)
        replayed = station(other, 2)
        replayed.ip("link", "set", "tap2", "address", two.link("tap2")["address"])
        until(lambda: "UP" in replayed.link("tap2")["flags"])
        before, received = errors_of(replayed), counted(replayed, protocol, family)
        writer = other.writer(blocking=True)
        frames = [frame for frame in reader.read_all() if frame[:6] == mac_of(two, "tap2")]
        for frame in frames:
            writer.write(frame)
        least = least_frames(protocol) // 3
        until(lambda: counted(replayed, protocol, family) - received >= least)
        assert errors_of(replayed) == before


def mac_of(space, name):
    return bytes.fromhex(space.link(name)["address"].replace(":", ""))


def counted(space, protocol, family):
    """Segments or datagrams that the kernel there has judged: nobody listens, but it sums up first."""
    names = {
        ("tcp", 4): ["TcpInSegs"],
        ("tcp", 6): ["TcpInSegs"],
        ("udp", 4): ["UdpInDatagrams", "UdpNoPorts"],
        ("udp", 6): ["Udp6InDatagrams", "Udp6NoPorts"],
    }[protocol, family]
    lines = [line.split() for line in space.run("nstat", "-asz").splitlines()[1:]]
    return sum(int(value) for name, value, _ in lines if name in names)


def test_tshark_sees_a_bad_checksum(net, station, scratch):
    """The judge is awake: one bit of what it found good, and it is bad."""
    lan = net(msgpoolsize=65535)
    one, two = station(lan, 1), station(lan, 2)
    assert one.pings("10.0.0.2")
    reader = lan.reader()
    send_udp(one, two, 4, "10.0.0.2")
    frames = reader.read_all()
    frames[-1] = frames[-1][:-1] + bytes([frames[-1][-1] ^ 1])
    write_pcap(scratch / "bad.pcap", frames)
    assert Judge(scratch / "bad.pcap").statuses("udp")["0"] == 1


def test_a_kernel_sees_a_bad_checksum(net, station):
    """The other judge, too."""
    lan = net(msgpoolsize=65535)
    one, two = station(lan, 1), station(lan, 2)
    assert one.pings("10.0.0.2")
    reader = lan.reader()
    send_udp(one, two, 4, "10.0.0.2")
    frame = next(f for f in reader.read_all() if len(f) > 500 and f[:6] == mac_of(two, "tap2"))
    before = errors_of(two)["UdpInCsumErrors"]
    # It sums up when it is received: somebody has to listen.
    far = two.does(socket.socket, socket.AF_INET, socket.SOCK_DGRAM)
    far.bind(("10.0.0.2", 7001))
    far.setblocking(False)
    lan.writer().write(frame[:-1] + bytes([frame[-1] ^ 1]))

    def counted_bad():
        try:
            far.recv(1 << 16)
        except BlockingIOError:
            pass
        return errors_of(two)["UdpInCsumErrors"] == before + 1

    until(counted_bad)
    far.close()
