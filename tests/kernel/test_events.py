"""`.ipnfs/events`: everything that happens to the networks of a mount, in its order."""

import contextlib
import errno
import json
import os
import re
import select
import subprocess
import time

import pytest

from ipnfs_identity import STRANGER
from ipnfs_netns import Tap, make_tap, touch
from ipnfs_testlib import Task, fails, run, until

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z")


class Events:
    """An open `.ipnfs/events`. It does not block, unless opened so."""

    def __init__(self, mount, blocking=False):
        path = os.path.join(mount.path, ".ipnfs", "events")
        self.fd = os.open(path, os.O_RDONLY | (0 if blocking else os.O_NONBLOCK))
        self.rest = b""
        mount.adopt(self)

    def lines(self):
        """All whole lines that wait now."""
        with contextlib.suppress(BlockingIOError):
            while part := os.read(self.fd, 1 << 20):
                self.rest += part
        *lines, self.rest = self.rest.split(b"\n")
        return [line.decode() for line in lines]

    def now(self):
        return [json.loads(line) for line in self.lines()]

    def tails(self):
        """The lines from `event` on."""
        return ["{" + line[line.index('"event"') :] for line in self.lines()]

    def close(self):
        if self.fd >= 0:
            fd, self.fd = self.fd, -1
            os.close(fd)


@pytest.fixture
def follow(mount):
    """follow(): events from now on."""

    def follow(blocking=False):
        events = Events(mount, blocking)
        os.set_blocking(events.fd, False)
        events.now()
        os.set_blocking(events.fd, blocking)
        return events

    return follow


def node(network, port, role, **more):
    """What a line says of a node of this test's."""
    return {
        **network,
        "port": port,
        "kind": "file",
        "role": role,
        "uid": os.getuid(),
        "pid": os.getpid(),
        **more,
    }


