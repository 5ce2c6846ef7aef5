"""One write is one packet, one read receives one packet."""

import errno
import mmap
import os
import random
import select

import pytest

from ipnfs_syscalls import raw_mmap
from ipnfs_testlib import fails, succeeded


def test_one_read_receives_one_packet_however_large_the_buffer(net):
    lan = net("lan")
    writer, reader = lan.writer(), lan.reader()
    for packet in (b"one", b"two", b"three"):
        writer.write(packet)

    assert reader.read(1 << 20) == b"one"
    assert reader.read(1 << 20) == b"two"
    assert reader.read(1 << 20) == b"three"


@pytest.mark.parametrize("size", [1, 4095, 4096, 4097, 8192, 65535])
def test_no_buffer_size_merges_packets_of_the_same_size(net, size):
    """The kernel splits large reads and goes on whenever an answer fills its part exactly."""
    lan = net("lan", mtu=65535, msgpoolsize=16)
    writer, reader = lan.writer(), lan.reader()
    packets = [bytes([number]) * size for number in range(8)]
    for packet in packets:
        writer.write(packet)

    buffers = [size, size, size + 1, 1 << 17, 1 << 20, 1 << 21, 3 << 20, 4 << 20]
    assert [reader.read(buffer) for buffer in buffers] == packets


def test_packets_of_all_sizes_arrive_whole(net):
    lan = net("lan", mtu=65535)
    writer, reader = lan.writer(), lan.reader()
    dice = random.Random(1)
    sizes = [1, 2, 4095, 4096, 4097, 65534, 65535, *(dice.randint(1, 65535) for _ in range(200))]

    for size in sizes:
        packet = dice.randbytes(size)
        writer.write(packet)
        assert reader.read() == packet


def test_writev_of_256_segments_is_one_packet(net):
    lan = net("lan")
    writer, reader = lan.writer(), lan.reader()
    segments = [b"%d," % number for number in range(256)]

    assert os.writev(writer.fd, segments) == len(b"".join(segments))

    assert reader.read_all() == [b"".join(segments)]


def test_readv_scatters_one_packet(net):
    lan = net("lan")
    writer, reader = lan.writer(), lan.reader()
    writer.write(b"headpayload")
    writer.write(b"next")
    head, payload = bytearray(4), bytearray(100)

    assert os.readv(reader.fd, [head, payload]) == 11

    assert head == b"head"
    assert payload[:7] == b"payload"


def test_a_packet_longer_than_the_mtu_is_refused_whole(net):
    lan = net("lan", mtu=100)
    writer, reader = lan.writer(), lan.reader()

    with fails(errno.EMSGSIZE):
        writer.write(bytes(101))
    writer.write(bytes(100))

    assert reader.read_all() == [bytes(100)]


@pytest.mark.parametrize("size", [65536, 1 << 20, (1 << 20) + 1, 5 << 20])
def test_not_even_a_part_of_a_huge_write_is_sent(net, size):
    lan = net("lan", mtu=65535)
    writer, reader = lan.writer(), lan.reader()

    with fails(errno.EMSGSIZE):
        writer.write(bytes(size))

    assert reader.read_all() == []


def test_the_default_mtu_is_a_tagged_ethernet_frame(net):
    lan = net("lan")
    writer, reader = lan.writer(), lan.reader()

    writer.write(bytes(1514))
    with fails(errno.EMSGSIZE):
        writer.write(bytes(1515))

    assert reader.read_all() == [bytes(1514)]


def test_a_write_of_nothing_does_nothing(net):
    lan = net("lan")
    writer, reader = lan.writer(), lan.reader()

    assert writer.write(b"") == 0

    with fails(errno.EAGAIN):
        reader.read()
    assert writer["sent"] == "0"


