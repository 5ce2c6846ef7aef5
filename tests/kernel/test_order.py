"""Every node sees every other node's packets, whole, in one order common to all.

What is sent and how it is checked: blaster.cc.
"""

import os
import subprocess

import pytest

from ipnfs_testlib import succeeded

EVERYDAY = pytest.param(9_000, id="9000 packets")
LONG = pytest.param(100_000, id="100000 packets", marks=pytest.mark.long)
PATIENCE_LONG = 1000


@pytest.fixture
def blaster(spawn, net):
    """Starts blasters on one network; blaster.order(child) waits for what a receiver has seen."""

    class Blaster:
        def __init__(self):
            self.lan = net("lan", lossless=1, mtu=65535)

        def send(self, *arguments):
            return self._start("send", *arguments)

        def receive(self, *arguments):
            return self._start("receive", *arguments)

        def both(self, *arguments):
            return self._start("both", *arguments)

        def _start(self, role, *arguments):
            program = os.environ["BLASTER"]
            return spawn(program, role, self.lan.port, *arguments, stdout=subprocess.PIPE)

        def order(self, receiver):
            order, _ = receiver.communicate(timeout=PATIENCE_LONG)
            assert receiver.returncode == 0
            return order

    return Blaster()


@pytest.mark.parametrize("packets", [EVERYDAY, LONG])
def test_five_readers_see_the_packets_of_three_writers_in_one_order(blaster, packets):
    each = packets // 3
    blaster.lan["minreaders"] = 5
    readers = [blaster.receive(3, each) for _ in range(5)]
    writers = [blaster.send(sender, each) for sender in range(3)]

    orders = [blaster.order(reader) for reader in readers]

    succeeded(*writers)
    assert [len(order) for order in orders] == [3 * each] * 5
    assert all(order == orders[0] for order in orders)


@pytest.mark.parametrize("packets", [EVERYDAY, LONG])
def test_nodes_that_read_and_write_see_that_order_without_their_own_packets(blaster, packets):
    each = packets // 4
    blaster.lan["minreaders"] = 5
    members = [blaster.both(sender, 4, each) for sender in range(4)]
    reader = blaster.receive(4, each)

    orders = [blaster.order(member) for member in members]
    full_order = blaster.order(reader)

    for sender, order in enumerate(orders):
        assert order == full_order.replace(bytes([sender]), b"")
