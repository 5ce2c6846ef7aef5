"""capture.pcap of what real kernels send each other through TAP interfaces, judged by tshark.

    ns0 --- tap1 --- port 0 of the network
    ns1 --- tap2 --- port 1

Every capture is taken twice: by cat into a file, and live by `tcpdump -l -r FILE`, which must have
printed by the end what it prints of the file.
"""

import signal
import socket
import struct
import subprocess

import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Dot1AD, Dot1Q, Ether
from scapy.packet import Raw

from ipnfs_capture import Capture, capture_of, statistics, tshark, until_open
from ipnfs_netns import make_tap, raw_socket, station_frame
from ipnfs_testlib import Task, run, stop, succeeded, until

CHECKSUMS = ("-o", "ip.check_checksum:TRUE", "-o", "tcp.check_checksum:TRUE", "-o", "udp.check_checksum:TRUE")
GOOD = "1"  # as tshark says it of a checksum


@pytest.fixture
def lan(net):
    return net("lan", linktype="ethernet", mtu=1522, msgpoolsize=65535)


@pytest.fixture
def stations(lan, netns):
    """Two namespaces on the network, 10.0.0.1 and fd00::1, 10.0.0.2 and fd00::2. What their
    kernels send of their own account (IPv6's, at first) is over."""
    spaces = [netns(), netns()]
    for number, space in enumerate(spaces, 1):
        make_tap(lan, space, f"tap{number}")
        space.ip("link", "set", f"tap{number}", "mtu", "1500")
        space.run("sysctl", "-qw", "net.ipv6.conf.all.accept_ra=0")
        space.run("sysctl", "-qw", f"net.ipv6.conf.tap{number}.router_solicitations=0")
        space.set_up(f"tap{number}", f"10.0.0.{number}/24", f"fd00::{number}/64")
    return spaces


class Twice:
    """A capture into a file, and tcpdump live beside it."""

    def __init__(self, spawn, lan, scratch):
        self.lan = lan
        self.scratch = scratch
        self.capture = Capture(spawn, lan, scratch / "capture.pcapng")
        with open(scratch / "live", "wb") as live:
            argv = ("tcpdump", "-n", "-e", "-l", "-r", capture_of(lan))
            self.tcpdump = spawn(*argv, stdout=live, stderr=subprocess.DEVNULL)
        until_open(lan, self.tcpdump)
        # Before both were open one of them may have missed something.
        writer = lan.writer()
        writer.write(station_frame(b"the beginning"))
        writer.close()
        until(lambda: lan["writers"] == lan["readers"] == "2")

    def whole(self):
        """The file, when the network has ended. Nothing is lost, and live it was the same."""
        file = self.capture.whole(self.lan)
        succeeded(self.tcpdump)
        assert [block["lost"] for block in statistics(file)] == [0]
        live = (self.scratch / "live").read_text()
        printed = run("tcpdump", "-n", "-e", "-r", file)
        assert self.from_the_beginning(live) == self.from_the_beginning(printed)
        packets = [line for line in printed.splitlines() if not line.startswith("\t")]
        assert len(packets) == statistics(file)[0]["seen"]
        return file

    @staticmethod
    def from_the_beginning(printed):
        lines = printed.splitlines()
        first = next(i for i, line in enumerate(lines) if "ethertype Unknown (0x88b5)" in line)
        return lines[first:]


@pytest.fixture
def captured(stations, lan, spawn, scratch):
    """Everything from now on."""
    return Twice(spawn, lan, scratch)


