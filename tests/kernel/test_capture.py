"""capture.pcap: what tcpdump and tshark make of it, offline and live.

Frames are made by scapy, and looked at by the dissectors of others.
"""

import errno
import os
import select
import signal
import stat
import subprocess

import pytest
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.l2 import ARP, Dot1Q, Ether
from scapy.packet import Raw

from ipnfs_capture import Capture, capture_of, statistics, tshark, until_open
from ipnfs_identity import OWNER, STRANGER
from ipnfs_testlib import PATIENCE, fails, get_option, run, stop, succeeded, until

ALICE, BOB = "02:00:00:00:00:01", "02:00:00:00:00:02"


def frame(*layers, payload=b""):
    """A frame from Alice to Bob, as bytes."""
    packet = Ether(src=ALICE, dst=BOB)
    for layer in (*layers, *([Raw(payload)] if payload else [])):
        packet = packet / layer
    return bytes(packet)


def ip():
    return IP(src="10.0.0.1", dst="10.0.0.2")


FRAMES = {
    "arp": frame(ARP(psrc="10.0.0.1", pdst="10.0.0.2")),
    "icmp": frame(ip(), ICMP(id=7, seq=1), payload=b"x" * 56),
    "vlan": frame(Dot1Q(vlan=42), ip(), UDP(sport=1000, dport=4321), payload=b"tagged"),
    "tcp": frame(ip(), TCP(sport=1000, dport=80, flags="S", seq=1234)),
    "udp": frame(ip(), UDP(sport=1000, dport=4321), payload=b"plain"),
}


@pytest.fixture
def lan(net):
    return net(linktype="ethernet")


@pytest.fixture
def capture(spawn, lan, scratch):
    return Capture(spawn, lan, scratch / "capture.pcapng")


def send_all(lan):
    """Every kind of frame, from port 1 to port 0."""
    lan.reader()
    writer = lan.writer()
    for sent in FRAMES.values():
        writer.write(sent)
    return writer


class TestDissected:
    def test_content_count_and_order(self, lan, capture):
        send_all(lan)
        told = tshark(capture.whole(lan), "frame.protocols", "frame.len", "eth.src", "eth.dst")
        assert told == [
            [protocols, str(len(sent)), ALICE, BOB]
            for protocols, sent in zip(
                (
                    "eth:ethertype:arp",
                    "eth:ethertype:ip:icmp:data",
                    "eth:ethertype:vlan:ethertype:ip:udp:data",
                    "eth:ethertype:ip:tcp",
                    "eth:ethertype:ip:udp:data",
                ),
                FRAMES.values(),
                strict=True,
            )
        ]

    def test_bytes_are_those_that_were_sent(self, lan, capture):
        send_all(lan)
        told = run("tshark", "-n", "-r", capture.whole(lan), "-x")
        dump = "".join(line[6:54].replace(" ", "") for line in told.splitlines())
        assert dump == b"".join(FRAMES.values()).hex()

    def test_fields_of_the_protocols(self, lan, capture):
        send_all(lan)
        file = capture.whole(lan)
        assert tshark(file, "icmp.seq", "icmp.checksum.status", also=("-Y", "icmp")) == [["1", "1"]]
        assert tshark(file, "vlan.id", "udp.dstport", also=("-Y", "vlan")) == [["42", "4321"]]
        assert tshark(file, "arp.dst.proto_ipv4", also=("-Y", "arp")) == [["10.0.0.2"]]

    def test_comments_say_where_each_went_and_can_be_filtered(self, lan, capture):
        writer = send_all(lan)
        with fails(errno.EMSGSIZE):
            writer.write(bytes(1515))
        file = capture.whole(lan)
        assert tshark(file, "frame.comment") == [
            *([["from 1 to 0"]] * len(FRAMES)),
            ["from 1 to nobody; dropped: longer than the MTU"],
        ]
        dropped = tshark(file, "frame.len", also=("-Y", 'frame.comment contains "dropped"'))
        assert dropped == [["1515"]]

    def test_a_slow_reader_of_packets_is_named(self, net, spawn, scratch):
        lan = net("lossy", linktype="ethernet", msgpoolsize=1)
        capture = Capture(spawn, lan, scratch / "lossy.pcapng")
        lan.reader()
        writer = lan.writer()
        writer.write(FRAMES["arp"])
        writer.write(FRAMES["arp"])
        assert tshark(capture.whole(lan), "frame.comment") == [
            ["from 1 to 0"],
            ["from 1 to nobody; dropped at 0: queue full"],
        ]

    def test_interface_is_the_network_and_times_are_exact(self, lan, capture):
        send_all(lan)
        file = capture.whole(lan)
        assert {name for (name,) in tshark(file, "frame.interface_name")} == {"lan"}
        times = [float(time) for (time,) in tshark(file, "frame.time_epoch")]
        assert times == sorted(times)
        information = run("capinfos", file)
        assert "File timestamp precision:  nanoseconds (9)" in information
        assert "Strict time order:   True" in information
        assert abs(times[-1] - os.stat(file).st_mtime) < PATIENCE

    def test_what_is_no_ethernet_is_user0(self, net, spawn, scratch):
        lan = net("words")
        capture = Capture(spawn, lan, scratch / "words.pcapng")
        lan.writer().write(b"hello")
        assert "USER 0" in run("capinfos", file := capture.whole(lan))
        assert tshark(file, "frame.len", "frame.comment") == [["5", "from 0 to nobody"]]