class TestADay:
    def test_line_by_line(self, mount, net, modules, follow):
        """Everything that is done in the tree, and what it is called."""
        events = follow()
        policies = os.path.join(mount.path, ".ipnfs", "policies")
        os.symlink(modules / "tests" / "witness.so", os.path.join(policies, "witness"))

        lan = net("lan0")
        lan["policy"] = "witness"
        lan["witness.colour"] = "light green"
        lan["numnodes"] = "40"
        both = lan.both()
        both["descr"] = 'a "lamp", café'
        writer = lan.writer(port=7, flags=os.O_CREAT)
        both["role"] = "reader"
        renamed = os.path.join(mount.path, "lan1")
        os.rename(lan.path, renamed)
        os.unlink(os.path.join(renamed, "ports", "0"))
        writer.close()
        until(lambda: os.getxattr(renamed, "user.ipn.nodes") == b"0")
        os.removexattr(renamed, "user.ipn.numnodes")
        last = mount.adopt(type(both)(os.path.join(renamed, "port"), os.O_RDONLY))
        os.setxattr(renamed, "user.ipn.state", b"down")
        last.close()
        both.close()
        until(lambda: not os.path.exists(renamed))
        os.unlink(os.path.join(policies, "witness"))

        lan0, lan1 = {"netid": 1, "name": "lan0"}, {"netid": 1, "name": "lan1"}
        lamp = 'a "lamp", café'
        day = [
            {"event": "policy-registered", "policy": "witness"},
            {"event": "create", **lan0, "policy": "broadcast"},
            {"event": "policy", **lan0, "policy": "witness"},
            {"event": "option", **lan0, "option": "mtu", "value": "100"},
            {"event": "option", **lan0, "option": "witness.colour", "value": "light green"},
            {"event": "option", **lan0, "option": "numnodes", "value": "40"},
            {"event": "connect", **node(lan0, 0, "both")},
            {"event": "option", **lan0, "port": 0, "option": "descr", "value": lamp},
            {"event": "connect", **node(lan0, 7, "writer")},
            {"event": "option", **lan0, "port": 0, "option": "role", "value": "reader"},
            {"event": "rename", **lan1},
            {"event": "disconnect", **node(lan1, 0, "reader", descr=lamp, reason="cut")},
            {"event": "disconnect", **node(lan1, 7, "writer")},
            {"event": "option", **lan1, "option": "numnodes", "value": "32"},
            {"event": "connect", **node(lan1, 0, "reader")},
            {"event": "shutdown", **lan1},
            {"event": "disconnect", **node(lan1, 0, "reader", reason="shutdown")},
            {"event": "destroy", **lan1},
            {"event": "policy-unregistered", "policy": "witness"},
        ]
        written = [json.dumps(line, ensure_ascii=False, separators=(",", ":")) for line in day]
        assert events.tails() == written

    def test_numbers_and_times(self, net, follow):
        events = follow()
        before = time.time() - 0.1  # the clock is coarse
        for number in range(10):
            os.rmdir(net(f"lan{number}").path)
        lines = events.now()
        assert len(lines) == 30
        first = lines[0]["seq"]
        assert [line["seq"] for line in lines] == list(range(first, first + 30))
        times = [line["time"] for line in lines]
        assert times == sorted(times)
        assert all(TIME.fullmatch(text) for text in times)
        utc = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(before))
        assert times[0] >= utc

    def test_netid_is_never_used_again(self, net, follow):
        events = follow()
        for _ in range(3):
            os.rmdir(net("lan").path)
        created = [line["netid"] for line in events.now() if line["event"] == "create"]
        assert created == [1, 2, 3]

    def test_stalled_reader(self, net, follow):
        lan = net("lan", lossless=1, msgpoolsize=1, stall_timeout_ms=50)
        events = follow()
        lan.reader()
        writer = lan.writer(blocking=True)
        writer.write(b"one")
        writer.write(b"two")
        assert [line.get("reason") for line in events.now()] == [None, None, "stalled"]

    def test_user_and_process(self, mount, net, follow, spawn):
        lan = net()
        os.chmod(lan.port, 0o666)
        events = follow()
        cat = spawn("cat", lan.port, **STRANGER.as_process)
        mount.until_blocked(cat)
        (line,) = events.now()
        assert (line["uid"], line["pid"]) == (STRANGER.uid, cat.pid)

    def test_ephemeral_network(self, net, follow):
        lan = net("lan", ephemeral=1)
        events = follow()
        lan.reader().close()
        until(lambda: not os.path.exists(lan.path))
        expected = ["connect", "disconnect", "shutdown", "destroy"]
        assert [line["event"] for line in events.now()] == expected

    def test_end_of_the_mount_is_told(self, mount, net, spawn, scratch):
        net("lan")
        with open(scratch / "lines", "wb") as lines:
            cat = spawn("cat", os.path.join(mount.path, ".ipnfs", "events"), stdout=lines)
        mount.until_blocked(cat)
        mount.daemon.terminate()
        mount.until_daemon_ended()
        cat.wait(30)
        told = [json.loads(line)["event"] for line in (scratch / "lines").read_text().splitlines()]
        assert told[-2:] == ["shutdown", "destroy"]


