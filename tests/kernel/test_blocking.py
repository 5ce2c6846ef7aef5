"""Calls that block: until when, what ends them, and what goes on meanwhile."""

import errno
import fcntl
import os
import select
import signal
import time

import pytest

from ipnfs_syscalls import raw_read, raw_write
from ipnfs_testlib import (
    COUNT_UP,
    PATIENCE,
    Task,
    fails,
    fill,
    get_option,
    run,
    set_option,
    succeeded,
    until,
)


@pytest.fixture
def full(net):
    """A lossless network whose pool is full: writers block, since full.reader does not read."""
    lan = net("full", lossless=1, msgpoolsize=1)
    lan.unread = lan.reader()
    fill(lan)
    return lan


# What blocks, and what does not


def test_a_read_blocks_until_a_packet_comes(net, mount):
    lan = net("lan")
    task = Task(lan.reader(blocking=True).read)
    mount.until_blocked(task)

    lan.writer().write(b"at last")

    assert task.result() == b"at last"


def test_with_o_nonblock_a_read_gives_eagain(net):
    with fails(errno.EAGAIN):
        net("lan").reader().read()


def test_with_o_nonblock_a_write_gives_eagain(full):
    with fails(errno.EAGAIN):
        full.writer().write(b"packet")


def test_a_later_change_of_o_nonblock_holds(full, mount):
    node = full.both(blocking=True)
    set_nonblocking(node, True)
    with fails(errno.EAGAIN):
        node.read()
    with fails(errno.EAGAIN):
        node.write(b"packet")

    set_nonblocking(node, False)

    reading, writing = Task(node.read), Task(node.write, b"packet")
    mount.until_blocked(reading, writing)
    full.unread.read()
    assert writing.result() == len(b"packet")
    full.unread.read()
    full.writer().write(b"for the node")
    assert reading.result() == b"for the node"


def set_nonblocking(node, on):
    flags = fcntl.fcntl(node.fd, fcntl.F_GETFL) & ~os.O_NONBLOCK
    fcntl.fcntl(node.fd, fcntl.F_SETFL, flags | (os.O_NONBLOCK if on else 0))


# Signals


def test_a_signal_ends_a_blocked_read_with_eintr(net, mount):
    lan = net("lan")
    reader = lan.reader(blocking=True)
    task = Task(raw_read, reader.fd, 100)
    mount.until_blocked(task)

    task.interrupt()

    with fails(errno.EINTR):
        task.result()
    lan.writer().write(b"not lost")
    assert reader.read() == b"not lost"


def test_a_signal_ends_a_blocked_write_with_eintr_and_nothing_was_sent(full, mount):
    task = Task(raw_write, full.writer(blocking=True).fd, b"never sent")
    mount.until_blocked(task)

    task.interrupt()

    with fails(errno.EINTR):
        task.result()
    assert full.unread.read_all() == [b"0"]


@pytest.mark.parametrize("name", ["SIGKILL", "SIGTERM", "SIGINT"])
def test_a_signal_ends_a_process_blocked_in_read(net, mount, spawn, name):
    lan = net("lan")
    reader = spawn("env", "--default-signal=INT", "cat", lan.port)
    mount.until_blocked(reader)

    reader.send_signal(signal.Signals[name])

    assert reader.wait(PATIENCE) == -signal.Signals[name]
    until(lambda: lan["readers"] == "0", "it has left")


def test_many_processes_blocked_in_one_shared_read_can_all_be_killed(net, mount, spawn):
    lan = net("lan")
    shared = lan.reader(blocking=True)
    readers = [spawn("cat", stdin=shared) for _ in range(5)]
    mount.until_blocked(*readers)

    for reader in readers:
        reader.kill()
        assert reader.wait(PATIENCE) == -signal.SIGKILL


# Several users of one open file


def test_threads_read_and_write_one_descriptor_at_once(net, mount):
    lan = net("lan")
    node, other = lan.both(blocking=True), lan.both()
    reading = Task(node.read)
    mount.until_blocked(reading)

    for number in range(100):
        node.write(b"%d" % number)
        assert other.read() == b"%d" % number

    assert reading.running()
    other.write(b"answer")
    assert reading.result() == b"answer"


def test_a_blocked_write_does_not_hold_up_a_read_of_the_same_descriptor(full, mount):
    node = full.both(blocking=True)
    writing = Task(node.write, b"from the node")
    mount.until_blocked(writing)
    reading = Task(node.read)
    mount.until_blocked(reading)

    full.unread.read()
    assert writing.result() == len(b"from the node")
    full.unread.read()
    full.writer().write(b"to the node")

    assert reading.result() == b"to the node"


def test_parent_and_child_share_one_node_after_fork(net, spawn, scratch):
    lan = net("lan")
    other = lan.both()
    shared = spawn.shell(
        'exec 3<>"$port"; head -n 1 <&3 > "$out" & echo question >&3; wait "$!"',
        port=lan.port,
        out=scratch / "out",
    )
    until(lambda: other.poll(select.POLLIN), "the question has come")
    assert other.read() == b"question\n"
    assert lan["nodes"] == "2"

    other.write(b"answer\n")

    succeeded(shared)
    assert (scratch / "out").read_text() == "answer\n"


def test_each_of_several_readers_of_one_descriptor_gets_another_packet(net, mount):
    lan = net("lan")
    reader, writer = lan.reader(blocking=True), lan.writer()
    tasks = [Task(reader.read) for _ in range(4)]
    mount.until_blocked(*tasks)

    for number in range(4):
        writer.write(b"%d" % number)

    assert sorted(task.result() for task in tasks) == [b"0", b"1", b"2", b"3"]


