"""TAP interfaces: made by touch, connected, shown, configured, replugged, removed."""

import errno
import os
import stat

import pytest

from ipnfs_identity import STRANGER
from ipnfs_netns import Tap, make_tap, touch
from ipnfs_testlib import fails, get_option, run, set_option, until


@pytest.fixture
def lan(net):
    return net()


@pytest.fixture
def namespace(netns):
    return netns()


@pytest.fixture
def tap(lan, namespace):
    return make_tap(lan, namespace)


class TestMaking:
    def test_touch_makes_and_connects_it(self, lan, namespace, tap):
        link = namespace.link("tap0")
        assert link["linkinfo"]["info_kind"] == "tun"
        assert "UP" in link["flags"]
        assert lan["nodes"] == lan["readers"] == lan["writers"] == "1"
        assert os.listdir(os.path.join(lan.path, "tap")) == ["tap0"]
        assert lan.ports() == [0]

    def test_program_touch(self, lan, namespace):
        namespace.run("touch", os.path.join(lan.path, "tap", "tap0"))
        assert namespace.link("tap0")

    def test_file_belongs_to_its_maker(self, lan, namespace, tap):
        status = os.stat(tap.path)
        assert stat.S_ISREG(status.st_mode) and status.st_size == 0
        assert (status.st_uid, status.st_gid) == (os.getuid(), os.getgid())

    def test_pattern_takes_the_first_free_number(self, lan, namespace):
        path = os.path.join(lan.path, "tap", "ipn%d")
        namespace.ip("link", "add", "ipn0", "type", "bridge")
        fd = namespace.does(os.open, path, os.O_WRONLY | os.O_CREAT)
        assert get_option(fd, "name") == "ipn1"
        os.close(fd)
        namespace.does(touch, path)
        assert sorted(os.listdir(os.path.join(lan.path, "tap"))) == ["ipn1", "ipn2"]
        assert sorted(namespace.links()) == ["ipn0", "ipn1", "ipn2"]

    def test_directory_says_in_which_namespace(self, lan, netns):
        here, there = netns(), netns()
        directory = os.path.join(lan.path, "tap")
        with fails(errno.ENODATA):
            get_option(directory, "netns")
        set_option(directory, "netns", there.name)
        assert get_option(directory, "netns") == there.name
        make_tap(lan, here)
        assert there.link("tap0") and not here.link("tap0")
        os.removexattr(directory, "user.ipn.netns")
        make_tap(lan, here, "tap1")
        assert here.link("tap1")

    def test_directory_may_name_a_process(self, lan, namespace, netns, spawn):
        process = spawn(*namespace.command("sleep", "1000"))
        until(lambda: os.stat(f"/proc/{process.pid}/ns/net").st_ino == os.stat(namespace.path).st_ino)
        set_option(os.path.join(lan.path, "tap"), "netns", process.pid)
        make_tap(lan, netns())
        assert namespace.link("tap0")

    def test_existing_persistent_one_is_attached_and_left_in_place(self, lan, namespace):
        namespace.ip("tuntap", "add", "tap0", "mode", "tap")
        index = namespace.link("tap0")["ifindex"]
        tap = make_tap(lan, namespace)
        assert tap["ifindex"] == str(index)
        assert lan["nodes"] == "1"
        tap.remove()
        assert namespace.link("tap0")["ifindex"] == index
        assert lan["nodes"] == "0"

    @pytest.mark.parametrize("mtu, of_tap", [(1514, 1500), (1518, 1500), (9014, 9000), (614, 600)])
    def test_mtu_is_what_the_network_takes(self, net, namespace, mtu, of_tap):
        make_tap(net(mtu=mtu), namespace)
        assert namespace.link("tap0")["mtu"] == of_tap


class TestState:
    def test_reading_shows_it(self, lan, namespace, tap):
        link = namespace.link("tap0")
        state = tap.state()  # once: its host sends what it likes meanwhile
        assert state == {
            **state,
            "name": "tap0",
            "kind": "tap",
            "state": "connected",
            "netns": f"net:[{os.stat(namespace.path).st_ino}]",
            "ifindex": str(link["ifindex"]),
            "mac": link["address"],
            "mtu": "1500",
            "link": "up",
            "persist": "1",
            "controlled": "no",
            "port": "0",
        }

    def test_attributes(self, lan, namespace, tap):
        link = namespace.link("tap0")
        assert tap["name"] == "tap0"
        assert tap["ifindex"] == str(link["ifindex"])
        assert tap["mac"] == link["address"]
        assert tap["mtu"] == "1500"
        assert tap["kind"] == "tap"
        assert tap["persist"] == "1"
        assert tap["number"] == "0"
        assert get_option(lan.node_path(0), "kind") == "tap"
        assert "user.ipn.mac" in os.listxattr(tap.path)

    def test_description_is_the_nodes(self, lan, tap):
        tap["descr"] = "to the cellar"
        assert get_option(lan.node_path(0), "descr") == "to the cellar"

    def test_changes_from_outside_are_seen(self, namespace, tap):
        namespace.ip("link", "set", "tap0", "mtu", "1400", "address", "02:00:00:00:00:05", "down")
        namespace.ip("link", "set", "tap0", "name", "other")
        state = tap.state()
        assert (tap["name"], tap["mtu"], tap["mac"]) == ("other", "1400", "02:00:00:00:00:05")
        assert (state["name"], state["link"]) == ("other", "down")

    def test_tree_walk_does_not_hang_on_it(self, lan, tap):
        assert "tap0" in run("ls", "-lR", lan.path)
        assert run("cat", tap.path).startswith("name: tap0\n")