class TestInterfaces:
    """What becomes of interfaces: behind what it makes of their nodes."""

    @pytest.fixture
    def lan(self, net):
        return net("lan")

    @pytest.fixture
    def namespace(self, netns):
        return netns()

    @staticmethod
    def told(events, wanted):
        """(name of the network, event, port, reason, peer), once so many are told."""
        lines = []
        until(lambda: lines.extend(events.now()) or len(lines) >= wanted, f"{wanted} events")
        assert all(line.get("interface", "tap0") in ("tap0", "eth0") for line in lines)
        return [
            (line["name"], line["event"], line.get("port"), line.get("reason"), line.get("peer"))
            for line in lines
        ]

    def test_line_by_line(self, lan, namespace, follow):
        events = follow()
        tap = Tap(lan, "tap0", namespace)
        making = namespace.start(touch, tap.path)
        making.result()
        tap["descr"] = "to the cellar"
        tap.remove()
        here = {"netid": 1, "name": "lan"}
        maker = {"uid": os.getuid(), "pid": making.pid}
        descr = {"descr": "to the cellar"}
        node = {**here, "port": 0, "kind": "tap", "role": "both", **maker}
        interface = {**here, "interface": "tap0", "port": 0, "kind": "tap", **maker}
        life = [
            {"event": "connect", **node},
            {"event": "interface", **interface, "reason": "created"},
            {"event": "option", **here, "port": 0, "option": "descr", "value": "to the cellar"},
            {"event": "disconnect", **node, **descr},
            {"event": "interface", **interface, **descr, "reason": "removed"},
        ]
        assert events.tails() == [json.dumps(line, separators=(",", ":")) for line in life]

    def test_existing_one_is_attached(self, lan, namespace, follow):
        namespace.ip("tuntap", "add", "tap0", "mode", "tap")
        events = follow()
        make_tap(lan, namespace)
        assert self.told(events, 2)[1] == ("lan", "interface", 0, "attached", None)

    def test_grabbed_one(self, lan, namespace, follow):
        namespace.ip("link", "add", "eth0", "type", "veth", "peer", "name", "far")
        namespace.ip("link", "set", "eth0", "up")
        path = os.path.join(lan.path, "grab", "eth0")
        events = follow()
        namespace.does(touch, path)
        namespace.ip("link", "del", "far")
        assert self.told(events, 4) == [
            ("lan", "connect", 0, None, None),
            ("lan", "interface", 0, "attached", None),
            ("lan", "disconnect", 0, "vanished", None),
            ("lan", "interface", 0, "vanished", None),
        ]
        os.unlink(path)
        assert self.told(events, 1) == [("lan", "interface", None, "removed", None)]

    @pytest.mark.parametrize("how", ["ip link del", "namespace deleted"])
    def test_vanished(self, lan, namespace, follow, how):
        tap = make_tap(lan, namespace)
        lan.reader()  # is not disturbed
        events = follow()
        if how == "ip link del":
            namespace.ip("link", "del", "tap0")
        else:
            namespace.delete()
        assert self.told(events, 2) == [
            ("lan", "disconnect", 0, "vanished", None),
            ("lan", "interface", 0, "vanished", None),
        ]
        replay = [line for line in Events(lan.mount).now() if line["event"] == "interface"]
        assert [(line["reason"], "port" in line) for line in replay] == [("vanished", False)]
        tap.remove()
        assert self.told(events, 1) == [("lan", "interface", None, "removed", None)]

    def test_moved(self, net, lan, namespace, follow):
        net("other")
        tap = make_tap(lan, namespace)
        events = follow()
        os.rename(tap.path, os.path.join(lan.mount.path, "other", "tap", "tap0"))
        assert self.told(events, 4) == [
            ("other", "connect", 0, None, None),
            ("lan", "disconnect", 0, "moved", None),
            ("lan", "interface", 0, "moved away", "other"),
            ("other", "interface", 0, "moved", "lan"),
        ]

    def test_node_removed(self, lan, namespace, follow):
        make_tap(lan, namespace)
        events = follow()
        os.unlink(lan.node_path(0))
        assert self.told(events, 2) == [
            ("lan", "disconnect", 0, "cut", None),
            ("lan", "interface", 0, "cut", None),
        ]

    def test_holder_killed(self, lan, namespace, follow, spawn):
        """With persist 0 it goes with whoever controls it, whatever ends that."""
        path = os.path.join(lan.path, "tap", "tap0")
        script = 'exec 3> "$path"; setfattr -n user.ipn.persist -v 0 "$path"; echo; exec sleep 1000'
        argv = namespace.command("bash", "-euc", script)
        holder = spawn(*argv, env={**os.environ, "path": path}, stdout=subprocess.PIPE)
        assert holder.stdout.read(1) == b"\n"
        events = follow()
        holder.kill()
        assert self.told(events, 2) == [
            ("lan", "disconnect", 0, None, None),
            ("lan", "interface", 0, "removed", None),
        ]

    def test_network_ended(self, lan, namespace, follow):
        make_tap(lan, namespace)
        events = follow()
        lan["state"] = "down"
        assert self.told(events, 4) == [
            ("lan", "shutdown", None, None, None),
            ("lan", "disconnect", 0, "shutdown", None),
            ("lan", "interface", 0, "shutdown", None),
            ("lan", "destroy", None, None, None),
        ]

    def test_last_of_an_ephemeral_network(self, net, namespace, follow):
        make_tap(net("lan", ephemeral=1), namespace)
        events = follow()
        namespace.ip("link", "del", "tap0")
        assert self.told(events, 5) == [
            ("lan", "disconnect", 0, "vanished", None),
            ("lan", "interface", 0, "vanished", None),
            ("lan", "shutdown", None, None, None),
            ("lan", "interface", None, "shutdown", None),
            ("lan", "destroy", None, None, None),
        ]

    def test_replay(self, lan, namespace, follow):
        events = follow()
        tap = make_tap(lan, namespace)
        live = {line["seq"]: line for line in events.now()}
        tap["descr"] = "pump"
        replay = [line for line in Events(lan.mount).now() if "port" in line]
        assert [line["event"] for line in replay] == ["connect", "interface"]
        for line in replay:
            assert (line.pop("replay"), line.pop("descr")) == (True, "pump")
            assert line == live[line["seq"]]


