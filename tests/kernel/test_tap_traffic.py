"""Traffic through TAP interfaces: ping, iperf3, what is in the packets, and back-pressure."""

import contextlib
import errno
import functools
import json
import os
import select
import signal
import socket
import struct
import time

import pytest
from scapy.all import IP, UDP, Ether

from ipnfs_netns import make_tap, quiet, raw_socket, station_frame
from ipnfs_testlib import Children, Task, stop, until


@pytest.fixture
def stations(netns):
    """stations(lan, 3): namespaces with tap1, tap2, ... on the network, which are 10.0.0.1/24 and
    fd00::1/64, and so on."""

    def make(network, count=2):
        spaces = []
        for number in range(1, count + 1):
            space = netns()
            make_tap(network, space, f"tap{number}")
            space.set_up(f"tap{number}", f"10.0.0.{number}/24", f"fd00::{number}/64")
            spaces.append(space)
        return spaces

    return make


def frames_until(sock, last):
    """What arrives, up to the frame `last`."""
    came = []
    while not came or came[-1] != last:
        data, address = sock.recvfrom(1 << 17)
        if address[2] != socket.PACKET_OUTGOING:
            came.append(data)
    return came


class TestPing:
    def test_both_protocols_both_directions(self, net, stations):
        one, two = stations(net())
        assert one.pings("10.0.0.2") and two.pings("10.0.0.1")
        assert one.pings("fd00::2") and two.pings("fd00::1")

    def test_eight_namespaces(self, net, stations):
        spaces = stations(net(), 8)
        for space in spaces:
            for number in range(1, len(spaces) + 1):
                assert space.pings(f"10.0.0.{number}"), f"{space.name} to {number}"

    @pytest.mark.parametrize("options", [{"lossless": 1}, {"lossless": 1, "msgpoolsize": 1}])
    def test_lossless(self, net, stations, options):
        one, _ = stations(net(**options))
        assert one.pings("10.0.0.2", count=2000)

    def test_jumbo(self, net, stations):
        one, two = stations(net(mtu=9014))
        assert one.link("tap1")["mtu"] == 9000
        assert one.pings("10.0.0.2", "-M", "do", "-s", "8972")
        assert two.pings("fd00::1", "-M", "do", "-s", "8952")

    def test_longer_than_the_mtu_does_not_get_through_and_is_counted(self, net, stations):
        lan = net()
        one, _ = stations(lan)
        one.ip("link", "set", "tap1", "mtu", "2000")
        assert not one.pings("10.0.0.2", "-M", "do", "-s", "1600")
        with open(os.path.join(lan.path, "tap", "tap1"), encoding="ascii") as state:
            assert "dropped: 0" not in state.read()

    def test_vlan_tags_pass(self, net, netns):
        """This kernel may have no 8021Q: the tagged frames are a program's."""
        lan = net(mtu=1518)
        one, two = netns(), netns()
        for namespace in (one, two):
            quiet(namespace)
        make_tap(lan, one, "tap1")
        make_tap(lan, two, "tap2")
        reader = lan.reader()
        frame = bytes.fromhex("ffffffffffff 020000000077 8100 0064 0800") + bytes(1500)
        sender = raw_socket(one, "tap1")
        sender.send(frame)
        until(lambda: reader.poll(select.POLLIN) & select.POLLIN)
        assert reader.read() == frame
        sender.close()


