"""The policy vdeswitch on real mounts: Ethernet frames through the files of ports."""

import contextlib
import errno
import os
import pathlib
import select
import threading

import pytest

from ipnfs_identity import STRANGER
from ipnfs_testlib import fails, get_option, run, set_option, until
from ipnfs_vdeswitch import BRIDGES, BROADCAST, frame, mac, set_port, view

@pytest.fixture
def lan(net):
    return net(policy="vdeswitch")


def told(nodes):
    """What each node got, without BPDUs."""
    return [[p for p in node.read_all() if not p.startswith(BRIDGES)] for node in nodes]


class TestForwarding:
    def test_a_station_that_was_heard_is_reached_alone(self, lan):
        a, b, c = nodes = [lan.both() for _ in range(3)]
        b.write(frame(BROADCAST, mac(2)))
        assert told(nodes) == [[frame(BROADCAST, mac(2))], [], [frame(BROADCAST, mac(2))]]
        a.write(frame(mac(2), mac(1)))
        assert told(nodes) == [[], [frame(mac(2), mac(1))], []]
        c.write(frame(mac(9), mac(3)))
        assert told(nodes) == [[frame(mac(9), mac(3))]] * 2 + [[]], "an unknown one by all"

    def test_ageing(self, lan):
        a, b, _ = nodes = [lan.both() for _ in range(3)]
        lan["vdeswitch.ageing_s"] = "1"
        b.write(frame(BROADCAST, mac(2)))
        until(lambda: view(lan, "fdb") == [], "nobody is known any more")
        told(nodes)
        a.write(frame(mac(2), mac(1)))
        assert told(nodes)[2] == [frame(mac(2), mac(1))]

    def test_frames_that_are_too_short_are_refused(self, lan):
        node = lan.both()
        for bad in (b"x", b"x" * 13, frame(BROADCAST, mac(1), b"", vlan=5)[:17]):
            with fails(errno.EINVAL):
                node.write(bad)
        node.write(frame(BROADCAST, mac(1), b""))

    def test_through_framed(self, lan):
        a, b = lan.both(framed=True), lan.both()
        packets = [frame(BROADCAST, mac(1), b"%d" % i) for i in range(100)]
        a.write(b"".join(len(p).to_bytes(2, "big") + p for p in packets))
        assert b.read_all() == packets

    def test_hub(self, lan):
        nodes = [lan.both() for _ in range(3)]
        lan["vdeswitch.hub"] = "1"
        nodes[1].write(frame(BROADCAST, mac(2)))
        nodes[0].write(frame(mac(2), mac(1)))
        assert told(nodes)[2] == [frame(BROADCAST, mac(2)), frame(mac(2), mac(1))]
        assert view(lan, "fdb") == []

    def test_readers_and_writers(self, lan):
        reader, writer, other = lan.reader(), lan.writer(), lan.both()
        writer.write(frame(BROADCAST, mac(1)))
        other.write(frame(mac(1), mac(2)))
        assert reader.read_all() == [frame(BROADCAST, mac(1)), frame(mac(1), mac(2))]
        assert [row["mac"] for row in view(lan, "fdb")] == ["02:00:00:00:00:02"]


class TestVlans:
    def test_who_gets_what_in_which_form(self, lan):
        a, b, trunk, other = nodes = [lan.both() for _ in range(4)]
        set_port(lan, a.number, untagged="10")
        set_port(lan, b.number, untagged="10")
        set_port(lan, trunk.number, untagged="none", tagged="10 20-29")
        set_port(lan, other.number, untagged="20")
        a.write(frame(BROADCAST, mac(1)))
        plain, in_10 = frame(BROADCAST, mac(1)), frame(BROADCAST, mac(1), vlan=10)
        assert told(nodes) == [[], [plain], [in_10], []]
        urgent = frame(BROADCAST, mac(3), vlan=20, priority=5)
        trunk.write(urgent)
        assert told(nodes) == [[], [], [], [frame(BROADCAST, mac(3))]]
        set_port(lan, b.number, tagged="20")
        trunk.write(urgent)
        assert told(nodes)[1] == [urgent], "with its priority"

    def test_what_is_configured_nowhere_passes(self, lan):
        a, _, access = nodes = [lan.both() for _ in range(3)]
        set_port(lan, access.number, untagged="10")
        a.write(frame(BROADCAST, mac(1), vlan=77))
        assert told(nodes) == [[], [frame(BROADCAST, mac(1), vlan=77)], []]
        lan["vdeswitch.trunk_default"] = "0"
        a.write(frame(BROADCAST, mac(1), vlan=77))
        assert told(nodes) == [[], [], []]

    def test_view(self, lan):
        a, b = lan.both(), lan.both()
        set_port(lan, b.number, untagged="20", tagged="10")
        assert view(lan, "vlans") == [
            {"vlan": v, "port": str(p.number), "tagged|untagged": form, "state": "forwarding"}
            for v, p, form in (("0", a, "untagged"), ("10", b, "tagged"), ("20", b, "untagged"))
        ]


