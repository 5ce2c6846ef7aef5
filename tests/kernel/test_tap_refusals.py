"""What is refused, each with its cause in words."""

import errno
import os
import subprocess

import pytest

from ipnfs_identity import MEMBER, STRANGER
from ipnfs_netns import Tap, make_tap, touch
from ipnfs_testlib import fails, get_option, set_option, until


@pytest.fixture
def lan(net):
    return net()


@pytest.fixture
def namespace(netns):
    return netns()


def tap_path(lan, name="tap0"):
    return os.path.join(lan.path, "tap", name)


def words(lan):
    """Why the last one was not made."""
    return get_option(os.path.join(lan.path, "tap"), "error")


class TestNames:
    @pytest.mark.parametrize("name", ["a b", "tap:0", "t%s", "t%", "%d%d", "\ttap"])
    def test_impossible(self, lan, namespace, name):
        with fails(errno.EINVAL):
            namespace.does(touch, tap_path(lan, name))
        assert "name of an interface" in words(lan)

    def test_too_long(self, lan, namespace):
        with fails(errno.ENAMETOOLONG):
            namespace.does(touch, tap_path(lan, "t" * 16))
        assert "15 bytes" in words(lan)
        namespace.does(touch, tap_path(lan, "t" * 15))

    def test_taken_by_another_kind_of_interface(self, lan, namespace):
        namespace.ip("link", "add", "tap0", "type", "bridge")
        with fails(errno.EEXIST):
            namespace.does(touch, tap_path(lan))
        assert "no TAP" in words(lan)
        with fails(errno.EEXIST):
            namespace.does(touch, tap_path(lan, "lo"))

    def test_taken_by_a_tun(self, lan, namespace):
        namespace.ip("tuntap", "add", "tap0", "mode", "tun")
        with fails(errno.EEXIST):
            namespace.does(touch, tap_path(lan))

    def test_tap_that_another_network_has(self, net, namespace):
        one, other = net("one"), net("other")
        make_tap(one, namespace)
        with fails(errno.EBUSY):
            namespace.does(touch, tap_path(other))
        assert "in use" in words(other)
        assert (one["nodes"], other["nodes"]) == ("1", "0")


class TestPlaces:
    def test_full_network(self, net, namespace):
        lan = net(numnodes=1)
        make_tap(lan, namespace)
        with fails(errno.EADDRNOTAVAIL):
            namespace.does(touch, tap_path(lan, "tap1"))
        assert "numnodes" in words(lan) or "port" in words(lan)
        assert sorted(namespace.links()) == ["tap0"]

    def test_namespace_that_does_not_exist(self, lan, namespace):
        set_option(os.path.join(lan.path, "tap"), "netns", "nowhere")
        with fails(errno.EINVAL):
            namespace.does(touch, tap_path(lan))
        assert "nowhere" in words(lan)

    @pytest.mark.parametrize("value", ["../netns/x", "a/b", ".", "..", "x" * 256])
    def test_namespace_that_is_no_name(self, lan, value):
        with fails(errno.EINVAL):
            set_option(os.path.join(lan.path, "tap"), "netns", value)

    def test_file_that_is_no_namespace(self, lan, namespace):
        with open("/run/netns/fake", "w", encoding="ascii"):
            pass
        set_option(os.path.join(lan.path, "tap"), "netns", "fake")
        with fails(errno.EINVAL):
            namespace.does(touch, tap_path(lan))
        os.unlink("/run/netns/fake")

    def test_nothing_but_files_is_made(self, lan):
        for make in (os.mkdir, lambda path: os.symlink("x", path), os.mkfifo):
            with fails(errno.EPERM):
                make(tap_path(lan))

    def test_max_memory_without_room_to_receive(self, mount_with, namespace):
        lan = mount_with("max_memory=128K").net()
        with fails(errno.ENOMEM):
            namespace.does(touch, tap_path(lan))
        assert "max_memory" in words(lan)
        until(lambda: namespace.links() == {})
        os.rmdir(lan.path)


