"""Grabbed interfaces: the network's and not the host's, whole, and given back whole.

    far --- veth --- near, in which eth0 is grabbed
"""

import errno
import fcntl
import os
import select
import socket
import struct
import subprocess

import pytest
from scapy.all import IP, UDP, Ether

from ipnfs_identity import STRANGER
from ipnfs_netns import File, make_tap, quiet, raw_socket, station_frame, touch
from ipnfs_testlib import Mount, fails, get_option, run, set_option, until


@pytest.fixture
def lan(net):
    return net()


@pytest.fixture
def wire(netns):
    """The two namespaces, whose ends of a wire are called eth0 and have 10.0.0.1 and 10.0.0.2."""
    far, near = netns(), netns()
    far.ip("link", "add", "eth0", "type", "veth", "peer", "name", "eth0", "netns", near.name)
    far.set_up("eth0", "10.0.0.1/24", "fd00::1/64")
    near.set_up("eth0", "10.0.0.2/24", "fd00::2/64")
    until(lambda: far.pings("10.0.0.2"))
    return far, near


def grab(lan, namespace, name="eth0"):
    file = File(lan, "grab", name, namespace)
    namespace.does(touch, file.path)
    until(lambda: file.state()["controlled"] == "no", "the file is closed")
    return file


def open_tap(name):
    """The other end of a TAP interface."""
    TUNSETIFF, IFF_TAP, IFF_NO_PI = 0x400454CA, 2, 0x1000
    fd = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TAP | IFF_NO_PI))
    return fd


def words(lan):
    return get_option(os.path.join(lan.path, "grab"), "error")


def as_before(far, near):
    """The host has its interface again, and nothing of ours is left on it."""
    until(lambda: far.pings("10.0.0.2", "-W", "1"))
    assert near.pings("10.0.0.1")
    # What a process had in io_uring ends a moment after the process.
    until(lambda: near.link("eth0")["promiscuity"] == 0, "not promiscuous any more")


class TestSilence:
    def test_host_neither_answers_nor_gets_through(self, lan, wire):
        far, near = wire
        grab(lan, near)
        far.ip("neigh", "flush", "all")
        near.ip("neigh", "flush", "all")
        assert not far.pings("10.0.0.2", "-W", "1")
        assert not near.pings("10.0.0.1", "-W", "1")
        assert not far.pings("fd00::2", "-W", "1")
        assert "FAILED" in far.ip("neigh", "show", "10.0.0.2") or "INCOMPLETE" in far.ip("neigh")

    def test_what_comes_for_the_host_does_not_reach_it(self, lan, wire):
        """Not even what nobody answers."""
        far, near = wire
        far.ip("neigh", "replace", "10.0.0.2", "lladdr", near.link("eth0")["address"], "dev", "eth0")
        receiver = near.does(socket.socket, socket.AF_INET, socket.SOCK_DGRAM)
        receiver.bind(("10.0.0.2", 9))
        receiver.setblocking(False)
        sender = far.does(socket.socket, socket.AF_INET, socket.SOCK_DGRAM)
        sender.sendto(b"before", ("10.0.0.2", 9))
        until(lambda: receiver.recv(100) == b"before" if select.select([receiver], [], [], 0)[0] else 0)
        grab(lan, near)
        reader = lan.reader()
        sender.sendto(b"grabbed", ("10.0.0.2", 9))
        until(lambda: any(frame.endswith(b"grabbed") for frame in reader.read_all()))
        with fails(errno.EAGAIN):
            receiver.recv(100)
        receiver.close()
        sender.close()

    def test_nothing_of_the_hosts_own_leaves(self, lan, wire):
        far, near = wire
        quiet(far)
        grab(lan, near)
        seen = raw_socket(far, "eth0")
        own = raw_socket(near, "eth0")  # even what a program sends there directly
        with fails(errno.ENOBUFS):
            own.send(station_frame(b"the host's"))
        lan.writer().write(station_frame(b"the network's"))
        first = seen.recv(2000)
        while first[12:14] != b"\x88\xb5":  # IPv6's own, from before
            first = seen.recv(2000)
        assert first == station_frame(b"the network's")
        seen.close()
        own.close()

    def test_all_that_it_receives_goes_to_the_network(self, lan, wire):
        far, near = wire
        quiet(far)
        grab(lan, near)
        assert near.link("eth0")["promiscuity"] == 1
        reader = lan.reader()
        sender = raw_socket(far, "eth0")
        frames = [
            station_frame(b"to somebody else", to="02:00:00:00:00:99"),
            station_frame(b"multicast", to="01:00:5e:00:00:fb"),
            station_frame(b"broadcast"),
        ]
        for frame in frames:
            sender.send(frame)
        came = []
        until(lambda: came.extend(f for f in reader.read_all() if f in frames) or len(came) == 3)
        assert came == frames
        sender.close()

    def test_taps_reach_the_wire_through_it(self, lan, wire, netns):
        far, near = wire
        grab(lan, near)
        inside = netns()
        make_tap(lan, inside, "tap1")
        inside.set_up("tap1", "10.0.0.3/24", "fd00::3/64")
        assert inside.pings("10.0.0.1") and far.pings("10.0.0.3")
        assert inside.pings("fd00::1") and far.pings("fd00::3")

    def test_virtual_machine(self, lan, netns):
        """Another program has the TAP interface open, as QEMU has; the network has its other end."""
        host = netns()
        host.ip("tuntap", "add", "vm0", "mode", "tap")
        quiet(host)
        machine = host.does(open_tap, "vm0")
        host.ip("link", "set", "vm0", "up")
        grab(lan, host, "vm0")
        both = lan.both()
        os.write(machine, station_frame(b"from the machine"))
        until(lambda: station_frame(b"from the machine") in both.read_all())
        both.write(station_frame(b"to the machine"))
        assert os.read(machine, 2000) == station_frame(b"to the machine")
        os.close(machine)

    def test_shared_the_host_goes_on_using_it(self, lan, wire):
        far, near = wire
        grabbed = grab(lan, near)
        assert grabbed["share"] == "0"
        grabbed["share"] = 1
        assert grabbed["share"] == "1"
        reader = lan.reader()
        assert far.pings("10.0.0.2")
        until(lambda: any(IP in Ether(frame) for frame in reader.read_all()))
        grabbed["share"] = 0
        assert not far.pings("10.0.0.2", "-W", "1")

    def test_shared_from_the_beginning(self, lan, wire):
        far, near = wire
        directory = os.path.join(lan.path, "grab")
        assert get_option(directory, "share") == "0"
        set_option(directory, "share", 1)
        grab(lan, near)
        assert far.pings("10.0.0.2")