class TestIntegrity:
    """What comes out is what went in, byte for byte, in order."""

    @pytest.fixture
    def quiet_tap(self, netns):
        def make(lan, name="tap0"):
            namespace = netns()
            quiet(namespace)
            make_tap(lan, namespace, name)
            return namespace

        return make

    def some_frames(self):
        sizes = [46, 47, 100, 576, 1499, 1500]
        return [station_frame(bytes((7 * i + k) % 251 for k in range(sizes[i % 6]))) for i in range(60)]

    def test_file_to_tap(self, net, quiet_tap):
        lan = net(lossless=1)
        receiver = raw_socket(quiet_tap(lan))
        writer = lan.writer(blocking=True)
        for frame in self.some_frames():
            writer.write(frame)
        assert frames_until(receiver, self.some_frames()[-1]) == self.some_frames()
        receiver.close()

    def test_tap_to_file(self, net, quiet_tap):
        lan = net(lossless=1)
        sender = raw_socket(quiet_tap(lan))
        reader = lan.reader(blocking=True)
        for frame in self.some_frames():
            sender.send(frame)
        assert [reader.read() for _ in self.some_frames()] == self.some_frames()
        sender.close()

    def test_tap_to_tap(self, net, quiet_tap):
        lan = net(lossless=1)
        sender = raw_socket(quiet_tap(lan, "tap1"), "tap1")
        receiver = raw_socket(quiet_tap(lan, "tap2"), "tap2")
        for frame in self.some_frames():
            sender.send(frame)
        assert frames_until(receiver, self.some_frames()[-1]) == self.some_frames()
        sender.close()
        receiver.close()

    def test_what_is_no_frame_is_counted(self, net, quiet_tap):
        lan = net()
        namespace = quiet_tap(lan)
        writer = lan.writer()
        writer.write(b"too short")
        state = os.path.join(lan.path, "ports", "0")
        until(lambda: os.getxattr(state, "user.ipn.dropped") == b"1")
        namespace.ip("link", "set", "tap0", "down")
        writer.write(station_frame(b"nobody takes it"))
        until(lambda: os.getxattr(state, "user.ipn.dropped") == b"2")


def good_checksums(frame):
    """Whether IP and TCP or UDP checksums are right: made anew by scapy, they are the same."""
    packet = Ether(frame)
    if IP not in packet:
        return True
    anew = Ether(frame)
    del anew[IP].chksum
    layer = anew[IP].payload
    if not hasattr(layer, "chksum"):
        return True
    del layer.chksum
    return bytes(Ether(bytes(anew))) == frame


class TestOffloads:
    def test_tcp_stream_reaches_a_file_in_frames_of_the_mtu_with_right_checksums(
        self, net, stations
    ):
        lan = net(msgpoolsize=65535)
        one, two = stations(lan)
        reader = lan.reader()
        sent = transfer(one, two, 2_000_000)
        assert reader.count("dropped") == 0
        seen = reader.read_all()
        tcp = [frame for frame in seen if Ether(frame).haslayer("TCP")]
        assert sum(len(Ether(frame)["TCP"].payload) for frame in tcp) >= sent
        assert max(map(len, seen)) <= 1514
        assert all(map(good_checksums, tcp[:300]))

    def test_segment_crosses_between_taps_in_one_piece(self, net, stations, spawn):
        lan = net()
        one, two = stations(lan)
        receiver = raw_socket(two, "tap2")
        children = Children()
        try:
            server = children(*two.command("iperf3", "-s", "-1"), stdout=-3)
            until(lambda: listens(two))
            client = children(*one.command("iperf3", "-c", "10.0.0.2", "-n", "20M"), stdout=-3)
            longest = 0
            while longest < 10_000:
                data, address = receiver.recvfrom(1 << 17)
                if address[2] != socket.PACKET_OUTGOING:
                    longest = max(longest, len(data))
            assert client.wait(60) == 0 and server.wait(60) == 0
        finally:
            children.kill()
            receiver.close()

    def test_datagram_with_a_partial_checksum(self, net, stations):
        """The sending kernel leaves the checksum to be completed; a file sees it completed."""
        lan = net()
        one, _ = stations(lan)
        reader = lan.reader()

        def send():
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
                sock.sendto(b"x" * 1000, ("10.0.0.2", 9))

        assert one.pings("10.0.0.2")
        one.does(send)
        datagrams = []
        until(lambda: datagrams.extend(f for f in reader.read_all() if UDP in Ether(f)) or datagrams)
        assert good_checksums(datagrams[0])


