"""`framed`: packets as a byte stream, each behind its length; many of them in one call."""

import errno
import fcntl
import mmap
import os
import random
import select
import signal
import struct
import termios

import pytest

from ipnfs_identity import STRANGER
from ipnfs_syscalls import raw_mmap, raw_read, raw_write
from ipnfs_testlib import (
    Task,
    fails,
    fill,
    frames,
    get_option,
    run,
    set_option,
    succeeded,
    unframed,
    until,
)

MEGABYTE = 1 << 20


def reader(lan, **how):
    return lan.reader(framed=True, **how)


def writer(lan, **how):
    return lan.writer(framed=True, **how)


def numbered(first, last):
    return [b"%d" % number for number in range(first, last + 1)]


# Reading


def test_a_read_takes_as_many_whole_packets_as_fit(net):
    lan = net()
    to, port = reader(lan), lan.writer()
    for packet in (b"one", b"two", b"three"):
        port.write(packet)

    assert to.read(len(frames(b"one", b"two")) + 6) == frames(b"one", b"two")
    assert to.read() == frames(b"three")
    with fails(errno.EAGAIN):
        to.read()


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 6, 7, 8, 9, 64])
def test_a_buffer_smaller_than_a_packet_reads_on_like_a_stream(net, size):
    lan = net()
    to, port = reader(lan), lan.writer()
    packets = [b"a", b"four", b"packet no 3", b"z"]
    for packet in packets:
        port.write(packet)

    pieces = []
    while to.poll(select.POLLIN):
        pieces.append(to.read(size))

    assert b"".join(pieces) == frames(*packets)
    assert all(0 < len(piece) <= size for piece in pieces)
    assert (to["received"], to["truncated"]) == ("4", "0")


def test_a_program_that_reads_header_and_packet_in_turn(net):
    lan = net(mtu=65535)
    to, port = reader(lan), lan.writer()
    packets = [bytes(1), bytes(300), bytes(65535)]
    for packet in packets:
        port.write(packet)

    for packet in packets:
        (length,) = struct.unpack(">H", to.read(2))
        assert to.read(length) == packet


def test_readv_scatters_the_stream(net):
    lan = net()
    to = reader(lan)
    lan.writer().write(b"hello")
    header, packet = bytearray(2), bytearray(5)

    assert os.readv(to.fd, [header, packet]) == 7

    assert (header, packet) == (b"\0\5", b"hello")