class TestFrames:
    @pytest.fixture(params=[0, 1], ids=["lossy", "lossless"])  # which receive in two ways
    def ends(self, net, wire, request):
        """(socket at the far end, reader of the network, its writer)"""
        far, near = wire
        for namespace in wire:
            quiet(namespace)
            namespace.ip("link", "set", "eth0", "mtu", "9000")
        lan = net(mtu=9018, lossless=request.param)
        grab(lan, near)
        sock = raw_socket(far, "eth0")
        yield sock, lan.reader(), lan.writer()
        sock.close()

    def received(self, reader, wanted):
        came = []
        until(lambda: came.extend(f for f in reader.read_all() if len(f) == len(wanted)) or came)
        return came[0]

    @pytest.mark.parametrize(
        "head",
        ["8100 0064 0800", "8100 e064 88b5", "88a8 0064 8100 0007 0800"],
        ids=["vlan", "priority", "two tags"],
    )
    def test_vlan_tags_both_ways(self, ends, head):
        sock, reader, writer = ends
        frame = bytes.fromhex("ffffffffffff 020000000077" + head) + bytes(range(200))
        sock.send(frame)
        assert self.received(reader, frame) == frame
        writer.write(frame)
        data, ancillary, _, _ = sock.recvmsg(20000, 200)
        while len(data) not in (len(frame), len(frame) - 4):
            data, ancillary, _, _ = sock.recvmsg(20000, 200)
        assert data[-200:] == bytes(range(200))

    @pytest.mark.parametrize("size", [46, 1500, 9000])
    def test_jumbo_and_tiny(self, ends, size):
        sock, reader, writer = ends
        frame = station_frame(bytes(i % 251 for i in range(size)))
        sock.send(frame)
        assert self.received(reader, frame) == frame
        writer.write(frame)
        while sock.recv(20000) != frame:
            pass

    def test_partial_checksums_are_completed_for_files(self, net, wire):
        """The far kernel leaves the checksum to the device, which a wire of veth does not do."""
        far, near = wire
        lan = net()
        near_mac = near.link("eth0")["address"]
        far.ip("neigh", "replace", "10.0.0.2", "lladdr", near_mac, "dev", "eth0")
        grab(lan, near)
        reader = lan.reader()

        def send():
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
                sock.sendto(b"x" * 1000, ("10.0.0.2", 9))

        far.does(send)
        came = []
        until(lambda: came.extend(f for f in reader.read_all() if UDP in Ether(f)) or came)
        anew = Ether(came[0])
        del anew[UDP].chksum
        assert bytes(Ether(bytes(anew))) == came[0]

    def test_tcp_in_segments_to_and_from_a_tap(self, lan, wire, netns, spawn):
        far, near = wire
        grab(lan, near)
        inside = netns()
        make_tap(lan, inside, "tap1")
        inside.set_up("tap1", "10.0.0.3/24")
        server = spawn(*far.command("iperf3", "-s", "-1"), stdout=subprocess.DEVNULL)
        until(lambda: ":5201" in far.run("ss", "-Hltn"))
        report = inside.run("iperf3", "-c", "10.0.0.1", "-t", "1", "--bidir")
        assert server.wait(30) == 0
        assert "receiver" in report