class TestLive:
    def test_tcpdump(self, lan, spawn):
        """tcpdump -l -r FILE."""
        tcpdump = spawn("tcpdump", "-n", "-e", "-l", "-r", capture_of(lan), stdout=subprocess.PIPE)
        until_open(lan, tcpdump)
        send_all(lan)
        lines = [tcpdump.stdout.readline().decode() for _ in FRAMES]
        assert tcpdump.poll() is None, "it still follows"
        for line, words in zip(
            lines,
            (
                "Request who-has 10.0.0.2 tell 10.0.0.1",
                "10.0.0.1 > 10.0.0.2: ICMP echo request, id 7, seq 1, length 64",
                "vlan 42, p 0, ethertype IPv4 (0x0800), 10.0.0.1.1000 > 10.0.0.2.4321",
                "10.0.0.1.1000 > 10.0.0.2.80: Flags [S], seq 1234",
                "10.0.0.1.1000 > 10.0.0.2.4321: UDP, length 5",
            ),
            strict=True,
        ):
            assert words in line
        lan["state"] = "down"
        succeeded(tcpdump)

    def test_tshark(self, lan, spawn):
        """tshark -i - < FILE, as wireshark -k -i - does."""
        tshark_live = spawn.shell(
            'exec tshark -n -l -i - -T fields -e frame.protocols -e frame.comment < "$file"',
            file=capture_of(lan),
            stdout=subprocess.PIPE,
        )
        until_open(lan, tshark_live)
        send_all(lan)
        lines = [tshark_live.stdout.readline().decode().split("\t") for _ in FRAMES]
        assert [protocols.split(":")[-1] for protocols, _ in lines] == [
            "arp",
            "data",
            "data",
            "tcp",
            "data",
        ]
        assert {comment for _, comment in lines} == {"from 1 to 0\n"}
        lan["state"] = "down"
        succeeded(tshark_live)

    def test_poll_and_nonblocking_reads(self, lan):
        fd = os.open(capture_of(lan), os.O_RDONLY | os.O_NONBLOCK)
        try:
            assert os.read(fd, 1 << 20)
            with fails(errno.EAGAIN):
                os.read(fd, 1 << 20)
            poll = select.poll()
            poll.register(fd, select.POLLIN)
            assert poll.poll(0) == []
            lan.writer().write(FRAMES["arp"])
            assert poll.poll(PATIENCE * 1000) == [(fd, select.POLLIN)]
            assert FRAMES["arp"] in os.read(fd, 1 << 20)
            lan["state"] = "down"
            assert os.read(fd, 1 << 20), "the sum"
            assert os.read(fd, 1 << 20) == b""
        finally:
            os.close(fd)

    def test_a_blocked_read_can_be_killed(self, lan, mount, capture):
        mount.until_blocked(capture.process)
        capture.process.send_signal(signal.SIGKILL)
        assert capture.process.wait(PATIENCE) == -signal.SIGKILL


