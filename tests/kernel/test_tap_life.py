"""How long TAP interfaces stay: what persist says, and interfaces that vanish under us."""

import errno
import itertools
import os
import subprocess

import pytest

from ipnfs_netns import Tap, make_tap, touch
from ipnfs_testlib import Mount, fails, run, set_option, until

NOBODY_CONTROLS, CONTROLLED, CLOSED = "never controlled", "controlled", "control given up"
ENDS = ["rm", "umount", "kill -9", "nothing"]


@pytest.fixture
def lan(net):
    return net()


@pytest.fixture
def namespace(netns):
    return netns()


def stays(persist, control, end):
    """(the file is there, the interface is there), as SPEC has it."""
    gone_at_once = persist == 0 and control != CONTROLLED
    if gone_at_once or end == "rm":
        return (False, False)
    if end == "nothing":
        return (True, True)
    return (False, persist == 2)  # umount, kill -9


def bring_to(tap, persist, control):
    """The descriptor that controls it, if somebody does, which was got before persist was set."""
    if control == NOBODY_CONTROLS:
        set_option(tap.path, "persist", persist)
        return None
    fd = os.open(tap.path, os.O_WRONLY)
    set_option(tap.path, "persist", persist)
    if control == CONTROLLED:
        return fd
    os.close(fd)
    return None


def end_by(end, tap, fd, mount):
    if end == "rm":
        tap.remove()
    if end == "umount":
        if fd is not None:
            os.close(fd)  # a mount with an open file is busy
        mount.umount()
    if end == "kill -9":
        mount.daemon.kill()
        mount.daemon.wait()
        run("umount", "-l", mount.path)


@pytest.mark.parametrize(
    "persist, control, end",
    [
        (persist, control, end)
        for persist, control, end in itertools.product(
            (0, 1, 2), (NOBODY_CONTROLS, CONTROLLED, CLOSED), ENDS
        )
        if not (persist == 0 and control != CONTROLLED and end == "rm")  # gone by then
    ],
)
def test_persist_table(ipnfs_binary, scratch, namespace, persist, control, end):
    mount = Mount(ipnfs_binary, str(scratch))
    try:
        mount.until_usable()
        lan = mount.net()
        tap = make_tap(lan, namespace)
        fd = bring_to(tap, persist, control)
        file_stays, link_stays = stays(persist, control, end)
        if persist == 0 and control != CONTROLLED:
            until(lambda: not tap.exists() and not tap.link())
        else:
            assert tap.exists() and tap.link()
        end_by(end, tap, fd, mount)
        until(lambda: bool(tap.link()) == link_stays, "the interface")
        if end in ("rm", "nothing"):
            assert tap.exists() == file_stays
        if fd is not None and end != "umount":
            os.close(fd)
        if (persist, end) == (0, "nothing") and control == CONTROLLED:
            until(lambda: not tap.exists() and not tap.link(), "gone once it is closed")
        elif link_stays:
            namespace.ip("link", "del", tap.name)
    finally:
        if mount.daemon.poll() is None:
            mount.tear_down()


class TestPersistent:
    def test_after_a_remount_it_is_attached(self, mount_with, namespace):
        first = mount_with()
        tap = make_tap(first.net(), namespace)
        tap["persist"] = 2
        first.umount()
        index = namespace.link("tap0")["ifindex"]
        second = mount_with()
        again = make_tap(second.net(), namespace)
        assert again["ifindex"] == str(index)
        again.remove()  # it was there before this mount
        assert namespace.link("tap0")
        namespace.ip("link", "del", "tap0")

    def test_taken_back(self, mount_with, namespace):
        mount = mount_with()
        tap = make_tap(mount.net(), namespace)
        tap["persist"] = 2
        tap["persist"] = 1
        mount.umount()
        until(lambda: not namespace.link("tap0"))

    def test_removed_attribute_is_the_default(self, lan, namespace):
        tap = make_tap(lan, namespace)
        tap["persist"] = 2
        os.removexattr(tap.path, "user.ipn.persist")
        assert tap["persist"] == "1"

    def test_terminated_daemon_leaves_nothing(self, mount_with, namespace):
        mount = mount_with()
        make_tap(mount.net(), namespace)
        mount.daemon.terminate()
        mount.until_daemon_ended()
        assert namespace.links() == {}


