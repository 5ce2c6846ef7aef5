"""max_memory bounds what waits to be read in the whole mount; one user gets at most half of it."""

import errno
import os
import select
import subprocess

import pytest

from ipnfs_testlib import fails, succeeded, until

PACKET = bytes(10_000)
MAX_MEMORY = 200_000  # half of it is room for at most 10 packets
MOST = 10


def test_a_lossy_network_drops_and_counts_what_finds_no_room(mount_with):
    lan = mount_with(f"max_memory={MAX_MEMORY}").net(mtu=65535, msgpoolsize=1000)
    writer, reader = lan.writer(), lan.reader()

    for _ in range(50):
        writer.write(PACKET)

    received = reader.read_all()
    assert 0 < len(received) <= MOST
    assert reader.count("dropped") == 50 - len(received)


def test_each_reader_counts_its_own_drops(mount_with):
    lan = mount_with(f"max_memory={MAX_MEMORY}").net(mtu=65535, msgpoolsize=1000)
    writer, early = lan.writer(), lan.reader()
    for _ in range(50):
        writer.write(PACKET)
    late = lan.reader()
    for _ in range(50):
        writer.write(PACKET)

    assert late["dropped"] == "50"
    assert early.count("dropped") == 100 - len(early.read_all())


def test_a_packet_is_charged_once_however_many_will_read_it(mount_with):
    lan = mount_with(f"max_memory={MAX_MEMORY}").net(mtu=65535, msgpoolsize=1000)
    writer, *readers = lan.writer(), *(lan.reader() for _ in range(8))

    for _ in range(MOST // 2):
        writer.write(PACKET)

    for reader in readers:
        assert len(reader.read_all()) == MOST // 2


def test_lossless_writers_wait_and_go_on_when_room_comes(mount_with):
    lan = mount_with(f"max_memory={MAX_MEMORY}").net(mtu=65535, lossless=1, msgpoolsize=1000)
    writer, reader = lan.writer(), lan.reader()
    sent = 0
    with fails(errno.EAGAIN):
        while True:
            writer.write(PACKET)
            sent += 1
    assert 0 < sent <= MOST
    assert writer.poll(select.POLLOUT) == 0

    assert len(reader.read_all()) == sent

    assert writer.poll(select.POLLOUT)
    writer.write(PACKET)
    assert reader["dropped"] == "0"


def test_pollout_promises_room_for_the_longest_packet(mount_with):
    lan = mount_with(f"max_memory={MAX_MEMORY}").net(mtu=30_000, lossless=1, msgpoolsize=1000)
    writer, reader = lan.writer(), lan.reader()

    while writer.poll(select.POLLOUT):
        writer.write(bytes(30_000))

    assert reader.read_all() == [bytes(30_000)] * 3


def flood(spawn, lan):
    """Start a process of another user that sends far more than that user's half."""
    return spawn(
        *("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"),
        *("dd", "if=/dev/zero", f"of={lan.port}", "bs=10000", "count=50", "conv=notrunc"),
    )


def test_a_user_who_floods_a_lossy_network_leaves_room_for_others(mount_with, spawn):
    lan = mount_with(f"max_memory={MAX_MEMORY}").net(mtu=65535, msgpoolsize=1000)
    os.chmod(lan.port, 0o666)
    writer, reader = lan.writer(), lan.reader()

    succeeded(flood(spawn, lan))
    writer.write(b"room for me")

    assert reader.read_all()[-1] == b"room for me"


@pytest.mark.parametrize("where", ["on the same network", "on another network"])
def test_a_user_who_waits_for_room_does_not_hold_others_up(mount_with, spawn, where):
    mount = mount_with(f"max_memory={MAX_MEMORY}")
    flooded, other = (
        mount.net(name, mtu=65535, lossless=1, msgpoolsize=1000) for name in ("flooded", "other")
    )
    os.chmod(flooded.port, 0o666)
    flooded.reader()
    mount.until_blocked(flood(spawn, flooded))
    lan = flooded if where == "on the same network" else other
    reader = lan.reader()

    lan.writer().write(b"room for me")

    assert reader.read_all() == [b"room for me"]


def test_forty_writes_of_a_mebibyte_wait_at_once_and_arrive_whole(net, mount, spawn):
    """Kept whole they would hold more than one user's writes may."""
    lan = net("lan", type="stream", mtu=65535, lossless=1, msgpoolsize=1, eof="last-writer")
    lan["numnodes"] = 41
    reader = lan.reader(blocking=True)
    dd = ("dd", "if=/dev/zero", f"of={lan.port}", "bs=1M", "count=1", "conv=notrunc")
    writers = [spawn(*dd, stderr=subprocess.DEVNULL) for _ in range(40)]
    mount.until_blocked(*writers)

    received = 0
    while data := reader.read(1 << 20):
        received += len(data)

    assert received == 40 << 20
    succeeded(*writers)


@pytest.mark.parametrize("lossless", [0, 1])
def test_a_packet_that_can_never_fit_is_refused(mount_with, lossless):
    lan = mount_with("max_memory=100000").net(mtu=65535, lossless=lossless)
    writer, reader = lan.writer(), lan.reader()

    with fails(errno.ENOMEM):
        writer.write(bytes(60_000))

    writer.write(b"fits")
    assert reader.read_all() == [b"fits"]


@pytest.mark.parametrize("ending", ["close", "rm", "narrow", "state down"])
def test_memory_comes_back_with_the_end_of_who_held_it(mount_with, ending):
    mount = mount_with(f"max_memory={MAX_MEMORY}")

    for number in range(5):
        lan = mount.net(f"lan{number}", mtu=65535, msgpoolsize=1000)
        writer, reader = lan.writer(), lan.reader()
        for _ in range(MOST // 2):
            writer.write(PACKET)
        assert reader["dropped"] == "0"
        if ending == "close":
            reader.close()
            until(lambda lan=lan: lan["readers"] == "0", "it has left")
        elif ending == "rm":
            os.unlink(lan.node_path(reader.number))
        elif ending == "narrow":
            reader["role"] = "none"
        else:
            lan["state"] = "down"
            reader.read_all()