class TestReaders:
    LARGE = bytes(frame(ip(), UDP(), payload=bytes(1400)))
    MANY = 8000  # 11 MiB: more than a capture keeps for a reader

    def test_a_stopped_reader_loses_alone_and_is_told(self, lan, spawn, scratch):
        slow = Capture(spawn, lan, scratch / "slow.pcapng")
        fast = Capture(spawn, lan, scratch / "fast.pcapng")
        stop(slow.process)
        writer = lan.writer(blocking=True)
        for number in range(self.MANY):
            writer.write(self.LARGE[:-4] + number.to_bytes(4, "big"))
            if number % 500 == 499:  # the other one keeps up
                fast.until_has(self.LARGE[-8:-4] + number.to_bytes(4, "big"))
        slow.process.send_signal(signal.SIGCONT)
        fast.whole(lan)
        succeeded(slow.process)

        assert len(tshark(fast.path, "frame.number")) == self.MANY
        assert statistics(fast.path) == [{"seen": self.MANY, "accepted": self.MANY, "lost": 0}]
        kept = len(tshark(slow.path, "frame.number"))
        assert 1000 < kept < self.MANY
        assert statistics(slow.path)[-1] == {
            "seen": self.MANY,
            "accepted": self.MANY,
            "lost": self.MANY - kept,
        }

    def test_a_stopped_reader_holds_up_no_lossless_network(self, net, spawn, scratch):
        lan = net("lossless", lossless=1)
        stop(Capture(spawn, lan, scratch / "slow.pcapng").process)
        writer = lan.writer()
        for _ in range(self.MANY):
            writer.write(self.LARGE)


class TestOptions:
    def test_snaplen(self, lan, spawn, scratch):
        lan["capture.snaplen"] = 34
        capture = Capture(spawn, lan, scratch / "capture.pcapng")
        send_all(lan)
        told = tshark(capture.whole(lan), "frame.len", "frame.cap_len")
        assert told == [[str(len(sent)), str(min(len(sent), 34))] for sent in FRAMES.values()]

    @pytest.mark.parametrize(
        "expression, expected",
        [
            ("icmp", ["icmp"]),
            ("vlan and udp port 4321", ["vlan"]),
            ("udp port 4321", ["udp"]),
            ("tcp[tcpflags] & tcp-syn != 0", ["tcp"]),
            (f"ether src {ALICE} and not ip", ["arp", "vlan"]),
            ("host 10.0.0.3", []),
            ("", list(FRAMES)),
        ],
    )
    def test_filter(self, lan, spawn, scratch, expression, expected):
        lan["capture.filter"] = expression
        capture = Capture(spawn, lan, scratch / "capture.pcapng")
        send_all(lan)
        file = capture.whole(lan)
        lengths = [[str(len(FRAMES[name]))] for name in expected]
        assert tshark(file, "frame.len") == lengths
        assert statistics(file)[-1] == {
            "seen": len(FRAMES),
            "accepted": len(expected),
            "lost": 0,
        }

    def test_filter_is_the_same_as_tcpdumps(self, lan, capture, scratch):
        """What tcpdump selects of everything is what a filtered capture has."""
        expression = "ip and not tcp"
        lan["capture.filter"] = expression
        fd = os.open(capture_of(lan), os.O_RDONLY)
        send_all(lan)
        lan["state"] = "down"
        filtered = scratch / "filtered.pcapng"
        with os.fdopen(fd, "rb", buffering=0) as file:
            filtered.write_bytes(file.read())
        succeeded(capture.process)
        assert run("tcpdump", "-n", "-r", filtered) == run(
            "tcpdump", "-n", "-r", capture.path, expression
        )

    def test_options_hold_from_the_next_open_on(self, lan, capture):
        lan["capture.filter"] = "icmp"
        lan["capture.snaplen"] = 20
        send_all(lan)
        told = tshark(capture.whole(lan), "frame.cap_len")
        assert told == [[str(len(sent))] for sent in FRAMES.values()]

    @pytest.mark.parametrize(
        "bad, words",
        [
            ("tcp port", "syntax error"),
            ("host www.example.org", "'www.example.org' is no word of a filter"),
            ("tcp port http", "'http' is no word of a filter"),
            ("port 99999", "illegal port number"),
        ],
    )
    def test_bad_filter(self, lan, bad, words):
        lan["capture.filter"] = "icmp"
        with fails(errno.EINVAL):
            lan["capture.filter"] = bad
        assert words in lan["error"]
        assert lan["capture.filter"] == "icmp"

    def test_filter_that_does_not_suit_the_link_type(self, net):
        lan = net("words")
        lan["capture.filter"] = "icmp"
        with fails(errno.EINVAL):
            os.open(capture_of(lan), os.O_RDONLY)
        assert "capture.filter" in get_option(capture_of(lan), "error")

    @pytest.mark.parametrize("bad", ["0", "262145", "-1", "many", ""])
    def test_bad_snaplen(self, lan, bad):
        with fails(errno.EINVAL):
            lan["capture.snaplen"] = bad


