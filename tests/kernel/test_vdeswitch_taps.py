"""The policy vdeswitch between real interfaces: who can ping whom, another switch behind a trunk,
and rings.

The other switch that knows VLANs is vde_switch: a kernel's bridge does so only where it has
VLAN filtering, which not every kernel has. Each network namespace is a station.
"""

import contextlib
import socket
import time

import pytest

from ipnfs_netns import make_tap, quiet, raw_socket, station_frame
from ipnfs_testlib import until
from ipnfs_vdeswitch import set_port, view


class Station:
    """A network namespace with interfaces, each in a VLAN."""

    def __init__(self, namespace):
        self.namespace = namespace
        self.addresses = {}  # by VLAN
        self.interfaces = {}  # VLANs by interface

    def add(self, interface, vlan, number):
        """Its address tells VLAN and station; to it all addresses are in its own network."""
        self.addresses[vlan] = f"10.{vlan}.0.{number}"
        self.interfaces[interface] = vlan
        self.namespace.set_up(interface, f"{self.addresses[vlan]}/8")

    def __repr__(self):
        return f"{self.namespace.name} in {sorted(self.addresses)}"


def check_who_can_ping_whom(stations, spawn):
    """Each pings each address of all others: answered are those in one of its own VLANs."""
    refused = []
    for one in stations:
        for other in stations:
            if one is other:
                continue
            for vlan, address in other.addresses.items():
                if vlan in one.addresses:
                    assert one.namespace.pings(address), f"{one} to {address}"
                else:
                    argv = one.namespace.command("ping", "-nq", "-c", "2", "-W", "1", address)
                    refused.append((f"{one} to {address}", spawn(*argv, stdout=-3, stderr=-3)))
    for who, ping in refused:
        assert ping.wait(30) != 0, who
    return len(refused)


@contextlib.contextmanager
def all_heard(stations):
    """What arrives meanwhile: station, the VLAN of its interface, frame."""
    sockets = []
    for station in stations:
        for interface, vlan in station.interfaces.items():
            sockets.append((station, vlan, raw_socket(station.namespace, interface)))
    heard = []
    yield heard
    for station, vlan, sock in sockets:
        sock.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:
                data, address = sock.recvfrom(1 << 16)
                if address[2] != socket.PACKET_OUTGOING:
                    heard.append((station, vlan, data))
        sock.close()


@pytest.fixture
def lan(net):
    return net(policy="vdeswitch", mtu=1518)


@pytest.fixture
def station(lan, netns):
    """station(10): a namespace with a TAP in this VLAN."""
    made = []

    def make(vlan):
        made.append(one := Station(netns()))
        quiet(one.namespace)
        name = f"tap{len(made)}"
        tap = make_tap(lan, one.namespace, name)
        set_port(lan, tap.state()["port"], untagged=vlan)
        one.add(name, vlan, len(made))
        return one

    return make


class VdeSwitch:
    """A vde_switch whose ports are TAPs in its namespace, port 1 the first of them."""

    def __init__(self, spawn, scratch, namespace, taps, commands):
        self.namespace = namespace
        self.control = scratch / f"{namespace.name}.ctl"
        rules = scratch / f"{namespace.name}.rc"
        rules.write_text("\n".join(commands) + "\n", encoding="ascii")
        argv = ["vde_switch", "-s", self.control, "-f", rules]
        for tap in taps:
            argv += ["-t", tap]
        self.process = spawn(*namespace.command(*argv), stdin=-1, stdout=-3, stderr=-3)
        until(lambda: set(taps) <= set(namespace.links()), "the TAPs of vde_switch")
        until(lambda: (self.control / "ctl").exists(), "its socket")

    def give(self, tap, station, vlan, number):
        """Moves one of its TAPs to a station."""
        self.namespace.ip("link", "set", tap, "netns", station.namespace.name)
        station.add(tap, vlan, number)


