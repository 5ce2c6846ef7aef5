#!/usr/bin/env python3
"""interfaces.py BUILD [OPTIONS]: two network namespaces on one network, joined in six ways.

Measures TCP, UDP with frames of 64 bytes, and ping between two namespaces that are joined by ipnfs (two
TAP interfaces on a network with policy broadcast, on one with policy vdeswitch, and on one like that
where 256 more stations are known and the ports are in a VLAN), by the kernel's
bridge (two veth pairs), by vde_switch (its own two TAP interfaces) and by bare_forwarder (reads from
one TAP and writes to the other, nothing else: the floor for any program in between). In interleaved
rounds, with all cores and then with everything on one core; prints tables in markdown: the medians, and
the medians of the ratios within a round, each with its smallest and largest.

BUILD is the directory ipnfs was built in. Run it as root; it runs itself in mount, process and network
namespaces of its own, so that it leaves nothing behind. Needs iperf3, iproute2, ping and vde2. Five
rounds take about five minutes.
"""

import argparse
import contextlib
import itertools
import json
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

INSIDE = "IPNFS_BENCH_INSIDE"
TICKS = os.sysconf("SC_CLK_TCK")
# Of the lower ones less is better.
LOWER = {"TCP s/GB", "TCP all s/GB", "UDP us/packet", "UDP all us/packet", "ping us"}

# (figure, of whom, to whom, at least, on how many cores): what PERFORMANCE asks for.
TARGETS = [
    ("TCP Gbit/s", "kernel bridge", 0.9, "all"),
    ("TCP Gbit/s", "vde_switch", 4, "all"),
    ("UDP 64 B kpps", "vde_switch", 1.4, "all"),
    ("UDP us/packet", "vde_switch", 0.6, "all"),
    ("TCP Gbit/s", "kernel bridge", 0.75, "one"),
    ("ping us", "vde_switch", 1.2, "one"),
]
# The same of a switch that knows many stations and has VLANs, to one that does not.
BUSY = "ipnfs vdeswitch, busy"
BUSY_TARGETS = [
    (figure, "ipnfs vdeswitch", 0.95, cores)
    for figure in ("TCP Gbit/s", "UDP 64 B kpps")
    for cores in ("all", "one")
]


def run(*argv):
    return subprocess.run(
        [str(a) for a in argv], check=True, capture_output=True, text=True, timeout=120
    ).stdout


def until(predicate, seconds=20):
    end = time.monotonic() + seconds
    while not predicate():
        if time.monotonic() > end:
            sys.exit("interfaces.py: what should have happened within 20 seconds did not")
        time.sleep(0.01)


class Switch:
    """Joins the namespaces a and b, in which the interfaces a0 and b0 come to be."""

    def __init__(self, directory, build):
        self.directory = pathlib.Path(directory)
        self.build = build
        self.processes = []

    def start(self, *argv):
        # vde_switch ends with its terminal: everybody has a pipe instead, which is never written to.
        self.processes.append(
            subprocess.Popen(
                [str(a) for a in argv], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
            )
        )

    def processor_seconds(self):
        total = 0
        for process in self.processes:
            stat = pathlib.Path(f"/proc/{process.pid}/stat").read_text(encoding="ascii")
            total += sum(map(int, stat.rpartition(")")[2].split()[11:13]))
        return total / TICKS

    def disconnect(self):
        for process in reversed(self.processes):
            process.terminate()
            process.wait()
            process.stdin.close()


class Ipnfs(Switch):
    policy = "broadcast"

    def connect(self):
        mount, policies = self.directory / "mnt", self.directory / "policies"
        mount.mkdir()
        policies.mkdir(mode=0o755)
        module = self.build / "policies" / "vdeswitch" / "vdeswitch.so"
        shutil.copyfile(module, policies / module.name)
        self.start(self.build / "src" / "ipnfs", "bench", mount, "-o", f"policydir={policies}", "-f")
        until(lambda: os.path.ismount(mount))
        (mount / "lan").mkdir()
        os.setxattr(mount / "lan", "user.ipn.policy", self.policy.encode())
        for space in "ab":
            run("nsenter", f"--net=/run/netns/{space}", "touch", mount / "lan" / "tap" / f"{space}0")


class IpnfsSwitch(Ipnfs):
    policy = "vdeswitch"


