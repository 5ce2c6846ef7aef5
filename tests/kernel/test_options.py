"""Options are extended attributes of a network's directory; on the root, defaults of later ones."""

import ctypes
import errno
import os
import re

import pytest

from ipnfs_identity import OWNER, STRANGER
from ipnfs_testlib import fails, get_option, run, set_option, until

XATTR_CREATE, XATTR_REPLACE = os.XATTR_CREATE, os.XATTR_REPLACE

# name: its default, other values it takes, values just outside
OPTIONS = {
    "policy": ("broadcast", [], ["nosuchpolicy", "Broadcast", "../broadcast"]),
    "mtu": ("1514", ["1", "65535"], ["0", "65536"]),
    "type": ("packet", ["stream"], ["PACKET", "datagram"]),
    "lossless": ("0", ["1"], ["2", "yes"]),
    "msgpoolsize": ("128", ["1", "65535"], ["0", "65536"]),
    "numnodes": ("32", ["1", "65535"], ["0", "65536"]),
    "eof": ("never", ["last-writer"], ["last_writer", "always"]),
    "minreaders": ("0", ["1", "4000000000"], ["99999999999"]),
    "stall_timeout_ms": ("0", ["1", "4000000000"], ["99999999999"]),
    "overrun_error": ("0", ["1"], ["2", "yes"]),
    "short_read": ("keep", ["truncate"], ["lose"]),
    "retain": ("0", ["1", "65535"], ["-1", "65536", "all"]),
    "linktype": ("user0", ["ethernet"], ["wifi", "user1"]),
    "capture.snaplen": ("262144", ["1", "262143"], ["0", "262145"]),
    "capture.filter": ("", ["arp or icmp"], ["tcp port", "host example.org"]),
    "ephemeral": ("0", ["1"], ["2", "yes"]),
}
FIXED_WHILE_CONNECTED = ["policy", "mtu", "type", "lossless", "msgpoolsize"]
READ_ONLY = ["netid", "readers", "writers", "nodes"]
ATTRIBUTES = {f"user.ipn.{name}" for name in OPTIONS}

DEFAULTS = {name: default for name, (default, _, _) in OPTIONS.items()}
ACCEPTED = [(name, value) for name, (_, good, _) in OPTIONS.items() for value in good]
REFUSED = [(name, value) for name, (_, _, bad) in OPTIONS.items() for value in bad]
OTHER_VALUES = {name: good[0] for name, (_, good, _) in OPTIONS.items() if good}

each_option = pytest.mark.parametrize("name", OPTIONS)
each_changeable = pytest.mark.parametrize("name, value", OTHER_VALUES.items())

libc = ctypes.CDLL(None, use_errno=True)


def remove_option(path, name):
    os.removexattr(path, f"user.ipn.{name}")


def all_options(path):
    return {name: get_option(path, name) for name in OPTIONS}


class TestValues:
    @pytest.mark.parametrize("name, default", DEFAULTS.items())
    def test_default(self, net, name, default):
        assert net()[name] == default

    @pytest.mark.parametrize("name, value", ACCEPTED)
    def test_accepted(self, net, name, value):
        lan = net()
        lan[name] = value
        assert all_options(lan.path) == {**DEFAULTS, name: value}

    @pytest.mark.parametrize("name, value", REFUSED)
    def test_refused(self, net, name, value):
        lan = net()
        with fails(errno.EINVAL):
            lan[name] = value
        assert all_options(lan.path) == DEFAULTS

    def test_networks_have_their_own(self, net):
        lan, wan = net("lan", mtu=100), net("wan", mtu=200)
        assert (lan["mtu"], wan["mtu"]) == ("100", "200")

    @each_changeable
    def test_removing_restores_the_default(self, net, name, value):
        lan = net("lan", **{name: value})
        remove_option(lan.path, name)
        assert lan[name] == DEFAULTS[name]

    def test_setting_needs_no_x_on_the_directory(self, net):
        lan = net()
        os.chown(lan.path, OWNER.uid, OWNER.gid)
        os.chmod(lan.path, 0o200)
        OWNER.does(set_option, lan.path, "mtu", 99)
        assert lan["mtu"] == "99"