def bridge(namespace, name, *interfaces, **options):
    """A bridge of the kernel. Without STP it passes what bridges say to each other on: a wire."""
    words = [word for option in options.items() for word in map(str, option)]
    namespace.ip("link", "add", name, "type", "bridge", "mcast_snooping", "0", *words)
    for interface in interfaces:
        namespace.ip("link", "set", interface, "master", name, "up")
    namespace.ip("link", "set", name, "up")


class TestVlans:
    def test_eight_taps_in_three_vlans(self, lan, netns, station, spawn, scratch):
        """The eighth is in two of them through a trunk: its VLAN interfaces are vde_switch's."""
        stations = [station(vlan) for vlan in (10, 10, 10, 20, 20, 30, 30)]
        both = Station(netns())
        quiet(both.namespace)
        trunk = make_tap(lan, both.namespace, "trunk")
        set_port(lan, trunk.state()["port"], untagged="none", tagged="10 20")
        VdeSwitch(
            spawn,
            scratch,
            both.namespace,
            ["uplink", "vlan10", "vlan20"],
            ["port/setvlan 1 4095", "vlan/create 10", "vlan/addport 10 1", "port/setvlan 2 10"]
            + ["vlan/create 20", "vlan/addport 20 1", "port/setvlan 3 20"],
        )
        bridge(both.namespace, "wire", "trunk", "uplink")
        # Each interface answers for its own address only, as two machines would.
        both.namespace.run("sysctl", "-qw", "net.ipv4.conf.all.arp_ignore=1")
        both.namespace.set_up("vlan10", "10.10.0.8/16")
        both.namespace.set_up("vlan20", "10.20.0.8/16")
        both.namespace.ip("route", "add", "10.0.0.0/8", "dev", "vlan10")
        both.addresses = {10: "10.10.0.8", 20: "10.20.0.8"}
        both.interfaces = {"vlan10": 10, "vlan20": 20}
        stations.append(both)

        with all_heard(stations) as heard:
            assert check_who_can_ping_whom(stations, spawn) == 43
        vlans = {}
        for one in stations:
            links = one.namespace.links()
            for interface, vlan in one.interfaces.items():
                vlans[bytes.fromhex(links[interface]["address"].replace(":", ""))] = vlan
        assert len(heard) > 100
        for one, vlan, data in heard:
            assert vlans[data[6:12]] == vlan, f"{one} heard {data.hex()}"

    def test_learned_by_vlan(self, lan, station):
        one, two = station(10), station(10)
        assert one.namespace.pings(two.addresses[10])
        rows = [(row["mac"], row["vlan"]) for row in view(lan, "fdb")]
        links = [s.namespace.links()[name]["address"] for s in (one, two) for name in s.interfaces]
        assert sorted(rows) == sorted((link, "10") for link in links)