@pytest.mark.parametrize("size", [4096, 65536, MEGABYTE, 2 * MEGABYTE, 4 * MEGABYTE])
def test_large_reads_take_what_is_there_and_do_not_wait(net, size):
    """The kernel splits reads of more than 1 MiB, and goes on when packets filled a part exactly."""
    lan = net(lossless=1, mtu=65535, msgpoolsize=1000)
    to, port = reader(lan, blocking=True), lan.writer()
    packet = random.Random(1).randbytes(4094)
    for _ in range(600):
        port.write(packet)

    left = 600 * 4096
    with mmap.mmap(-1, size) as pages:
        while left > 0:
            length = Task(os.readv, to.fd, [pages]).result()
            assert length == min(size, left)
            assert pages[:length] == frames(packet) * (length // 4096)
            left -= length


def test_a_blocking_read_ends_with_the_first_packet(net, mount):
    lan = net()
    task = Task(reader(lan, blocking=True).read, MEGABYTE)
    mount.until_blocked(task)

    writer(lan).write(frames(b"one", b"two"))

    assert task.result() == frames(b"one", b"two")


def test_what_others_send_on_port_and_framed_is_one_order(net):
    lan = net()
    to, port_reader = reader(lan), lan.reader()
    framed, port = writer(lan), lan.writer()
    framed.write(frames(b"1", b"2"))
    port.write(b"3")
    framed.write(frames(b"4"))

    assert unframed(to.read()) == port_reader.read_all() == numbered(1, 4)


# Writing


@pytest.mark.parametrize("count", [1, 2, 32, 100, 1000])
def test_one_write_sends_many_packets(net, count):
    lan = net(msgpoolsize=1000)
    from_, port = writer(lan), lan.reader()
    stream = frames(*numbered(1, count))

    assert from_.write(stream) == len(stream)

    assert port.read_all() == numbered(1, count)
    assert from_["sent"] == port["received"] == str(count)


@pytest.mark.parametrize("size", [MEGABYTE, MEGABYTE + 1, 3 * MEGABYTE])
def test_a_megabyte_and_more_in_one_write(net, size):
    """The kernel splits it within a packet, and nobody notices."""
    lan = net(mtu=65535, msgpoolsize=10_000)
    from_, to = writer(lan), reader(lan)
    packet = random.Random(1).randbytes(998)
    stream = (frames(packet) * (size // 1000 + 1))[:size]

    assert from_.write(stream) == size

    assert len(unframed(b"".join(to.read_all()))) == size // 1000


def test_a_write_may_end_anywhere(net):
    lan = net()
    port = lan.reader()
    stream = frames(b"one", b"", b"three", b"x")
    for cut in range(len(stream) + 1):
        from_ = writer(lan)
        for piece in (stream[:cut], stream[cut:]):
            assert from_.write(piece) == len(piece)
        assert port.read_all() == [b"one", b"three", b"x"], f"cut at {cut}"
        from_.close()


def test_writev_cuts_where_it_likes(net):
    lan = net()
    port, from_ = lan.reader(), writer(lan)
    stream = frames(*numbered(1, 50))

    segments = [stream[at : at + 1] for at in range(len(stream))]
    assert os.writev(from_.fd, segments) == len(stream)

    assert port.read_all() == numbered(1, 50)


def test_appending_is_plain_sending(net):
    lan = net()
    port, from_ = lan.reader(), writer(lan, flags=os.O_APPEND | os.O_TRUNC)
    for piece in (b"\0", b"\3on", b"e" + frames(b"two")):
        assert from_.write(piece) == len(piece)

    assert port.read_all() == [b"one", b"two"]


def test_lengths_of_zero_are_skipped(net):
    lan = net()
    port, from_ = lan.reader(), writer(lan)
    stream = frames(b"", b"one", b"", b"", b"two", b"")

    assert from_.write(stream) == len(stream)

    assert port.read_all() == [b"one", b"two"]
    assert from_["sent"] == "2"


def test_a_packet_that_never_becomes_whole_is_never_sent(net):
    lan = net(eof="last-writer")
    port, from_ = lan.reader(), writer(lan)
    from_.write(frames(b"one") + b"\0\3tw")
    from_.close()

    assert port.read() == b"one"
    until(lambda: port.poll() & select.POLLHUP, "the end")
    assert port.read() == b""


# A length above the MTU


def test_a_length_above_the_mtu_ends_the_stream_of_that_node(net):
    lan = net(mtu=100)
    broken, other, port = lan.both(framed=True), writer(lan), lan.reader()

    assert broken.write(frames(b"one", bytes(101), b"two")) == len(frames(b"one"))

    for data in (frames(bytes(101)), frames(b"two"), b"\0"):
        with fails(errno.EINVAL):
            broken.write(data)
    assert "101 bytes" in get_option(lan.framed, "error")
    assert "mtu, 100" in get_option(lan.framed, "error")
    other.write(frames(bytes(100)))
    assert broken.read() == frames(bytes(100)), "it goes on reading"
    assert port.read_all() == [b"one", bytes(100)]
    assert broken["sent"] == "1"
    assert writer(lan).write(frames(b"anew")) == 6


def test_random_bytes_end_the_stream_and_nothing_else(net):
    lan = net(mtu=100, msgpoolsize=10_000)
    port = lan.reader()
    dice = random.Random(1)
    for _ in range(50):
        from_ = writer(lan)
        with fails(errno.EINVAL):
            while True:
                from_.write(dice.randbytes(dice.randint(1, 1000)))
        from_.close()
    lan.writer().write(b"still here")
    packets = port.read_all()
    assert packets[-1] == b"still here"
    assert all(len(packet) <= 100 for packet in packets)


# Back-pressure


def test_with_o_nonblock_a_full_pool_gives_the_count_of_what_was_taken(net):
    lan = net(lossless=1, msgpoolsize=3)
    to, from_ = reader(lan), writer(lan)

    assert from_.write(frames(*numbered(1, 5))) == 3 * 3
    with fails(errno.EAGAIN):
        from_.write(frames(*numbered(4, 5)))

    assert unframed(to.read()) == numbered(1, 3)
    assert from_.write(frames(*numbered(4, 5))) == 2 * 3
    assert unframed(to.read()) == numbered(4, 5)
    assert (from_["sent"], to["received"], to["dropped"]) == ("5", "5", "0")


def test_a_blocking_write_waits_until_all_is_taken(net, mount):
    lan = net(lossless=1, msgpoolsize=3)
    to, from_ = reader(lan), writer(lan, blocking=True)
    task = Task(from_.write, frames(*numbered(1, 1000)) + b"\0\5he")
    mount.until_blocked(task)
    read = b""
    while task.running() or to.poll(select.POLLIN):
        read += b"".join(to.read_all())

    assert task.result() == len(frames(*numbered(1, 1000))) + 4
    assert unframed(read) == numbered(1, 1000)
    from_.write(b"llo")
    assert to.read() == frames(b"hello")


def test_a_signal_midway_gives_the_count_of_what_was_taken(net, mount):
    lan = net(lossless=1, msgpoolsize=3)
    to, from_ = reader(lan), writer(lan, blocking=True)
    task = Task(raw_write, from_.fd, frames(*numbered(1, 5)))
    mount.until_blocked(task)

    task.interrupt()

    assert task.result() == 3 * 3
    assert unframed(to.read()) == numbered(1, 3)
    from_.write(frames(*numbered(4, 5)))
    assert unframed(to.read()) == numbered(4, 5)


def test_a_signal_before_anything_was_taken_is_eintr_and_changes_nothing(net, mount):
    lan = net(lossless=1, msgpoolsize=1)
    to, from_ = reader(lan), writer(lan, blocking=True)
    from_.write(frames(b"one") + b"\0\3t")
    task = Task(raw_write, from_.fd, b"wo" + frames(b"three"))
    mount.until_blocked(task)

    task.interrupt()

    with fails(errno.EINTR):
        task.result()
    assert unframed(to.read()) == [b"one"]
    from_.write(b"wo")
    assert unframed(to.read()) == [b"two"]


def test_an_interrupted_read_loses_nothing(net, mount):
    lan = net()
    to = reader(lan, blocking=True)
    task = Task(raw_read, to.fd, 100)
    mount.until_blocked(task)

    task.interrupt()

    with fails(errno.EINTR):
        task.result()
    writer(lan).write(frames(b"not lost"))
    assert to.read() == frames(b"not lost")


def test_blocked_writes_of_many_packets_go_on_in_their_order(net, mount):
    lan = net(lossless=1, msgpoolsize=2)
    to = reader(lan)
    fill(lan)
    tasks = []
    for number in range(4):
        stream = frames(*(b"%d.%d" % (number, part) for part in range(3)))
        tasks.append(Task(writer(lan, blocking=True).write, stream))
        mount.until_blocked(tasks[-1])

    packets = []
    while any(task.running() for task in tasks) or to.poll(select.POLLIN):
        packets += unframed(b"".join(to.read_all()))

    assert [task.result() for task in tasks] == [15] * 4
    expected = [b"%d.%d" % (number, part) for number in range(4) for part in range(3)]
    assert packets == [b"0", b"1", *expected]


@pytest.mark.parametrize("last", ["SIGKILL", "SIGTERM"])
def test_writers_blocked_within_a_write_can_be_ended(net, mount, spawn, last):
    lan = net(lossless=1, msgpoolsize=2)
    to = reader(lan)
    stream = frames(b"a", b"b", b"c")
    writers = [spawn.shell('printf "$s" > "$to"', s=octal(stream), to=lan.framed) for _ in range(4)]
    mount.until_blocked(*writers)

    for process in writers:
        process.send_signal(signal.Signals[last])
        assert process.wait(5) == -signal.Signals[last]

    until(lambda: lan["writers"] == "0", "all have left")
    assert unframed(to.read()) == [b"a", b"b"]
    until(lambda: writer(lan).poll(select.POLLOUT), "there is room")


def octal(data):
    """For printf."""
    return "".join(f"\\{byte:03o}" for byte in data)


def test_a_reader_killed_within_a_packet_frees_the_writers(net, mount, spawn):
    lan = net(lossless=1, msgpoolsize=1)
    victim = spawn.shell('exec 3< "$framed"; head -c 3 <&3; exec sleep 1000', framed=lan.framed)
    until(lambda: lan["readers"] == "1", "it has joined")
    task = Task(writer(lan, blocking=True).write, frames(b"hello", b"again"))
    mount.until_blocked(task)

    victim.kill()

    assert task.result() == 14


def test_a_packet_read_in_part_holds_the_pool(net):
    lan = net(lossless=1, msgpoolsize=1)
    to, from_ = reader(lan), writer(lan)
    from_.write(frames(b"x"))
    assert to.read(2) == b"\0\1"
    with fails(errno.EAGAIN):
        from_.write(frames(b"y"))

    assert to.read(1) == b"x"

    assert from_.write(frames(b"y")) == 3


def test_writers_wait_for_minreaders(net, mount):
    lan = net(minreaders=1)
    from_ = writer(lan, blocking=True)
    task = Task(from_.write, frames(b"one", b"two"))
    mount.until_blocked(task)

    to = reader(lan)

    assert task.result() == 10
    assert unframed(to.read()) == [b"one", b"two"]


# Poll


def test_poll_says_what_a_call_would_do(net):
    lan = net(lossless=1, msgpoolsize=2)
    node, other = lan.both(framed=True), lan.both(framed=True)
    assert node.poll() == select.POLLOUT

    other.write(frames(b"one", b"two"))
    assert node.poll() == select.POLLIN
    assert node.read(3) == b"\0\3o"
    assert node.poll() == select.POLLIN
    assert node.read() == b"ne" + frames(b"two")
    assert node.poll() == select.POLLOUT


def test_one_edge_for_many_packets_and_one_for_what_comes_later(net):
    lan = net()
    to, from_ = reader(lan), writer(lan)
    with select.epoll() as epoll:
        epoll.register(to, select.EPOLLIN | select.EPOLLET)
        assert epoll.poll(0) == []
        from_.write(frames(*numbered(1, 100)))
        assert epoll.poll(30) == [(to.fd, select.EPOLLIN)]
        assert epoll.poll(0) == []
        assert unframed(to.read()) == numbered(1, 100)
        from_.write(frames(b"later"))
        assert epoll.poll(30) == [(to.fd, select.EPOLLIN)]


def test_a_sleeping_writer_is_woken_by_room(net, mount):
    lan = net(lossless=1, msgpoolsize=2)
    to, from_ = reader(lan), writer(lan)
    from_.write(frames(*numbered(1, 5)))
    poll = select.poll()
    poll.register(from_, select.POLLOUT)
    task = Task(poll.poll)
    mount.until_blocked(task)

    to.read()

    assert task.result() == [(from_.fd, select.POLLOUT)]


def test_a_stream_that_ended_is_writable(net):
    lan = net(mtu=10, lossless=1, msgpoolsize=1)
    reader(lan)
    from_ = writer(lan)
    from_.write(frames(b"fills"))
    assert from_.poll(select.POLLOUT) == 0
    with fails(errno.EINVAL):
        from_.write(frames(bytes(11)))
    assert from_.poll(select.POLLOUT) == select.POLLOUT


# The end


def test_end_of_file_comes_between_packets(net):
    lan = net(eof="last-writer")
    to, from_ = reader(lan), writer(lan)
    from_.write(frames(b"last words"))
    from_.close()
    until(lambda: to.poll() & select.POLLIN, "a packet or the end")

    assert to.read(4) == b"\0\nla"
    assert to.read() == b"st words"
    until(lambda: to.poll() & select.POLLHUP, "the end")
    assert to.read() == b""


def test_shutdown_ends_both_directions(net, mount):
    lan = net(lossless=1, msgpoolsize=1)
    to, from_ = reader(lan), writer(lan, blocking=True)
    task = Task(from_.write, frames(b"one", b"two"))
    mount.until_blocked(task)

    lan["state"] = "down"

    assert task.result() == 5
    with fails(errno.EPIPE):
        from_.write(b"\0")
    assert to.read() == frames(b"one")
    assert to.read() == b""


def test_a_stalled_reader_is_cut_off(net):
    lan = net(lossless=1, msgpoolsize=1, stall_timeout_ms=50)
    to, from_ = reader(lan), writer(lan, blocking=True)
    from_.write(frames(b"one", b"two"))

    with fails(errno.ECONNRESET):
        to.read()


def test_lost_packets_are_told_where_they_are_missing(net):
    lan = net(msgpoolsize=2, overrun_error=1)
    to, from_ = reader(lan), writer(lan)
    from_.write(frames(*numbered(1, 3)))

    assert unframed(to.read()) == numbered(1, 2)
    with fails(errno.ENOBUFS):
        to.read()
    from_.write(frames(b"4"))
    assert unframed(to.read()) == [b"4"]
    assert (from_["sent"], to["received"], to["dropped"]) == ("4", "3", "1")


def test_a_role_is_given_up(net):
    lan = net()
    node, other = lan.both(framed=True), lan.both(framed=True)
    node["role"] = "writer"
    assert node.read() == b""
    node.write(frames(b"one") + b"\0\3tw")
    node["role"] = "none"
    with fails(errno.EPIPE):
        node.write(b"o")
    assert other.read() == frames(b"one")


# What a file is


def test_its_open_is_a_node_with_attributes(net):
    lan = net()
    node, other = lan.both(framed=True), writer(lan)
    node["descr"] = "a cable"
    other.write(frames(b"one", b"two"))
    node.read()

    path = lan.node_path(node.number)
    assert get_option(path, "descr") == "a cable"
    assert get_option(path, "kind") == "file"
    assert (node["received"], node["from"]) == ("2", str(other.number))
    assert (lan["readers"], lan["writers"], lan["nodes"]) == ("1", "2", "2")
    os.unlink(path)
    with fails(errno.ECONNRESET):
        node.read()


def test_permissions_are_its_own(net):
    lan = net()
    os.chmod(lan.framed, 0o600)
    os.chmod(lan.port, 0o666)
    with fails(errno.EACCES):
        STRANGER.does(os.open, lan.framed, os.O_RDONLY)
    os.chmod(lan.framed, 0o622)
    STRANGER.does(os.open, lan.framed, os.O_WRONLY)
    with fails(errno.EACCES):
        STRANGER.does(os.open, lan.framed, os.O_RDWR)


def test_with_the_wrong_access_mode(net):
    lan = net()
    with fails(errno.EBADF):
        writer(lan).read()
    with fails(errno.EBADF):
        reader(lan).write(frames(b"x"))


def test_no_free_port(net):
    lan = net(numnodes=1)
    reader(lan)
    with fails(errno.EADDRNOTAVAIL):
        reader(lan)
    assert "numnodes" in get_option(lan.framed, "error") or "port" in get_option(
        lan.framed, "error"
    )


def test_it_has_no_positions_and_no_pages(net):
    lan = net()
    node = lan.both(framed=True)
    for call in (
        lambda: os.lseek(node.fd, 0, os.SEEK_SET),
        lambda: os.pread(node.fd, 1, 0),
        lambda: os.pwrite(node.fd, b"x", 0),
    ):
        with fails(errno.ESPIPE):
            call()
    with fails(errno.ENODEV):
        raw_mmap(4096, mmap.PROT_READ, mmap.MAP_SHARED, node.fd)
    os.ftruncate(node.fd, 4096)
    assert os.stat(lan.framed).st_size == 0


def test_what_is_kept_of_packets_is_charged_to_the_user(mount_with):
    """64 KiB: a user's packets that are not whole yet and blocked writes hold 8 at most."""
    lan = mount_with("max_memory=64K").net(mtu=65535)
    begun = b"\x0f\xf0x"  # one of 4080 bytes, in a block of 6 KiB
    first, second = writer(lan), writer(lan)
    assert first.write(begun) == 3
    with fails(errno.ENOMEM):
        second.write(begun)
    assert "max_memory" in get_option(lan.framed, "error")
    assert second.write(frames(b"one") + begun) == 5

    first.close()

    until(lambda: takes(second, begun), "the memory is given back")


def takes(node, data):
    try:
        return node.write(data) == len(data)
    except OSError:
        return False


def test_two_processes_write_one_stream(net, spawn, scratch):
    """Each write(2) comes behind the one before, so that packets stay whole."""
    lan = net(lossless=1, msgpoolsize=4)
    to = reader(lan)
    for name in "ab":
        (scratch / name).write_bytes(frames(*([name.encode() * 9] * 50)) * 20)
    shared = spawn.shell(
        'cd "$at"; exec 3> "$framed"; for f in a b; do dd if=$f bs=550 status=none >&3 & done; wait',
        framed=lan.framed,
        at=scratch,
    )
    packets = []
    while shared.poll() is None or to.poll(select.POLLIN):
        packets += unframed(b"".join(to.read_all()))

    succeeded(shared)
    assert packets.count(b"a" * 9) == packets.count(b"b" * 9) == 1000
    assert len(packets) == 2000


# Cables: two mounts joined through a pipe that cuts the stream


class Pipe:
    """A pipe between two programs that hands the stream on in pieces, each read before the next."""

    def __init__(self):
        self.source, self.source_end = os.pipe()
        self.sink_end, self.sink = os.pipe()

    def carry(self, cuts):
        """Hands on all that comes; a piece ends at each position in `cuts`, then anywhere."""
        sent = 0
        for cut in cuts:
            while sent < cut:
                piece = os.read(self.source, cut - sent)
                if not piece:
                    return
                self._hand_on(piece)
                sent += len(piece)
        while piece := os.read(self.source, 1 << 16):
            self._hand_on(piece)

    def _hand_on(self, piece):
        os.write(self.sink, piece)
        until(self._is_empty, "the piece is read")

    def _is_empty(self):
        return fcntl.ioctl(self.sink, termios.FIONREAD, bytes(4)) == bytes(4)

    def close(self):
        for fd in (self.source, self.source_end, self.sink_end, self.sink):
            os.close(fd)


PACKETS = [b"a", b"four", b"\0\1\0\2", b"packet no 4", b"z" * 300, b"last"]


@pytest.fixture
def cable(mount_with, spawn):
    """cable(out, into): two mounts, `out` reads framed of the first, `into` writes the second's."""
    lan, wan = mount_with().net("lan"), mount_with().net("wan")
    pipes = []

    def join(out, into):
        pipe = Pipe()
        pipes.append(pipe)
        ends = [
            spawn.shell(out, framed=lan.framed, stdout=pipe.source_end),
            spawn.shell(into, framed=wan.framed, stdin=pipe.sink_end),
        ]
        until(lambda: (lan["readers"], wan["writers"]) == ("1", "1"), "joined")
        return lan, wan, pipe, ends

    yield join
    for pipe in pipes:
        pipe.close()


OUT = {
    "cat": 'exec cat "$framed"',
    "socat": 'exec socat -u OPEN:"$framed" -',
    "dd bs=1": 'exec dd if="$framed" bs=1 status=none',
    "dd bs=3": 'exec dd if="$framed" bs=3 status=none',
}
INTO = {
    "cat": 'exec cat > "$framed"',
    "socat": 'exec socat -u - OPEN:"$framed"',
    "socat -b 2": 'exec socat -u -b 2 - OPEN:"$framed"',
    "dd": 'exec dd of="$framed" bs=7 status=none',
}


def cross(lan, wan, pipe, cuts, packets):
    """Sends the packets on lan, cut so on the way, and returns what arrives on wan."""
    port = wan.reader()
    carrying = Task(pipe.carry, cuts)
    writer(lan).write(frames(*packets))
    received = []

    def all_have_arrived():
        received.extend(port.read_all())
        return len(received) >= len(packets)

    until(all_have_arrived, "all have arrived")
    assert carrying.running()
    return received


@pytest.mark.parametrize("out, into", [("cat", "cat"), ("socat", "socat")])
@pytest.mark.parametrize("step", [1, 2, 3, 5, 16])
def test_a_cable_cut_everywhere(cable, out, into, step):
    length = len(frames(*PACKETS))
    received = cross(*cable(OUT[out], INTO[into])[:3], range(step, length, step), PACKETS)
    assert received == PACKETS


@pytest.mark.parametrize("out", OUT)
@pytest.mark.parametrize("into", INTO)
def test_a_cable_of_any_tools(cable, out, into):
    received = cross(*cable(OUT[out], INTO[into])[:3], [], PACKETS)
    assert received == PACKETS


@pytest.mark.parametrize("into", ["cat", "socat"])
def test_a_cable_cut_at_every_single_place(mount, net, spawn, into):
    lan = net()
    port = lan.reader()
    stream = frames(b"a", b"", b"four", b"\0\1", b"z")
    for cut in range(1, len(stream)):
        pipe = Pipe()
        end = spawn.shell(INTO[into], framed=lan.framed, stdin=pipe.sink_end)
        os.write(pipe.source_end, stream)
        os.close(pipe.source_end)
        pipe.source_end = os.dup(pipe.source)  # so that the source ends
        pipe.carry([cut])
        os.close(pipe.sink)
        pipe.sink = os.dup(pipe.source)
        succeeded(end)
        pipe.close()
        assert port.read_all() == [b"a", b"four", b"\0\1", b"z"], f"cut at {cut}"


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100, 8192])
def test_dpipe_and_socat_join_two_mounts_both_ways(mount_with, spawn, size):
    lan, wan = mount_with().net("lan"), mount_with().net("wan")
    ends = [["socat", "-b", str(size), "-", f"OPEN:{network.framed}"] for network in (lan, wan)]
    dpipe(spawn, ends[0], ends[1])
    until(lambda: lan["nodes"] == wan["nodes"] == "1", "joined")

    converse(lan, wan)


def test_dpipe_and_cat_join_two_mounts_both_ways(mount_with, spawn):
    lan, wan = mount_with().net("lan"), mount_with().net("wan")
    end = 'exec 3<> "$0"; cat <&3 & exec cat >&3'
    dpipe(spawn, ["bash", "-c", end, lan.framed], ["bash", "-c", end, wan.framed])
    until(lambda: lan["nodes"] == wan["nodes"] == "1", "joined")

    converse(lan, wan)


def test_socat_alone_joins_two_mounts_both_ways(mount_with, spawn):
    lan, wan = mount_with().net("lan"), mount_with().net("wan")
    spawn("socat", f"OPEN:{lan.framed}", f"OPEN:{wan.framed}")
    until(lambda: lan["nodes"] == wan["nodes"] == "1", "joined")

    converse(lan, wan)


def dpipe(spawn, left, right):
    spawn("dpipe", *left, "=", *right, start_new_session=False)  # it makes a group of its own


def converse(lan, wan):
    """What one side sends the other receives, once, and nothing comes back."""
    left, right = lan.both(), wan.both(framed=True)
    for number in range(20):
        left.write(b"question %d" % number)
        until(lambda: right.poll(select.POLLIN), "the question")
        assert unframed(right.read()) == [b"question %d" % number]
        right.write(frames(*[b"answer %d" % number] * 5))
        answers = []
        until(lambda: answers.extend(left.read_all()) or len(answers) == 5, "five answers")
        assert answers == [b"answer %d" % number] * 5
    assert left.poll(select.POLLIN) == right.poll(select.POLLIN) == 0
    assert (left["sent"], left["received"]) == ("20", "100")


# Many to many


@pytest.mark.parametrize("lossless", [0, 1])
def test_many_to_many_in_pieces_of_any_size(net, lossless):
    """Every reader sees all packets, whole, in one order; each writer's in the order written."""
    packets_each, writers_count, readers_count = 300, 3, 3
    lan = net(lossless=lossless, mtu=1500, msgpoolsize=8 if lossless else 1000)
    readers = [reader(lan, blocking=True) for _ in range(readers_count - 1)]
    readers.append(lan.reader(blocking=True))
    tasks = [
        Task(receive, node, writers_count * packets_each, seed)
        for seed, node in enumerate(readers[:-1])
    ]
    tasks.append(Task(lambda: [readers[-1].read() for _ in range(writers_count * packets_each)]))
    sending = [
        Task(send, writer(lan, blocking=True), number, packets_each)
        for number in range(writers_count)
    ]

    orders = [task.result() for task in tasks]

    for task in sending:
        task.result()
    assert all(order == orders[0] for order in orders)
    for number in range(writers_count):
        mine = [packet for packet in orders[0] if packet[0] == number]
        assert mine == packets_of(number, packets_each)
    assert [node["dropped"] for node in readers] == ["0"] * readers_count


def packets_of(number, count):
    dice = random.Random(number)
    return [
        bytes([number]) + b"%d " % packet + dice.randbytes(dice.choice([1, 10, 100, 1400]))
        for packet in range(count)
    ]


def send(node, number, count):
    """The whole stream, in writes of any size."""
    dice = random.Random(number)
    stream = frames(*packets_of(number, count))
    while stream:
        stream = stream[node.write(stream[: dice.choice([1, 2, 3, 10, 1000, 10_000])]) :]


def receive(node, count, seed):
    dice = random.Random(seed)
    stream = b""
    packets = []
    while len(packets) < count:
        stream += node.read(dice.choice([1, 2, 3, 100, 1 << 16]))
        while len(stream) >= 2 and len(stream) >= 2 + int.from_bytes(stream[:2], "big"):
            end = 2 + int.from_bytes(stream[:2], "big")
            packets.append(stream[2:end])
            stream = stream[end:]
    assert stream == b""
    return packets


def test_signals_at_any_moment_lose_nothing(net):
    """Interrupted writes say how far they came; what they say is true."""
    lan = net(lossless=1, msgpoolsize=2)
    to, from_ = reader(lan, blocking=True), writer(lan, blocking=True)
    stream = frames(*numbered(1, 3000))
    interrupted = []

    def send_all():
        sent = 0
        while sent < len(stream):
            try:
                sent += raw_write(from_.fd, stream[sent : sent + 100])
            except InterruptedError:
                interrupted.append(sent)

    def receive_all():
        received = b""
        while len(received) < len(stream):
            try:
                received += raw_read(to.fd, 37)
            except InterruptedError:
                interrupted.append(len(received))
        return received

    sending, receiving = Task(send_all), Task(receive_all)

    def done():
        for _ in range(100):
            sending.interrupt()
            receiving.interrupt()
        return not receiving.running()

    until(done, "all is received")
    sending.result()
    assert receiving.result() == stream
    assert interrupted


# Tools


def test_the_cable_of_the_manual(net, spawn):
    """cat lan0/framed | cat > lan1/framed"""
    lan, wan = net("lan0"), net("lan1")
    port = wan.reader(blocking=True)
    spawn.shell('cat "$from" | cat > "$to"', **{"from": lan.framed}, to=wan.framed)
    until(lambda: (lan["readers"], wan["writers"]) == ("1", "1"), "joined")

    for packet in (b"one", b"two"):
        lan.writer().write(packet)
        assert port.read() == packet


def test_tree_walks_do_not_join(net):
    lan = net(minreaders=1)
    run("find", lan.path, "-size", "+1")
    run("bash", "-c", '! grep -r anything "$1"', "-", lan.path)
    with fails(errno.EAGAIN):
        writer(lan).write(frames(b"nobody has read"))
    assert lan["nodes"] == "1"


def test_options_that_need_an_idle_network_are_refused_while_it_is_open(net):
    lan = net()
    reader(lan)
    with fails(errno.EBUSY):
        set_option(lan.path, "mtu", 99)