class TestVanishing:
    @pytest.fixture
    def others(self, lan, netns):
        """Two more namespaces that ping each other on the network."""
        spaces = []
        for number in (1, 2):
            space = netns()
            make_tap(lan, space, f"tap{number}")
            space.set_up(f"tap{number}", f"10.0.0.{number}/24")
            spaces.append(space)
        return spaces

    def still_talk(self, others):
        return others[0].pings("10.0.0.2")

    def test_deleted_interface_is_disconnected(self, lan, namespace, others):
        tap = make_tap(lan, namespace)
        namespace.ip("link", "del", "tap0")
        tap.until_disconnected()
        until(lambda: lan["nodes"] == "2")
        assert tap.state()["reason"] == "the interface has gone"
        with fails(errno.ENODEV):
            _ = tap["mac"]
        assert self.still_talk(others)
        tap.remove()
        make_tap(lan, namespace)
        assert lan["nodes"] == "3"

    def test_deleted_namespace(self, lan, netns, others):
        namespace = netns()
        tap = make_tap(lan, namespace)
        namespace.delete()
        tap.until_disconnected()
        assert self.still_talk(others)

    def test_with_persist_0_the_file_goes_with_the_interface(self, lan, namespace):
        tap = Tap(lan, "tap0", namespace)
        fd = namespace.does(os.open, tap.path, os.O_WRONLY | os.O_CREAT)
        tap["persist"] = 0
        namespace.ip("link", "del", "tap0")
        until(lambda: not tap.exists())
        os.close(fd)

    def test_disconnected_by_removing_its_node(self, lan, namespace):
        tap = make_tap(lan, namespace)
        os.unlink(lan.node_path(0))
        assert tap.state()["state"] == "disconnected"
        assert tap.link()
        tap.remove()
        assert not tap.link()

    def test_disconnected_one_is_connected_again_by_mv(self, net, namespace):
        one, other = net("one"), net("other")
        tap = make_tap(one, namespace)
        os.unlink(one.node_path(0))
        os.rename(tap.path, os.path.join(other.path, "tap", "tap0"))
        assert Tap(other, "tap0").state()["state"] == "connected"
        assert other["nodes"] == "1"

    def test_touch_of_what_exists_changes_nothing(self, lan, namespace):
        tap = make_tap(lan, namespace)
        index = tap["ifindex"]
        namespace.does(touch, tap.path)
        assert tap["ifindex"] == index


class TestDuringTraffic:
    """A flood of pings between two namespaces goes on, whatever happens to a third."""

    # Each of these is answered, until the file is there; says so whenever 200 were. For the last
    # ones ping waits no longer than twice what the slowest took, which is little on a busy machine.
    FLOOD = """
        while [ ! -e "$1" ]; do
            ping -nq -f -c 200 10.0.0.2 |
                awk '/transmitted/ { sent = $1; lost = $1 - $4 } END { exit !sent || lost > 3 }' || exit 1
            echo answered
        done
    """

    @pytest.fixture
    def goes_on(self, lan, netns, spawn, scratch):
        """goes_on(): the flood has, since this was called."""
        one, two = netns(), netns()
        for number, space in ((1, one), (2, two)):
            make_tap(lan, space, f"tap{number}")
            space.set_up(f"tap{number}", f"10.0.0.{number}/24")
        assert one.pings("10.0.0.2")
        script = one.command("sh", "-c", self.FLOOD, "sh", scratch / "enough")
        process = spawn(*script, stdout=subprocess.PIPE)

        def goes_on():
            for _ in range(2):  # the first may have been answered before
                assert process.stdout.readline() == b"answered\n", "pings were lost"

        goes_on()
        yield goes_on
        goes_on()
        (scratch / "enough").touch()
        process.communicate(timeout=60)
        assert process.returncode == 0, "pings were lost"

    @pytest.mark.parametrize(
        "change",
        [
            ["link", "set", "tap0", "down"],
            ["link", "set", "tap0", "name", "other"],
            ["link", "set", "tap0", "mtu", "1300"],
            ["link", "set", "tap0", "netns", "1"],
            ["link", "del", "tap0"],
        ],
        ids=lambda change: " ".join(change[2:]) if change[1] == "set" else "del",
    )
    def test_change(self, lan, namespace, goes_on, change):
        tap = make_tap(lan, namespace)
        namespace.ip(*change)
        if change[1] == "del":
            tap.until_disconnected()
        else:
            assert tap.state()["state"] == "connected"
        goes_on()
        tap.remove()

    def test_down_and_up(self, lan, namespace, goes_on):
        tap = make_tap(lan, namespace)
        namespace.set_up("tap0", "10.0.0.3/24")
        for _ in range(3):
            namespace.ip("link", "set", "tap0", "down")
            assert tap.state()["link"] == "down"
            goes_on()
            namespace.ip("link", "set", "tap0", "up")
            assert namespace.pings("10.0.0.1")

    def test_namespace_deleted(self, lan, netns, goes_on):
        space = netns()
        tap = make_tap(lan, space)
        space.delete()
        tap.until_disconnected()
        goes_on()

    def test_moved_by_its_attribute(self, lan, namespace, netns, goes_on):
        there = netns()
        tap = make_tap(lan, namespace)
        tap["netns"] = there.name
        goes_on()
        there.set_up("tap0", "10.0.0.3/24")
        assert there.pings("10.0.0.1")

    def test_replugged(self, net, lan, namespace, goes_on):
        other = net("other")
        tap = make_tap(lan, namespace)
        for source, target in ((lan, other), (other, lan)):
            os.rename(
                os.path.join(source.path, "tap", "tap0"), os.path.join(target.path, "tap", "tap0")
            )
            goes_on()
        assert tap.state()["state"] == "connected"

    def test_its_own_traffic(self, lan, namespace, goes_on, spawn):
        """The one that is deleted is flooding itself."""
        tap = make_tap(lan, namespace)
        namespace.set_up("tap0", "10.0.0.3/24")
        assert namespace.pings("10.0.0.1")
        flood = spawn(*namespace.command("ping", "-nq", "-f", "10.0.0.1"), stdout=subprocess.DEVNULL)
        goes_on()
        namespace.ip("link", "del", "tap0")
        tap.until_disconnected()
        goes_on()
        flood.kill()
