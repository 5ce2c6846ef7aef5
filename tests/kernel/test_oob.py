"""`oob`: what a network says out of band, line by line, until it ends."""

import contextlib
import errno
import fcntl
import json
import os
import select

import pytest

from ipnfs_identity import GROUP, MEMBER, OWNER, STRANGER
from ipnfs_testlib import Task, fails, run, succeeded, until


def numnodes(readers, writers):
    return {"level": 0, "tag": "numnodes", "readers": readers, "writers": writers}


class Lines:
    """An open file of JSON Lines. It does not block, unless opened so."""

    def __init__(self, path, blocking=False):
        self.fd = os.open(path, os.O_RDONLY | (0 if blocking else os.O_NONBLOCK))

    def text(self):
        """All that waits now."""
        parts = []
        with contextlib.suppress(BlockingIOError):
            while part := os.read(self.fd, 1 << 20):
                parts.append(part)
        return b"".join(parts).decode()

    def now(self):
        return [json.loads(line) for line in self.text().splitlines()]

    def poll(self, events=select.POLLIN):
        poll = select.poll()
        poll.register(self.fd, events)
        return dict(poll.poll(0)).get(self.fd, 0)

    def close(self):
        if self.fd >= 0:
            fd, self.fd = self.fd, -1
            os.close(fd)


@pytest.fixture
def follow(mount):
    """follow(lan): the open `oob` of a network, closed at the end."""

    def follow(network, blocking=False):
        return mount.adopt(Lines(os.path.join(network.path, "oob"), blocking))

    return follow


@pytest.fixture
def lan(net):
    return net()


class TestNumbers:
    def test_first_line_says_how_it_is_now(self, lan, follow):
        lan.both()
        lan.reader()
        assert follow(lan).now() == [numnodes(2, 1)]

    def test_format_of_a_line(self, lan, follow):
        expected = '{"level":0,"tag":"numnodes","readers":0,"writers":0}\n'
        assert follow(lan).text() == expected

    def test_every_change(self, lan, follow):
        oob = follow(lan)
        both, writer = lan.both(), lan.writer()
        both["role"] = "reader"
        both["descr"] = "no change of these numbers"
        writer.close()
        until(lambda: lan["writers"] == "0")
        os.unlink(lan.node_path(0))
        assert oob.now() == [
            numnodes(*pair) for pair in [(0, 0), (1, 1), (1, 2), (1, 1), (1, 0), (0, 0)]
        ]

    def test_of_this_network_only(self, net, follow):
        one, other = net("one"), net("other")
        oob = follow(one)
        other.reader()
        assert oob.now() == [numnodes(0, 0)]

    def test_is_no_node_and_holds_nothing_up(self, net, follow):
        lan = net("lan", lossless=1, msgpoolsize=1, eof="last-writer", minreaders=1)
        follow(lan)
        assert (lan["nodes"], lan["readers"], lan["writers"]) == ("0", "0", "0")
        writer = lan.writer()
        with fails(errno.EAGAIN):
            writer.write(b"not before there is a reader")
        writer.close()
        until(lambda: lan["nodes"] == "0")
        os.rmdir(lan.path)


class TestEnd:
    def test_with_its_network_by_force(self, lan, follow):
        oob = follow(lan)
        lan.reader()
        lan["state"] = "down"
        assert oob.now() == [numnodes(0, 0), numnodes(1, 0), numnodes(0, 0)]
        assert oob.poll() == select.POLLIN | select.POLLHUP
        assert os.read(oob.fd, 100) == b""

    def test_with_its_network_by_rmdir(self, lan, follow, mount):
        oob = follow(lan, blocking=True)
        os.read(oob.fd, 1000)
        task = Task(os.read, oob.fd, 1000)
        mount.until_blocked(task)
        os.rmdir(lan.path)
        assert task.result() == b""

    def test_cat_ends_by_itself(self, lan, spawn, scratch, mount):
        with open(scratch / "lines", "wb") as lines:
            cat = spawn("cat", os.path.join(lan.path, "oob"), stdout=lines)
        mount.until_blocked(cat)
        lan["state"] = "down"
        succeeded(cat)
        assert json.loads((scratch / "lines").read_text()) == numnodes(0, 0)

    def test_other_networks_go_on(self, net, follow):
        one, other = net("one"), net("other")
        oob = follow(other)
        os.rmdir(one.path)
        other.reader()
        assert oob.now() == [numnodes(0, 0), numnodes(1, 0)]


