"""How things begin and end: end of file, the minreaders gate, networks, and the mount itself."""

import errno
import os
import pathlib
import re
import select
import signal
import subprocess

import pytest

from ipnfs_testlib import PATIENCE, Task, fails, fill, mounted, run, until

# eof: end of file after the last writer


def until_no(lan, what):
    until(lambda: lan[what] == "0", f"no {what} left")


def test_after_the_last_writer_comes_end_of_file(net):
    lan = net("lan", eof="last-writer")
    reader, first, second = lan.reader(), lan.writer(), lan.writer()
    first.close()
    until(lambda: lan["writers"] == "1", "the first has left")
    with fails(errno.EAGAIN):
        reader.read()

    second.close()

    until_no(lan, "writers")
    assert reader.read() == b""
    assert reader.read() == b""
    assert reader.poll(select.POLLIN) == select.POLLIN | select.POLLHUP


def test_end_of_file_comes_after_what_is_waiting(net):
    lan = net("lan", eof="last-writer")
    reader = lan.reader()
    run("bash", "-c", 'echo 1 > "$0"; echo 2 > "$0"', lan.port)
    until_no(lan, "writers")

    assert [reader.read() for _ in range(3)] == [b"1\n", b"2\n", b""]


def test_by_default_there_is_no_end_of_file(net):
    lan = net("lan")
    reader = lan.reader()
    run("bash", "-c", 'echo 1 > "$0"', lan.port)
    until_no(lan, "writers")
    assert reader.read() == b"1\n"

    with fails(errno.EAGAIN):
        reader.read()
    assert not reader.poll() & select.POLLHUP


def test_no_end_of_file_for_who_has_not_met_a_writer(net):
    lan = net("lan", eof="last-writer")
    lan.writer().close()
    until_no(lan, "writers")

    reader = lan.reader()

    with fails(errno.EAGAIN):
        reader.read()


def test_a_later_writer_makes_it_readable_again(net):
    lan = net("lan", eof="last-writer")
    reader = lan.reader()
    lan.writer().close()
    until_no(lan, "writers")
    assert reader.read() == b""

    writer = lan.writer()

    assert not reader.poll() & select.POLLHUP
    with fails(errno.EAGAIN):
        reader.read()
    writer.write(b"again")
    assert reader.read() == b"again"


def test_who_also_writes_is_no_writer_to_itself(net):
    lan = net("lan", eof="last-writer")
    one, two = lan.both(), lan.both()
    with fails(errno.EAGAIN):
        one.read()

    two.close()

    until(lambda: lan["nodes"] == "1", "the other has left")
    assert one.read() == b""


def test_the_end_of_the_last_writer_ends_a_blocked_read(net, mount, spawn):
    lan = net("lan", eof="last-writer")
    reading = Task(lan.reader(blocking=True).read)
    writer = spawn.shell('exec sleep 1000 > "$port"', port=lan.port)
    until(lambda: lan["writers"] == "1", "it has joined")
    mount.until_blocked(reading)

    writer.kill()

    assert reading.result() == b""


def test_eof_may_be_asked_for_while_readers_wait(net, mount):
    lan = net("lan")
    reading = Task(lan.reader(blocking=True).read)
    lan.writer().close()
    until_no(lan, "writers")
    mount.until_blocked(reading)

    lan["eof"] = "last-writer"

    assert reading.result() == b""


# minreaders: writers wait for the audience


def test_writers_wait_until_enough_readers_have_joined(net, mount):
    lan = net("lan", minreaders=2)
    impatient, patient = lan.writer(), lan.writer(blocking=True)
    readers = [lan.reader()]
    assert impatient.poll() == 0
    with fails(errno.EAGAIN):
        impatient.write(b"to nobody")
    writing = Task(patient.write, b"to everybody")
    mount.until_blocked(writing)

    readers.append(lan.reader())

    assert writing.result() == len(b"to everybody")
    assert [reader.read() for reader in readers] == [b"to everybody"] * 2
    assert impatient.poll() == select.POLLOUT


def test_the_gate_stays_open_until_nobody_is_left(net):
    lan = net("lan", minreaders=2)
    writer, *readers = lan.writer(), lan.reader(), lan.reader()
    for reader in readers:
        reader.close()
    until_no(lan, "readers")
    writer.write(b"the gate is still open")

    writer.close()

    until_no(lan, "nodes")
    with fails(errno.EAGAIN):
        lan.writer().write(b"closed again")


def test_readers_one_after_the_other_do_not_open_the_gate(net):
    lan = net("lan", minreaders=2)
    writer = lan.writer()
    for _ in range(3):
        lan.reader().close()
        until_no(lan, "readers")

    with fails(errno.EAGAIN):
        writer.write(b"to nobody")


def test_a_lower_minreaders_opens_the_gate(net, mount):
    lan = net("lan", minreaders=2)
    reader = lan.reader()
    writing = Task(lan.writer(blocking=True).write, b"packet")
    mount.until_blocked(writing)

    lan["minreaders"] = 1

    assert writing.result() == len(b"packet")
    assert reader.read() == b"packet"


def test_a_signal_ends_the_wait_at_the_gate(net, mount, spawn):
    lan = net("lan", minreaders=1)
    writer = spawn.shell('exec dd if=/dev/zero bs=1 count=1 of="$port"', port=lan.port)
    mount.until_blocked(writer)

    writer.kill()

    assert writer.wait(PATIENCE) == -signal.SIGKILL


# ephemeral


