"""poll, select and epoll: what they say, and that no wake-up is ever lost."""

import os
import pathlib
import select
import selectors
import sys

import pytest

from ipnfs_testlib import PATIENCE, Task, fill, set_option, succeeded

POLLIN, POLLOUT, POLLRDNORM = select.POLLIN, select.POLLOUT, select.POLLRDNORM
EPOLLIN, EPOLLET, EPOLLONESHOT = select.EPOLLIN, select.EPOLLET, select.EPOLLONESHOT

# What poll says


def test_nothing_to_read_and_room_to_write(net):
    node = net("lan").both()

    assert node.poll(POLLIN | POLLRDNORM | POLLOUT) == POLLOUT


def test_a_waiting_packet_is_pollin_and_pollrdnorm_until_it_is_read(net):
    lan = net("lan")
    reader = lan.reader()
    lan.writer().write(b"packet")

    assert reader.poll(POLLIN | POLLRDNORM) == POLLIN | POLLRDNORM
    assert reader.poll(POLLIN) == POLLIN
    assert reader.poll(POLLRDNORM) == POLLRDNORM
    reader.read()
    assert reader.poll(POLLIN | POLLRDNORM) == 0


def test_ones_own_packet_is_not_pollin(net):
    node = net("lan").both()
    node.write(b"packet")

    assert node.poll(POLLIN) == 0


def test_a_lossy_network_is_always_writable(net):
    lan = net("lan", msgpoolsize=1)
    lan.reader()
    writer = lan.writer()

    for _ in range(5):
        assert writer.poll(POLLOUT) == POLLOUT
        writer.write(b"packet")


def test_a_full_lossless_network_is_not_writable(net):
    lan = net("lan", lossless=1, msgpoolsize=1)
    writer, reader = lan.writer(), lan.reader()
    fill(lan)
    assert writer.poll(POLLOUT) == 0

    reader.read()

    assert writer.poll(POLLOUT) == POLLOUT


# What wakes whom


@pytest.fixture(params=[select.poll, select.epoll], ids=["poll", "epoll"])
def polling(request, mount):
    """polling(node, events): a Task that waits for these events in poll or epoll."""

    def start(node, events):
        poll = request.param()
        poll.register(node, events)
        task = Task(poll.poll)
        mount.until_blocked(task)
        return task

    return start


def test_a_packet_wakes_who_waits_for_it(net, polling):
    lan = net("lan")
    reader = lan.reader()
    task = polling(reader, POLLIN)

    lan.writer().write(b"packet")

    assert task.result() == [(reader.fd, POLLIN)]


def test_room_wakes_who_waits_to_write(net, polling):
    lan = net("lan", lossless=1, msgpoolsize=1)
    reader, writer = lan.reader(), lan.writer()
    fill(lan)
    task = polling(writer, POLLOUT)

    reader.read()

    assert task.result() == [(writer.fd, POLLOUT)]


def test_a_reader_that_leaves_wakes_who_waits_to_write(net, polling):
    lan = net("lan", lossless=1, msgpoolsize=1)
    reader, writer = lan.reader(), lan.writer()
    fill(lan)
    task = polling(writer, POLLOUT)

    reader.close()

    assert task.result() == [(writer.fd, POLLOUT)]


def test_the_open_gate_of_minreaders_wakes_who_waits_to_write(net, polling):
    lan = net("lan", minreaders=1)
    writer = lan.writer()
    task = polling(writer, POLLOUT)

    lan.reader()

    assert task.result() == [(writer.fd, POLLOUT)]


def test_the_last_writers_end_wakes_who_waits_to_read(net, polling):
    lan = net("lan", eof="last-writer")
    reader, writer = lan.reader(), lan.writer()
    task = polling(reader, POLLIN)

    writer.close()

    assert task.result() == [(reader.fd, POLLIN | select.POLLHUP)]


def test_one_packet_wakes_everybody_who_polls_the_same_descriptor(net, polling):
    lan = net("lan")
    reader = lan.reader()
    tasks = [polling(reader, POLLIN) for _ in range(4)]

    lan.writer().write(b"packet")

    for task in tasks:
        assert task.result() == [(reader.fd, POLLIN)]


# epoll's three ways


@pytest.fixture
def watched(net):
    """A network whose watched.reader an epoll watches: watched.events() is what it reports now."""

    def watch(flags):
        lan = net("lan")
        lan.node, lan.sender = lan.reader(), lan.writer()
        epoll = select.epoll()
        epoll.register(lan.node, EPOLLIN | flags)
        lan.epoll = epoll
        lan.events = lambda: [events for _, events in epoll.poll(0)]
        return lan

    return watch