class TestPorts:
    def test_static_addresses(self, lan):
        nodes = [lan.both() for _ in range(3)]
        set_port(lan, nodes[2].number, static="02:00:00:00:00:07 02:00:00:00:00:08")
        nodes[0].write(frame(mac(7), mac(1)))
        assert told(nodes) == [[], [], [frame(mac(7), mac(1))]]
        with fails(errno.EINVAL):
            set_port(lan, nodes[1].number, static="02:00:00:00:00:08")
        rows = [(r["mac"], r["vlan"], r["port"], r["flags"]) for r in view(lan, "fdb")]
        assert rows == [
            ("02:00:00:00:00:07", "any", "2", "static"),
            ("02:00:00:00:00:08", "any", "2", "static"),
            ("02:00:00:00:00:01", "0", "0", "learned"),
        ]

    def test_isolation(self, lan):
        nodes = [lan.both() for _ in range(3)]
        for node in nodes[:2]:
            set_port(lan, node.number, isolated="1")
        nodes[0].write(frame(BROADCAST, mac(1)))
        assert told(nodes) == [[], [], [frame(BROADCAST, mac(1))]]
        nodes[2].write(frame(BROADCAST, mac(3)))
        assert told(nodes) == [[frame(BROADCAST, mac(3))]] * 2 + [[]]

    def test_options_of_a_reserved_port_wait_for_its_node(self, lan):
        os.close(os.open(lan.node_path(5), os.O_CREAT | os.O_RDWR))
        set_option(lan.node_path(5), "vdeswitch.untagged", "33")
        node = lan.both(port=5)
        other = lan.both()
        node.write(frame(BROADCAST, mac(1)))
        assert told([other]) == [[]]
        assert get_option(lan.node_path(5), "vdeswitch.untagged") == "33"

    def test_they_are_not_set_by_who_only_uses_the_port(self, mount):
        lan = mount.net("open", policy="vdeswitch")
        for path in (lan.port, lan.path):
            os.chmod(path, 0o666 if path == lan.port else 0o755)

        def use():
            fd = os.open(lan.port, os.O_RDWR)
            number = get_option(fd, "number")
            set_option(os.path.join(lan.path, "ports", number), "vdeswitch.untagged", "10")

        with fails(errno.EPERM):
            STRANGER.does(use)

    def test_view(self, lan):
        node = lan.both()
        set_port(lan, node.number, tagged="1-3 9", cost="5", edge="0")
        (row,) = view(lan, "ports")
        assert (row["port"], row["untagged"], row["tagged"]) == ("0", "0", "1-3,9")
        assert (row["cost"], row["edge"], row["trunk"], row["state"]) == ("5", "0", "0", "forwarding")


class TestOptions:
    def test_are_listed_and_rebuilt(self, lan, scratch):
        lan["vdeswitch.ageing_s"] = "60"
        lan["vdeswitch.priority"] = "4096"
        saved = scratch / "saved"
        saved.write_text(run("getfattr", "-d", "--absolute-names", lan.path), encoding="ascii")
        for name in ("ageing_s", "table_size", "persistence_ms", "hub", "stp", "priority"):
            assert f"user.ipn.vdeswitch.{name}=" in saved.read_text(encoding="ascii")
        os.removexattr(lan.path, "user.ipn.vdeswitch.ageing_s")
        assert lan["vdeswitch.ageing_s"] == "300"
        run("setfattr", f"--restore={saved}")
        assert lan["vdeswitch.ageing_s"] == "60"

    def test_a_refusal_says_why(self, lan):
        with fails(errno.EINVAL):
            lan["vdeswitch.priority"] = "5"
        assert lan["error"] == "vdeswitch.priority: it is a multiple of 4096 from 0 to 61440"
        assert lan["vdeswitch.priority"] == "32768"

    def test_on_the_root_they_are_defaults(self, mount):
        set_option(mount.path, "policy", "vdeswitch")
        set_option(mount.path, "vdeswitch.stp", "1")
        assert mount.net("new")["vdeswitch.stp"] == "1"

    def test_captures_are_ethernets(self, lan):
        assert lan["linktype"] == "ethernet"