class BusySwitch(IpnfsSwitch):
    """With 256 stations known besides, and both interfaces in a VLAN, untagged."""

    STATIONS = 256

    def connect(self):
        super().connect()
        lan = self.directory / "mnt" / "lan"
        # They are known for as long as it is open, and can be sent to.
        self.stations = os.open(lan / "port", os.O_RDWR)
        for port in (lan / "ports").iterdir():
            os.setxattr(port, "user.ipn.vdeswitch.untagged", b"10")
        for number in range(self.STATIONS):
            source = bytes([2, 0, 0, 0, 1, number])
            os.write(self.stations, bytes(6 * [255]) + source + b"\x88\xb5" + bytes(46))
        known = (lan / "policy" / "fdb").read_text(encoding="ascii").count("02:00:00:00:01:")
        assert known == self.STATIONS, known

    def disconnect(self):
        os.close(self.stations)
        super().disconnect()


class Bridge(Switch):
    def connect(self):
        run("ip", "link", "add", "br0", "type", "bridge")
        run("ip", "link", "set", "br0", "up")
        for space in "ab":
            run(*f"ip link add {space}1 type veth peer name {space}0 netns {space}".split())
            run(*f"ip link set {space}1 master br0 up".split())

    def disconnect(self):
        run("ip", "link", "del", "br0")
        # The wires go with the namespaces, which takes its time.
        until(lambda: not {"a1", "b1"} & set(re.findall(r"\w+", run("ip", "-br", "link"))))


class Vde(Switch):
    def connect(self):
        self.start("vde_switch", "-s", self.directory / "ctl", "-tap", "a0", "-tap", "b0")
        for space in "ab":
            until(lambda: f"{space}0" in run("ip", "-br", "link"))
            run("ip", "link", "set", f"{space}0", "netns", space)


class BareForwarder(Switch):
    def connect(self):
        self.start(self.build / "tests" / "bench" / "bare_forwarder", "a", "a0", "b", "b0")


SWITCHES = {
    "ipnfs broadcast": Ipnfs,
    "ipnfs vdeswitch": IpnfsSwitch,
    BUSY: BusySwitch,
    "kernel bridge": Bridge,
    "vde_switch": Vde,
    "bare forwarder": BareForwarder,
}


def has_link(space):
    return f"{space}0" in run("ip", "-n", space, "-br", "link")


@contextlib.contextmanager
def joined(kind, build):
    with tempfile.TemporaryDirectory() as directory:
        for space in "ab":
            run("ip", "netns", "add", space)
        switch = SWITCHES[kind](directory, build)
        try:
            switch.connect()
            for number, space in enumerate("ab", 1):
                until(lambda: has_link(space))
                run("ip", "-n", space, "addr", "add", f"10.0.0.{number}/24", "dev", f"{space}0")
                run("ip", "-n", space, "link", "set", f"{space}0", "up")
            run(*"ip netns exec a ping -c 1 -W 10 10.0.0.2".split())
            yield switch
        finally:
            for space in "ab":
                run("ip", "netns", "del", space)
            switch.disconnect()
            subprocess.run(["umount", "-l", f"{directory}/mnt"], capture_output=True, check=False)


def machine_seconds():
    """What all cores together have worked."""
    with open("/proc/stat", encoding="ascii") as stat:
        user, nice, system, _, _, irq, softirq, *_ = map(int, stat.readline().split()[1:])
    return (user + nice + system + irq + softirq) / TICKS


class Spent:
    """Processor time of the switch, and of the whole machine, since it was made."""

    def __init__(self, switch):
        self.switch = switch
        self.before = switch.processor_seconds(), machine_seconds()

    def by(self, what):
        now = self.switch.processor_seconds(), machine_seconds()
        return [(then - before) / what for then, before in zip(now, self.before)]


def iperf(seconds, *arguments):
    server = subprocess.Popen(
        ["ip", "netns", "exec", "b", "iperf3", "-s", "-1"], stdout=subprocess.DEVNULL
    )
    until(lambda: ":5201" in run("ip", "netns", "exec", "b", "ss", "-Hltn"))
    report = run(*"ip netns exec a iperf3 -J -c 10.0.0.2 -t".split(), seconds, *arguments)
    server.wait()
    return json.loads(report)["end"]


