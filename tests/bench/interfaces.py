#!/usr/bin/env python3
"""interfaces.py IPNFS [--rounds N] [--seconds S] [--one-core]: two network namespaces on one network.

Measures TCP, UDP with frames of 64 bytes, and ping between two namespaces joined by ipnfs (two TAP
interfaces on a network with policy broadcast), by the kernel's bridge (two veth pairs) and by
vde_switch (two vde_plug2tap), in interleaved rounds, and prints for each the medians, and the medians
of the ratios within a round with their spread. The processor time is that of the switch's processes.

Run it as root; it runs itself in mount, process and network namespaces of its own, so that it leaves
nothing behind. Needs iperf3, iproute2, ping and vde2.
"""

import argparse
import contextlib
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import time

INSIDE = "IPNFS_BENCH_INSIDE"
TICKS = os.sysconf("SC_CLK_TCK")


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

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.processes = []

    def start(self, *argv):
        self.processes.append(
            subprocess.Popen([str(a) for a in argv], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
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


class Ipnfs(Switch):
    def connect(self, ipnfs):
        mount = self.directory / "mnt"
        mount.mkdir()
        self.start(ipnfs, "bench", mount, "-f")
        until(lambda: os.path.ismount(mount))
        (mount / "lan").mkdir()
        for space in "ab":
            run("nsenter", f"--net=/run/netns/{space}", "touch", mount / "lan" / "tap" / f"{space}0")


class Bridge(Switch):
    def connect(self, _):
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
    def connect(self, _):
        control = self.directory / "ctl"
        # With the terminal's end closed it would end: it has a pipe instead.
        self.processes.append(
            subprocess.Popen(
                ["vde_switch", "-s", str(control)], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
            )
        )
        until(lambda: (control / "ctl").exists())
        for space in "ab":
            self.start(
                "nsenter", f"--net=/run/netns/{space}", "vde_plug2tap", "-s", control, f"{space}0"
            )


SWITCHES = {"ipnfs": Ipnfs, "kernel bridge": Bridge, "vde_switch": Vde}


def has_link(space):
    return f"{space}0" in run("ip", "-n", space, "-br", "link")


@contextlib.contextmanager
def joined(kind, ipnfs):
    with tempfile.TemporaryDirectory() as directory:
        for space in "ab":
            run("ip", "netns", "add", space)
        switch = SWITCHES[kind](directory)
        try:
            switch.connect(ipnfs)
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


def iperf(seconds, *arguments):
    server = subprocess.Popen(
        ["ip", "netns", "exec", "b", "iperf3", "-s", "-1"], stdout=subprocess.DEVNULL
    )
    until(lambda: ":5201" in run("ip", "netns", "exec", "b", "ss", "-Hltn"))
    report = run(*"ip netns exec a iperf3 -J -c 10.0.0.2 -t".split(), seconds, *arguments)
    server.wait()
    return json.loads(report)["end"]


def measure(kind, ipnfs, seconds):
    figures = {}
    with joined(kind, ipnfs) as switch:
        before = switch.processor_seconds()
        received = iperf(seconds)["sum_received"]
        figures["TCP Gbit/s"] = received["bits_per_second"] / 1e9
        figures["TCP s/GB"] = (switch.processor_seconds() - before) / (received["bytes"] / 1e9)

        before = switch.processor_seconds()
        payload = 64 - 14 - 20 - 8
        total = iperf(seconds, "-u", "-b", "0", "-l", str(payload))["sum"]
        came = total["packets"] - total["lost_packets"]
        figures["UDP 64 B kpps"] = came / total["seconds"] / 1e3
        figures["UDP us/packet"] = (switch.processor_seconds() - before) / max(came, 1) * 1e6

        answer = run(*"ip netns exec a ping -q -i 0.002 -c 1000 10.0.0.2".split())
        figures["ping us"] = float(re.search(r"= [\d.]+/([\d.]+)/", answer)[1]) * 1e3
    return figures


def spread(values):
    return f"{statistics.median(values):8.2f} ({min(values):.2f}..{max(values):.2f})"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("ipnfs", type=os.path.abspath)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--one-core", action="store_true", help="everything on the first core")
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
    if options.one_core:
        os.sched_setaffinity(0, {0})

    rounds = []
    names = list(SWITCHES)
    for number in range(options.rounds):
        order = names[number % len(names) :] + names[: number % len(names)]
        rounds.append({kind: measure(kind, options.ipnfs, options.seconds) for kind in order})

    for figure in rounds[0]["ipnfs"]:
        print(figure)
        for kind in names:
            print(f"    {kind:16}{spread([one[kind][figure] for one in rounds])}")
        for peer in names[1:]:
            if all(one[peer][figure] > 0 for one in rounds):
                ratios = [one["ipnfs"][figure] / one[peer][figure] for one in rounds]
                print(f"    ipnfs to {peer:16} x {spread(ratios).strip()}")


if __name__ == "__main__":
    main()