class CrossWire:
    """A cable of file ports: what either node reads is written to the other, by a thread."""

    def __init__(self, a, b):
        self.ends = (a.both(), b.both())
        self.carried = 0
        self._ending, self._end = os.pipe()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        peers = {node.fd: other.fd for node, other in (self.ends, self.ends[::-1])}
        poll = select.poll()
        for fd in (*peers, self._ending):
            poll.register(fd, select.POLLIN)
        while True:
            for fd, _ in poll.poll():
                if fd == self._ending:
                    return
                with contextlib.suppress(BlockingIOError):
                    os.write(peers[fd], os.read(fd, 65536))
                    self.carried += 1

    def cut(self):
        os.write(self._end, b"x")
        self._thread.join()
        for node in self.ends:
            node.close()
        os.close(self._ending)
        os.close(self._end)


class TestSpanningTree:
    @pytest.fixture
    def ring(self, net):
        """Two networks that are joined twice."""
        lans = [net(name, policy="vdeswitch") for name in ("one", "two")]
        for lan, priority in zip(lans, ("4096", "8192"), strict=True):
            lan["vdeswitch.priority"] = priority
            lan["vdeswitch.stp"] = "1"
        wires = [CrossWire(*lans) for _ in range(2)]
        yield lans, wires
        for wire in wires:
            with contextlib.suppress(OSError):
                wire.cut()

    def until_agreed(self, lans, roles):
        def agreed():
            rows = [r for r in view(lans[1], "stp") if r["role"] in ("root", "alternate")]
            forwarding = [r for r in view(lans[0], "stp") if r["state"] == "forwarding"]
            return sorted(r["role"] for r in rows if r["port"] != "bridge") == roles and forwarding

        until(agreed, f"the switches agree on {roles}")

    def hosts(self, lans):
        nodes = [lan.both() for lan in lans]
        for lan, node in zip(lans, nodes, strict=True):
            set_port(lan, node.number, edge="1")
        return nodes

    def arrives_once(self, hosts, payload):
        sent = frame(BROADCAST, mac(1), payload)
        got = []
        hosts[0].write(sent)

        def arrived():
            got.extend(p for (packets,) in (told(hosts[1:]),) for p in packets)
            return sent in got

        until(arrived, "the frame at the other switch")
        last = frame(BROADCAST, mac(1), payload + b" (last)")
        hosts[0].write(last)
        until(lambda: got.extend(told(hosts[1:])[0]) or last in got, "the one behind it")
        assert got.count(sent) == 1 and told(hosts[:1]) == [[]], "a loop"

    def test_a_ring_is_no_loop_and_heals(self, ring):
        lans, wires = ring
        self.until_agreed(lans, ["alternate", "root"])
        hosts = self.hosts(lans)
        self.arrives_once(hosts, b"before")
        before = sum(wire.carried for wire in wires)
        assert before < 1000, "a storm"
        (root,) = (r["port"] for r in view(lans[1], "stp") if r["role"] == "root")
        wires.pop(0 if str(wires[0].ends[1].number) == root else 1).cut()
        self.until_agreed(lans, ["root"])
        self.arrives_once(hosts, b"after")

    def test_view(self, ring):
        lans, _ = ring
        self.until_agreed(lans, ["alternate", "root"])
        bridges = [view(lan, "stp")[0] for lan in lans]
        assert [b["role"] for b in bridges] == ["root", "bridge"]
        assert bridges[1]["root"] == bridges[0]["designated_bridge"]
        assert bridges[0]["root"].startswith("1000.")


class TestWhoMay:
    def test_views_are_for_who_may_read_the_directory(self, lan):
        path = os.path.join(lan.path, "policy", "fdb")
        assert STRANGER.does(lambda: pathlib.Path(path).read_text(encoding="ascii"))
        with fails(errno.EACCES, errno.EPERM):
            STRANGER.does(set_option, lan.path, "vdeswitch.stp", "1")

    def test_a_stranger_talks_where_the_port_lets_it(self, lan):
        os.chmod(lan.port, 0o666)

        def talk():
            fds = [os.open(lan.port, os.O_RDWR | os.O_NONBLOCK) for _ in range(3)]
            os.write(fds[1], frame(BROADCAST, mac(2)))
            for fd in (fds[0], fds[2]):
                os.read(fd, 100)
            os.write(fds[0], frame(mac(2), mac(1)))
            return os.read(fds[1], 100)

        assert STRANGER.does(talk) == frame(mac(2), mac(1))
