"""Network namespaces: made by name, entered by a thread or a process, asked for their interfaces."""

import ctypes
import json
import os
import re
import socket
import subprocess

from scapy.all import Ether, Raw

from ipnfs_testlib import Task, get_option, run, until

CLONE_NEWNET = 0x40000000
ETH_P_ALL = 3
_libc = ctypes.CDLL(None, use_errno=True)


class Netns:
    """A network namespace with a name in /run/netns."""

    def __init__(self, name):
        self.name = name
        self.path = f"/run/netns/{name}"
        run("ip", "netns", "add", name)
        self.ip("link", "set", "lo", "up")

    def delete(self):
        """Takes the name away; without a process or descriptor that keeps it, it is gone."""
        if os.path.exists(self.path):
            run("ip", "netns", "del", self.name)

    def enter(self):
        """The calling thread, for good."""
        fd = os.open(self.path, os.O_RDONLY)
        try:
            if _libc.setns(fd, CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), "setns")
        finally:
            os.close(fd)

    def start(self, function, *arguments):
        """The call, under way on a thread that is in the namespace."""

        def there():
            self.enter()
            return function(*arguments)

        return Task(there)

    def does(self, function, *arguments):
        """What the call returns or raises there."""
        return self.start(function, *arguments).result()

    def command(self, *argv):
        """The command line of a process that is in the namespace."""
        return ["nsenter", f"--net={self.path}", *(str(a) for a in argv)]

    def run(self, *argv, **options):
        return run(*self.command(*argv), **options)

    def ip(self, *argv):
        return run("ip", "-n", self.name, *argv)

    def links(self):
        """Every interface but lo, by name, as ip-link(8) says it in JSON."""
        found = json.loads(run("ip", "-n", self.name, "-d", "-j", "link", "show"))
        return {link["ifname"]: link for link in found if link["ifname"] != "lo"}

    def link(self, name):
        return self.links().get(name)

    def set_up(self, interface, *addresses):
        """Gives it addresses that can be used at once."""
        for address in addresses:
            nodad = ["nodad"] if ":" in address else []
            self.ip("addr", "add", address, "dev", interface, *nodad)
        self.ip("link", "set", interface, "up")

    def pings(self, address, *arguments, count=1):
        """Whether each of these pings, one after the other, is answered."""
        flood = ["-f"] if count > 1 else []
        argv = self.command("ping", "-nq", "-c", count, *flood, "-W", "2", *arguments, address)
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, check=False)
        # It gives 0 if only one was answered, and hardly waits for the last ones of a flood.
        told = re.search(rb"(\d+) packets transmitted, (\d+) received", done.stdout)
        lost_max = 3 if flood else 0
        return done.returncode == 0 and int(told[1]) - int(told[2]) <= lost_max


class File:
    """An interface's file in tap/ or grab/."""

    def __init__(self, network, directory, name, namespace=None):
        self.network = network
        self.name = name
        self.namespace = namespace
        self.path = os.path.join(network.path, directory, name)

    def __getitem__(self, option):
        return get_option(self.path, option)

    def __setitem__(self, option, value):
        os.setxattr(self.path, f"user.ipn.{option}", str(value).encode())

    def state(self):
        """What reading it shows, as a dictionary."""
        with open(self.path, encoding="ascii") as file:
            return dict(line.rstrip("\n").split(": ", 1) for line in file)

    def until_disconnected(self):
        until(lambda: self.state()["state"] == "disconnected", f"{self.name} disconnected")

    def exists(self):
        return os.path.exists(self.path)

    def link(self):
        return self.namespace.link(self.name)

    def remove(self):
        os.unlink(self.path)


class Tap(File):
    def __init__(self, network, name, namespace=None):
        super().__init__(network, "tap", name, namespace)


def raw_socket(namespace, interface="tap0"):
    """A packet socket on the interface, which sees what arrives there from now on."""

    def make():
        sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        sock.bind((interface, ETH_P_ALL))
        sock.settimeout(30)
        return sock

    return namespace.does(make)


def quiet(namespace):
    """Nothing of its own account is sent in it: only what a test sends."""
    namespace.run("sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1")


def station_frame(payload, to="ff:ff:ff:ff:ff:ff"):
    """A frame of an experimental type (IEEE 802), which no kernel answers."""
    return bytes(Ether(dst=to, src="02:00:00:00:00:77", type=0x88B5) / Raw(payload))


def touch(path):
    """As touch(1) does: it cannot be told from `3<> path` before it has closed."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NONBLOCK | os.O_NOCTTY, 0o666)
    os.utime(fd)
    os.close(fd)


def make_tap(network, namespace, name="tap0"):
    """touch tap/NAME by somebody in the namespace."""
    tap = Tap(network, name, namespace)
    namespace.does(touch, tap.path)
    until(lambda: tap.state()["controlled"] == "no", "the file is closed")
    return tap