class TestAnotherSwitch:
    """Stations on both sides of a trunk between an ipnfs network and vde_switch."""

    RULES = [
        *("vlan/create 10", "vlan/create 20", "vlan/create 30"),
        *("port/setvlan 2 10", "port/setvlan 3 20", "port/setvlan 4 30"),
    ]

    @staticmethod
    def trunk_rules(number):
        return [f"port/setvlan {number} 4095"] + [f"vlan/addport {v} {number}" for v in (10, 20)]

    def others(self, switch, netns):
        """Three stations of vde_switch, in VLANs 10, 20 and 30."""
        stations = []
        for vlan in (10, 20, 30):
            stations.append(one := Station(netns()))
            quiet(one.namespace)
            switch.give(f"v{vlan}", one, vlan, 100)
        return stations

    def test_a_trunk_of_taps(self, lan, netns, station, spawn, scratch):
        stations = [station(10), station(20), station(20), station(30)]
        namespace = netns()
        quiet(namespace)
        set_port(lan, make_tap(lan, namespace, "trunk").state()["port"], untagged="none", tagged="10 20")
        rules = self.RULES + self.trunk_rules(1)
        switch = VdeSwitch(spawn, scratch, namespace, ["uplink", "v10", "v20", "v30"], rules)
        bridge(namespace, "wire", "trunk", "uplink")
        stations += self.others(switch, netns)
        # VLAN 30 is not on the trunk: the two in it do not meet either.
        stations[-1].addresses = {31: stations[-1].addresses[30]}
        check_who_can_ping_whom(stations, spawn)

    def test_through_it_to_another_network(self, mount, lan, netns, station, spawn, scratch):
        """A framed stream is vde_plug's: two networks, each with a trunk to vde_switch."""
        second = mount.net("second", policy="vdeswitch", mtu=1518)
        namespace = netns()
        quiet(namespace)
        rules = ["port/create 5", "port/create 6", *self.RULES]
        rules += self.trunk_rules(5) + self.trunk_rules(6)
        switch = VdeSwitch(spawn, scratch, namespace, ["v9", "v10", "v20", "v30"], rules)
        for port, network in ((5, lan), (6, second)):
            network_port = len(network.ports())
            script = 'exec vde_plug --port "$port" "$switch" <>"$framed" >&0'
            spawn.shell(script, port=port, switch=switch.control, framed=network.framed)
            until(lambda n=network: len(n.ports()) == 1, "vde_plug on the network")
            set_port(network, network_port, untagged="none", tagged="10 20")
        stations = [station(10), station(20)]
        stations += self.others(switch, netns)
        for vlan in (10, 20, 30):
            far = Station(netns())
            quiet(far.namespace)
            tap = make_tap(second, far.namespace, f"far{vlan}")
            set_port(second, tap.state()["port"], untagged=vlan)
            far.add(tap.name, vlan, 50)
            stations.append(far)
        stations[-1].addresses = {31: stations[-1].addresses[30]}
        check_who_can_ping_whom(stations, spawn)


class Ring:
    """Two networks that are joined twice, by bridges that are in a namespace of their own."""

    def __init__(self, net, netns, **bridges):
        self.lans = [net(name, policy="vdeswitch") for name in ("one", "two")]
        self.wires = netns()
        quiet(self.wires)
        for lan, priority in zip(self.lans, ("8192", "12288"), strict=True):
            lan["vdeswitch.priority"] = priority
            lan["vdeswitch.stp"] = "1"
        self.bridges = bridges
        self.taps = []
        for name in bridges:
            taps = [
                make_tap(lan, self.wires, f"{name}-{side}")
                for lan, side in zip(self.lans, ("one", "two"), strict=True)
            ]
            self.taps.append(taps)
        self.hosts = []
        for lan in self.lans:
            namespace = netns()
            quiet(namespace)
            tap = make_tap(lan, namespace)
            set_port(lan, tap.state()["port"], edge="1")
            namespace.set_up("tap0", f"10.0.0.{len(self.hosts) + 1}/24")
            self.hosts.append(namespace)

    def join(self):
        for (name, options), taps in zip(self.bridges.items(), self.taps, strict=True):
            bridge(self.wires, name, *(tap.name for tap in taps), **options)

    def frames(self):
        """How many frames the bridges have got so far."""
        statistics = self.wires.run("cat", "/proc/net/dev").splitlines()[2:]
        columns = {line.split(":")[0].strip(): line.split(":")[1].split() for line in statistics}
        return sum(int(columns[tap.name][1]) for taps in self.taps for tap in taps if tap.exists())

    def roles(self, index):
        """Of the ports of one of the two to bridges, by interface."""
        by_port = {row["port"]: row for row in view(self.lans[index], "stp")}
        return {
            tap.name: (by_port[port]["role"], by_port[port]["state"])
            for taps in self.taps
            if (tap := taps[index]).exists() and (port := tap.state()["port"]) in by_port
        }

    def until_pings(self, seconds):
        """Until the hosts reach each other; how long that took."""
        begin = time.monotonic()
        until(lambda: self.hosts[0].pings("10.0.0.2", "-W", "1"), "a way", seconds)
        return time.monotonic() - begin

    def arrive_once(self, payload):
        """Twenty frames to everybody, from one host to the other."""
        sender, receiver = (raw_socket(host) for host in self.hosts)
        sent = [station_frame(b"%b %02d" % (payload, number)) for number in range(20)]
        for each in sent:
            sender.send(each)
        got = []
        while sent[-1] not in got:
            data, address = receiver.recvfrom(1 << 16)
            if address[2] != socket.PACKET_OUTGOING:
                got.append(data[: len(sent[0])])
        receiver.settimeout(0.5)  # a copy that comes by the other way comes at once
        with contextlib.suppress(TimeoutError):
            while True:
                got.append(receiver.recv(1 << 16)[: len(sent[0])])
        sender.close()
        receiver.close()
        assert [each for each in got if each in sent] == sent, "each once, in order"