class TestWhenTheyMayChange:
    @pytest.mark.parametrize("name", FIXED_WHILE_CONNECTED)
    def test_not_while_a_node_is_connected(self, net, name):
        lan = net()
        node = lan.reader()
        other = OTHER_VALUES.get(name, "nosuchpolicy")
        with fails(errno.EBUSY):
            lan[name] = other
        assert all_options(lan.path) == DEFAULTS
        node.close()
        until(lambda: lan["nodes"] == "0")
        if name in OTHER_VALUES:
            lan[name] = other
            assert lan[name] == other

    @pytest.mark.parametrize("name", FIXED_WHILE_CONNECTED)
    def test_same_value_again_is_no_change(self, net, name):
        lan = net()
        lan.reader()
        lan[name] = DEFAULTS[name]

    @pytest.mark.parametrize("name", set(FIXED_WHILE_CONNECTED) & set(OTHER_VALUES))
    def test_nor_be_removed_then(self, net, name):
        lan = net("lan", **{name: OTHER_VALUES[name]})
        lan.reader()
        with fails(errno.EBUSY):
            remove_option(lan.path, name)
        assert lan[name] == OTHER_VALUES[name]

    @pytest.mark.parametrize("name", [n for n in OTHER_VALUES if n not in FIXED_WHILE_CONNECTED])
    def test_any_time(self, net, name):
        lan = net()
        lan.both()
        lan[name] = OTHER_VALUES[name]
        assert lan[name] == OTHER_VALUES[name]
        remove_option(lan.path, name)
        assert lan[name] == DEFAULTS[name]

    def test_reserved_ports_and_other_networks_do_not_hinder(self, net):
        lan = net("lan")
        net("wan").reader()
        os.close(os.open(lan.node_path(3), os.O_CREAT | os.O_WRONLY | os.O_NONBLOCK))
        until(lambda: lan["nodes"] == "0")
        lan["mtu"] = 99


class TestNumnodes:
    def test_limits_the_ports(self, net):
        lan = net("lan", numnodes=2)
        lan.reader()
        lan.reader()
        with fails(errno.EADDRNOTAVAIL):
            lan.reader()

    def test_growing_makes_room(self, net):
        lan = net("lan", numnodes=1)
        lan.reader()
        lan["numnodes"] = 2
        assert lan.reader().number == 1

    def test_shrinks_down_to_the_highest_port_in_use(self, net):
        lan = net()
        lan.reader()
        lan.reader()
        with fails(errno.EADDRINUSE):
            lan["numnodes"] = 1
        assert lan["numnodes"] == "32"
        lan["numnodes"] = 2

    def test_reserved_ports_are_in_use(self, net):
        lan = net()
        os.close(os.open(lan.node_path(9), os.O_CREAT | os.O_WRONLY | os.O_NONBLOCK))
        until(lambda: lan["nodes"] == "0")
        with fails(errno.EADDRINUSE):
            lan["numnodes"] = 9
        os.unlink(lan.node_path(9))
        lan["numnodes"] = 9

    def test_removing_it_must_not_shrink_either(self, net):
        lan = net("lan", numnodes=100)
        os.close(os.open(lan.node_path(40), os.O_CREAT | os.O_WRONLY | os.O_NONBLOCK))
        with fails(errno.EADDRINUSE):
            remove_option(lan.path, "numnodes")
        assert lan["numnodes"] == "100"


class TestDefaultsOnTheRoot:
    def test_built_in_at_first(self, mount):
        assert all_options(mount.path) == DEFAULTS

    @each_changeable
    def test_holds_for_networks_made_later(self, mount, net, name, value):
        before = net("before")
        set_option(mount.path, name, value)
        after = net("after")
        assert (before[name], after[name]) == (DEFAULTS[name], value)

    def test_nodes_of_networks_do_not_hinder(self, mount, net):
        net().reader()
        set_option(mount.path, "mtu", "99")

    def test_network_goes_back_to_it(self, mount, net):
        lan = net("lan", mtu=100)
        set_option(mount.path, "mtu", "200")
        remove_option(lan.path, "mtu")
        assert lan["mtu"] == "200"

    @each_changeable
    def test_removing_restores_the_built_in_one(self, mount, name, value):
        set_option(mount.path, name, value)
        remove_option(mount.path, name)
        assert get_option(mount.path, name) == DEFAULTS[name]

    @pytest.mark.parametrize("name, value", REFUSED)
    def test_refused(self, mount, name, value):
        with fails(errno.EINVAL):
            set_option(mount.path, name, value)
        assert all_options(mount.path) == DEFAULTS

    @pytest.mark.parametrize("name", READ_ONLY)
    def test_what_networks_count_the_root_does_not(self, mount, name):
        with fails(errno.ENODATA):
            get_option(mount.path, name)