def test_a_short_read_keeps_the_rest_for_the_next(net):
    lan = net("lan")
    writer, reader = lan.writer(), lan.reader()
    writer.write(b"abcdefgh")
    writer.write(b"ijk")

    assert [reader.read(3) for _ in range(4)] == [b"abc", b"def", b"gh", b"ijk"]
    assert reader["truncated"] == "0"


def test_the_rest_of_a_packet_is_readable_to_poll(net):
    lan = net("lan")
    writer, reader = lan.writer(), lan.reader()
    writer.write(b"ab")

    assert reader.read(1) == b"a"
    assert reader.poll() & select.POLLIN
    assert reader.read(1) == b"b"
    assert not reader.poll() & select.POLLIN


def test_short_read_truncate_loses_and_counts_the_rest(net):
    lan = net("lan", short_read="truncate")
    writer, reader, other = lan.writer(), lan.reader(), lan.reader()
    writer.write(b"abcdefgh")
    writer.write(b"next")

    assert reader.read(3) == b"abc"
    assert reader.read(4) == b"next"
    assert reader["truncated"] == "1"
    assert other.read_all() == [b"abcdefgh", b"next"]
    assert other["truncated"] == "0"


def test_short_read_can_be_changed_between_two_reads(net):
    lan = net("lan")
    writer, reader = lan.writer(), lan.reader()
    writer.write(b"abc")
    writer.write(b"def")
    assert reader.read(1) == b"a"

    lan["short_read"] = "truncate"

    assert reader.read(1) == b"b"
    assert reader.read(1) == b"d"
    assert reader["truncated"] == "2"


def test_bash_reads_line_by_line(net, spawn, scratch):
    lan = net("lan", lossless=1, eof="last-writer", minreaders=1)
    reader = spawn.shell(
        'while read -r line; do echo "<$line>"; done < "$port" > "$out"',
        port=lan.port,
        out=scratch / "out",
    )

    succeeded(spawn.shell('printf "one\\ntwo words\\n\\n" > "$port"', port=lan.port), reader)

    assert (scratch / "out").read_text() == "<one>\n<two words>\n<>\n"


def test_appending_is_plain_sending(net):
    lan = net("lan")
    writer, reader = lan.writer(flags=os.O_APPEND), lan.reader()

    for packet in (b"1", b"22", b"333"):
        writer.write(packet)

    assert reader.read_all() == [b"1", b"22", b"333"]


def test_what_is_sent_after_the_open_is_received_before_the_first_read(net):
    lan = net("lan")
    writer = lan.writer()
    writer.write(b"too early")
    reader = lan.reader()
    writer.write(b"in time")

    assert reader.read_all() == [b"in time"]


def test_a_readers_packets_survive_their_writer(net):
    lan = net("lan")
    reader = lan.reader()
    writer = lan.writer()
    writer.write(b"last words")
    writer.close()

    assert reader.read() == b"last words"
    with fails(errno.EAGAIN):
        reader.read()


def test_a_port_is_not_seekable(net):
    lan = net("lan")
    node = lan.both()

    with fails(errno.ESPIPE):
        os.lseek(node.fd, 0, os.SEEK_SET)
    with fails(errno.ESPIPE):
        os.pread(node.fd, 1, 0)
    with fails(errno.ESPIPE):
        os.pwrite(node.fd, b"x", 0)


@pytest.mark.parametrize("protection", [mmap.PROT_READ, mmap.PROT_READ | mmap.PROT_WRITE])
def test_a_port_cannot_be_mapped(net, protection):
    node = net("lan").both()

    with fails(errno.ENODEV):
        raw_mmap(4096, protection, mmap.MAP_SHARED, node.fd)


def test_truncation_is_accepted_and_means_nothing(net):
    lan = net("lan")
    writer, reader = lan.writer(flags=os.O_TRUNC), lan.reader()
    writer.write(b"packet")

    os.ftruncate(writer.fd, 4096)
    os.truncate(lan.port, 0)

    assert os.stat(lan.port).st_size == 0
    assert reader.read_all() == [b"packet"]