def test_a_descriptor_closed_while_another_thread_reads_from_it(net, mount):
    """As everywhere on Linux, the call goes on, and the node with it, until it returns."""
    lan = net("lan")
    reader = lan.reader(blocking=True)
    task = Task(os.read, reader.fd, 100)
    mount.until_blocked(task)

    reader.close()
    assert lan["readers"] == "1"
    lan.writer().write(b"still received")

    assert task.result() == b"still received"
    until(lambda: lan["readers"] == "0", "the node has gone")


def test_a_descriptor_closed_while_another_thread_writes_to_it(full, mount):
    writer = full.writer(blocking=True)
    task = Task(os.write, writer.fd, b"still sent")
    mount.until_blocked(task)

    writer.close()
    assert full.unread.read() == b"0"

    assert task.result() == len(b"still sent")
    assert full.unread.read() == b"still sent"


# Everything else goes on while calls are blocked


@pytest.fixture
def crowd(full, mount):
    """Readers and writers, appending ones too, blocked on one network."""
    tasks = [
        Task(raw_write, full.writer(blocking=True).fd, b"writer"),
        Task(raw_write, full.writer(blocking=True, flags=os.O_APPEND).fd, b"appender"),
        Task(raw_write, full.writer(blocking=True, flags=os.O_APPEND).fd, b"appender"),
        Task(raw_read, full.both(blocking=True).fd, 100),
    ]
    mount.until_blocked(*tasks)
    yield full
    assert all(task.running() for task in tasks)
    for task in tasks:
        task.interrupt()
        with fails(errno.EINTR):
            task.result()


def test_chmod_and_chown_do_not_wait(crowd):
    Task(os.chmod, crowd.port, 0o640).result()
    Task(os.chown, crowd.port, 1, 1).result()


def test_options_do_not_wait(crowd):
    Task(set_option, crowd.path, "minreaders", 0).result()
    for number in crowd.ports():
        Task(set_option, crowd.node_path(number), "descr", "busy").result()
        assert Task(get_option, crowd.node_path(number), "descr").result() == "busy"


def test_opening_with_o_trunc_and_nonblocking_writes_do_not_wait(crowd):
    writer = Task(lambda: crowd.writer(flags=os.O_TRUNC)).result()
    with fails(errno.EAGAIN):
        Task(writer.write, b"packet").result()


def test_truncation_and_stat_do_not_wait(crowd):
    Task(os.truncate, crowd.port, 0).result()
    Task(os.stat, crowd.port).result()
    Task(os.utime, crowd.port).result()


def test_tree_walks_neither_wait_nor_join(crowd):
    nodes = crowd["nodes"]

    run("ls", "-lR", crowd.mount.path)
    run("find", crowd.mount.path, "-size", "+1")
    run("du", "-a", crowd.mount.path)
    run("bash", "-c", '! grep -r anything "$1"', "-", crowd.mount.path)

    assert crowd["nodes"] == nodes


@pytest.mark.usefixtures("crowd")
def test_other_networks_do_not_wait(net):
    lan = net("lan")
    writer, reader = lan.writer(), lan.reader()

    writer.write(b"packet")

    assert reader.read() == b"packet"


def test_blocked_calls_cost_the_daemon_no_cpu(crowd):
    before = cpu_ticks(crowd.mount.daemon)

    time.sleep(0.5)

    assert cpu_ticks(crowd.mount.daemon) - before <= 1


def cpu_ticks(process):
    """User and system time, in hundredths of a second."""
    with open(f"/proc/{process.pid}/stat", encoding="ascii") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


# Signals at any moment lose nothing and send nothing twice


@pytest.fixture
def interrupting(mount):
    """Interrupts a Task: once in a call that is known to be blocked, then as often as it can."""

    class Interrupting:
        def __init__(self):
            self.calls = []  # those that gave EINTR

        def again_and_again(self, number, call, *arguments):
            """What call number `number` returns, at last."""
            while True:
                try:
                    return call(*arguments)
                except InterruptedError:
                    self.calls.append(number)

        def while_blocked(self, task, number):
            mount.until_blocked(task)
            task.interrupt()
            until(lambda: self.calls == [number], f"call {number} was interrupted")
            mount.until_blocked(task)

        def until_done(self, task):
            def done():
                for _ in range(100):
                    task.interrupt()
                return not task.running()

            until(done, "all is sent or received")

    return Interrupting()


def test_no_packet_is_lost_to_a_signal(net, spawn, interrupting):
    lan = net("lan", lossless=1, msgpoolsize=1)
    reader = lan.reader(blocking=True)

    def receive():
        return [interrupting.again_and_again(n, raw_read, reader.fd, 100) for n in range(10_000)]

    task = Task(receive)
    interrupting.while_blocked(task, 0)
    sender = spawn.shell(f'{COUNT_UP} > "$port"', port=lan.port, first=1, last=10_000)
    interrupting.until_done(task)

    assert task.result() == [b"%d\n" % number for number in range(1, 10_001)]
    succeeded(sender)


def test_a_write_that_gave_eintr_has_not_been_sent(net, spawn, scratch, interrupting):
    lan = net("lan", lossless=1, msgpoolsize=1, eof="last-writer")
    reader, writer = lan.reader(blocking=True), lan.writer(blocking=True)
    packets = [b"%d\n" % number for number in range(10_000)]

    def send():
        for number, packet in enumerate(packets):
            interrupting.again_and_again(number, raw_write, writer.fd, packet)

    task = Task(send)
    interrupting.while_blocked(task, 1)  # packet 0 fills the pool
    with (scratch / "out").open("wb") as out:
        receiver = spawn("cat", stdin=reader, stdout=out)
    interrupting.until_done(task)
    task.result()
    writer.close()

    succeeded(receiver)
    assert (scratch / "out").read_bytes() == b"".join(packets)