class TestMessages:
    @pytest.fixture
    def lan(self, mount_with, modules):
        self.mount = mount_with(f"policydir={modules / 'tests'}")
        return self.mount.net("lan", policy="witness")

    @pytest.fixture
    def oob(self, lan):
        oob = self.mount.adopt(Lines(os.path.join(lan.path, "oob")))
        return oob

    def test_whether_nodes_want_them_or_not(self, lan, oob):
        wants, _, writer = lan.reader(), lan.reader(), lan.writer()
        wants["want_oob"] = "1"
        oob.now()
        writer.write(b'!say "fire"')
        assert oob.text() == (
            '{"level":1,"tag":"witness","port":0,"text":"say \\"fire\\""}\n'
            '{"level":1,"tag":"witness","port":1,"text":"say \\"fire\\""}\n'
        )

    @pytest.mark.parametrize("message", [b"\0\1\2", b"\xff", b"line\n", b"\xc3"])
    def test_what_is_no_text_in_hex(self, lan, oob, message):
        lan.reader()
        writer = lan.writer()
        oob.now()
        writer.write(b"!" + message)
        assert oob.now() == [{"level": 1, "tag": "witness", "port": 0, "hex": message.hex()}]

    def test_utf8_as_text(self, lan, oob):
        lan.reader()
        writer = lan.writer()
        oob.now()
        writer.write("!café €".encode())
        assert oob.now()[0]["text"] == "café €"

    def test_pollpri_stays_until_the_queue_is_empty(self, lan):
        """Of a node that wants them: level-triggered, however often it is asked."""
        receive, message = 2 << 30 | (4 + 4 + 4096) << 16 | ord("N") << 8 | 3, bytearray(4104)
        node, writer = lan.reader(), lan.writer()
        node["want_oob"] = "1"
        assert not node.poll(select.POLLPRI)
        for number in range(3):
            writer.write(b"!%d" % number)
        epoll = select.epoll()
        epoll.register(node.fd, select.EPOLLPRI)
        for _ in range(3):
            assert node.poll(select.POLLPRI) == node.poll(select.POLLPRI) == select.POLLPRI
            assert epoll.poll(0) == [(node.fd, select.EPOLLPRI)]
            fcntl.ioctl(node.fd, receive, message)
        assert not node.poll(select.POLLPRI)
        assert not epoll.poll(0)
        epoll.close()


class TestReading:
    def test_blocks_until_there_is_something(self, lan, follow, mount):
        oob = follow(lan, blocking=True)
        os.read(oob.fd, 1000)
        task = Task(os.read, oob.fd, 1000)
        mount.until_blocked(task)
        lan.reader()
        assert json.loads(task.result()) == numnodes(1, 0)

    def test_o_nonblock(self, lan, follow):
        oob = follow(lan)
        oob.now()
        with fails(errno.EAGAIN):
            os.read(oob.fd, 1000)

    def test_signal_interrupts(self, lan, follow, mount):
        oob = follow(lan, blocking=True)
        os.read(oob.fd, 1000)
        task = Task(lambda: os.readv(oob.fd, [bytearray(1000)]))
        mount.until_blocked(task)
        task.interrupt()
        lan.reader()  # python tries again after EINTR
        assert task.result() == len(json.dumps(numnodes(1, 0), separators=(",", ":"))) + 1

    def test_blocked_reader_can_be_killed(self, lan, spawn, mount):
        cat = spawn("cat", os.path.join(lan.path, "oob"), stdout=-1)
        assert json.loads(cat.stdout.readline()) == numnodes(0, 0)
        mount.until_blocked(cat)
        cat.kill()
        assert cat.wait(10) == -9

    def test_blocked_reader_holds_up_nobodys_chmod(self, lan, follow, mount):
        oob = follow(lan, blocking=True)
        os.read(oob.fd, 1000)
        task = Task(os.read, oob.fd, 1000)
        mount.until_blocked(task)
        os.chmod(os.path.join(lan.path, "oob"), 0o400)
        os.stat(os.path.join(lan.path, "oob"))
        lan.reader()
        task.result()

    def test_sleeper_is_woken(self, lan, follow, mount):
        oob = follow(lan)
        oob.now()
        assert oob.poll() == 0
        poll = select.poll()
        poll.register(oob.fd, select.POLLIN)
        task = Task(poll.poll)
        mount.until_blocked(task)
        lan.reader()
        assert task.result() == [(oob.fd, select.POLLIN)]

    def test_position_means_nothing(self, lan, follow):
        oob = follow(lan)
        with fails(errno.ESPIPE):
            os.lseek(oob.fd, 0, os.SEEK_SET)
        with fails(errno.ESPIPE):
            os.pread(oob.fd, 10, 0)

    def test_slow_reader_is_told_what_it_missed(self, lan, follow):
        slow, quick = follow(lan), follow(lan)
        slow.now()
        quick.now()
        told = 0
        for _ in range(3000):
            lan.reader().close()
            told += len(quick.now())
        until(lambda: lan["readers"] == "0")
        told += len(quick.now())
        assert told == 6000
        lines = slow.now()
        missed = sum(line["count"] for line in lines if line["tag"] == "missed")
        assert missed > 0
        assert len([line for line in lines if line["tag"] == "numnodes"]) + missed == told
        assert lines[-1]["tag"] == "missed"


class TestPermissions:
    @pytest.mark.parametrize("mode", [0o755, 0o750, 0o700, 0o777, 0o555])
    def test_starts_with_the_r_bits_of_the_network(self, mount, mode):
        path = os.path.join(mount.path, "lan")
        before = os.umask(0)
        os.mkdir(path, mode)
        os.umask(before)
        assert os.stat(os.path.join(path, "oob")).st_mode & 0o7777 == mode & 0o444

    @pytest.mark.parametrize("mode", [0o000, 0o004, 0o040, 0o400, 0o440, 0o444])
    def test_opening_needs_r(self, lan, mode):
        path = os.path.join(lan.path, "oob")
        os.chown(path, OWNER.uid, GROUP)
        os.chmod(path, mode)
        for identity in OWNER, MEMBER, STRANGER:
            if identity.may(4, mode, OWNER.uid, GROUP):
                assert "numnodes" in identity.does(run, "head", "-n1", path)
            else:
                with fails(errno.EACCES):
                    identity.does(os.open, path, os.O_RDONLY)

    def test_is_not_written_not_even_by_root(self, lan):
        path = os.path.join(lan.path, "oob")
        for flags in os.O_WRONLY, os.O_RDWR:
            with fails(errno.EPERM):
                os.open(path, flags)
        with fails(errno.EPERM):
            os.unlink(path)
