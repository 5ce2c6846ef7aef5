"""The policy connector on a real mount: C programs, shells, and both on one bus."""

import errno
import os
import re
import select
import signal
import struct
import subprocess

import pytest

from ipnfs_testlib import (
    SOURCE,
    Node,
    example_of,
    fails,
    get_option,
    literals_of,
    run,
    set_option,
    succeeded,
    until,
)

PAGE = SOURCE / "policies" / "connector" / "ipnfs-connector.7"
BUS = 0xFFFFFFFF  # both numbers of the id that tells of subscriptions


def message(idx, val, payload=b"", seq=0, ack=0):
    return struct.pack("=IIIIHH", idx, val, seq, ack, len(payload), 0) + payload


def notice(idx, val, begun, port, name=b""):
    """What a notice of a subscription of this process says."""
    return struct.pack("=6I", idx, val, begun, port, os.getuid(), os.getpid()) + name


@pytest.fixture
def bus(net):
    return net("bus", policy="connector")


@pytest.fixture
def subscriber(bus):
    """subscriber("3:1 4:any"): a node that reads and writes messages."""

    def join(ids):
        node = bus.both()
        node["connector.ids"] = ids
        return node

    return join


@pytest.fixture
def file_of(bus, mount):
    """file_of("3:1", os.O_RDONLY): a file of ids/, opened; it does not block."""

    def join(name, access=os.O_RDWR):
        return mount.adopt(Node(os.path.join(bus.path, "ids", name), access | os.O_NONBLOCK))

    return join


@pytest.fixture(scope="module")
def answering(tmp_path_factory):
    """The C program of the page."""
    directory = tmp_path_factory.mktemp("program")
    source, program = directory / "answer.c", directory / "answer"
    source.write_text(literals_of(PAGE, "A program")[0].replace("\\e", "\\"), encoding="utf-8")
    run("cc", "-std=gnu11", "-Wall", "-Wextra", "-Werror", "-o", program, source)
    return program


# The page


def test_the_page_lists_all_options_and_no_others(bus):
    options = {name for name in os.listxattr(bus.both().fd) if ".connector." in name}
    listed = re.findall(r"^\.It Va (user\.ipn\.\S+)", PAGE.read_text("utf-8"), re.MULTILINE)
    assert set(listed) == options


def test_the_page_tells_of_all_views(bus):
    for view in os.listdir(os.path.join(bus.path, "policy")):
        assert f".Pa policy/{view}\n" in PAGE.read_text("utf-8")


def test_the_shell_of_the_page(mount, spawn):
    script, shown = example_of(PAGE, "A shell")
    shell = spawn("bash", "-euc", script, cwd=mount.path, stdout=subprocess.PIPE, text=True)
    assert shell.stdout.read() == shown
    succeeded(shell)


def until_subscribed(bus, name):
    until(lambda: name in os.listdir(os.path.join(bus.path, "ids")), f"{name} is subscribed to")


def test_the_program_of_the_page_and_a_program(bus, answering, spawn):
    program = spawn(answering, bus.port, stdout=subprocess.PIPE)
    until_subscribed(bus, "3:1")
    asking = bus.both()
    asking.write(message(3, 1, b"how warm?", seq=7, ack=40))
    assert program.stdout.readline() == b"port 1 asks: how warm?\n"
    until(lambda: asking.poll(select.POLLIN), "an answer")
    assert asking.read() == message(3, 1, b"21", seq=7, ack=41)
    assert asking["from"] == "0"


def test_the_program_of_the_page_and_a_shell(bus, answering, spawn):
    """One talks over port, in struct cn_msg; the other over ids/3:1, in lines."""
    program = spawn(answering, bus.port, stdout=subprocess.PIPE)
    until_subscribed(bus, "3:1")
    script = 'exec 3<> "$bus/ids/3:1"; echo -n "how warm?" >&3; head -c 2 <&3'
    shell = spawn.shell(script, bus=bus.path, stdout=subprocess.PIPE)
    assert program.stdout.readline().endswith(b" asks: how warm?\n")
    assert shell.stdout.read() == b"21"
    succeeded(shell)


def test_programs_and_shells_at_once(bus, subscriber, spawn):
    """Whoever sends, both hear it, in one order."""
    shell = spawn.shell('exec head -n 4 "$bus/ids/3:1"', bus=bus.path, stdout=subprocess.PIPE)
    until_subscribed(bus, "3:1")
    program = subscriber("3:any")
    for number in range(2):
        succeeded(spawn.shell(f'echo shell {number} > "$bus/ids/3:1"', bus=bus.path))
        bus.writer().write(message(3, 1, b"program %d\n" % number, seq=number))
    assert shell.stdout.read() == b"shell 0\nprogram 0\nshell 1\nprogram 1\n"
    assert program.read_all() == [
        message(3, 1, b"shell 0\n", seq=1),
        message(3, 1, b"program 0\n", seq=0),
        message(3, 1, b"shell 1\n", seq=1),
        message(3, 1, b"program 1\n", seq=1),
    ]
    succeeded(shell)


# Requests and replies, as the kernel's protocol has them


def test_three_requests_are_answered_out_of_order(bus, subscriber):
    def pending():
        with open(os.path.join(bus.path, "policy", "pending"), encoding="ascii") as view:
            return view.read().splitlines()[1:]

    server, client = subscriber("3:1"), bus.both()
    for seq in (1, 2, 3):
        client.write(message(3, 1, b"?", seq=seq, ack=1000))
    assert pending() == [f"1 3:1 {seq} 1000" for seq in (1, 2, 3)]
    asked = [struct.unpack_from("=IIII", packet) for packet in server.read_all()]
    server["connector.to"] = "port:" + server["from"]
    for idx, val, seq, ack in (asked[1], asked[2], asked[0]):
        server.write(message(idx, val, b"!", seq=seq, ack=ack + 1))
        assert client.read() == message(3, 1, b"!", seq=seq, ack=1001)
        assert f"1 3:1 {seq} 1000" not in pending()
    assert pending() == []