class TestPing:
    def test_every_request_and_reply_in_order(self, stations, captured):
        one, _ = stations
        count, size = 25, 300
        one.run("ping", "-nq", "-c", count, "-i", "0.005", "-s", size, "10.0.0.2")
        file = captured.whole()
        told = tshark(
            file,
            *("icmp.seq", "icmp.type", "ip.src", "ip.dst", "frame.len", "frame.comment"),
            "icmp.checksum.status",
            also=("-Y", "icmp", *CHECKSUMS),
        )
        length = str(14 + 20 + 8 + size)
        expected = []
        for seq in range(1, count + 1):
            request = [str(seq), "8", "10.0.0.1", "10.0.0.2", length, "from 0 to 1", GOOD]
            reply = [str(seq), "0", "10.0.0.2", "10.0.0.1", length, "from 1 to 0", GOOD]
            expected += [request, reply]
        assert told == expected
        # tshark itself finds the request that each reply belongs to: the one before it.
        pairs = tshark(file, "frame.number", "icmp.resp_to", also=("-Y", "icmp.type == 0"))
        assert [int(reply) - int(request) for reply, request in pairs] == [1] * count
        before = tshark(file, "arp.opcode", "arp.dst.proto_ipv4", also=("-Y", "arp"))
        assert before[:2] == [["1", "10.0.0.2"], ["2", "10.0.0.1"]]

    def test_ipv6_in_fragments(self, stations, captured):
        one, _ = stations
        one.run("ping", "-nq", "-c", "3", "-s", "4000", "fd00::2")
        file = captured.whole()
        told = tshark(file, "icmpv6.type", "ipv6.src", also=("-Y", "icmpv6.type in {128, 129}"))
        assert told == [["128", "fd00::1"], ["129", "fd00::2"]] * 3
        assert len(tshark(file, "frame.number", also=("-Y", "ipv6.fragment || ipv6.fraghdr"))) == 18


def transfer(sender, receiver, address, data):
    """Sends it by TCP, with nothing back, and sees that it arrives."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET

    def listen():
        return socket.create_server((address, 7000), family=family)

    listening = receiver.does(listen)
    sending = sender.does(socket.create_connection, (address, 7000))
    receiving, _ = listening.accept()
    task = Task(sending.sendall, data)
    received = bytearray()
    while len(received) < len(data):
        received += receiving.recv(1 << 20)
    task.result()
    assert bytes(received) == data
    for sock in (sending, receiving, listening):
        sock.close()


def stream_in(file):
    """What went from the client to the server of the first connection, as tshark puts it together."""
    told = run("tshark", "-n", "-r", file, "-q", "-z", "follow,tcp,raw,0")
    lines = told.splitlines()
    first = next(i for i, line in enumerate(lines) if line.startswith("Node 1:")) + 1
    last = len(lines) - 1  # of equal signs, like the first
    return b"".join(bytes.fromhex(line) for line in lines[first:last] if not line.startswith("\t"))


def write_pcap(file, packets):
    with open(file, "wb") as out:
        out.write(struct.pack("=IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 1 << 18, 1))
        for packet in packets:
            out.write(struct.pack("=IIII", 0, 0, len(packet), len(packet)) + packet)
    return file


@pytest.mark.parametrize("address", ["10.0.0.2", "fd00::2"], ids=["ipv4", "ipv6"])
class TestTcpWithOffloads:
    DATA = b"".join(struct.pack(">I", number) for number in range(300_000))

    def test_segments_whole_between_taps_cut_for_a_file(
        self, stations, captured, lan, scratch, address
    ):
        """The capture has them as the TAPs exchange them, the reader of `port` in frames of the
        MTU; both are the same stream, with checksums that are right."""
        reader = lan.reader()
        transfer(*stations, address, self.DATA)
        assert reader.count("dropped") == 0
        frames = reader.read_all()
        file = captured.whole()

        assert stream_in(file) == self.DATA
        told = tshark(
            file,
            *("tcp.srcport", "tcp.len", "frame.len", "tcp.checksum.status", "frame.comment"),
            also=("-Y", "tcp", *CHECKSUMS),
        )
        assert {status for *_, status, _ in told} == {GOOD}
        sent = [(int(bytes_), comment) for port, bytes_, _, _, comment in told if port != "7000"]
        assert sum(bytes_ for bytes_, _ in sent) >= len(self.DATA)
        assert max(bytes_ for bytes_, _ in sent) > 10_000
        of_one = 1500 - (60 if ":" in address else 40) - 12  # less the headers, with time stamps
        for bytes_, comment in sent:
            segments = -(-bytes_ // of_one)
            cut = f"; {segments} frames in one" if segments > 1 else ""
            assert comment == f"from 0 to 1 2{cut}"

        assert max(map(len, frames)) <= 1514
        cut = write_pcap(scratch / "cut.pcap", frames)
        assert stream_in(cut) == self.DATA
        told = tshark(cut, "tcp.checksum.status", also=("-Y", "tcp", *CHECKSUMS))
        assert {status for (status,) in told} == {GOOD}
        ids = tshark(cut, "frame.number", also=("-Y", "tcp.analysis.lost_segment"))
        assert ids == []


class TestVlans:
    """This kernel may have no 8021Q: the tagged frames are a program's."""

    @staticmethod
    def frame(*tags, number=0, size=100):
        packet = Ether(src="02:00:00:00:00:77", dst="02:00:00:00:00:88")
        for tag in tags:
            packet = packet / tag
        layers = IP(src="10.9.0.1", dst="10.9.0.2") / UDP(sport=7, dport=9)
        return bytes(packet / layers / Raw(number.to_bytes(4, "big") + bytes(size - 4)))

    def test_tags_are_captured_as_they_are(self, stations, captured):
        one, two = stations
        frames = [
            self.frame(Dot1Q(vlan=42, prio=5), number=1),
            self.frame(Dot1Q(vlan=0, prio=7), number=2),  # priority-tagged
            self.frame(Dot1Q(vlan=4094, id=1), number=3),  # drop eligible
            self.frame(Dot1AD(vlan=100), Dot1Q(vlan=200), number=4),
            self.frame(number=5),
            self.frame(Dot1Q(vlan=42), number=6, size=1472),  # 1518 bytes
        ]
        sender, receiver = raw_socket(one, "tap1"), raw_socket(two, "tap2")
        for frame in frames:
            sender.send(frame)
        until(lambda: frames[-1][-1472:] in receiver.recv(1 << 17))
        sender.close()
        receiver.close()
        told = tshark(
            captured.whole(),
            *("udp.payload", "vlan.id", "vlan.priority", "vlan.dei", "ieee8021ad.id"),
            *("frame.len", "frame.comment", "udp.checksum.status"),
            also=("-Y", "ip.src == 10.9.0.1", *CHECKSUMS),
        )
        tags = [
            ["42", "5", "0", ""],
            ["0", "7", "0", ""],
            ["4094", "0", "1", ""],
            ["200", "0", "0", "100"],
            ["", "", "", ""],
            ["42", "0", "0", ""],
        ]
        assert [int(payload[:8], 16) for payload, *_ in told] == [1, 2, 3, 4, 5, 6]
        assert [row[1:4] + [row[4].split(",")[0]] for row in told] == tags
        assert [row[5:] for row in told] == [[str(len(f)), "from 0 to 1", GOOD] for f in frames]

    def test_a_filter_selects_a_vlan(self, stations, lan, spawn, scratch):
        lan["capture.filter"] = "vlan 42 and udp port 9"
        captured = Twice(spawn, lan, scratch)
        one, two = stations
        sender, receiver = raw_socket(one, "tap1"), raw_socket(two, "tap2")
        for number in range(30):
            sender.send(self.frame(Dot1Q(vlan=40 + number % 3), number=number))
        last = (29).to_bytes(4, "big")
        until(lambda: last in receiver.recv(1 << 17))
        sender.close()
        receiver.close()
        file = captured.capture.whole(lan)
        told = tshark(file, "vlan.id", "udp.payload")
        assert [(vlan, int(data[:8], 16)) for vlan, data in told] == [
            ("42", number) for number in range(30) if number % 3 == 2
        ]