def transfer(sender, receiver, count):
    """Sends so many bytes by TCP, and sees them all arrive."""
    listening = receiver.does(socket.create_server, ("10.0.0.2", 7000))
    sending = sender.does(socket.create_connection, ("10.0.0.2", 7000))
    receiving, _ = listening.accept()
    task = Task(sending.sendall, bytes(count))
    received = 0
    while received < count:
        received += len(receiving.recv(1 << 20))
    task.result()
    for sock in (listening, sending, receiving):
        sock.close()
    return count


def listens(namespace, port=5201):
    return f":{port}" in namespace.run("ss", "-Hltn")


def iperf(spawn, client, server, *arguments):
    """Runs iperf3 between the namespaces and returns its report."""
    listening = spawn(*server.command("iperf3", "-s", "-1"), stdout=-3)
    until(lambda: listens(server))
    report = client.run("iperf3", "-c", "10.0.0.2", "-J", *arguments)
    assert listening.wait(30) == 0
    return json.loads(report)["end"]


class TestThroughput:
    @pytest.mark.parametrize("mtu", [1514, 9014])
    @pytest.mark.parametrize("direction", [[], ["-R"], ["--bidir"]], ids=["up", "down", "both"])
    def test_tcp(self, net, stations, spawn, mtu, direction):
        one, two = stations(net(mtu=mtu))
        end = iperf(spawn, one, two, "-t", "1", *direction)
        assert end["sum_received"]["bytes"] > 10_000_000

    @pytest.mark.parametrize("direction", [[], ["-R"]], ids=["up", "down"])
    def test_udp(self, net, stations, spawn, direction):
        one, two = stations(net())
        end = iperf(spawn, one, two, "-u", "-b", "50M", "-t", "1", *direction)
        assert end["sum"]["lost_percent"] < 10

    def test_tcp_over_a_lossless_network(self, net, stations, spawn):
        one, two = stations(net(lossless=1))
        end = iperf(spawn, one, two, "-t", "1")
        assert end["sum_received"]["bytes"] > 10_000_000


