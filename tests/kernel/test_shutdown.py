"""A node's role may be narrowed, which is shutdown(2) of its reading or its writing half."""

import errno
import select
import signal

import pytest

from ipnfs_syscalls import ioctl_set
from ipnfs_testlib import Task, fails, fill, set_option


def narrow_by_fsetxattr(node, _lan, role):
    node["role"] = role


def narrow_by_ioctl(node, _lan, role):
    ioctl_set(node, "role", role)


def narrow_from_outside(node, lan, role):
    set_option(lan.node_path(node.number), "role", role)


# In the kernel fsetxattr, and nothing else, waits for writes of the same descriptor.
NEVER_WAITING = [narrow_by_ioctl, narrow_from_outside]


@pytest.fixture(params=[narrow_by_fsetxattr, *NEVER_WAITING])
def narrow(request):
    """narrow(node, lan, role), by each of the ways."""
    return request.param


@pytest.fixture
def sigpipes():
    """The SIGPIPEs that came."""
    received = []
    before = signal.signal(signal.SIGPIPE, lambda number, _frame: received.append(number))
    yield received
    signal.signal(signal.SIGPIPE, before)


def test_without_the_readers_role_reads_give_end_of_file(net, narrow):
    lan = net("lan")
    node, other = lan.both(), lan.both()
    other.write(b"not read in time")

    narrow(node, lan, "writer")

    assert node.read() == b""
    assert lan["readers"] == "1"
    other.write(b"too late")
    assert node.read() == b""
    node.write(b"still sent")
    assert other.read() == b"still sent"


def test_without_the_writers_role_writes_give_epipe_and_no_sigpipe(net, narrow, sigpipes):
    lan = net("lan")
    node, other = lan.both(), lan.both()

    narrow(node, lan, "reader")

    with fails(errno.EPIPE):
        node.write(b"packet")
    assert not sigpipes
    assert lan["writers"] == "1"
    other.write(b"still received")
    assert node.read() == b"still received"


def test_with_no_role_both_halves_are_shut(net, narrow):
    lan = net("lan")
    node, other = lan.both(), lan.both()

    narrow(node, lan, "none")

    assert node.read() == b""
    with fails(errno.EPIPE):
        node.write(b"packet")
    assert node["role"] == "none"
    assert (lan["readers"], lan["writers"]) == ("1", "1")
    other.write(b"to nobody")


@pytest.mark.parametrize(
    "role, wider",
    [("reader", "both"), ("reader", "writer"), ("writer", "both"), ("writer", "reader"),
     ("none", "reader"), ("none", "writer"), ("none", "both")],
)  # fmt: skip
def test_a_role_is_never_widened(net, narrow, role, wider):
    lan = net("lan")
    node = lan.both()
    narrow(node, lan, role)

    with fails(errno.EPERM):
        narrow(node, lan, wider)

    assert node["role"] == role


def test_how_it_was_opened_is_the_widest_role(net, narrow):
    lan = net("lan")
    reader = lan.reader()

    with fails(errno.EPERM):
        narrow(reader, lan, "both")

    assert reader["role"] == "reader"


def test_what_is_no_role_is_refused(net, narrow):
    lan = net("lan")
    node = lan.both()

    with fails(errno.EINVAL):
        narrow(node, lan, "king")

    assert node["role"] == "both"


def test_narrowing_ends_a_blocked_read(net, mount, narrow):
    lan = net("lan")
    node = lan.both(blocking=True)
    reading = Task(node.read)
    mount.until_blocked(reading)

    narrow(node, lan, "writer")

    assert reading.result() == b""


@pytest.mark.parametrize("narrow", NEVER_WAITING)
def test_narrowing_ends_a_blocked_write(net, mount, narrow):
    lan = net("lan", lossless=1, msgpoolsize=1)
    lan.reader()
    fill(lan)
    node = lan.both(blocking=True)
    writing = Task(node.write, b"packet")
    mount.until_blocked(writing)

    narrow(node, lan, "reader")

    with fails(errno.EPIPE):
        writing.result()


@pytest.mark.parametrize("role, awaited", [("writer", select.POLLIN), ("none", select.POLLPRI)])
def test_narrowing_wakes_a_poll(net, mount, narrow, role, awaited):
    lan = net("lan")
    node = lan.both()
    poll = select.poll()
    poll.register(node, awaited)
    polling = Task(poll.poll)
    mount.until_blocked(polling)

    narrow(node, lan, role)

    assert polling.result()


def test_narrowing_wakes_a_poll_for_room(net, mount, narrow):
    lan = net("lan", lossless=1, msgpoolsize=1)
    lan.reader()
    fill(lan)
    node = lan.both()
    poll = select.poll()
    poll.register(node, select.POLLOUT)
    polling = Task(poll.poll)
    mount.until_blocked(polling)

    narrow(node, lan, "reader")

    assert polling.result()


def test_who_reads_no_more_holds_nobody_up(net, narrow):
    lan = net("lan", lossless=1, msgpoolsize=1)
    node, writer = lan.both(), lan.writer()
    fill(lan)

    narrow(node, lan, "writer")

    writer.write(b"goes on")


def test_when_the_last_writer_writes_no_more_readers_get_end_of_file(net, narrow):
    lan = net("lan", eof="last-writer")
    writer, reader = lan.both(), lan.reader()
    writer.write(b"last words")

    narrow(writer, lan, "reader")

    assert reader.read() == b"last words"
    assert reader.read() == b""
