"""Lossless networks: the writers wait for the slowest reader, and nothing is ever lost.

Whoever waits can be ended at any moment, and whoever holds the others up frees them by going.
"""

import errno
import select
import signal
import time

import pytest

from ipnfs_testlib import COUNT_UP, PATIENCE, Task, fails, fill, stop, succeeded, until

COUNT = COUNT_UP + ' > "$port"'
COUNT_APPENDING = COUNT_UP + ' >> "$port"'
COLLECT = 'exec cat "$port" > "$out"'


def numbers(first, last):
    return b"".join(b"%d\n" % number for number in range(first, last + 1))


def test_a_full_pool_stops_writers_until_there_is_room(net):
    lan = net("lan", lossless=1, msgpoolsize=3)
    reader, writer = lan.reader(), lan.writer()
    assert fill(lan) == [b"0", b"1", b"2"]
    with fails(errno.EAGAIN):
        writer.write(b"too much")
    assert writer.poll(select.POLLOUT) == 0

    reader.read()

    assert writer.poll(select.POLLOUT) == select.POLLOUT
    writer.write(b"3")
    assert reader.read_all() == [b"1", b"2", b"3"]
    assert reader["dropped"] == "0"


def test_a_packet_counts_once_however_many_will_read_it(net):
    lan = net("lan", lossless=1, msgpoolsize=3)
    readers = [lan.reader() for _ in range(5)]

    assert len(fill(lan)) == 3

    for reader in readers:
        assert len(reader.read_all()) == 3


def test_the_slowest_reader_holds_the_pool(net):
    lan = net("lan", lossless=1, msgpoolsize=1)
    slow, fast, writer = lan.reader(), lan.reader(), lan.writer()
    writer.write(b"1")
    assert fast.read() == b"1"
    with fails(errno.EAGAIN):
        writer.write(b"2")

    assert slow.read() == b"1"

    writer.write(b"2")
    assert slow.read() == fast.read() == b"2"


def test_without_readers_nobody_waits(net):
    lan = net("lan", lossless=1, msgpoolsize=1)
    writer = lan.writer()

    for _ in range(10):
        writer.write(b"into the void")


def test_a_sender_does_not_wait_for_itself(net):
    lan = net("lan", lossless=1, msgpoolsize=1)
    node = lan.both()

    for _ in range(10):
        node.write(b"not for me")


def test_who_joins_while_the_pool_is_full_reads_what_comes_later(net):
    lan = net("lan", lossless=1, msgpoolsize=1)
    reader, writer = lan.reader(), lan.writer()
    fill(lan)
    late = lan.reader()

    assert reader.read() == b"0"
    writer.write(b"1")

    assert late.read_all() == [b"1"]


def test_a_reader_that_leaves_makes_room(net):
    lan = net("lan", lossless=1, msgpoolsize=1)
    reader, writer = lan.reader(), lan.writer()
    fill(lan)

    reader.close()

    until(lambda: writer.poll(select.POLLOUT), "there is room")
    writer.write(b"nobody holds this up")


def test_blocked_writers_go_on_in_their_order(mount, net):
    lan = net("lan", lossless=1, msgpoolsize=1)
    reader = lan.reader()
    fill(lan)
    tasks = []
    for number in range(4):
        tasks.append(Task(lan.writer(blocking=True).write, b"writer %d" % number))
        mount.until_blocked(tasks[-1])

    packets = [reader.read()]
    for task in tasks:
        task.result()
        packets.append(reader.read())

    assert packets == [b"0", b"writer 0", b"writer 1", b"writer 2", b"writer 3"]


def test_a_stopped_reader_stops_the_writers_and_nothing_is_lost(mount, net, spawn, scratch):
    lan = net("lan", lossless=1, msgpoolsize=4, eof="last-writer")
    outs = [scratch / "stopped", scratch / "other"]
    stopped, other = (spawn.shell(COLLECT, port=lan.port, out=out) for out in outs)
    until(lambda: lan["readers"] == "2", "both have joined")
    stop(stopped)
    writers = [
        spawn.shell(COUNT, port=lan.port, first=1, last=500),
        spawn.shell(COUNT, port=lan.port, first=1001, last=1500),
    ]
    mount.until_blocked(*writers)

    stopped.send_signal(signal.SIGCONT)

    succeeded(*writers, stopped, other)
    assert outs[0].read_bytes() == outs[1].read_bytes()
    lines = sorted(outs[0].read_bytes().split(), key=int)
    assert b"\n".join([*lines, b""]) == numbers(1, 500) + numbers(1001, 1500)


def test_killing_the_reader_that_holds_them_up_frees_the_writers(mount, net, spawn, scratch):
    lan = net("lan", lossless=1, msgpoolsize=4)
    reader = spawn.shell(COLLECT, port=lan.port, out=scratch / "out")
    until(lambda: lan["readers"] == "1", "it has joined")
    stop(reader)
    writers = [spawn.shell(COUNT, port=lan.port, first=1, last=500) for _ in range(2)]
    mount.until_blocked(*writers)

    reader.kill()

    succeeded(*writers)
    assert reader.wait() == -signal.SIGKILL