class TestFile:
    def test_mode_size_and_owner(self, lan):
        status = os.stat(capture_of(lan))
        assert stat.S_IMODE(status.st_mode) == 0o400
        assert stat.S_ISREG(status.st_mode)
        assert status.st_size == 0

    def test_only_who_may_read_it_can(self, mount):
        OWNER.does(os.mkdir, os.path.join(mount.path, "his"))
        path = os.path.join(mount.path, "his", "capture.pcap")
        OWNER.does(lambda: os.close(os.open(path, os.O_RDONLY)))
        with fails(errno.EACCES):
            STRANGER.does(os.open, path, os.O_RDONLY)
        OWNER.does(os.chmod, path, 0o444)
        STRANGER.does(lambda: os.close(os.open(path, os.O_RDONLY)))

    def test_cannot_be_written(self, lan):
        for access in (os.O_WRONLY, os.O_RDWR):
            with fails(errno.EPERM):
                os.open(capture_of(lan), access)

    def test_walking_the_tree_reads_no_capture(self, mount, lan, scratch):
        """Which would wait for ever. (tar opens what not everybody may read, to find it empty.)"""
        writer = lan.writer()
        for command in (
            ("grep", "-rq", "--", "x", mount.path),
            ("find", mount.path, "-type", "f", "-name", "capture.pcap"),
            ("tar", "-cf", scratch / "all.tar", "-C", mount.path, "lan/capture.pcap"),
            ("du", "-a", mount.path),
        ):
            subprocess.run(command, timeout=PATIENCE, check=False, stdout=subprocess.DEVNULL)
            writer.write(b"x")
        assert lan["nodes"] == "1"

    def test_capture_is_no_node_and_holds_no_network(self, lan, capture):
        assert (lan["nodes"], lan["readers"], lan["writers"]) == ("0", "0", "0")
        assert lan.ports() == []
        os.rmdir(lan.path)
        succeeded(capture.process)

    def test_renaming_the_network_does_not_disturb(self, lan, mount, capture):
        os.rename(lan.path, os.path.join(mount.path, "other"))
        moved = type(lan)(mount, "other")
        send_all(moved)
        assert len(tshark(capture.whole(moved), "frame.number")) == len(FRAMES)

    def test_name_cannot_be_removed_or_made(self, lan):
        with fails(errno.EPERM):
            os.unlink(capture_of(lan))
        with fails(errno.EPERM):
            os.rename(capture_of(lan), os.path.join(lan.path, "port"))
