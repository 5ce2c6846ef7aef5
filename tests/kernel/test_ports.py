"""Ports and their numbers: who gets which, reserved ones, and nodes that are thrown out."""

import errno
import os
import select

import pytest

from ipnfs_testlib import Task, fails, fill, get_option, run, set_option, until


def test_numbers_start_at_0_and_count_up(net):
    lan = net("lan")

    assert [lan.reader().number for _ in range(3)] == [0, 1, 2]


def test_the_lowest_free_number_is_taken_first(net):
    lan = net("lan")
    nodes = [lan.reader() for _ in range(5)]
    for leaving in (3, 1):
        nodes[leaving].close()
    until(lambda: lan.ports() == [0, 2, 4], "they have left")

    assert [lan.reader().number for _ in range(3)] == [1, 3, 5]


def test_ports_shows_who_is_connected(net):
    lan = net("lan")
    assert lan.ports() == []
    nodes = [lan.reader(), lan.writer()]
    assert lan.ports() == [0, 1]

    nodes[0].close()

    until(lambda: lan.ports() == [1], "it has left")


def test_a_connected_ports_file_tells_about_its_node(net):
    lan = net("lan")
    node = lan.writer()
    path = lan.node_path(0)

    assert get_option(path, "role") == "writer"
    assert get_option(path, "kind") == "file"
    assert get_option(path, "pid") == str(os.getpid())
    assert get_option(path, "uid") == "0"
    set_option(path, "descr", "the weather")
    assert node["descr"] == "the weather"


def test_more_nodes_than_numnodes_find_no_free_port(net):
    lan = net("lan", numnodes=3)
    nodes = [lan.reader() for _ in range(3)]
    with fails(errno.EADDRNOTAVAIL):
        lan.reader()

    nodes[1].close()

    until(lambda: lan.ports() == [0, 2], "it has left")
    assert lan.reader().number == 1


def test_numnodes_can_grow_at_any_time_but_not_shrink_below_a_port_in_use(net):
    lan = net("lan", numnodes=2)
    for _ in range(2):
        lan.reader()

    with fails(errno.EADDRINUSE):
        lan["numnodes"] = 1
    lan["numnodes"] = 3

    assert lan.reader().number == 2


# Ports by number


def test_an_unused_port_does_not_exist(net):
    with fails(errno.ENOENT):
        net("lan").reader(port=7)


def test_touch_reserves_a_port(net):
    lan = net("lan")

    run("touch", lan.node_path(7))

    assert lan.ports() == [7]
    assert get_option(lan.node_path(7), "kind") == "reserved"
    assert lan["nodes"] == "0"


def test_opening_a_reserved_port_joins_there(net):
    lan = net("lan")
    run("touch", lan.node_path(7))

    node, other = lan.both(port=7), lan.both()

    assert node.number == 7
    node.write(b"from 7")
    assert other.read() == b"from 7"
    assert other["from"] == "7"


def test_an_open_that_creates_reserves_and_joins(net):
    lan = net("lan")

    node = lan.both(port=7, flags=os.O_CREAT)

    assert node.number == 7
    assert lan["nodes"] == "1"
    node.close()
    until(lambda: lan["nodes"] == "0", "it has left")
    assert lan.ports() == [7]


def test_a_port_in_use_cannot_be_opened_again(net):
    lan = net("lan")
    lan.reader(port=7, flags=os.O_CREAT)
    lan.reader()

    for number in (7, 0):
        with fails(errno.EADDRINUSE):
            lan.reader(port=number)


def test_reserved_ports_are_never_handed_out(net):
    lan = net("lan", numnodes=3)
    run("touch", lan.node_path(0), lan.node_path(1))

    assert lan.reader().number == 2
    with fails(errno.EADDRNOTAVAIL):
        lan.reader()


def test_a_reservation_stays_with_its_attributes_until_rm(net):
    lan = net("lan")
    path = lan.node_path(0)
    run("touch", path)
    set_option(path, "descr", "gateway")
    os.chmod(path, 0o600)
    lan.reader(port=0).close()
    until(lambda: lan["nodes"] == "0", "it has left")
    assert get_option(path, "descr") == "gateway"
    assert os.stat(path).st_mode & 0o777 == 0o600

    os.unlink(path)

    assert lan.ports() == []
    assert lan.reader().number == 0


@pytest.mark.parametrize("name", ["32", "99999999999999999999", "-1", "07", "x", "1x", " 1"])
def test_only_numbers_below_numnodes_can_be_reserved(net, name):
    with pytest.raises(OSError):
        net("lan").reader(port=name, flags=os.O_CREAT)


# rm of a connected node's file disconnects it


def test_rm_throws_a_node_out(net):
    lan = net("lan")
    victim, other = lan.both(), lan.both()

    os.unlink(lan.node_path(victim.number))

    assert lan.ports() == [other.number]
    assert lan["nodes"] == "1"
    for call in (victim.read, lambda: victim.write(b"packet")):
        with fails(errno.ECONNRESET):
            call()
    hung_up = select.POLLERR | select.POLLHUP
    assert victim.poll() & hung_up == hung_up


def test_rm_ends_blocked_calls(net, mount):
    lan = net("lan", lossless=1, msgpoolsize=1)
    lan.reader()
    fill(lan)
    victim = lan.both(blocking=True)
    calls = [Task(victim.read), Task(victim.write, b"packet")]
    mount.until_blocked(*calls)

    os.unlink(lan.node_path(victim.number))

    for call in calls:
        with fails(errno.ECONNRESET):
            call.result()


def test_rm_wakes_a_poll(net, mount):
    lan = net("lan")
    victim = lan.reader()
    poll = select.poll()
    poll.register(victim, select.POLLIN)
    polling = Task(poll.poll)
    mount.until_blocked(polling)

    os.unlink(lan.node_path(victim.number))

    [(_, events)] = polling.result()
    assert events & (select.POLLERR | select.POLLHUP)


def test_rm_of_the_reader_that_holds_them_up_frees_the_writers(net):
    lan = net("lan", lossless=1, msgpoolsize=1)
    reader, writer = lan.reader(), lan.writer()
    fill(lan)

    os.unlink(lan.node_path(reader.number))

    writer.write(b"goes on")


def test_the_number_of_a_node_thrown_out_is_free_again(net):
    lan = net("lan")
    victim, other = lan.reader(), lan.writer()
    os.unlink(lan.node_path(0))

    successor = lan.reader()
    other.write(b"for the successor")

    assert successor.number == 0
    assert successor.read() == b"for the successor"
    victim.close()
    other.write(b"again")
    assert successor.read() == b"again"
