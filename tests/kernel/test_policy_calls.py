"""Every call between a network and its policy, through a module and a real mount.

The module is `witness` (see modules/witness.c), whose view `calls` tells how it was called.
"""

import errno
import fcntl
import os
import pathlib
import select
import struct

import pytest

from ipnfs_testlib import fails, get_option, until


@pytest.fixture
def lan(mount, modules):
    """A network with the policy witness."""
    registry = pathlib.Path(mount.path, ".ipnfs", "policies")
    os.symlink(modules / "tests" / "witness.so", registry / "witness")
    return mount.net(policy="witness")


def view(lan):
    return pathlib.Path(lan.path, "policy", "calls").read_text(encoding="ascii").splitlines()


def arrives(reader):
    """The packet that comes a little later."""
    until(lambda: reader.poll(select.POLLIN), "a packet")
    return reader.read()


class Calls:
    """Those since the last look."""

    def __init__(self, lan):
        self.lan = lan
        self.seen = len(view(lan))

    def new(self):
        lines = view(self.lan)
        new, self.seen = lines[self.seen :], len(lines)
        return new

    def until(self, expected):
        """Waits for calls that come a little later, as those of a close do."""
        until(lambda: view(self.lan)[self.seen :] == expected, expected)
        self.seen += len(expected)


class TestLife:
    def test_newnet_and_delnet(self, mount, lan):
        assert view(lan) == ["newnet lan"]
        lan["policy"] = "broadcast"
        told = [line for line in mount.log().splitlines() if "policy witness" in line]
        assert [line.rpartition(": ")[2] for line in told] == ["delnet"], "and left nothing behind"

    def test_delnet_when_the_network_goes(self, mount, lan):
        os.rmdir(lan.path)
        assert "delnet" in mount.log()

    def test_resizenet_may_refuse(self, lan):
        calls = Calls(lan)
        lan["numnodes"] = "5"
        with fails(errno.EDOM):
            lan["numnodes"] = "13"
        assert lan["numnodes"] == "5"
        assert calls.new() == ["resizenet 32 5", "resizenet 5 13"]

    def test_a_node_comes_and_goes(self, lan):
        calls = Calls(lan)
        node = lan.both()
        assert calls.new() == ["newport 0", "postnewport 0"]
        node.close()
        calls.until(["predelport 0", "delport", "resetport 0"])

    def test_a_reserved_port_is_reset_when_it_is_not_reserved_any_more(self, lan):
        calls = Calls(lan)
        os.close(os.open(lan.node_path(4), os.O_CREAT | os.O_RDWR))
        calls.until(["newport 4", "postnewport 4", "predelport 4", "delport"])
        os.unlink(lan.node_path(4))
        assert calls.new() == ["resetport 4"]


class TestPackets:
    def test_to_all(self, lan):
        readers, writer = [lan.reader() for _ in range(3)], lan.writer()
        writer.write(b"hello")
        assert [reader.read() for reader in readers] == [b"hello"] * 3

    def test_to_one(self, lan):
        readers, writer = [lan.reader() for _ in range(3)], lan.writer()
        writer.write(b">1 hello")
        assert [reader.read_all() for reader in readers] == [[], [b">1 hello"], []]
        with fails(errno.EHOSTUNREACH):
            writer.write(b">9 hello")

    def test_different_ones_and_the_first_undisturbed(self, lan):
        readers, writer = [lan.reader() for _ in range(3)], lan.writer()
        writer.write(b"~#late")  # held, and sent by a timer, before or after the next one
        writer.write(b"#mark")
        for number, reader in enumerate(readers):
            assert {arrives(reader), arrives(reader)} == {b"~#late", b"%dmark" % number}

    def test_injected_until_depth_is_two(self, lan):
        reader, writer = lan.reader(), lan.writer()
        writer.write(b"+again")
        assert reader.read_all() == [b"+again"] * 3

    def test_late_by_a_timer(self, lan):
        reader, writer = lan.reader(), lan.writer()
        writer.write(b"~late")
        assert arrives(reader) == b"~late"

    def test_too_short_for_the_policy(self, lan):
        writer = lan.writer()
        with fails(errno.EINVAL):
            writer.write(b"x")

    def test_out_of_band(self, lan):
        wants, does_not, writer = lan.reader(), lan.reader(), lan.writer()
        wants["want_oob"] = "1"
        writer.write(b"!fire")
        assert wants.poll(select.POLLPRI) and not does_not.poll(select.POLLPRI)
        message = bytearray(4 + 4 + 4096)
        receive = 2 << 30 | len(message) << 16 | ord("N") << 8 | 3
        fcntl.ioctl(wants.fd, receive, message)
        (length,) = struct.unpack_from("I", message)
        assert message[8 : 8 + length] == b"fire"
        assert not wants.poll(select.POLLPRI)
        with fails(errno.EAGAIN):
            fcntl.ioctl(wants.fd, receive, message)


class TestOptionsAndIoctls:
    def test_options(self, lan):
        assert (lan["witness.colour"], lan["witness.ports"], lan["mtu"]) == ("grey", "32", "100")
        lan["witness.colour"] = "light green"
        assert lan["witness.colour"] == "light green"
        with fails(errno.EINVAL):
            lan["witness.colour"] = "green" * 30
        assert lan["error"] == "witness.colour: a colour has a name"
        with fails(errno.EPERM, errno.EOPNOTSUPP):
            lan["witness.ports"] = "5"
        reader = lan.reader()
        with fails(errno.EBUSY):
            lan["witness.colour"] = "blue"
        reader.close()
        os.removexattr(lan.path, "user.ipn.witness.colour")
        assert lan["witness.colour"] == "grey"

    def test_an_ioctl_of_its_own(self, lan):
        node = lan.both()
        both_ways = 3 << 30 | 5 << 16 | ord("x") << 8 | 1
        words = bytearray(b"hello")
        assert fcntl.ioctl(node.fd, both_ways, words) == 5
        assert words == b"HELLO"
        assert view(lan)[-1] == f"ioctl {both_ways:x}"
        with fails(errno.ENOTTY):
            fcntl.ioctl(node.fd, 2 << 30 | 5 << 16 | ord("x") << 8 | 1, words)


class TestEndpoints:
    def open(self, lan, name, access=os.O_RDWR):
        return os.open(os.path.join(lan.path, "rooms", name), access | os.O_NONBLOCK)

    def test_each_is_a_place_of_its_own(self, lan):
        attic, in_attic, in_cellar = (self.open(lan, n) for n in ("attic", "attic", "cellar"))
        outside = lan.reader()
        os.write(attic, b"up here")
        assert os.read(in_attic, 100) == b"up here"
        with fails(errno.EAGAIN):
            os.read(in_cellar, 100)
        assert outside.read_all() == []
        assert os.listdir(os.path.join(lan.path, "rooms")) == ["attic", "cellar"]
        for fd in (attic, in_attic, in_cellar):
            os.close(fd)
        outside.close()
        until(lambda: lan["nodes"] == "0")
        assert os.listdir(os.path.join(lan.path, "rooms")) == []

    def test_a_name_that_the_policy_does_not_know(self, lan):
        with fails(errno.ENOENT):
            self.open(lan, "Attic")
        with fails(errno.ENOENT):
            self.open(lan, "Attic", os.O_CREAT | os.O_WRONLY)

    def test_one_that_cannot_be_opened(self, lan):
        with fails(errno.EUSERS):
            self.open(lan, "closed")
        assert lan["nodes"] == "0"
        words = get_option(os.path.join(lan.path, "rooms", "closed"), "error")
        assert words == "the policy refused to open it"