def measure(kind, build, seconds):
    figures = {}
    with joined(kind, build) as switch:
        spent = Spent(switch)
        received = iperf(seconds)["sum_received"]
        figures["TCP Gbit/s"] = received["bits_per_second"] / 1e9
        figures["TCP s/GB"], figures["TCP all s/GB"] = spent.by(received["bytes"] / 1e9)

        spent = Spent(switch)
        payload = 64 - 14 - 20 - 8
        total = iperf(seconds, "-u", "-b", "0", "-l", payload)["sum"]
        came = max(total["packets"] - total["lost_packets"], 1)
        figures["UDP 64 B kpps"] = came / total["seconds"] / 1e3
        figures["UDP us/packet"], figures["UDP all us/packet"] = spent.by(came / 1e6)

        answer = run(*"ip netns exec a ping -q -i 0.002 -c 500 10.0.0.2".split())
        figures["ping us"] = float(re.search(r"= [\d.]+/([\d.]+)/", answer)[1]) * 1e3
    return figures


def spread(values):
    return f"{statistics.median(values):.2f} ({min(values):.2f}..{max(values):.2f})"


def row(*cells):
    print(f"| {' | '.join(cells)} |")


def table(*head):
    print()
    row(*head)
    row(*(["---"] * len(head)))


def ratios(rounds, figure, of, to):
    return [one[of][figure] / one[to][figure] for one in rounds if one[to][figure] > 0]


def show(cores, rounds):
    names = list(rounds[0])
    figures = list(rounds[0][names[0]])
    print(f"\n## {'Everything on one core' if cores == 'one' else 'All cores'}: {len(rounds)} rounds")
    table("", *figures)
    for name in names:
        row(name, *(spread([one[name][figure] for one in rounds]) for figure in figures))
    pairs = [
        (of, to)
        for of, to in itertools.product(names, names)
        if of.startswith("ipnfs") and not to.startswith("ipnfs")
        or (of, to) == (BUSY, "ipnfs vdeswitch")
    ]
    if pairs:
        table("ratio", *figures)
    for of, to in pairs:
        found = [ratios(rounds, figure, of, to) for figure in figures]
        row(f"{of} to {to}", *(spread(each) if each else "-" for each in found))


def show_targets(result):
    table("target", "cores", "ratio", "")
    wanted = [(of, *each) for each in TARGETS for of in ("ipnfs broadcast", "ipnfs vdeswitch")]
    wanted += [(BUSY, *each) for each in BUSY_TARGETS]
    for of, figure, to, bound, cores in wanted:
        rounds = result.get(cores, [])
        if not rounds or of not in rounds[0] or to not in rounds[0]:
            continue
        found = ratios(rounds, figure, of, to)
        lower = figure in LOWER
        middle = statistics.median(found)
        met = middle <= bound if lower else middle >= bound
        words = f"{of}, {figure} {'<=' if lower else '>='} {bound} x {to}"
        row(words, cores, spread(found), "met" if met else "missed")


def measure_all(options, cores):
    if cores == "one":
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    rounds = []
    names = options.only or list(SWITCHES)
    for number in range(options.rounds):
        turn = number % len(names)
        order = names[turn:] + names[:turn]
        measured = {name: measure(name, options.build, options.seconds) for name in order}
        rounds.append({name: measured[name] for name in names})
    return rounds


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build", type=lambda path: pathlib.Path(path).resolve())
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.5, help="of TCP, and of UDP")
    parser.add_argument("--cores", choices=["both", "all", "one"], default="both")
    parser.add_argument("--only", action="append", choices=list(SWITCHES), help="may be repeated")
    parser.add_argument("--json", metavar="FILE", help="every figure of every round")
    options = parser.parse_args()
    if INSIDE not in os.environ:
        os.execvpe(
            "unshare",
            "unshare --mount --propagation private --net --pid --fork --kill-child --mount-proc sh -c".split()
            + [
                "mkdir -p /run/netns && mount -t tmpfs netns /run/netns && ip link set lo up"
                ' && exec "$@"',
                "sh",
                sys.executable,
                *sys.argv,
            ],
            {**os.environ, INSIDE: "1"},
        )
    result = {}
    for cores in ["all", "one"] if options.cores == "both" else [options.cores]:
        result[cores] = measure_all(options, cores)
        show(cores, result[cores])
    show_targets(result)
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps(result, indent=1), encoding="ascii")


if __name__ == "__main__":
    main()
