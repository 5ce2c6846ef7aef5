"""A node's attributes: on its file in ports/, on the descriptor, by the ioctls of <ipn/ipn.h>."""

import errno
import fcntl
import os
import pathlib
import time

import pytest

from ipnfs_identity import OWNER, STRANGER
from ipnfs_syscalls import IPN_ATTR, IPN_IOC_GETATTR, IPN_IOC_SETATTR, ioctl_get, ioctl_set
from ipnfs_testlib import fails, get_option, run, set_option, until

READ_ONLY = (
    "number from kind pid uid gid received sent dropped truncated oob_dropped".split()
)  # peer_* are there only if the policy names another end


class ByPath:
    def get(self, lan, node, name):
        return get_option(lan.node_path(get_option(node.fd, "number")), name)

    def set(self, lan, node, name, value):
        set_option(lan.node_path(get_option(node.fd, "number")), name, value)


class ByDescriptor:
    def get(self, _, node, name):
        return get_option(node.fd, name)

    def set(self, _, node, name, value):
        set_option(node.fd, name, value)


class ByIoctl:
    def get(self, _, node, name):
        return ioctl_get(node.fd, name)

    def set(self, _, node, name, value):
        ioctl_set(node.fd, name, value)


class ByIoctlWithPrefix(ByIoctl):
    def get(self, lan, node, name):
        return super().get(lan, node, f"user.ipn.{name}")

    def set(self, lan, node, name, value):
        super().set(lan, node, f"user.ipn.{name}", value)


@pytest.fixture(params=[ByPath, ByDescriptor, ByIoctl, ByIoctlWithPrefix])
def way(request):
    return request.param()


class TestEveryWay:
    """Path, descriptor and ioctl answer alike."""

    def test_number(self, net, way):
        lan = net()
        lan.reader()
        assert way.get(lan, lan.reader(), "number") == "1"

    @pytest.mark.parametrize(
        "access, role", [(os.O_RDONLY, "reader"), (os.O_WRONLY, "writer"), (os.O_RDWR, "both")]
    )
    def test_role(self, net, way, access, role):
        lan = net()
        assert way.get(lan, lan.join(access), "role") == role

    def test_kind_pid_and_uid(self, net, way):
        lan = net()
        node = lan.reader()
        assert way.get(lan, node, "kind") == "file"
        assert way.get(lan, node, "pid") == str(os.getpid())
        assert way.get(lan, node, "uid") == "0"

    def test_from(self, net, way):
        lan = net()
        reader, writer = lan.reader(), lan.writer(port=None)
        writer.write(b"x")
        reader.read()
        assert way.get(lan, reader, "from") == str(writer.number)

    def test_counters(self, net, way):
        lan = net("lan", msgpoolsize=2)
        reader, writer = lan.reader(), lan.writer()
        for packet in (b"1", b"2", b"does not fit"):
            writer.write(packet)
        reader.read()
        assert way.get(lan, reader, "received") == "1"
        assert way.get(lan, reader, "dropped") == "1"
        assert way.get(lan, writer, "sent") == "3"

    def test_truncated(self, net, way):
        lan = net("lan", short_read="truncate")
        reader = lan.reader()
        lan.writer().write(b"long")
        assert reader.read(1) == b"l"
        assert way.get(lan, reader, "truncated") == "1"

    @pytest.mark.parametrize("descr", ["thermometer", "", "a b=c", "λ", "x" * 127])
    def test_description(self, net, way, descr):
        lan = net()
        node = lan.reader()
        way.set(lan, node, "descr", descr)
        assert way.get(lan, node, "descr") == descr

    @pytest.mark.parametrize("descr", ["x" * 128, "two\nlines", "bell\a", "nul\0nul"])
    def test_description_refused(self, net, way, descr):
        lan = net()
        node = lan.reader()
        way.set(lan, node, "descr", "before")
        with fails(errno.EINVAL):
            way.set(lan, node, "descr", descr)
        assert way.get(lan, node, "descr") == "before"

    @pytest.mark.parametrize("name", READ_ONLY)
    def test_read_only(self, net, way, name):
        lan = net()
        with fails(errno.EPERM):
            way.set(lan, lan.reader(), name, "1")

    @pytest.mark.parametrize("name", ["mtu", "netid"])
    def test_what_a_network_has_is_read_by_ioctl_only(self, net, way, name):
        """A program that has nothing but the descriptor has to learn the MTU somewhere."""
        lan = net()
        node = lan.reader()
        if isinstance(way, ByIoctl):
            assert way.get(lan, node, name) == lan[name]
        else:
            with fails(errno.ENODATA):
                way.get(lan, node, name)
        with fails(errno.EOPNOTSUPP):
            way.set(lan, node, name, "1")

    @pytest.mark.parametrize("name", ["nosuch", ""])
    def test_unknown(self, net, way, name):
        lan = net()
        node = lan.reader()
        with fails(errno.ENODATA):
            way.get(lan, node, name)
        with fails(errno.EOPNOTSUPP):
            way.set(lan, node, name, "1")

    @pytest.mark.parametrize("role", ["", "listener", "Reader", "both "])
    def test_role_refused(self, net, way, role):
        lan = net()
        node = lan.both()
        with fails(errno.EINVAL):
            way.set(lan, node, "role", role)
        assert node["role"] == "both"

    @pytest.mark.parametrize("role", ["reader", "writer", "none", "both"])
    def test_role_narrowed(self, net, way, role):
        lan = net()
        node = lan.both()
        way.set(lan, node, "role", role)
        assert way.get(lan, node, "role") == role

    @pytest.mark.parametrize("role", ["writer", "both"])
    def test_role_widened(self, net, way, role):
        lan = net()
        node = lan.reader()
        with fails(errno.EPERM):
            way.set(lan, node, "role", role)
        assert node["role"] == "reader"


