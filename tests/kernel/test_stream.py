"""Networks of type stream: bytes cut into packets, read across packets."""

import errno
import random
import select

from ipnfs_syscalls import raw_write
from ipnfs_testlib import Task, fails


def test_a_long_write_is_cut_at_the_mtu(net):
    lan = net("lan", type="stream", mtu=100)
    writer, reader = lan.writer(), lan.reader()

    assert writer.write(bytes(250)) == 250

    assert writer["sent"] == "3"
    assert b"".join(reader.read_all()) == bytes(250)


def test_a_read_takes_as_much_as_is_waiting_across_packets(net):
    lan = net("lan", type="stream", mtu=4)
    writer, reader = lan.writer(), lan.reader()
    writer.write(b"abcdefghij")
    writer.write(b"k")

    assert reader.read(7) == b"abcdefg"
    assert reader.read(100) == b"hijk"
    with fails(errno.EAGAIN):
        reader.read()


def test_a_large_read_does_not_wait_for_more_than_there_is(net):
    """Two megabytes are two requests to the daemon; the second finds nothing."""
    lan = net("lan", type="stream", lossless=1, msgpoolsize=1000)
    writer, reader = lan.writer(), lan.reader(blocking=True)
    data = random.Random(1).randbytes(1 << 20)

    assert writer.write(data) == len(data)

    assert Task(reader.read, 2 << 20).result() == data


def received_until_done(task, reader):
    """What the reader receives until the writing task has ended."""
    received = bytearray()
    while task.running() or reader.poll(select.POLLIN):
        received += b"".join(reader.read_all())
    return received


def test_a_write_of_many_megabytes_arrives_whole(net):
    lan = net("lan", type="stream", lossless=1, mtu=65535)
    writer, reader = lan.writer(blocking=True), lan.reader()
    data = random.Random(1).randbytes(20 << 20)

    task = Task(writer.write, data)

    assert received_until_done(task, reader) == data
    assert task.result() == len(data)


def test_a_write_that_finds_the_pool_full_midway_returns_what_was_taken(net):
    lan = net("lan", type="stream", lossless=1, mtu=100, msgpoolsize=3)
    writer, reader = lan.writer(), lan.reader()

    assert writer.write(bytes(1000)) == 300

    with fails(errno.EAGAIN):
        writer.write(b"more")
    assert len(reader.read()) == 300


def test_a_blocking_write_waits_until_all_is_taken(net, mount):
    lan = net("lan", type="stream", lossless=1, mtu=100, msgpoolsize=3)
    writer, reader = lan.writer(blocking=True), lan.reader()
    task = Task(writer.write, bytes(1000))
    mount.until_blocked(task)

    assert len(received_until_done(task, reader)) == 1000
    assert task.result() == 1000


def test_a_signal_midway_returns_what_was_taken(net, mount):
    lan = net("lan", type="stream", lossless=1, mtu=100, msgpoolsize=3)
    lan.reader()
    task = Task(raw_write, lan.writer(blocking=True).fd, bytes(1000))
    mount.until_blocked(task)

    task.interrupt()

    assert task.result() == 300


def test_a_signal_before_anything_was_taken_is_eintr(net, mount):
    lan = net("lan", type="stream", lossless=1, mtu=100, msgpoolsize=3)
    lan.reader()
    lan.writer().write(bytes(300))
    task = Task(raw_write, lan.writer(blocking=True).fd, bytes(1000))
    mount.until_blocked(task)

    task.interrupt()

    with fails(errno.EINTR):
        task.result()


def test_a_lossy_stream_takes_every_write_whole(net):
    lan = net("lan", type="stream", mtu=100, msgpoolsize=3)
    writer, reader = lan.writer(), lan.reader()

    assert writer.write(bytes(1000)) == 1000

    assert b"".join(reader.read_all()) == bytes(300)
    assert reader["dropped"] == "7"