class TestBackPressure:
    """A reader that does not read, on a network that a TAP floods."""

    def flood(self, namespace, count):
        """Sends `count` frames; returns the socket."""
        sock = raw_socket(namespace)
        sock.setblocking(False)
        sent = 0
        while sent < count:
            try:
                sock.send(station_frame(struct.pack(">I", sent) * 20))
                sent += 1
            except OSError as error:  # ENOBUFS: the interface's queue is full
                assert error.errno in (errno.ENOBUFS, errno.EAGAIN)
                break
        return sock, sent

    def test_lossless_network_reads_no_further(self, net, netns):
        lan = net(lossless=1, msgpoolsize=4)
        namespace = netns()
        quiet(namespace)
        make_tap(lan, namespace)
        reader = lan.reader()
        sock, sent = self.flood(namespace, 100)
        until(lambda: int(lan["nodes"]) == 2)
        counters = lan.node_path(0)
        until(lambda: os.getxattr(counters, "user.ipn.sent") == b"4")
        os.statvfs(lan.path)  # the loop does not wait
        assert os.getxattr(counters, "user.ipn.dropped") == b"0"
        numbers = []
        while len(numbers) < sent:
            until(lambda: reader.poll(select.POLLIN) & select.POLLIN)
            numbers += [struct.unpack_from(">I", frame, 14)[0] for frame in reader.read_all()]
        assert numbers == list(range(sent)), "in order, and none is lost"
        sock.close()

    def test_more_at_once_than_there_are_buffers(self, net, netns):
        """All interfaces of a mount receive into 32 buffers."""
        lan = net(msgpoolsize=1000)
        namespace = netns()
        quiet(namespace)
        make_tap(lan, namespace)
        reader = lan.reader()
        stop(lan.mount.daemon)
        sock, sent = self.flood(namespace, 400)
        lan.mount.daemon.send_signal(signal.SIGCONT)
        assert sent > 100
        until(lambda: os.getxattr(lan.node_path(0), "user.ipn.sent") == str(sent).encode())
        assert len(reader.read_all()) == sent
        sock.close()

    def test_a_reader_that_leaves_lets_it_go_on(self, net, stations):
        lan = net(lossless=1, msgpoolsize=2)
        one, _ = stations(lan)
        stopped = lan.reader()
        assert not one.pings("10.0.0.2", "-W", "1")
        stopped.close()
        assert one.pings("10.0.0.2")

    def test_removed_while_its_packet_waits(self, net, netns):
        lan = net(lossless=1, msgpoolsize=1)
        namespace = netns()
        quiet(namespace)
        tap = make_tap(lan, namespace)
        reader = lan.reader()
        sock, _ = self.flood(namespace, 20)
        until(lambda: os.getxattr(lan.node_path(0), "user.ipn.sent") == b"1")
        tap.remove()
        assert namespace.links() == {}
        assert len(reader.read_all()) == 1
        sock.close()

    def test_replugged_while_its_packet_waits(self, net, netns):
        full, other = net("full", lossless=1, msgpoolsize=1), net("other")
        namespace = netns()
        quiet(namespace)
        tap = make_tap(full, namespace)
        full.reader()
        reader = other.reader()
        sock, _ = self.flood(namespace, 20)
        until(lambda: os.getxattr(full.node_path(0), "user.ipn.sent") == b"1")
        os.rename(tap.path, os.path.join(other.path, "tap", "tap0"))
        until(lambda: reader.poll(select.POLLIN) & select.POLLIN)
        sock.close()

    def test_lossy_network_counts_what_a_slow_reader_loses(self, net, netns):
        lan = net(msgpoolsize=4)
        namespace = netns()
        quiet(namespace)
        make_tap(lan, namespace)
        reader = lan.reader()
        sock, sent = self.flood(namespace, 100)
        until(lambda: int(os.getxattr(lan.node_path(0), "user.ipn.sent")) == sent)
        assert reader.count("dropped") == sent - 4
        sock.close()

    def test_before_minreaders_it_waits_as_any_writer(self, net, netns):
        lan = net(lossless=1, minreaders=3)
        namespace = netns()
        quiet(namespace)
        make_tap(lan, namespace)  # itself a reader
        sock, sent = self.flood(namespace, 10)
        first = lan.reader()
        assert os.getxattr(lan.node_path(0), "user.ipn.sent") == b"0"
        second = lan.reader()
        until(lambda: os.getxattr(lan.node_path(0), "user.ipn.sent") == str(sent).encode())
        assert len(first.read_all()) == len(second.read_all()) == sent
        sock.close()