class TestListing:
    def test_connected_node_shows_all_it_has(self, net):
        lan = net()
        listed = {name.removeprefix("user.ipn.") for name in os.listxattr(lan.reader().fd)}
        assert listed == {"descr", "role", "want_oob", *READ_ONLY} - {"from"}  # nothing was read yet

    def test_reserved_port_lists_what_a_restored_dump_can_set(self, net):
        lan = net()
        os.close(os.open(lan.node_path(5), os.O_CREAT | os.O_WRONLY | os.O_NONBLOCK))
        until(lambda: lan["nodes"] == "0")
        assert os.listxattr(lan.node_path(5)) == ["user.ipn.descr"]


class TestNarrowing:
    """Giving a role up is shutdown(2)."""

    def test_writer_no_more(self, net):
        lan = net()
        node = lan.both()
        node["role"] = "reader"
        with fails(errno.EPIPE):
            node.write(b"x")
        assert (lan["readers"], lan["writers"], lan["nodes"]) == ("1", "0", "1")

    def test_reader_no_more(self, net):
        lan = net()
        node = lan.both()
        node["role"] = "writer"
        lan.writer().write(b"not for it")
        assert node.read() == b""
        assert (lan["readers"], lan["writers"]) == ("0", "2")

    def test_last_writer_that_narrows_ends_the_file(self, net):
        lan = net("lan", eof="last-writer")
        reader, node = lan.reader(), lan.both()
        node["role"] = "reader"
        assert reader.read() == b""

    def test_nothing_left_but_the_port(self, net):
        lan = net()
        node = lan.both()
        node["role"] = "none"
        assert (lan["readers"], lan["writers"], lan["nodes"]) == ("0", "0", "1")


class TestReservedPort:
    @pytest.fixture
    def lan(self, net):
        lan = net()
        os.close(os.open(lan.node_path(5), os.O_CREAT | os.O_WRONLY | os.O_NONBLOCK))
        until(lambda: lan["nodes"] == "0")
        return lan

    def test_says_so(self, lan):
        assert get_option(lan.node_path(5), "kind") == "reserved"
        assert get_option(lan.node_path(5), "number") == "5"

    def test_description_stays_until_rm(self, lan):
        set_option(lan.node_path(5), "descr", "of the house")
        lan.reader(port=5).close()
        until(lambda: lan["nodes"] == "0")
        assert get_option(lan.node_path(5), "descr") == "of the house"

    def test_node_that_joins_there_has_the_description(self, lan):
        set_option(lan.node_path(5), "descr", "of the house")
        assert lan.reader(port=5)["descr"] == "of the house"

    def test_connected_it_is_a_file(self, lan):
        lan.reader(port=5)
        assert get_option(lan.node_path(5), "kind") == "file"

    def test_description_needs_w_on_it(self, lan):
        with fails(errno.EACCES):
            STRANGER.does(set_option, lan.node_path(5), "descr", "mine")