class TestReadOnly:
    def test_counts(self, net):
        lan = net()
        lan.reader()
        lan.writer()
        lan.both()
        assert (lan["readers"], lan["writers"], lan["nodes"]) == ("2", "2", "3")

    def test_netid_is_never_used_again(self, net):
        first = net("lan")
        netid = int(first["netid"])
        os.rmdir(first.path)
        assert int(net("lan")["netid"]) > netid

    @pytest.mark.parametrize("name", READ_ONLY)
    def test_cannot_be_set(self, net, name):
        with fails(errno.EPERM):
            net()[name] = "1"

    @pytest.mark.parametrize("name", READ_ONLY)
    def test_cannot_be_removed(self, net, name):
        with fails(errno.EPERM):
            remove_option(net().path, name)


class TestListing:
    def test_network_has_all_that_can_be_set(self, net):
        assert set(os.listxattr(net().path)) == ATTRIBUTES

    def test_root_has_the_same(self, mount):
        assert set(os.listxattr(mount.path)) == ATTRIBUTES

    def test_getfattr_shows_them_with_their_values(self, net):
        lines = run("getfattr", "-d", "--absolute-names", net("lan", mtu=99).path).splitlines()
        shown = dict(
            re.fullmatch(r'user\.ipn\.([\w.]+)="(.*)"', line).groups() for line in lines[1:] if line
        )
        assert shown == {**DEFAULTS, "mtu": "99"}

    def test_an_error_is_not_listed(self, net):
        lan = net()
        with fails(errno.EINVAL):
            lan["mtu"] = "many"
        assert set(os.listxattr(lan.path)) == ATTRIBUTES

    def test_restore_rebuilds_them_on_another_network(self, net):
        lan, wan = net("lan", **OTHER_VALUES), net("wan")
        dump = run("getfattr", "-d", "--absolute-names", lan.path)
        run("sh", "-c", 'printf %s "$0" | setfattr --restore=-', dump.replace(lan.path, wan.path))
        assert all_options(wan.path) == {**DEFAULTS, **OTHER_VALUES}

    def test_restore_in_place_does_no_harm_to_a_network_in_use(self, net, scratch):
        lan = net("lan", **{**OTHER_VALUES, "ephemeral": "0", "numnodes": "7", "minreaders": "0"})
        lan.reader()
        dump = scratch / "dump"
        dump.write_text(run("getfattr", "-d", "--absolute-names", lan.path), encoding="utf-8")
        run("setfattr", f"--restore={dump}")
        assert lan["nodes"] == "1"

    def test_files_that_are_no_node_have_none(self, mount, net):
        lan = net()
        for path in (lan.port, os.path.join(lan.path, "ports"), os.path.join(mount.path, ".ipnfs")):
            assert os.listxattr(path) == []


class TestUnknownNames:
    @pytest.mark.parametrize("name", ["nosuch", "", "MTU", "mtu ", "broadcast.nosuch", "x" * 200])
    def test_in_our_namespace(self, net, name):
        lan = net()
        with fails(errno.ENODATA):
            get_option(lan.path, name)
        with fails(errno.EOPNOTSUPP):
            set_option(lan.path, name, "1")
        with fails(errno.EOPNOTSUPP, errno.ENODATA):
            remove_option(lan.path, name)

    @pytest.mark.parametrize(
        "attribute", ["user.foo", "user.ipn", "user.IPN.mtu", "user.ipnx.mtu", "trusted.ipn.mtu"]
    )
    def test_in_others(self, net, attribute):
        lan = net()
        with fails(errno.ENODATA, errno.EOPNOTSUPP):
            os.getxattr(lan.path, attribute)
        with fails(errno.EOPNOTSUPP):
            os.setxattr(lan.path, attribute, b"1")

    @pytest.mark.parametrize("attribute", ["mtu", "ipn.mtu", "system.foo", "security.ipn"])
    def test_outside_the_user_namespace(self, net, attribute):
        lan = net()
        with fails(errno.ENODATA, errno.EOPNOTSUPP):
            os.getxattr(lan.path, attribute)
        with fails(errno.EOPNOTSUPP):
            os.setxattr(lan.path, attribute, b"1")

    @pytest.mark.parametrize("file", ["port", "ports"])
    def test_on_files_that_have_no_options(self, net, file):
        path = os.path.join(net().path, file)
        with fails(errno.ENODATA):
            get_option(path, "mtu")
        with fails(errno.EOPNOTSUPP):
            set_option(path, "mtu", "99")