class TestRing:
    def forwarding(self, ring):
        return [roles for index in (0, 1) for roles in ring.roles(index).values()]

    @pytest.mark.parametrize("cut", ["silent", "removed"])
    def test_of_two_switches_heals_within_seconds(self, net, netns, cut):
        ring = Ring(net, netns, left={}, right={})
        ring.join()
        ring.until_pings(20)
        until(lambda: sorted(self.forwarding(ring))[0][0] == "alternate", "one port discards")
        assert sorted(self.forwarding(ring)) == [
            ("alternate", "discarding"),
            ("designated", "forwarding"),
            ("designated", "forwarding"),
            ("root", "forwarding"),
        ]
        before = ring.frames()
        ring.arrive_once(b"before")
        assert ring.frames() - before < 100, "a storm"

        (used,) = (name for name, role in ring.roles(1).items() if role[0] == "root")
        tap = next(tap for taps in ring.taps for tap in taps if tap.name == used)
        if cut == "silent":
            ring.wires.ip("link", "set", used.split("-")[0], "down")
        else:
            tap.remove()
        took = ring.until_pings(20)
        assert took < (3 if cut == "removed" else 12), "three hellos are 6 seconds"
        before = ring.frames()
        ring.arrive_once(b"after")
        assert ring.frames() - before < 100, "a storm"

    def test_without_a_spanning_tree_it_is_a_storm(self, net, netns):
        """That what the others see is the tree's doing."""
        ring = Ring(net, netns, left={}, right={})
        for lan in ring.lans:
            lan["vdeswitch.stp"] = "0"
        ring.join()
        sender = raw_socket(ring.hosts[0])
        sender.send(station_frame(b"round and round"))
        sender.close()
        until(lambda: ring.frames() > 10_000, "a storm")
        ring.wires.ip("link", "set", "left", "down")

    def test_with_the_kernels_bridges_in_it(self, net, netns):
        """They speak STP, one is the root, and its times are the shortest that it takes."""
        stp = {"stp_state": 1, "forward_delay": 200, "hello_time": 100, "max_age": 600}
        ring = Ring(
            net, netns, left={**stp, "priority": 0}, right={**stp, "priority": 61440}
        )
        ring.join()
        ring.until_pings(30)

        settled = [
            {f"left-{side}": ("root", "forwarding"), f"right-{side}": ("designated", "forwarding")}
            for side in ("one", "two")
        ]
        until(lambda: [ring.roles(0), ring.roles(1)] == settled, "they are between the bridges", 30)
        blocked = ["blocking", "forwarding", "forwarding", "forwarding"]
        until(lambda: sorted(self.kernel_states(ring)) == blocked, "one port of the kernel's", 30)
        before = ring.frames()
        ring.arrive_once(b"before")
        assert ring.frames() - before < 150, "a storm"

        ring.wires.ip("link", "set", "left-one", "down")
        took = ring.until_pings(40)
        assert 4 < took < 30, "max age 6, forward delay twice 2 seconds, three hellos"
        ring.arrive_once(b"after")

    @staticmethod
    def kernel_states(ring):
        links = [link.get("linkinfo", {}) for link in ring.wires.links().values()]
        return [link["info_slave_data"]["state"] for link in links if "info_slave_data" in link]