def test_the_senders_credentials(bus, subscriber, spawn):
    reader = subscriber("3:1")
    child = spawn.shell('exec 3> "$bus/ids/3:1"; echo hi >&3; exec sleep 1000', bus=bus.path)
    until(lambda: reader.poll(select.POLLIN), "a message")
    reader.read()
    sender = bus.node_path(reader["from"])
    known = {"pid": child.pid, "uid": os.getuid(), "gid": os.getgid()}
    assert {name: int(get_option(sender, name)) for name in known} == known


# Errors


def test_nobody_there(bus, spawn):
    with fails(errno.ESRCH):
        bus.writer().write(message(3, 1, b"x"))
    assert get_option(bus.port, "error") == "nobody subscribes to 3:1"
    shell = spawn.shell('echo x > "$bus/ids/3:1"', bus=bus.path, stderr=subprocess.PIPE)
    assert b"No such process" in shell.stderr.read()
    assert shell.wait() != 0


def test_of_a_malformed_packet_nothing_is_delivered(bus, subscriber):
    reader, writer = subscriber("3:1"), bus.writer()
    good = message(3, 1, b"good")
    for bad in (b"x", good[:19], good[:-1], good + good[:-1], good + b"padding", good + bytes(4)):
        with fails(errno.EINVAL):
            writer.write(bad)
    assert writer["error"].startswith("a message begins with a header")
    assert reader.read_all() == []


def test_bad_options(bus):
    node = bus.both()
    for name, value in (
        ("ids", "3:1 3:any"),
        ("ids", "3:4294967296"),
        ("ids", "3"),
        ("to", "port:x"),
    ):
        with fails(errno.EINVAL):
            node[f"connector.{name}"] = value
        assert node["error"].startswith(f"connector.{name}: ")
        assert node[f"connector.{name}"] == ""


def test_names_of_ids(bus, file_of):
    for name in ("3", "3:", "3:1:1", "03:1", "3:any", "4294967296:0", "-1:1"):
        with fails(errno.ENOENT):
            file_of(name)
    file_of("0:4294967295")
    assert os.listdir(os.path.join(bus.path, "ids")) == ["0:4294967295"]
    with fails(errno.ENOENT):
        file_of("x:1", os.O_WRONLY | os.O_CREAT)


# Subscriptions


def test_a_reserved_port_keeps_its_ids(bus, mount):
    os.close(os.open(bus.node_path(5), os.O_CREAT | os.O_RDONLY))
    set_option(bus.node_path(5), "connector.ids", "3:1=thermal")
    node = mount.adopt(Node(bus.node_path(5), os.O_RDONLY | os.O_NONBLOCK))
    bus.writer().write(message(3, 1, b"x"))
    assert node.read() == message(3, 1, b"x")


def test_notices_come_in_order(bus, subscriber, file_of):
    watcher = subscriber(f"{BUS}:{BUS}")
    a = subscriber("3:1=thermal 4:any")
    a["connector.ids"] = "4:any"
    b = file_of("5:5")
    b.close()
    a.close()
    assert watcher.read_all() == [
        message(BUS, BUS, payload, seq=seq)
        for seq, payload in enumerate(
            [
                notice(3, 1, 1, 1, b"thermal"),
                notice(4, BUS, 1, 1),
                notice(3, 1, 0, 1, b"thermal"),
                notice(5, 5, 1, 2),
                notice(5, 5, 0, 2),
                notice(4, BUS, 0, 1),
            ],
            start=1,
        )
    ]


def test_notices_of_ranges(subscriber, file_of):
    watcher = file_of(f"{BUS}:{BUS}")
    watcher.write(struct.pack("=4I", 3, 4, 0, 9))
    subscriber("2:1 3:10")
    subscriber("4:9")
    assert watcher.read_all() == [notice(4, 9, 1, 2)]
    with fails(errno.EINVAL):
        watcher.write(b"none")


def test_a_subscriber_that_is_killed(bus, subscriber, spawn):
    watcher = subscriber(f"{BUS}:{BUS}")
    child = spawn.shell('exec cat "$bus/ids/3:1"', bus=bus.path, stdout=subprocess.DEVNULL)
    until_subscribed(bus, "3:1")
    bus.writer().write(message(3, 1, b"x"))
    child.send_signal(signal.SIGKILL)
    child.wait()
    until(lambda: "3:1" not in os.listdir(os.path.join(bus.path, "ids")), "it has gone")
    with fails(errno.ESRCH):
        bus.writer().write(message(3, 1, b"x"))
    payloads = [packet[20:] for packet in watcher.read_all()]
    facts = [struct.unpack("=6I", payload) for payload in payloads]
    assert facts == [(3, 1, begun, 1, os.getuid(), child.pid) for begun in (1, 0)]


def test_subscriptions_are_shown(bus, subscriber, file_of):
    subscriber("3:1=thermal 4:any")
    file_of("3:1", os.O_RDONLY)
    file_of("9:9", os.O_WRONLY)
    who = f"{os.getuid()} {os.getpid()}"
    with open(os.path.join(bus.path, "policy", "subscriptions"), encoding="ascii") as view:
        assert view.read().splitlines() == [
            "id port uid pid name",
            f"3:1 0 {who} thermal",
            f"4:any 0 {who} -",
            f"3:1 1 {who} -",
        ]