class TestReplay:
    def test_tells_what_exists_first(self, mount, net, follow):
        events = follow()
        lan = net("lan", eof="last-writer")
        net("other")
        reader = lan.reader()
        lan.writer().close()
        until(lambda: lan["nodes"] == "1")
        live = {line["seq"]: line for line in events.now()}
        reader["descr"] = "pump"
        os.rename(lan.path, os.path.join(mount.path, "wan"))
        replay = Events(mount).now()
        assert all(line.pop("replay") for line in replay)
        assert [line["seq"] for line in replay] == sorted(line["seq"] for line in replay)
        lines = [line for line in replay if "netid" in line]
        assert [(line["event"], line["name"]) for line in lines] == [
            ("create", "wan"),
            ("option", "wan"),
            ("create", "other"),
            ("connect", "wan"),
        ]
        for line in lines:
            original = live[line["seq"]]
            assert line["time"] == original["time"]
            assert line["event"] == original["event"]
        assert lines[-1]["descr"] == "pump"

    def test_policies(self, mount):
        replay = Events(mount).now()
        registered = [line["policy"] for line in replay if line["event"] == "policy-registered"]
        assert registered == os.listdir(os.path.join(mount.path, ".ipnfs", "policies"))

    def test_then_goes_on(self, mount, net):
        events = Events(mount)
        net("lan")
        assert ["replay" in line for line in events.now() if "netid" in line] == [False]

    def test_thousands_of_nodes(self, mount, net):
        """However much exists, nothing of it is missed."""
        lan = net("lan", numnodes=3000)
        for _ in range(900):
            lan.reader()
        events = Events(mount)
        lan.reader()
        connected = [line["port"] for line in events.now() if line["event"] == "connect"]
        assert connected == list(range(901))


class TestReaders:
    def follow_creations(self, mount, readers, networks):
        """Every reader gets every event of so many networks, made and removed."""
        first, *others = [Events(mount) for _ in range(readers)]
        for events in (first, *others):
            events.now()
        told = []
        for number in range(networks):
            path = os.path.join(mount.path, f"lan{number}")
            os.mkdir(path)
            os.rmdir(path)
            if number % 100 == 99 or number == networks - 1:
                lines = first.lines()
                assert all(events.lines() == lines for events in others)
                told += map(json.loads, lines)
        self.are_all(told, networks)

    @staticmethod
    def are_all(told, networks):
        assert [line["event"] for line in told] == ["create", "shutdown", "destroy"] * networks
        seq = told[0]["seq"]
        assert [line["seq"] for line in told] == list(range(seq, seq + 3 * networks))

    def test_many_at_many_creations(self, mount):
        self.follow_creations(mount, readers=10, networks=300)

    @pytest.mark.long
    def test_fifty_at_ten_thousand_creations(self, mount):
        self.follow_creations(mount, readers=50, networks=10_000)

    @pytest.mark.long
    def test_fifty_processes_at_ten_thousand_creations(self, mount, follow, spawn, scratch):
        """Each a cat of its own; none may fall behind by more than what is kept for it."""
        files = [scratch / str(number) for number in range(50)]
        cats = []
        for file in files:
            with open(file, "wb") as lines:
                cats.append(spawn("cat", os.path.join(mount.path, ".ipnfs", "events"), stdout=lines))
        mount.until_blocked(*cats)
        before = [file.stat().st_size for file in files]
        events = follow()
        told, size = [], 0
        for number in range(10_000):
            path = os.path.join(mount.path, f"lan{number}")
            os.mkdir(path)
            os.rmdir(path)
            if number % 200 == 199:
                lines = events.lines()
                told += lines
                size += sum(len(line) + 1 for line in lines)
                whole = [start + size for start in before]
                until(lambda whole=whole: [file.stat().st_size for file in files] == whole)
        self.are_all(list(map(json.loads, told)), 10_000)
        for file, start in zip(files, before):
            assert file.read_text()[start:].splitlines() == told

    def test_fifty_processes(self, mount, net, spawn, scratch):
        """Each a cat of its own, until the mount ends."""
        path = os.path.join(mount.path, ".ipnfs", "events")
        files = [scratch / str(number) for number in range(50)]
        cats = []
        for file in files:
            with open(file, "wb") as lines:
                cats.append(spawn("cat", path, stdout=lines))
        mount.until_blocked(*cats)
        for number in range(20):
            os.rmdir(net(f"lan{number}").path)
        last = '"event":"destroy","netid":20,'
        for file in files:
            until(lambda file=file: last in file.read_text(), f"{file} has everything")
        assert len({file.read_text() for file in files}) == 1

    def test_slow_one_is_told_what_it_missed(self, mount, net, follow):
        lan = net()
        slow, quick = follow(), follow()
        quick_lines = []
        for _ in range(2000):
            lan.reader().close()
            quick_lines += quick.now()
        until(lambda: lan["nodes"] == "0")
        quick_lines += quick.now()
        assert len(quick_lines) == 4000
        lines = slow.now()
        assert lines[-1] == {"event": "missed", "count": 4000 - len(lines) + 1}
        assert lines[:-1] == quick_lines[: len(lines) - 1]
        net("after")
        assert [line["name"] for line in slow.now()] == ["after"]


