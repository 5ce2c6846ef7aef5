"""FUSE over io_uring: what it adds. Every other test is true of it as well (tools/fuse-uring)."""

import os
import re
import signal

import pytest

from ipnfs_testlib import until

needs_it = pytest.mark.where_uring_is(True)

# Reads on one CPU, each by a process of its own; what each got goes to standard output.
CROWD = """
for ((i = 0; i < count; i++)); do
    taskset -c 0 dd if="$port" bs=65536 count=1 status=none &
done
wait
"""


def transport(mount):
    with open(os.path.join(mount.path, ".ipnfs", "version"), encoding="utf-8") as version:
        return re.search("^fuse_transport: (.*)$", version.read(), re.MULTILINE)[1]


def test_can_be_done_without(mount_with):
    assert transport(mount_with("no_uring")) == "device"


@needs_it
def test_is_used_where_it_is_offered(mount_with):
    mount = mount_with("uring")
    assert transport(mount) == "io_uring"
    assert "option uring" not in mount.log()


@pytest.mark.where_uring_is(False)
def test_asked_for_in_vain_is_told(mount_with):
    mount = mount_with("uring")
    assert transport(mount) == "device"
    assert "warning: option uring" in mount.log()


@needs_it
def test_a_crowd_that_waits_on_one_cpu_holds_nobody_up(mount_with, spawn):
    """More at once than a queue has entries; the writer is on the same CPU, behind them."""
    count = 300
    mount = mount_with("uring")
    lan = mount.net(numnodes=2 * count)
    crowd = spawn.shell(CROWD, count=count, port=lan.port, stdout=-1)
    until(lambda: lan["readers"] == str(count), "all have joined")
    writer = spawn.shell('taskset -c 0 bash -c \'echo hello > "$0"\' "$port"', port=lan.port)
    assert writer.wait(30) == 0
    got, _ = crowd.communicate(timeout=60)
    assert got == b"hello\n" * count


@needs_it
def test_a_signal_ends_a_read_that_waits(mount_with, spawn):
    mount = mount_with("uring")
    reader = spawn("cat", mount.net().port)
    mount.until_blocked(reader)
    reader.send_signal(signal.SIGTERM)
    assert reader.wait(10) == -signal.SIGTERM


@needs_it
def test_memory_goes_back_when_nothing_happens(mount_with, spawn):
    """Queues that have grown, and large answers, cost nothing for long."""
    mount = mount_with("uring")

    def resident():
        with open(f"/proc/{mount.daemon.pid}/status", encoding="ascii") as status:
            return int(re.search(r"^VmRSS:\s+(\d+) kB", status.read(), re.MULTILINE)[1])

    before = resident()
    lan = mount.net(numnodes=500, mtu=65535)
    crowd = spawn.shell(CROWD, count=200, port=lan.port, stdout=-1)
    until(lambda: lan["readers"] == "200", "all have joined")
    writer = spawn.shell('dd if=/dev/zero of="$port" bs=65000 count=1 conv=notrunc status=none', port=lan.port)
    assert writer.wait(30) == 0
    assert len(crowd.communicate(timeout=60)[0]) == 200 * 65000
    if os.environ["SANITIZERS"] == "none":
        until(lambda: resident() < before + 3 * 1024, "the daemon is small again")