class TestCapability:
    @pytest.fixture
    def open_lan(self, net):
        """A network on which everybody may make what she can."""
        lan = net()
        os.chmod(os.path.join(lan.path, "tap"), 0o777)
        return lan

    def test_user_without_it(self, open_lan):
        with fails(errno.EPERM):
            STRANGER.does(touch, tap_path(open_lan))
        assert "CAP_NET_ADMIN" in STRANGER.does(words, open_lan)
        assert open_lan["nodes"] == "0"

    def test_root_that_gave_it_up(self, open_lan):
        argv = ["capsh", "--drop=cap_net_admin", "--", "-c", f"touch '{tap_path(open_lan)}'"]
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        assert done.returncode != 0 and "not permitted" in done.stderr

    def in_user_namespace(self, *argv, user=STRANGER):
        """As root of a user namespace of hers, with a network namespace that it owns."""
        return subprocess.run(
            ["unshare", "-Urn", *argv], capture_output=True, text=True, check=False, **user.as_process
        )

    def test_root_of_her_own_user_namespace_in_her_own_network_namespace(self, open_lan):
        script = 'touch "$1" && ip link show tap0 && exec rm "$1"'
        os.chmod(os.path.join(open_lan.path, "tap"), 0o777)
        done = self.in_user_namespace("sh", "-euc", script, "sh", tap_path(open_lan))
        assert done.returncode == 0, done.stderr

    def test_root_of_her_own_user_namespace_in_somebody_elses(self, open_lan, namespace):
        set_option(os.path.join(open_lan.path, "tap"), "netns", namespace.name)
        script = 'touch "$1" && exit; exec getfattr --only-values -n user.ipn.error "${1%/*}"'
        done = self.in_user_namespace("sh", "-uc", script, "sh", tap_path(open_lan))
        assert done.returncode == 0 and "not permitted" in done.stderr
        assert "CAP_NET_ADMIN" in done.stdout
        assert namespace.links() == {}

    def test_owner_of_the_user_namespace_from_outside(self, open_lan, spawn):
        """user_namespaces(7): whoever made it, in the parent, has all capabilities in it."""
        process = spawn("unshare", "-Urn", "sleep", "1000", **STRANGER.as_process)
        own = os.stat("/proc/self/ns/net").st_ino
        until(lambda: os.stat(f"/proc/{process.pid}/ns/net").st_ino != own)
        set_option(os.path.join(open_lan.path, "tap"), "netns", process.pid)
        with fails(errno.EPERM):
            MEMBER.does(touch, tap_path(open_lan))
        STRANGER.does(touch, tap_path(open_lan))
        assert open_lan["nodes"] == "1"

    def test_configuring_needs_it(self, open_lan, namespace):
        tap = make_tap(open_lan, namespace)
        os.chown(tap.path, STRANGER.uid, STRANGER.gid)
        for option, value in (("mac", "02:00:00:00:00:01"), ("mtu", "1400"), ("netns", "1")):
            with fails(errno.EPERM):
                STRANGER.does(set_option, tap.path, option, value)
            assert "CAP_NET_ADMIN" in STRANGER.does(get_option, tap.path, "error")
        assert tap["mtu"] == "1500"

    def test_moving_needs_it_where_it_goes(self, open_lan, namespace):
        set_option(os.path.join(open_lan.path, "tap"), "netns", "")
        script = 'touch "$1" && ! setfattr -n user.ipn.netns -v "$2" "$1" && exec rm "$1"'
        done = self.in_user_namespace("sh", "-euc", script, "sh", tap_path(open_lan), namespace.name)
        assert done.returncode == 0, done.stderr
        assert "not permitted" in done.stderr
        assert namespace.links() == {}

    def test_tap_by_mode_needs_w_only(self, mount_with):
        lan = mount_with("tap_by_mode").net()
        directory = os.path.join(lan.path, "tap")
        with fails(errno.EACCES):
            STRANGER.does(touch, tap_path(lan))
        os.chmod(directory, 0o777)
        STRANGER.does(touch, tap_path(lan))
        tap = Tap(lan, "tap0")
        STRANGER.does(set_option, tap.path, "mtu", 1400)
        assert tap["mtu"] == "1400"
        STRANGER.does(os.unlink, tap.path)

    def test_somebody_in_another_pid_namespace_that_cannot_be_seen(self, mount_with, namespace):
        """The daemon is in a pid namespace below ours: it sees no pid of ours."""
        mount = mount_with(command=["unshare", "--pid", "--fork", "--kill-child"])
        lan = mount.net()
        with fails(errno.EPERM):
            namespace.does(touch, tap_path(lan))
        assert "pid namespace" in words(lan) or "cannot be seen" in words(lan)