class Soak:
    """Two networks, MTU 1500 and 9000, each of which eight namespaces have an interface on.

    10.0.0.N and fd00::N on the first, 10.0.1.N and fd01::N on the second.
    """

    STATIONS = 8
    MTU = (1514, 9014)

    def __init__(self, mount, netns):
        self.mount = mount
        self.networks = [mount.net(f"lan{mtu}", mtu=mtu) for mtu in self.MTU]
        self.spaces = [netns() for _ in range(self.STATIONS)]
        for number, space in enumerate(self.spaces, 1):
            for which, network in enumerate(self.networks):
                name = f"lan{which}tap{number}"
                make_tap(network, space, name)
                space.set_up(name, f"10.0.{which}.{number}/24", f"fd0{which}::{number}/64")

    def address(self, which, number, family):
        return f"10.0.{which}.{number}" if family == 4 else f"fd0{which}::{number}"

    def iperf(self, spawn, scratch, seconds, which, client, server, family, *how):
        """Starts it, once the server listens; returns the client and where its report comes."""
        near, far = self.spaces[client - 1], self.spaces[server - 1]
        port = 6000 + 10 * client + server
        spawn(*far.command("iperf3", "-s", "-1", "-p", port), stdout=-3)
        until(functools.partial(listens, far, port))
        report = scratch / f"{port}.json"
        address = self.address(which, server, family)
        with open(report, "wb") as output:
            argv = ["iperf3", "-J", "-c", address, "-p", port, "-t", seconds, *how]
            return spawn(*near.command(*argv), stdout=output), report

    def resources(self):
        """(resident KiB, descriptors) of the daemon."""
        daemon = f"/proc/{self.mount.daemon.pid}"
        with open(f"{daemon}/status", encoding="ascii") as status:
            resident = next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))
        return resident, len(os.listdir(f"{daemon}/fd"))

    def memory_in_use(self):
        """What packets and queues take, as the mount counts it."""
        with open(os.path.join(self.mount.path, ".ipnfs", "metrics"), encoding="ascii") as metrics:
            return next(
                float(line.split()[1]) for line in metrics if line.startswith("ipnfs_memory_bytes ")
            )

    def pools_are_empty(self):
        for network in self.networks:
            with open(os.path.join(network.path, "stats"), encoding="ascii") as stats:
                statistics = dict(line.split() for line in stats)
            if (statistics["pool_packets"], statistics["pool_bytes"]) != ("0", "0"):
                return False
        return True


@pytest.mark.long
def test_minutes_of_mixed_traffic_neither_leak_nor_stall(mount, netns, spawn, scratch):
    """TCP, UDP and pings of both protocols on both networks, while other interfaces come and go."""
    seconds = 100
    soak = Soak(mount, netns)
    comer = netns()
    readers = [network.reader() for network in soak.networks]

    def rounds(until_then):
        """Interfaces come and go, everybody pings everybody, readers read; how often."""
        count = 0
        while time.monotonic() < until_then:
            which, count = count % 2, count + 1
            tap = make_tap(soak.networks[which], comer, "comer")
            near, far = count % soak.STATIONS, (count + 3) % soak.STATIONS + 1
            for family in (4, 6):
                assert soak.spaces[near].pings(soak.address(which, far, family)), f"{near + 1} to {far}"
            with contextlib.suppress(BlockingIOError):
                for _ in range(500):  # more comes meanwhile
                    readers[which].read()
            tap.remove()
        return count

    def traffic(length):
        started = [
            soak.iperf(spawn, scratch, length, 0, 1, 2, 4),
            soak.iperf(spawn, scratch, length, 1, 3, 4, 6),
            soak.iperf(spawn, scratch, length, 1, 5, 6, 4, "-R"),
            soak.iperf(spawn, scratch, length, 0, 6, 5, 6, "-u", "-b", "20M"),
            soak.iperf(spawn, scratch, length, 1, 7, 8, 4, "-u", "-b", "50M", "-l", "8900"),
        ]
        count = rounds(time.monotonic() + length)
        for client, report in started:
            assert client.wait(60) == 0, report.read_text()
            measured = json.loads(report.read_text())
            moved = [interval["sum"]["bytes"] for interval in measured["intervals"]]
            assert min(moved) > 0, f"a second without a byte: {moved}"
        return count

    def empty_pools():
        def are_empty():
            for reader in readers:
                reader.read_all()
            return soak.pools_are_empty()

        until(are_empty, "the pools are empty")

    # Once, so that what is kept for use is there; afterwards nothing more is.
    assert traffic(10) > 5
    empty_pools()
    before, in_use = soak.resources(), soak.memory_in_use()
    assert traffic(seconds) > 50
    empty_pools()
    until(lambda: soak.resources()[1] <= before[1], "descriptors are given back")
    until(lambda: soak.resources()[0] <= before[0] + 4 * 1024, "memory is given back")
    until(lambda: soak.memory_in_use() <= in_use, "packets are given back")