def test_an_ephemeral_network_goes_with_its_last_node(net):
    lan = net("lan", ephemeral=1)
    one, two = lan.reader(), lan.writer()

    one.close()
    until(lambda: lan["nodes"] == "1", "one has left")
    two.close()

    until(lambda: not os.path.exists(lan.path), "the network has gone")


def test_a_network_is_not_ephemeral_by_default(net):
    lan = net("lan")
    lan.reader().close()

    until_no(lan, "nodes")

    assert os.path.isdir(lan.path)


# state = down: a network's forced end


def test_in_a_network_going_down_readers_get_what_waits_and_end_of_file(net):
    lan = net("lan")
    reader = lan.reader()
    lan.writer().write(b"last words")

    lan["state"] = "down"

    assert reader.poll(select.POLLIN) & select.POLLHUP
    assert [reader.read() for _ in range(3)] == [b"last words", b"", b""]


def test_in_a_network_going_down_writers_get_epipe(net):
    lan = net("lan")
    lan.reader()
    writer = lan.writer()

    lan["state"] = "down"

    assert writer.poll() & select.POLLHUP
    with fails(errno.EPIPE):
        writer.write(b"packet")


def test_going_down_ends_blocked_calls(net, mount):
    lan = net("lan", lossless=1, msgpoolsize=1)
    lan.reader()
    fill(lan)
    node = lan.both(blocking=True)
    reading, writing = Task(node.read), Task(node.write, b"packet")
    poll = select.poll()
    poll.register(lan.reader(), select.POLLPRI)
    polling = Task(poll.poll)
    mount.until_blocked(reading, writing, polling)

    lan["state"] = "down"

    assert reading.result() == b""
    with fails(errno.EPIPE):
        writing.result()
    [(_, events)] = polling.result()
    assert events & select.POLLHUP


def test_a_network_going_down_takes_no_new_nodes(net):
    lan = net("lan")
    lan.reader()

    lan["state"] = "down"

    with fails(errno.EPIPE):
        lan.reader()


def test_a_network_is_shutting_down_until_the_last_descriptor_is_closed(net):
    lan = net("lan")
    nodes = [lan.reader(), lan.writer()]
    assert lan["state"] == "up"

    lan["state"] = "down"

    for node in nodes:
        assert lan["state"] == "shutting-down"
        node.close()
    until(lambda: not os.path.exists(lan.path), "the network has gone")


def test_a_network_without_nodes_goes_down_at_once(net):
    lan = net("lan")

    lan["state"] = "down"

    assert not os.path.exists(lan.path)


def test_a_name_is_free_again_after_going_down(net):
    lan = net("lan")
    node = lan.reader()
    lan["state"] = "down"
    node.close()
    until(lambda: not os.path.exists(lan.path), "the network has gone")

    again = net("lan")

    reader = again.reader()
    again.writer().write(b"new")
    assert reader.read() == b"new"


def test_a_network_with_nodes_is_not_removed_by_rmdir(net):
    lan = net("lan")
    node = lan.reader()
    with fails(errno.EBUSY):
        os.rmdir(lan.path)

    node.close()

    until_no(lan, "nodes")
    os.rmdir(lan.path)


# The mount


@pytest.fixture
def mount_point(scratch):
    """An empty directory, umounted at the end if the test has failed to."""
    path = scratch / "mnt"
    path.mkdir()
    yield path
    if mounted(str(path)):
        run("umount", "-l", path)


def test_the_command_returns_when_the_tree_is_usable(ipnfs_binary, mount_point):
    run(ipnfs_binary, "test", mount_point)

    (mount_point / "lan").mkdir()
    assert (mount_point / "lan" / "port").is_file()
    assert processes_with_argument(mount_point)


def test_the_daemon_in_the_background_ends_with_the_umount(ipnfs_binary, mount_point):
    run(ipnfs_binary, "test", mount_point)

    run("umount", mount_point)

    until(lambda: not processes_with_argument(mount_point), "the daemon has ended")


def processes_with_argument(argument):
    found = []
    for file in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if str(argument).encode() in file.read_bytes().split(b"\0"):
                found.append(int(file.parent.name))
        except (FileNotFoundError, ProcessLookupError):
            pass  # it has just ended
    return found


def test_umount_is_refused_while_a_port_is_open(mount, net):
    lan = net("lan")
    reader, writer = lan.reader(), lan.writer()
    writer.write(b"waiting")

    refused = subprocess.run(["umount", mount.path], capture_output=True, check=False)

    assert b"busy" in refused.stderr
    assert reader.read() == b"waiting"


def test_umount_with_networks_and_reserved_ports_is_a_clean_end(mount, net):
    run("touch", net("lan").node_path(3))

    mount.umount()

    assert not mounted(mount.path)


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
def test_a_signal_ends_the_daemon_and_it_tells_what_was_waiting(mount, net, name):
    lan, quiet = net("lan"), net("quiet")
    lan.reader()
    writer = lan.writer()
    for _ in range(3):
        writer.write(b"never read")
    reading = Task(quiet.reader(blocking=True).read)
    mount.until_blocked(reading)

    mount.daemon.send_signal(signal.Signals[name])

    mount.until_daemon_ended()
    assert not mounted(mount.path)
    assert re.search(r"\b3 packets", mount.log())
    until(lambda: not reading.running(), "the blocked read has ended")


def test_a_lazy_umount_lets_open_ports_work_on_until_they_are_closed(mount, net):
    lan = net("lan")
    reader, writer = lan.reader(), lan.writer()

    run("umount", "--lazy", mount.path)

    writer.write(b"packet")
    assert reader.read() == b"packet"
    assert mount.daemon.poll() is None
    mount.close_nodes()
    mount.until_daemon_ended()
