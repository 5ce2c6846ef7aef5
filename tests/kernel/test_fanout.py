"""What one node sends, every other node receives, and nobody else needs to know."""

import itertools
import os
import random
import subprocess

from ipnfs_testlib import Task, run, succeeded, until


def make_tree(root, megabytes):
    """Files of very different sizes, in directories, with a few links and odd names."""
    dice = random.Random(1)
    left = megabytes << 20
    for number in itertools.count():
        if not left:
            break
        size = min(left, dice.choice([0, 1, 700, 4096, 20_000, 1 << 20, 7_654_321]))
        directory = root / f"d{number % 7}" / f"e{number % 11}"
        directory.mkdir(parents=True, exist_ok=True)
        (directory / f"file {number}\n").write_bytes(os.urandom(size))
        left -= size
    (root / "link").symlink_to("d1/e1")
    (root / "empty").mkdir()


def test_one_tar_unpacked_three_times_at_once(net, spawn, scratch):
    lan = net("lan", type="stream", lossless=1, minreaders=3, eof="last-writer")
    original = scratch / "original"
    make_tree(original, megabytes=200)
    copies = [scratch / f"copy{number}" for number in range(3)]
    for copy in copies:
        copy.mkdir()

    sender = spawn.shell('tar -C "$tree" -c . > "$port"', tree=original, port=lan.port)
    receivers = [
        spawn.shell('tar -C "$tree" -x < "$port"', tree=copy, port=lan.port) for copy in copies
    ]

    succeeded(sender, *receivers, seconds=150)
    for copy in copies:
        run("diff", "-r", "--no-dereference", original, copy)


def test_every_node_but_the_sender_receives(net):
    lan = net("lan")
    sender, *others = [lan.both() for _ in range(5)]

    sender.write(b"hello, everybody")

    assert [other.read_all() for other in others] == [[b"hello, everybody"]] * 4
    assert sender.read_all() == []


def test_two_descriptors_of_one_process_are_two_nodes(net):
    lan = net("lan")
    one, two = lan.both(), lan.both()

    one.write(b"from one")
    two.write(b"from two")

    assert one.read_all() == [b"from two"]
    assert two.read_all() == [b"from one"]


def test_writers_are_sent_nothing(net):
    lan = net("lan", lossless=1, msgpoolsize=1)
    busy, idle = lan.writer(), lan.writer()

    for _ in range(100):
        busy.write(b"nobody reads this, so nobody has to wait")

    assert idle["received"] == "0"


def test_networks_do_not_hear_each_other(net):
    here, there = net("here"), net("there")
    near, far = here.reader(), there.reader()

    here.writer().write(b"here")

    assert near.read_all() == [b"here"]
    assert far.read_all() == []


def test_the_reader_knows_who_sent_the_packet_it_read_last(net):
    lan = net("lan")
    first, second, reader = lan.writer(), lan.writer(), lan.reader()
    first.write(b"1")
    second.write(b"2")

    assert reader.read() == b"1"
    assert reader["from"] == first["number"]
    assert reader.read() == b"2"
    assert reader["from"] == second["number"]


def test_packets_are_counted_at_both_ends(net):
    lan = net("lan")
    writer, reader = lan.writer(), lan.reader()
    for _ in range(3):
        writer.write(b"packet")
    reader.read()
    reader.read()

    assert writer["sent"] == "3"
    assert reader["received"] == "2"


def test_shell_redirections_are_all_plain_sends(net, spawn):
    lan = net("lan")
    reader = lan.reader()

    succeeded(
        spawn.shell(
            'echo 1 > "$p"; echo 2 >> "$p"; echo 3 1<> "$p"; exec 3<>"$p"; echo 4 >&3; '
            'echo 5 | tee "$p" > /dev/null; echo 6 | tee -a "$p" > /dev/null; '
            'echo 7 | dd of="$p" status=none; echo 8 | socat -u STDIN "OPEN:$p"',
            p=lan.port,
        )
    )

    assert b"".join(reader.read_all()) == b"1\n2\n3\n4\n5\n6\n7\n8\n"


def test_two_hundred_cats(net, spawn, scratch):
    lan = net("lan", numnodes=201, minreaders=200, eof="last-writer")
    outs = [scratch / str(number) for number in range(200)]
    cats = []
    for out in outs:
        with out.open("wb") as file:
            cats.append(spawn("cat", lan.port, stdout=file))

    succeeded(spawn.shell('echo "hello, everybody" > "$port"', port=lan.port), *cats)

    assert {out.read_text() for out in outs} == {"hello, everybody\n"}


def test_readers_that_come_and_are_killed_disturb_nobody(net, mount, spawn, scratch):
    lan = net("lan", type="stream", lossless=1, msgpoolsize=4, eof="last-writer")
    steady = spawn.shell('exec cat "$port" > "$out"', port=lan.port, out=scratch / "out")
    until(lambda: lan["readers"] == "1", "the steady reader has joined")
    sender = spawn.shell('exec seq 1000000000 > "$port"', port=lan.port)

    for _ in range(10):
        visitor = spawn("cat", lan.port, stdout=subprocess.DEVNULL)
        until(lambda: lan["readers"] == "2", "the visitor has joined")
        visitor.kill()
        until(lambda: lan["readers"] == "1", "the visitor has left")
    sender.kill()

    succeeded(steady)
    compare = 'cmp -n "$(stat -c %s "$1")" "$1" <(seq 1000000000)'
    run("bash", "-c", compare, "-", scratch / "out")


def test_packets_flow_while_their_network_is_renamed(net, mount):
    lan = net("lan")
    writer, reader = lan.writer(), lan.reader(blocking=True)
    reading = Task(reader.read)
    mount.until_blocked(reading)

    os.rename(lan.path, os.path.join(mount.path, "renamed"))
    writer.write(b"packet")

    assert reading.result() == b"packet"