def test_a_killed_writer_goes_at_once_and_the_others_go_on(mount, net, spawn):
    lan = net("lan", lossless=1, msgpoolsize=4)
    reader = lan.reader()
    fill(lan)
    killed = spawn.shell(COUNT, port=lan.port, first=1, last=100)
    mount.until_blocked(killed)
    other = spawn.shell(COUNT, port=lan.port, first=1001, last=1100)
    mount.until_blocked(other)

    killed.kill()

    assert killed.wait(PATIENCE) == -signal.SIGKILL
    received = []
    until(lambda: received.extend(reader.read_all()) or other.poll() == 0, "the other has ended")
    received += reader.read_all()
    assert b"".join(received) == b"0123" + numbers(1001, 1100)


def test_ctrl_c_ends_a_blocked_writer(mount, net, spawn):
    lan = net("lan", lossless=1, msgpoolsize=1)
    lan.reader()
    fill(lan)
    cat = 'exec env --default-signal=INT cat /proc/version > "$port"'
    writer = spawn.shell(cat, port=lan.port)
    mount.until_blocked(writer)

    writer.send_signal(signal.SIGINT)

    assert writer.wait(PATIENCE) == -signal.SIGINT
    until(lambda: lan["writers"] == "0", "it has left")


@pytest.mark.parametrize("write", [COUNT, COUNT_APPENDING], ids=["write", "append"])
def test_every_one_of_many_blocked_writers_can_be_killed(mount, net, spawn, write):
    lan = net("lan", lossless=1, msgpoolsize=1)
    lan.reader()
    writers = [spawn.shell(write, port=lan.port, first=1, last=9) for _ in range(8)]
    mount.until_blocked(*writers)

    for writer in reversed(writers):
        writer.kill()
        assert writer.wait(PATIENCE) == -signal.SIGKILL

    until(lambda: lan["writers"] == "0", "all have left")


def test_stall_timeout_cuts_the_stopped_reader_off(net, mount, spawn, scratch):
    lan = net("lan", lossless=1, msgpoolsize=4, eof="last-writer")
    outs = [scratch / "stopped", scratch / "other"]
    errors = (scratch / "errors").open("wb+")
    stopped = spawn.shell(COLLECT, port=lan.port, out=outs[0], stderr=errors)
    other = spawn.shell(COLLECT, port=lan.port, out=outs[1])
    until(lambda: lan["readers"] == "2", "both have joined")
    stop(stopped)
    writer = spawn.shell(COUNT, port=lan.port, first=1, last=8)
    mount.until_blocked(writer)
    until(lambda: outs[1].read_bytes() == numbers(1, 4), "the other holds nobody up")

    lan["stall_timeout_ms"] = 50

    succeeded(writer, other)
    assert outs[1].read_bytes() == numbers(1, 8)
    stopped.send_signal(signal.SIGCONT)
    assert stopped.wait(PATIENCE) == 1
    assert b"Connection reset by peer" in (scratch / "errors").read_bytes()


def test_who_was_cut_off_learns_it_from_read_and_poll(net):
    lan = net("lan", lossless=1, msgpoolsize=1, stall_timeout_ms=50)
    reader, writer = lan.reader(), lan.writer(blocking=True)
    fill(lan)

    writer.write(b"waits until the reader is cut off")

    cut_off = select.POLLERR | select.POLLHUP
    assert reader.poll() & cut_off == cut_off
    with fails(errno.ECONNRESET):
        reader.read()
    assert lan["readers"] == "0"


def test_stall_timeout_spares_the_reader_nobody_waits_for(net):
    lan = net("lan", lossless=1, msgpoolsize=1, stall_timeout_ms=50)
    reader = lan.reader()
    fill(lan)

    time.sleep(0.3)

    assert reader.read_all() == [b"0"]


def test_stall_timeout_spares_the_slow_reader_that_goes_on_reading(net):
    lan = net("lan", lossless=1, msgpoolsize=2, stall_timeout_ms=4000)
    reader, writer = lan.reader(blocking=True), lan.writer(blocking=True)
    fill(lan)
    task = Task(lambda: [writer.write(b"%d" % number) for number in range(2, 12)])

    packets = []
    for _ in range(12):
        time.sleep(0.4)  # all 12 take longer than the timeout
        packets.append(reader.read())

    task.result()
    assert packets == [b"%d" % number for number in range(12)]


def test_being_cut_off_wakes_a_poll(net, mount):
    lan = net("lan", lossless=1, msgpoolsize=1, stall_timeout_ms=50)
    reader, writer = lan.reader(), lan.writer(blocking=True)
    fill(lan)
    poll = select.poll()
    poll.register(reader, select.POLLPRI)
    polling = Task(poll.poll)
    mount.until_blocked(polling)

    writer.write(b"waits until the reader is cut off")

    assert polling.result() == [(reader.fd, select.POLLERR | select.POLLHUP)]