class TestPermissions:
    """fsetxattr is judged by the file's owner and mode, ioctls by who holds the descriptor."""

    @pytest.fixture
    def lan(self, net):
        lan = net()
        os.chmod(lan.port, 0o666)
        return lan

    def test_opener_describes_her_own_node(self, lan):
        def describe(path):
            fd = os.open(path, os.O_RDONLY)
            set_option(fd, "descr", "mine")
            return get_option(fd, "descr")

        assert OWNER.does(describe, lan.port) == "mine"

    def test_uid_is_the_openers(self, lan):
        def uid(path):
            return get_option(os.open(path, os.O_RDONLY), "uid")

        assert OWNER.does(uid, lan.port) == str(OWNER.uid)

    def test_everybody_may_look(self, lan):
        lan.reader()
        assert STRANGER.does(get_option, lan.node_path(0), "kind") == "file"

    def test_nobody_else_may_set(self, lan):
        lan.reader()
        with fails(errno.EACCES):
            STRANGER.does(set_option, lan.node_path(0), "descr", "theirs")

    def test_inherited_descriptor_sets_by_ioctl_only(self, net):
        node = net().reader()
        with fails(errno.EACCES):
            STRANGER.does(set_option, node.fd, "descr", "inherited")
        STRANGER.does(ioctl_set, node.fd, "descr", "inherited")
        assert node["descr"] == "inherited"

    def test_setfattr_on_dev_fd(self, lan):
        node = lan.reader()
        run(
            "setfattr",
            "-n",
            "user.ipn.descr",
            "-v",
            "by hand",
            f"/dev/fd/{node.fd}",
            pass_fds=[node.fd],
        )
        assert node["descr"] == "by hand"

    def test_two_opens_are_two_nodes(self, lan):
        one, other = lan.reader(), lan.reader()
        one["descr"], other["descr"] = "one", "other"
        assert (one["descr"], other["descr"]) == ("one", "other")
        assert one.number != other.number


class TestIoctl:
    def test_descriptor_opened_anew_is_a_node_of_its_own(self, net):
        """What /dev/stdin and /proc/self/fd do: the kernel opens the same inode a second time."""
        lan = net()
        first = lan.reader()
        second = os.open(f"/proc/self/fd/{first.fd}", os.O_WRONLY | os.O_NONBLOCK)
        try:
            assert [ioctl_get(fd, "number") for fd in (first.fd, second)] == ["0", "1"]
            assert [ioctl_get(fd, "role") for fd in (first.fd, second)] == ["reader", "writer"]
            ioctl_set(second, "descr", "second")
            assert [ioctl_get(fd, "descr") for fd in (first.fd, second)] == ["", "second"]
        finally:
            os.close(second)

    @pytest.mark.parametrize("request_name", ["GETATTR", "SETATTR"])
    @pytest.mark.parametrize(
        "attr",
        {
            "name without end": (b"d" * 64, 0, 0, b""),
            "name without end after the prefix": (b"user.ipn." + b"d" * 55, 0, 0, b""),
            "no name": (b"", 0, 0, b""),
            "name is the prefix": (b"user.ipn.", 0, 0, b""),
        }.items(),
        ids=lambda attr: attr[0],
    )
    def test_hostile_name(self, net, request_name, attr):
        request = {"GETATTR": IPN_IOC_GETATTR, "SETATTR": IPN_IOC_SETATTR}[request_name]
        with fails(errno.EINVAL, errno.ENODATA, errno.EOPNOTSUPP):
            fcntl.ioctl(net().reader().fd, request, IPN_ATTR.pack(*attr[1]))

    @pytest.mark.parametrize("size", [257, 1 << 31, (1 << 32) - 1])
    def test_size_beyond_the_value(self, net, size):
        node = net().reader()
        with fails(errno.EINVAL):
            fcntl.ioctl(node.fd, IPN_IOC_SETATTR, IPN_ATTR.pack(b"descr", size, 0, b"x"))
        assert node["descr"] == ""

    def test_header_says_the_same(self, scratch):
        """What <ipn/ipn.h> defines, compiled on its own, is what these tests use."""
        include = pathlib.Path(__file__).parents[2] / "src" / "include"
        program = scratch / "numbers"
        source = scratch / "numbers.c"
        source.write_text(
            "#include <ipn/ipn.h>\n"
            "#include <stddef.h>\n"
            "#include <stdio.h>\n"
            "int main(void) {\n"
            "    unsigned long get = IPN_IOC_GETATTR, set = IPN_IOC_SETATTR;\n"
            '    printf("%lu %lu %zu %zu", get, set,\n'
            "           offsetof(struct ipn_attr, size), offsetof(struct ipn_attr, value));\n"
            "}\n",
            encoding="ascii",
        )
        flags = ["-Wall", "-Wextra", "-Werror", "-pedantic", "-std=c11"]
        run(os.environ.get("CC", "cc"), *flags, f"-I{include}", source, "-o", program)
        assert run(program).split() == [str(n) for n in (IPN_IOC_GETATTR, IPN_IOC_SETATTR, 64, 72)]


class TestTimes:
    def test_last_packet_shows_in_the_nodes_file(self, net):
        lan = net()
        reader = lan.reader()
        before = time.time_ns()
        lan.writer().write(b"x")
        reader.read()
        assert os.stat(lan.node_path(0)).st_mtime_ns > before - 10**9