class TestConfiguring:
    def test_mac_and_mtu(self, namespace, tap):
        tap["mac"] = "02:00:00:00:00:01"
        tap["mtu"] = 1280
        link = namespace.link("tap0")
        assert (link["address"], link["mtu"]) == ("02:00:00:00:00:01", 1280)

    @pytest.mark.parametrize(
        "option, value",
        [
            ("mac", "02:00:00:00:00"),
            ("mac", "02:00:00:00:00:0g"),
            ("mac", "02-00-00-00-00-01"),
            ("mac", "ff:ff:ff:ff:ff:ff"),
            ("mtu", "many"),
            ("mtu", "0"),
            ("mtu", "70000"),
            ("mtu", "1500x"),
            ("persist", "3"),
            ("persist", ""),
            ("netns", "no-such-namespace"),
            ("netns", "../etc/passwd"),
        ],
    )
    def test_bad_values_change_nothing(self, tap, option, value):
        before = tap[option]
        with fails(errno.EINVAL):
            tap[option] = value
        assert tap[option] == before
        assert tap["error"]

    @pytest.mark.parametrize("option", ["ifindex", "name", "kind", "number"])
    def test_read_only(self, tap, option):
        with fails(errno.EPERM):
            tap[option] = "1"

    def test_moved_to_another_namespace_it_stays_connected(self, lan, namespace, netns, tap):
        there = netns()
        tap["netns"] = there.name
        assert there.link("tap0") and not namespace.link("tap0")
        assert tap["netns"] == f"net:[{os.stat(there.path).st_ino}]"
        assert lan["nodes"] == "1"


class TestControl:
    def test_one_at_a_time(self, tap):
        first = os.open(tap.path, os.O_WRONLY)
        with fails(errno.EBUSY):
            os.open(tap.path, os.O_RDWR)
        assert tap.state()["controlled"] == "yes"  # whoever only reads is not hindered
        os.close(first)
        until(lambda: tap.state()["controlled"] == "no")
        os.close(os.open(tap.path, os.O_RDWR))

    def test_maker_has_it(self, lan, namespace):
        path = os.path.join(lan.path, "tap", "tap0")
        fd = namespace.does(os.open, path, os.O_RDWR | os.O_CREAT)
        with fails(errno.EBUSY):
            os.open(path, os.O_WRONLY)
        os.close(fd)

    def test_there_is_nothing_to_write(self, tap):
        fd = os.open(tap.path, os.O_WRONLY | os.O_TRUNC)
        with fails(errno.EINVAL):
            os.write(fd, b"x")
        os.close(fd)

    def test_reading_needs_r_controlling_w(self, tap):
        os.chmod(tap.path, 0o644)
        assert STRANGER.does(tap.state)["name"] == "tap0"
        with fails(errno.EACCES):
            STRANGER.does(os.open, tap.path, os.O_WRONLY)
        os.chmod(tap.path, 0o600)
        with fails(errno.EACCES):
            STRANGER.does(tap.state)


class TestReplugging:
    def test_mv_connects_it_to_the_other_network(self, net, namespace, netns):
        one, other = net("one"), net("other")
        tap = make_tap(one, namespace)
        index, descr = tap["ifindex"], "replugged"
        tap["descr"] = descr
        run("mv", tap.path, os.path.join(other.path, "tap") + "/")
        moved = Tap(other, "tap0", namespace)
        assert (one["nodes"], other["nodes"]) == ("0", "1")
        assert (moved["ifindex"], moved["descr"]) == (index, descr)
        assert not tap.exists()
        os.rmdir(one.path)

    def test_full_network_refuses_it_and_it_stays(self, net, namespace):
        one, full = net("one"), net("full", numnodes=1)
        tap, other = make_tap(one, namespace), make_tap(full, namespace, "tap1")
        with fails(errno.EADDRNOTAVAIL):
            os.rename(tap.path, os.path.join(full.path, "tap", "tap0"))
        assert tap.state()["state"] == "connected"
        assert (one["nodes"], full["nodes"]) == ("1", "1")
        assert other.exists()

    def test_it_is_not_renamed_nor_put_elsewhere(self, net, namespace):
        one, other = net("one"), net("other")
        tap = make_tap(one, namespace)
        for target in ("one/tap/tap1", "other/tap/tap1", "one/grab/tap0", "one/tap0", "tap0"):
            with fails(errno.EPERM):
                os.rename(tap.path, os.path.join(one.mount.path, target))
        assert tap.state()["state"] == "connected"
        assert other["nodes"] == "0"


class TestRemoving:
    def test_rm_deletes_what_ipnfs_made(self, lan, namespace, tap):
        tap.remove()
        assert namespace.links() == {}
        assert (lan["nodes"], os.listdir(os.path.join(lan.path, "tap"))) == ("0", [])
        make_tap(lan, namespace)  # the name is free again
        assert namespace.link("tap0")

    def test_network_with_interfaces_is_not_removed(self, lan, tap):
        with fails(errno.EBUSY):
            os.rmdir(lan.path)
        os.unlink(lan.node_path(0))  # disconnects it
        assert tap.state()["state"] == "disconnected"
        with fails(errno.EBUSY):
            os.rmdir(lan.path)
        tap.remove()
        os.rmdir(lan.path)

    def test_network_ended_by_force(self, lan, namespace, tap):
        lan["state"] = "down"
        until(lambda: namespace.links() == {})
        until(lambda: not os.path.exists(lan.path))

    def test_last_node_of_an_ephemeral_network(self, net, namespace):
        lan = net(ephemeral=1)
        make_tap(lan, namespace).remove()
        assert not os.path.exists(lan.path)

    def test_rm_r_stops_before_it_does_harm(self, lan, spawn, tap):
        assert spawn("rm", "-r", lan.path).wait(30) != 0
        assert tap.state()["state"] == "connected"