def test_a_stopped_reader_at_full_speed(stations, lan, spawn, scratch):
    """Two readers, one of them stopped, while iperf3 runs: it alone loses, and is told how much."""
    lan["capture.snaplen"] = 1500
    one, two = stations
    slow = Capture(spawn, lan, scratch / "slow.pcapng")
    fast = Capture(spawn, lan, scratch / "fast.pcapng")
    stop(slow.process)
    server = spawn(*two.command("iperf3", "-s", "-1"), stdout=subprocess.DEVNULL)
    until(lambda: ":5201" in two.run("ss", "-Hltn"))
    one.run("iperf3", "-c", "10.0.0.2", "-n", "600M")
    succeeded(server)
    assert one.pings("10.0.0.2")
    slow.process.send_signal(signal.SIGCONT)
    fast.whole(lan)
    succeeded(slow.process)

    last = {}
    for capture in (slow, fast):
        blocks = statistics(capture.path)
        last[capture] = blocks[-1]
        kept = len(tshark(capture.path, "frame.number"))
        assert kept == blocks[-1]["accepted"] - blocks[-1]["lost"]
        assert f"Number of stat entries = {len(blocks)}" in run("capinfos", capture.path)
    assert min(last[slow]["seen"], last[fast]["seen"]) > 10_000
    assert last[slow]["lost"] > 1000
    assert last[fast]["lost"] == 0