class TestSystemCalls:
    def test_create_finds_it_exists(self, net):
        lan = net()
        with fails(errno.EEXIST):
            os.setxattr(lan.path, "user.ipn.mtu", b"99", XATTR_CREATE)
        assert lan["mtu"] == "1514"

    def test_replace_replaces(self, net):
        lan = net()
        os.setxattr(lan.path, "user.ipn.mtu", b"99", XATTR_REPLACE)
        assert lan["mtu"] == "99"

    @pytest.mark.parametrize("size, expected", [(0, 4), (3, errno.ERANGE), (4, 4), (100, 4)])
    def test_size_of_a_value(self, net, size, expected):
        buffer = ctypes.create_string_buffer(max(size, 1))
        got = libc.getxattr(net().path.encode(), b"user.ipn.mtu", buffer, size)
        assert (got if got >= 0 else ctypes.get_errno()) == expected

    def test_size_of_the_list(self, net):
        path = net().path.encode()
        buffer = ctypes.create_string_buffer(4096)
        size = libc.listxattr(path, None, 0)
        assert libc.listxattr(path, buffer, size) == size
        assert libc.listxattr(path, buffer, size - 1) == -1
        assert ctypes.get_errno() == errno.ERANGE

    def test_descriptor_of_the_directory_serves_as_well(self, net):
        lan = net()
        directory = os.open(lan.path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            set_option(directory, "mtu", "99")
            assert get_option(directory, "mtu") == "99"
        finally:
            os.close(directory)


class TestReasonInWords:
    """user.ipn.error: why the last call of this user on this name failed."""

    def test_none_at_first(self, net):
        with fails(errno.ENODATA):
            net()["error"]

    @pytest.mark.parametrize("name, value", REFUSED)
    def test_names_option_and_value(self, net, name, value):
        lan = net()
        with fails(errno.EINVAL):
            lan[name] = value
        words = lan["error"]
        assert name in words and value in words
        assert "\n" not in words

    def test_busy(self, net):
        lan = net()
        lan.reader()
        with fails(errno.EBUSY):
            lan["mtu"] = "99"
        assert "mtu" in lan["error"]

    def test_each_user_has_her_own(self, net):
        lan = net()
        os.chmod(lan.path, 0o777)
        with fails(errno.EINVAL):
            OWNER.does(set_option, lan.path, "mtu", "owners value")
        with fails(errno.EINVAL):
            STRANGER.does(set_option, lan.path, "mtu", "strangers value")
        assert "owners value" in OWNER.does(get_option, lan.path, "error")
        assert "strangers value" in STRANGER.does(get_option, lan.path, "error")
        with fails(errno.ENODATA):
            lan["error"]

    def test_each_name_has_its_own(self, net):
        lan, wan = net("lan"), net("wan")
        with fails(errno.EINVAL):
            lan["mtu"] = "many"
        with fails(errno.ENODATA):
            wan["error"]

    @pytest.mark.parametrize("name", ["la n", "..lan"])
    def test_what_could_not_be_created_is_told_on_the_parent(self, mount, name):
        with fails(errno.EINVAL):
            os.mkdir(os.path.join(mount.path, name))
        assert "name" in get_option(mount.path, "error")

    def test_defaults_of_the_root(self, mount):
        with fails(errno.EINVAL):
            set_option(mount.path, "mtu", "many")
        assert "many" in get_option(mount.path, "error")

    def test_cannot_be_set(self, net):
        with fails(errno.EPERM, errno.EOPNOTSUPP):
            net()["error"] = "none"


class TestEphemeral:
    def test_network_goes_with_its_last_node(self, net):
        lan = net("lan", ephemeral=1)
        first, second = lan.reader(), lan.writer()
        first.close()
        until(lambda: lan["nodes"] == "1")
        second.close()
        until(lambda: not os.path.exists(lan.path))

    def test_network_that_nobody_joined_yet_stays(self, net):
        lan = net("lan", ephemeral=1)
        os.listdir(lan.path)
        assert os.path.isdir(lan.path)

    def test_its_name_is_free_then(self, net):
        lan = net("lan", ephemeral=1)
        lan.reader().close()
        until(lambda: not os.path.exists(lan.path))
        assert net("lan")["ephemeral"] == "0"