class TestReading:
    def test_blocks_until_something_happens(self, mount, net, follow):
        events = follow(blocking=True)
        task = Task(os.read, events.fd, 1000)
        mount.until_blocked(task)
        net("lan")
        assert json.loads(task.result())["name"] == "lan"

    def test_o_nonblock(self, follow):
        with fails(errno.EAGAIN):
            os.read(follow().fd, 1000)

    def test_small_buffer(self, net, follow):
        events = follow()
        net("lan")
        pieces = []
        while not pieces or pieces[-1] != b"\n":
            pieces.append(os.read(events.fd, 1))
        assert json.loads(b"".join(pieces))["name"] == "lan"

    def test_poll_and_wake_up(self, mount, net, follow):
        events = follow()
        poll = select.poll()
        poll.register(events.fd, select.POLLIN)
        assert poll.poll(0) == []
        task = Task(poll.poll)
        mount.until_blocked(task)
        net("lan")
        assert task.result() == [(events.fd, select.POLLIN)]

    def test_blocked_reader_can_be_killed(self, mount, spawn):
        cat = spawn("cat", os.path.join(mount.path, ".ipnfs", "events"), stdout=-3)
        mount.until_blocked(cat)
        cat.kill()
        assert cat.wait(10) == -9

    def test_read_by_all_users_and_written_by_none(self, mount):
        path = os.path.join(mount.path, ".ipnfs", "events")
        assert "policy-registered" in STRANGER.does(run, "head", "-n1", path)
        with fails(errno.EACCES):
            STRANGER.does(os.open, path, os.O_WRONLY)
        with fails(errno.EPERM):
            os.open(path, os.O_WRONLY)
        os.chmod(path, 0o400)
        with fails(errno.EACCES):
            STRANGER.does(os.open, path, os.O_RDONLY)

    def test_what_exists_is_too_much_for_the_readers_share(self, mount_with):
        mount = mount_with("max_memory=4096")  # an eighth of it for one user
        for number in range(10):
            mount.net(f"lan{number}")
        path = os.path.join(mount.path, ".ipnfs", "events")
        with fails(errno.ENOMEM):
            os.open(path, os.O_RDONLY)
        assert b"max_memory" in os.getxattr(path, "user.ipn.error")


class TestWalking:
    """What waits for something to happen is not opened by programs that walk over it."""

    @pytest.mark.parametrize(
        "command",
        ["grep -r numnodes", "grep -r replay", "tar cf /dev/null", "find", "ls -lR", "du -a"],
    )
    def test_does_not_block(self, mount, net, spawn, command):
        net("lan")
        child = spawn(*command.split(), mount.path, stdout=-3, stderr=-3)
        until(lambda: child.poll() is not None, f"{command} has ended")
        assert child.returncode in (0, 1)

    def test_sizes_are_zero(self, mount, net):
        for path in net().path + "/oob", mount.path + "/.ipnfs/events":
            assert os.stat(path).st_size == 0
