"""A station that sends from a million addresses: who else is known, what it takes, what the others
get through meanwhile and afterwards.

Throughput is that of one station to another, of frames in bulk. What is compared is measured in
turns, in one process, and judged by medians: other programs that run disturb both alike.
"""

import contextlib
import os
import statistics
import threading
import time

import pytest

from ipnfs_testlib import stats
from ipnfs_vdeswitch import set_port, view

A_MILLION = 1_000_000
QUIET = 50  # stations behind each port that does not flood
BATCH = 250  # frames in a write
BATCHES = 300  # writes in a measurement
NEIGHBOUR = 1 << 32  # a static station at the port that floods: what is sent there goes nowhere


def address(station):
    return b"\x02" + station.to_bytes(5, "big")


def spelled(station):
    return ":".join(f"{byte:02x}" for byte in address(station))


def bulk(to, stations):
    """The bytes of `framed` that are short frames to `to` from these stations."""
    rest = b"\x88\xb5" + bytes(46)
    return b"".join(b"\x00\x3c" + to + address(number) + rest for number in stations)


def batches(stations):
    """Frames from each of these, to one at the same port."""
    for first in range(0, len(stations), BATCH):
        yield bulk(address(NEIGHBOUR), stations[first : first + BATCH])


class Port:
    """Somebody at a network with stations behind him; he sends in bulk."""

    def __init__(self, lan, first, count=QUIET):
        self.lan = lan
        self.stations = range(first, first + count)
        self.node = lan.both(framed=True, blocking=True)
        self.number = self.node.number
        self.node.write(bulk(b"\xff" * 6, self.stations))

    def known(self):
        """How many of its stations are where they are."""
        ours = {spelled(number) for number in self.stations}
        rows = view(self.lan, "fdb")
        return len(ours & {row["mac"] for row in rows if row["port"] == str(self.number)})

    def forget_all(self):
        """Reads what has come so far."""
        os.set_blocking(self.node.fd, False)
        with contextlib.suppress(BlockingIOError):
            while self.node.read(1 << 20):
                pass
        os.set_blocking(self.node.fd, True)


class Lan:
    """A network with two who talk and one who may flood."""

    def __init__(self, lan):
        self.lan = lan
        self.talker, self.listener = Port(lan, 0), Port(lan, QUIET)
        self.flooder = Port(lan, 2 * QUIET, 1)
        set_port(lan, self.flooder.number, static=spelled(NEIGHBOUR))
        for port in (self.talker, self.listener, self.flooder):
            port.forget_all()
        self.batch = bulk(address(self.listener.stations[0]), [self.talker.stations[0]] * BATCH)

    def throughput(self, batches):
        """Frames a second from the talker to the listener."""
        begin = time.monotonic()
        for _ in range(batches):
            self.talker.node.write(self.batch)
            left = len(self.batch)
            while left > 0:
                left -= len(self.listener.node.read(left))
        return batches * BATCH / (time.monotonic() - begin)

    def flood(self, stations):
        """From so many addresses, to one at the same port: nobody gets any of it."""
        for batch in batches(stations):
            self.flooder.node.write(batch)


def resident(lan):
    """KiB of memory that the daemon has in use."""
    with open(f"/proc/{lan.mount.daemon.pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


@pytest.fixture
def lan(net):
    """Lossless, so that all that is sent is measured, with room for a batch."""
    options = {"policy": "vdeswitch", "lossless": 1, "msgpoolsize": 2 * BATCH}
    return lambda name="lan": Lan(net(name, **options))


def million(start=1):
    return range(start << 24, (start << 24) + A_MILLION)


class TestAMillion:
    def test_others_stay_known_and_memory_is_bounded(self, lan):
        lan = lan()
        before = resident(lan.lan)
        lan.flood(million())
        took = resident(lan.lan) - before
        assert lan.talker.known() == lan.listener.known() == QUIET
        assert lan.flooder.known() == 0, "its own are displaced, the oldest first"
        after = stats(lan.lan)
        assert after["vdeswitch.stations"] == 16_384
        assert after["vdeswitch.evicted"] == A_MILLION + 2 * QUIET + 1 - 16_384
        if not os.environ.get("SANITIZERS", "none").strip("none"):
            assert took < 16_384 * 110 / 1024 + 2048, "110 bytes a station, and what else there is"

    def test_a_table_of_another_size(self, lan):
        lan = lan()
        lan.lan["vdeswitch.table_size"] = "300"
        lan.flood(range(1 << 24, (1 << 24) + 10_000))
        assert lan.talker.known() == lan.listener.known() == QUIET
        assert stats(lan.lan)["vdeswitch.stations"] == 300

    def test_to_everybody(self, lan):
        """Unknown ones: each frame goes to all."""
        lan = lan()
        readers = [lan.talker, lan.listener]
        for first in range(1 << 24, (1 << 24) + 100_000, BATCH):
            lan.flooder.node.write(bulk(address(1 << 33), range(first, first + BATCH)))
            for reader in readers:
                left = BATCH * 62
                while left > 0:
                    left -= len(reader.node.read(left))
        assert all(reader.known() == QUIET for reader in readers)


class TestThroughput:
    ROUNDS = 15

    def ratio(self, ours, theirs):
        """The median of ours by theirs, each measured so often, in turns."""
        pairs = [(ours(), theirs()) for _ in range(self.ROUNDS)]
        return statistics.median(a / b for a, b in pairs)

    def test_after_a_flood(self, lan):
        """Against a network of the same mount that was not flooded."""
        flooded, other = lan("flooded"), lan("other")
        flooded.flood(million())
        ratio = self.ratio(lambda: flooded.throughput(BATCHES), lambda: other.throughput(BATCHES))
        print(f"after / before: {ratio:.2f}")
        assert ratio >= 0.8

    @contextlib.contextmanager
    def flooding(self, lan, flood, pause):
        """Somebody sends one of these batches after the other meanwhile, each and then a pause."""
        end = threading.Event()
        sent = []

        def send():
            while not end.is_set():
                lan.flooder.node.write(flood[len(sent) % len(flood)])
                sent.append(BATCH)
                if pause:
                    end.wait(pause)

        thread = threading.Thread(target=send)
        thread.start()
        yield
        end.set()
        thread.join()
        assert sent, "it floods"

    def test_during_a_flood_of_as_many_frames_as_a_busy_station_sends(self, lan):
        """25,000 frames a second, each from another address; before and meanwhile in turns."""
        lan = lan()
        flood = list(batches(million()))

        def during():
            with self.flooding(lan, flood, 0.01):
                return lan.throughput(BATCHES)

        ratio = self.ratio(during, lambda: lan.throughput(BATCHES))
        print(f"during / before: {ratio:.2f}")
        assert lan.talker.known() == QUIET
        assert ratio >= 0.8

    def test_beside_one_that_floods_as_fast_as_it_can(self, lan):
        """It takes its share of the one loop that there is, as whoever sends from one address does;
        a new address costs the switch about as much again as the frame."""
        lan = lan()
        one = list(batches([lan.flooder.stations[0]] * 100_000))
        many = list(batches(million()))

        def with_flood(flood):
            with self.flooding(lan, flood, 0):
                return lan.throughput(BATCHES)

        ratio = self.ratio(lambda: with_flood(many), lambda: with_flood(one))
        print(f"a million addresses / one: {ratio:.2f}")
        assert ratio >= 0.5