class TestRefusals:
    @pytest.mark.parametrize(
        "name, error, why",
        [("eth7", errno.ENODEV, "no interface eth7"), ("lo", errno.EINVAL, "loopback")],
    )
    def test_absent_and_loopback(self, lan, wire, name, error, why):
        with fails(error):
            grab(lan, wire[1], name)
        assert why in words(lan)

    def test_bridged(self, lan, wire):
        _, near = wire
        near.ip("link", "add", "br0", "type", "bridge")
        near.ip("link", "set", "eth0", "master", "br0")
        with fails(errno.EBUSY):
            grab(lan, near)
        assert "bridge" in words(lan)

    def test_grabbed_already(self, net, mount_with, wire):
        _, near = wire
        one, other = net("one"), net("other")
        grab(one, near)
        with fails(errno.EBUSY):
            grab(other, near)
        assert "grabbed" in words(other)
        with fails(errno.EBUSY):
            grab(mount_with().net(), near)
        assert (one["nodes"], other["nodes"]) == ("1", "0")

    def test_without_capability(self, lan, wire):
        directory = os.path.join(lan.path, "grab")
        os.chmod(directory, 0o777)
        set_option(directory, "netns", wire[1].name)
        with fails(errno.EPERM):
            STRANGER.does(touch, os.path.join(directory, "eth0"))
        assert "CAP_NET_ADMIN" in STRANGER.does(words, lan)

    def test_tap_by_mode_is_for_taps(self, mount_with, wire):
        lan = mount_with("tap_by_mode").net()
        directory = os.path.join(lan.path, "grab")
        os.chmod(directory, 0o777)
        set_option(directory, "netns", wire[1].name)
        with fails(errno.EPERM):
            STRANGER.does(touch, os.path.join(directory, "eth0"))

    def test_what_is_only_for_taps(self, lan, wire):
        grabbed = grab(lan, wire[1])
        for option, value in (("persist", 2), ("netns", wire[0].name), ("share", "yes")):
            with fails(errno.EINVAL):
                grabbed[option] = value
        assert grabbed["persist"] == "1"
        assert grabbed["kind"] == "grab"


class TestRelease:
    def test_by_rm(self, lan, wire):
        grab(lan, wire[1]).remove()
        as_before(*wire)

    def test_by_umount(self, mount_with, wire):
        mount = mount_with()
        grab(mount.net(), wire[1])
        mount.umount()
        as_before(*wire)

    def test_by_the_end_of_the_network(self, lan, wire):
        grab(lan, wire[1])
        lan["state"] = "down"
        as_before(*wire)

    def test_by_kill_9(self, ipnfs_binary, scratch, wire):
        mount = Mount(ipnfs_binary, str(scratch))
        mount.until_usable()
        grab(mount.net(), wire[1])
        mount.daemon.kill()
        mount.daemon.wait()
        run("umount", "-l", mount.path)
        as_before(*wire)

    def test_by_persist_0(self, lan, wire):
        grab(lan, wire[1])["persist"] = 0
        as_before(*wire)

    def test_interface_deleted(self, lan, wire):
        far, near = wire
        grabbed = grab(lan, near)
        far.ip("link", "del", "eth0")
        grabbed.until_disconnected()
        assert lan["nodes"] == "0"

    def test_interface_deleted_while_it_was_down(self, lan, wire):
        far, near = wire
        grabbed = grab(lan, near)
        near.ip("link", "set", "eth0", "down")
        assert grabbed.state()["state"] == "connected"
        far.ip("link", "del", "eth0")
        grabbed.until_disconnected()

    def test_interface_moved_away(self, lan, wire, netns):
        grabbed = grab(lan, wire[1])
        wire[1].ip("link", "set", "eth0", "netns", netns().name)
        grabbed.until_disconnected()

    def test_down_and_up_again_it_goes_on(self, lan, wire):
        far, near = wire
        quiet(far)
        grab(lan, near)
        near.ip("link", "set", "eth0", "down")
        near.ip("link", "set", "eth0", "up")
        reader = lan.reader()
        sender = raw_socket(far, "eth0")
        frame = station_frame(b"again")

        def comes():
            sender.send(frame)
            return frame in reader.read_all()

        until(comes)
        sender.close()

    def test_replugged(self, net, wire):
        one, other = net("one"), net("other")
        grabbed = grab(one, wire[1])
        os.rename(grabbed.path, os.path.join(other.path, "grab", "eth0"))
        assert (one["nodes"], other["nodes"]) == ("0", "1")
        assert not wire[0].pings("10.0.0.2", "-W", "1")


def test_lossless_network_loses_nothing_that_the_sockets_buffer_can_hold(net, wire):
    far, near = wire
    for namespace in wire:
        quiet(namespace)
    lan = net(lossless=1, msgpoolsize=2)
    grab(lan, near)
    reader = lan.reader()
    sender = raw_socket(far, "eth0")
    for number in range(300):
        sender.send(station_frame(struct.pack(">I", number) * 20))
    numbers = []

    def read_on():
        for frame in reader.read_all():
            if frame[12:14] == b"\x88\xb5":
                numbers.append(struct.unpack_from(">I", frame, 14)[0])
        return len(numbers) == 300

    until(read_on)
    assert numbers == list(range(300))
    sender.close()