def test_level_triggered_epoll_reports_until_all_is_read(watched):
    lan = watched(0)
    lan.sender.write(b"1")
    lan.sender.write(b"2")

    assert lan.epoll.poll(PATIENCE) == [(lan.node.fd, EPOLLIN)]
    assert lan.events() == [EPOLLIN]
    lan.node.read()
    assert lan.events() == [EPOLLIN]
    lan.node.read()
    assert lan.events() == []


def test_edge_triggered_epoll_reports_each_arrival_once(watched):
    lan = watched(EPOLLET)
    for packet in (b"1", b"2"):
        lan.sender.write(packet)
        assert lan.epoll.poll(PATIENCE) == [(lan.node.fd, EPOLLIN)]
        assert lan.events() == []


def test_one_shot_epoll_reports_once_until_it_is_armed_again(watched):
    lan = watched(EPOLLONESHOT)
    lan.sender.write(b"1")
    assert lan.epoll.poll(PATIENCE) == [(lan.node.fd, EPOLLIN)]
    lan.sender.write(b"2")
    assert lan.events() == []

    lan.epoll.modify(lan.node, EPOLLIN | EPOLLONESHOT)

    assert lan.events() == [EPOLLIN]


def test_two_epolls_on_one_descriptor_are_both_told(net):
    lan = net("lan")
    reader, writer = lan.reader(), lan.writer()
    epolls = [select.epoll(), select.epoll()]
    for epoll in epolls:
        epoll.register(reader, EPOLLIN | EPOLLET)

    for _ in range(3):
        writer.write(b"packet")
        assert [epoll.poll(PATIENCE) for epoll in epolls] == [[(reader.fd, EPOLLIN)]] * 2


def test_a_descriptor_closed_within_an_epoll_leaves_it(net):
    lan = net("lan")
    closed, other, writer = lan.reader(), lan.reader(), lan.writer()
    epoll = select.epoll()
    for node in (closed, other):
        epoll.register(node, EPOLLIN)

    closed.close()
    writer.write(b"packet")

    assert epoll.poll(PATIENCE) == [(other.fd, EPOLLIN)]


# Hundreds of ports, events at random. Each way of waiting yields lists of what is ready, for ever.

NETWORKS = 300
PACKETS = 2000  # of each sender


def poll_ways(make, timeout, events=POLLIN):
    def ways(ports):
        poll = make()
        for port in ports:
            poll.register(port, events)
        while True:
            ready = [port for port, _ in poll.poll(timeout)]
            yield ready
            if events & EPOLLONESHOT:
                for port in ready:
                    poll.modify(port, events)

    return ways


def by_select(ports):
    while True:
        yield select.select(ports, [], [], PATIENCE)[0]


def by_selectors(ports):
    with selectors.DefaultSelector() as selector:
        for port in ports:
            selector.register(port, selectors.EVENT_READ)
        while True:
            yield [key.fd for key, _ in selector.select(PATIENCE)]


@pytest.mark.parametrize(
    "ways, reads_at_a_time",
    [
        pytest.param(poll_ways(select.poll, PATIENCE * 1000), 1, id="poll"),
        pytest.param(by_select, 1, id="select"),
        pytest.param(by_selectors, 1, id="selectors"),
        pytest.param(poll_ways(select.epoll, PATIENCE), 1, id="level"),
        pytest.param(poll_ways(select.epoll, PATIENCE, EPOLLIN | EPOLLET), 10**9, id="edge"),
        pytest.param(poll_ways(select.epoll, PATIENCE, EPOLLIN | EPOLLONESHOT), 1, id="one-shot"),
    ],
)
def test_no_wake_up_is_lost_on_hundreds_of_ports(mount, net, spawn, ways, reads_at_a_time):
    set_option(mount.path, "lossless", 1)
    set_option(mount.path, "msgpoolsize", 1)  # so that the senders, too, wait all the time
    lans = [net(f"lan{number}") for number in range(NETWORKS)]
    readers = [lan.reader().fd for lan in lans]
    script = pathlib.Path(__file__).with_name("random_sender.py")
    paths = [lan.port for lan in lans]
    senders = [
        spawn(sys.executable, script, how, seed, PACKETS, *paths)
        for seed, how in enumerate(["blocking", "polling", "polling"])
    ]

    received = []
    for ready in ways(readers):
        assert ready, f"a wake-up was lost after {len(received)} packets"
        for reader in ready:
            received += read_up_to(reads_at_a_time, reader)
        if len(received) >= len(senders) * PACKETS:
            break

    succeeded(*senders)
    expected = [f"{seed} {number}" for seed in range(len(senders)) for number in range(PACKETS)]
    assert sorted(packet.decode() for packet in received) == sorted(expected)


def read_up_to(count, port):
    packets = []
    try:
        while len(packets) < count:
            packets.append(os.read(port, 100))
    except BlockingIOError:
        assert packets, "a wake-up without a reason"
    return packets
