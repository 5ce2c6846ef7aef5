"""Lossy networks: who is too slow loses the newest packets, alone, and can tell how many."""

import errno
import select
import signal

from ipnfs_testlib import fails, get_option, stop, succeeded, until


def test_a_stopped_reader_alone_loses_what_it_counts_as_dropped(net, spawn, scratch):
    total = 1000
    lan = net("lan", msgpoolsize=16, eof="last-writer")
    writer, healthy = lan.writer(), lan.reader()
    stopped = spawn.shell('exec cat "$port" > "$out"', port=lan.port, out=scratch / "out")
    until(lambda: lan["readers"] == "2", "cat has joined")
    slow = lan.node_path(max(lan.ports()))
    stop(stopped)

    packets = [b"%07d\n" % number for number in range(total)]
    for packet in packets:
        assert writer.poll(select.POLLOUT) == select.POLLOUT  # the writer never has to wait
        writer.write(packet)
        assert healthy.read() == packet

    dropped = int(get_option(slow, "dropped"))
    assert dropped >= total - 17  # 16 wait, one may have been on its way to cat when it was stopped
    assert healthy["dropped"] == "0"
    stopped.send_signal(signal.SIGCONT)
    writer.close()
    succeeded(stopped)
    assert (scratch / "out").read_bytes() == b"".join(packets[: total - dropped])


def test_the_pool_holds_msgpoolsize_packets_of_each_node(net):
    lan = net("lan", msgpoolsize=3)
    writer, early = lan.writer(), lan.reader()
    writer.write(b"1")
    late = lan.reader()

    for packet in (b"2", b"3", b"4", b"5"):
        writer.write(packet)

    assert early.read_all() == [b"1", b"2", b"3"]
    assert early["dropped"] == "2"
    assert late.read_all() == [b"2", b"3", b"4"]
    assert late["dropped"] == "1"


def test_a_reader_that_has_caught_up_receives_again(net):
    lan = net("lan", msgpoolsize=1)
    writer, reader = lan.writer(), lan.reader()
    for packet in (b"1", b"lost", b"lost"):
        writer.write(packet)
    assert reader.read() == b"1"

    writer.write(b"4")

    assert reader.read_all() == [b"4"]


def test_without_overrun_error_the_gap_is_silent(net):
    lan = net("lan", msgpoolsize=2)
    writer, reader = lan.writer(), lan.reader()
    for packet in (b"1", b"2", b"lost"):
        writer.write(packet)
    assert reader.read() == b"1"
    writer.write(b"4")

    assert reader.read() == b"2"
    assert reader.read() == b"4"


def test_overrun_error_comes_once_where_packets_are_missing(net):
    lan = net("lan", msgpoolsize=2, overrun_error=1)
    writer, reader = lan.writer(), lan.reader()
    for packet in (b"1", b"2", b"lost", b"lost too"):
        writer.write(packet)
    assert reader.read() == b"1"
    writer.write(b"5")

    assert reader.read() == b"2"
    with fails(errno.ENOBUFS):
        reader.read()
    assert reader.read() == b"5"
    with fails(errno.EAGAIN):
        reader.read()


def test_overrun_error_comes_at_every_gap(net):
    lan = net("lan", msgpoolsize=1, overrun_error=1)
    writer, reader = lan.writer(), lan.reader()

    for _ in range(2):
        writer.write(b"kept")
        writer.write(b"lost")
        assert reader.read() == b"kept"
        writer.write(b"after the gap")
        with fails(errno.ENOBUFS):
            reader.read()
        assert reader.read() == b"after the gap"


def test_overrun_error_is_not_for_readers_that_kept_up(net):
    lan = net("lan", msgpoolsize=1, overrun_error=1)
    writer, slow, fast = lan.writer(), lan.reader(), lan.reader()

    for packet in (b"1", b"2"):
        writer.write(packet)
        assert fast.read() == packet

    with fails(errno.EAGAIN):
        fast.read()
    assert slow["dropped"] == "1"
