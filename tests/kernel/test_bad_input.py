"""What is wrong, hostile or unusual gets the right error, changes nothing and wedges nothing."""

import contextlib
import ctypes
import errno
import fcntl
import mmap
import os
import random
import signal
import struct
import subprocess

import pytest

import ipnfs_aio
from ipnfs_identity import Identity
from ipnfs_testlib import fails, get_option, run, set_option, until

libc = ctypes.CDLL(None, use_errno=True)  # Python's mmap asks for the size before
libc.mmap.restype = ctypes.c_ssize_t
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
MAP_FAILED = -1

MIB = 1 << 20
XATTR_SIZE_MAX = 1 << 16

OPTIONS = [
    "policy",
    "mtu",
    "type",
    "lossless",
    "msgpoolsize",
    "numnodes",
    "eof",
    "minreaders",
    "stall_timeout_ms",
    "overrun_error",
    "short_read",
    "retain",
    "linktype",
    "capture.snaplen",
    "ephemeral",
]

BAD_VALUES = {
    "empty": b"",
    "blank": b" ",
    "negative": b"-1",
    "plus": b"+1",
    "leading space": b" 1",
    "trailing space": b"1 ",
    "trailing newline": b"1\n",
    "leading zero": b"01",
    "hexadecimal": b"0x10",
    "fraction": b"1.0",
    "exponent": b"1e3",
    "word": b"many",
    "32 bits and more": b"4294967297",
    "64 bits and more": b"18446744073709551617",
    "a hundred digits": b"9" * 100,
    "two values": b"1,1",
    "ends in NUL": b"1\0",
    "NUL inside": b"1\x001",
    "NUL": b"\0",
    "not UTF-8": b"\xff\xfe1",
    "other digits": "١".encode(),
    "control characters": b"\x1b[31m1",
    "format": b"%s%n%s%n",
    "path": b"../../etc/passwd",
    "as long as can be": b"1" * XATTR_SIZE_MAX,
}


def refusal(function, *arguments):
    """0 if it works, else errno."""
    try:
        function(*arguments)
    except OSError as error:
        return error.errno
    return 0


def values_of(path):
    return {name: get_option(path, name) for name in OPTIONS}


def still_works(mount, name="proof"):
    """Packets still go from a writer to a reader."""
    lan = mount.net(name)
    reader = lan.reader()
    lan.writer().write(b"still works")
    return reader.read() == b"still works"


class TestOptionValues:
    @pytest.mark.parametrize("value", BAD_VALUES.values(), ids=BAD_VALUES.keys())
    @pytest.mark.parametrize("place", ["", "lan"], ids=["root", "network"])
    def test_every_option_refuses(self, mount, net, place, value):
        net("lan")
        path = os.path.join(mount.path, place)
        before = values_of(path)
        got = {name: refusal(os.setxattr, path, f"user.ipn.{name}", value) for name in OPTIONS}
        assert got == dict.fromkeys(OPTIONS, errno.EINVAL)
        assert values_of(path) == before

    def test_beyond_the_kernels_limit(self, net):
        with fails(errno.E2BIG):
            os.setxattr(net().path, "user.ipn.mtu", b"1" * (XATTR_SIZE_MAX + 1))

    @pytest.mark.parametrize("value", BAD_VALUES.values(), ids=BAD_VALUES.keys())
    def test_reason_is_one_printable_line(self, net, value):
        lan = net()
        with fails(errno.EINVAL):
            os.setxattr(lan.path, "user.ipn.mtu", value)
        words = os.getxattr(lan.path, "user.ipn.error").decode("utf-8")
        assert words.isprintable()
        assert len(words) < 256

    @pytest.mark.parametrize("name", [b"\x1b[31m", b"\n", b"\xff", b"%n", b"x" * 200])
    def test_reason_is_printable_whatever_the_name(self, net, name):
        lan = net()
        with fails(errno.EOPNOTSUPP):
            os.setxattr(lan.path, b"user.ipn." + name, b"1")
        assert os.getxattr(lan.path, "user.ipn.error").decode("utf-8").isprintable()

    def test_name_beyond_the_kernels_limit(self, net):
        with fails(errno.ERANGE):
            os.setxattr(net().path, "user.ipn." + "x" * 250, b"1")


class TestNetworkNames:
    BAD = {
        "leading dot": b".lan",
        "two dots": b"..lan",
        "three dots": b"...",
        "blank": b" ",
        "blank inside": b"la n",
        "newline": b"lan\n",
        "tab": b"l\tan",
        "bell": b"\a",
        "delete": b"lan\x7f",
        "escape sequence": b"\x1b[2J",
        "not UTF-8": b"\xff\xfe",
        "umlaut": "län".encode(),
        "colon": b"a:b",
        "comma": b"a,b",
        "star": b"*",
        "backslash": b"a\\b",
        "quotes": b"\"'",
        "percent": b"%n",
    }

    @pytest.mark.parametrize("name", BAD.values(), ids=BAD.keys())
    def test_bad(self, mount, name):
        with fails(errno.EINVAL):
            os.mkdir(os.path.join(mount.path.encode(), name))
        words = get_option(mount.path, "error")
        assert words.isprintable()
        assert os.listdir(mount.path) == [".ipnfs"]

    @pytest.mark.parametrize("length", [64, 65, 255, 256, 1000])
    def test_too_long(self, mount, length):
        with fails(errno.ENAMETOOLONG):
            os.mkdir(os.path.join(mount.path, "n" * length))

    def test_too_long_to_be_there(self, mount):
        with fails(errno.ENOENT, errno.ENAMETOOLONG):
            os.stat(os.path.join(mount.path, "n" * 64))


class TestPortNames:
    BAD = [
        "x",
        "-1",
        "+1",
        "1x",
        " 1",
        "01",
        "0x1",
        "1.0",
        "1\n",
        "65536",
        "4294967296",
        "9" * 100,
        ".1",
        "١",
    ]

    @pytest.mark.parametrize("name", BAD)
    def test_cannot_be_reserved(self, net, name):
        lan = net()
        with fails(errno.EINVAL, errno.EADDRNOTAVAIL, errno.EPERM):
            os.open(lan.node_path(name), os.O_CREAT | os.O_WRONLY | os.O_NONBLOCK)
        assert lan.ports() == []

    @pytest.mark.parametrize("name", BAD)
    def test_are_not_there(self, net, name):
        with fails(errno.ENOENT):
            os.stat(net().node_path(name))

    def test_beyond_numnodes(self, net):
        lan = net("lan", numnodes=2)
        with fails(errno.EADDRNOTAVAIL):
            os.open(lan.node_path(2), os.O_CREAT | os.O_WRONLY | os.O_NONBLOCK)
        assert lan.ports() == []


class TestSizes:
    @pytest.mark.parametrize("mtu", [1, 1514, 4096, 65535])
    def test_writes(self, net, mtu):
        """Of nothing: nothing; up to the MTU: a packet; longer: an error and nothing sent."""
        lan = net("lan", mtu=mtu)
        reader, writer = lan.reader(), lan.writer()
        sizes = sorted({0, 1, mtu - 1, mtu, mtu + 1, 4096, MIB - 1, MIB, MIB + 1, 3 * MIB})
        sent = [size for size in sizes if 0 < size <= mtu]
        for size in sizes:
            if size <= mtu:
                assert writer.write(bytes(size)) == size
            else:
                with fails(errno.EMSGSIZE):
                    writer.write(bytes(size))
        assert [len(packet) for packet in reader.read_all()] == sent
        assert writer.count("sent") == len(sent)

    @pytest.mark.parametrize("size", [1515, 4096, 65536, MIB - 1, MIB, MIB + 1, 3 * MIB, 64 * MIB])
    def test_read_into_a_large_buffer_gets_one_packet(self, net, size):
        lan = net()
        reader, writer = lan.reader(), lan.writer()
        writer.write(bytes(1514))
        writer.write(b"next")
        assert len(reader.read(size)) == 1514
        assert reader.read(size) == b"next"

    @pytest.mark.parametrize("size", [4096, 8192, 65535])
    def test_packet_that_fills_the_buffer_is_one_packet(self, net, size):
        lan = net("lan", mtu=65535)
        reader, writer = lan.reader(), lan.writer()
        writer.write(b"a" * size)
        writer.write(b"b" * size)
        assert reader.read(size) == b"a" * size
        assert reader.read(size) == b"b" * size

    def test_read_of_nothing_takes_nothing(self, net):
        lan = net()
        reader = lan.reader()
        lan.writer().write(b"x")
        assert reader.read(0) == b""
        assert reader.read() == b"x"


class TestVectors:
    def test_writev_of_256_segments_is_one_packet(self, net):
        lan = net()
        reader, writer = lan.reader(), lan.writer()
        segments = [b"%04d" % n for n in range(256)]
        assert os.writev(writer.fd, segments) == 1024
        assert reader.read_all() == [b"".join(segments)]

    def test_empty_segments(self, net):
        lan = net()
        reader, writer = lan.reader(), lan.writer()
        assert os.writev(writer.fd, [b"", b"a", b"", b"b", b""]) == 2
        assert reader.read_all() == [b"ab"]

    def test_writev_longer_than_the_mtu(self, net):
        lan = net("lan", mtu=100)
        reader = lan.reader()
        with fails(errno.EMSGSIZE):
            os.writev(lan.writer().fd, [b"x" * 10] * 11)
        assert reader.read_all() == []

    def test_readv_of_many_small_segments_gets_one_packet(self, net):
        """The kernel asks for it in several pieces, each filled exactly."""
        lan = net()
        reader, writer = lan.reader(), lan.writer()
        writer.write(b"a" * 256)
        writer.write(b"b" * 256)
        segments = [bytearray(1) for _ in range(1024)]
        assert os.readv(reader.fd, segments) == 256
        assert b"".join(segments[:256]) == b"a" * 256
        assert reader.read_all() == [b"b" * 256]


class TestPositions:
    @pytest.mark.parametrize(
        "call",
        {
            "pread": lambda fd: os.pread(fd, 1, 0),
            "pwrite": lambda fd: os.pwrite(fd, b"x", 0),
            "preadv": lambda fd: os.preadv(fd, [bytearray(1)], 0),
            "pwritev": lambda fd: os.pwritev(fd, [b"x"], 7),
            "lseek": lambda fd: os.lseek(fd, 0, os.SEEK_SET),
            "lseek to the end": lambda fd: os.lseek(fd, 0, os.SEEK_END),
            "lseek to data": lambda fd: os.lseek(fd, 0, os.SEEK_DATA),
            "tell": lambda fd: os.lseek(fd, 0, os.SEEK_CUR),
        }.values(),
    )
    def test_there_are_none(self, net, call):
        lan = net()
        node, other = lan.both(), lan.both()
        other.write(b"x")
        with fails(errno.ESPIPE):
            call(node.fd)
        assert (node.read_all(), other.read_all()) == ([b"x"], [])

    @pytest.mark.parametrize("access", [os.O_RDONLY, os.O_RDWR], ids=["read", "read-write"])
    def test_ports_cannot_be_mapped(self, net, access):
        node = net().join(access)
        protection = mmap.PROT_READ | (mmap.PROT_WRITE if access == os.O_RDWR else 0)
        assert libc.mmap(None, 4096, protection, mmap.MAP_SHARED, node.fd, 0) == MAP_FAILED
        assert ctypes.get_errno() == errno.ENODEV

    def test_private_mapping_eats_no_packet(self, net):
        """The kernel does not ask the daemon; who looks gets a SIGBUS, since the file is empty."""
        lan = net()
        reader = lan.reader()
        lan.writer().write(b"precious")
        child = os.fork()
        if child == 0:
            address = libc.mmap(None, 4096, mmap.PROT_READ, mmap.MAP_PRIVATE, reader.fd, 0)
            ctypes.string_at(address, 1)
            os._exit(0)
        assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGBUS
        assert reader.read_all() == [b"precious"]

    @pytest.mark.parametrize("mode", [0, 1, 3])  # FALLOC_FL_KEEP_SIZE 1, _PUNCH_HOLE 2
    def test_fallocate(self, net, mode):
        lan = net()
        with contextlib.suppress(subprocess.CalledProcessError):
            subprocess.run(
                ["fallocate", "-l", "100", *(["-n"] if mode & 1 else []), lan.port],
                check=True,
                timeout=30,
            )
        assert os.stat(lan.port).st_size == 0

    def test_execution(self, net):
        lan = net()
        with fails(errno.EACCES):
            subprocess.run([lan.port], check=False)
        assert lan["nodes"] == "0"


class TestDirectIo:
    """O_DIRECT and asynchronous I/O: packets as ever, and never a process that cannot be killed."""

    @pytest.fixture
    def aligned(self):
        with mmap.mmap(-1, 4096) as buffer:
            yield buffer

    def test_write(self, net, aligned):
        lan = net("lan", mtu=4096)
        reader, writer = lan.reader(), lan.writer(flags=os.O_DIRECT)
        aligned[:] = b"d" * 4096
        assert os.writev(writer.fd, [aligned]) == 4096
        assert reader.read_all() == [b"d" * 4096]

    def test_read(self, net, aligned):
        lan = net()
        reader = lan.reader(flags=os.O_DIRECT)
        lan.writer().write(b"x")
        assert os.readv(reader.fd, [aligned]) == 1
        assert aligned[:1] == b"x"

    @pytest.mark.parametrize("direct", [0, os.O_DIRECT], ids=["buffered", "direct"])
    def test_aio_write_is_a_packet(self, net, aligned, direct):
        lan = net("lan", mtu=4096)
        reader, writer = lan.reader(), lan.writer(flags=direct)
        aligned[:5] = b"hello"
        aio = ipnfs_aio.Aio(depth=1)
        aio.submit(ipnfs_aio.WRITE, writer.fd, aligned)
        assert aio.wait() == 4096
        assert [packet[:5] for packet in reader.read_all()] == [b"hello"]

    @pytest.mark.parametrize("direct", [0, os.O_DIRECT], ids=["buffered", "direct"])
    def test_aio_read_takes_one_packet_at_most(self, net, aligned, direct):
        """The kernel says end of file by itself: the file's size is 0."""
        lan = net()
        reader = lan.reader(flags=direct)
        writer = lan.writer()
        writer.write(b"one")
        writer.write(b"two")
        aio = ipnfs_aio.Aio(depth=1)
        aio.submit(ipnfs_aio.READ, reader.fd, aligned)
        assert aio.wait() in (0, 3)
        assert reader.read_all()[-1] == b"two"

    @pytest.mark.parametrize("direct", [0, os.O_DIRECT], ids=["buffered", "direct"])
    @pytest.mark.parametrize("opcode", [ipnfs_aio.READ, ipnfs_aio.WRITE], ids=["read", "write"])
    def test_many_killed_with_aio_outstanding(self, mount, net, opcode, direct):
        """More of them than the kernel lets a file system have background requests."""
        lan = net("lan", lossless=1, msgpoolsize=1, numnodes=100, mtu=4096)
        full = lan.reader()  # never reads
        lan.writer().write(b"fills the pool")
        idle = net("idle", numnodes=100)  # a reader waits for ever
        port = idle.port if opcode == ipnfs_aio.READ else lan.port
        children = [fork_with_aio(port, opcode, direct) for _ in range(40)]
        until(lambda: all(state_of(child) == "S" for child in children), "all sleep")
        for child in children:
            os.kill(child, signal.SIGKILL)
        for child in children:
            until(lambda child=child: os.waitpid(child, os.WNOHANG) != (0, 0), "killed")
        until(lambda: (lan["nodes"], idle["nodes"]) == ("2", "0"), "nodes have left")
        assert full.read() == b"fills the pool"
        assert still_works(mount)


def state_of(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
        return stat.read().rpartition(")")[2].split()[0]


def fork_with_aio(port, opcode, direct):
    """The pid of a process that is about to submit four requests, and then sleeps."""
    ready, tell = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            fd = os.open(port, (os.O_RDONLY if opcode == ipnfs_aio.READ else os.O_WRONLY) | direct)
            buffers = [mmap.mmap(-1, 4096) for _ in range(4)]
            aio = ipnfs_aio.Aio(depth=4)
            os.write(tell, b".")
            for buffer in buffers:
                aio.submit(opcode, fd, buffer)
            signal.pause()
        finally:
            os._exit(1)
    os.close(tell)
    assert os.read(ready, 1) == b"."
    os.close(ready)
    return child


class TestIoctls:
    KNOWN_TO_THE_KERNEL = {
        0x54,
        0x66,
        0x58,
        0x94,
        0x00,
        0x15,
        0x12,
        ord("v"),
        ord("f"),
        ord("X"),
    }  # by type

    def test_is_no_terminal(self, net):
        assert not os.isatty(net().both().fd)

    @pytest.mark.parametrize(
        "request_type, number, size",
        [
            ("T", 0x01, 0),  # TCGETS
            ("N", 0, 0),
            ("N", 1, 4),  # IPN_IOC_GETATTR of another size
            ("N", 1, 0),
            ("N", 2, 16383),
            ("N", 3, 328),
            ("N", 255, 328),
        ],
    )
    def test_unknown(self, net, request_type, number, size):
        for direction in range(4):
            request = direction << 30 | size << 16 | ord(request_type) << 8 | number
            with fails(errno.ENOTTY):
                fcntl.ioctl(net(f"lan{direction}").both().fd, request, bytearray(16384))

    def test_random(self, mount, net):
        node = net().both()
        choose = random.Random(2026)
        for _ in range(2000):
            kind = choose.choice(sorted(set(range(256)) - self.KNOWN_TO_THE_KERNEL))
            request = choose.getrandbits(32) & ~0xFF00 | kind << 8
            if kind == ord("N") and request & 0xFF in (1, 2):
                continue
            with fails(errno.ENOTTY):
                fcntl.ioctl(node.fd, request, bytearray(choose.randbytes(16384)))
        assert still_works(mount)

    @pytest.mark.parametrize("directory", ["", "lan", "lan/ports", ".ipnfs"])
    def test_on_directories(self, mount, net, directory):
        net("lan")
        fd = os.open(os.path.join(mount.path, directory), os.O_RDONLY | os.O_DIRECTORY)
        try:
            with fails(errno.ENOTTY):
                fcntl.ioctl(fd, 3 << 30 | 328 << 16 | ord("N") << 8 | 1, bytearray(16384))
        finally:
            os.close(fd)


def test_reason_is_there_however_many_users_err(net):
    """There may be a limit to how many are kept: the newest is there."""
    lan = net()
    os.chmod(lan.path, 0o777)
    users = [Identity(uid, uid) for uid in range(100_000, 100_500)]
    for user in users:
        with fails(errno.EINVAL):
            user.does(set_option, lan.path, "mtu", f"bad{user.uid}")
    assert f"bad{user.uid}" in user.does(get_option, lan.path, "error")


class TestUmountWhileInUse:
    def test_is_refused(self, mount, net):
        net().reader()
        result = subprocess.run(
            ["umount", mount.path], capture_output=True, text=True, timeout=30, check=False
        )
        assert result.returncode == 32
        assert "busy" in result.stderr
        assert still_works(mount)

    def test_fusermount_is_refused_as_well(self, mount, net):
        net().reader()
        result = subprocess.run(
            ["fusermount3", "-u", mount.path], capture_output=True, timeout=30, check=False
        )
        assert result.returncode == 1
        assert still_works(mount)

    @pytest.mark.parametrize("command", ["umount -l", "fusermount3 -u -z"])
    def test_lazily_it_lives_on_until_the_last_file_is_closed(self, mount, net, command):
        lan = net()
        reader, writer = lan.reader(), lan.writer()
        run(*command.split(), mount.path)
        assert os.listdir(mount.path) == []
        writer.write(b"still there")
        assert reader.read() == b"still there"
        assert mount.daemon.poll() is None
        mount.close_nodes()
        mount.until_daemon_ended()


class TestNoise:
    def test_random_calls_on_everything(self, mount, net):
        """A user who knows nothing tries everything everywhere; nothing breaks for the others."""
        lan = net("lan", numnodes=4)
        choose = random.Random(1967)
        places = [
            "",
            "lan",
            "lan/port",
            "lan/ports",
            "lan/ports/1",
            "lan/ports/99",
            ".ipnfs",
            ".ipnfs/version",
            "new",
        ]
        attributes = [
            "user.ipn.mtu",
            "user.ipn.nodes",
            "user.ipn.descr",
            "user.ipn.error",
            "user.ipn.",
            "user.x",
        ]

        def anywhere():
            return os.path.join(mount.path, choose.choice(places))

        calls = [
            lambda: os.mkdir(anywhere()),
            lambda: os.rename(anywhere(), anywhere()),
            lambda: os.link(anywhere(), anywhere()),
            lambda: os.symlink("x", anywhere()),
            lambda: os.unlink(anywhere()),
            lambda: os.rmdir(anywhere()),
            lambda: os.chmod(anywhere(), choose.getrandbits(12) | 0o700),
            lambda: os.truncate(anywhere(), choose.getrandbits(40)),
            lambda: os.utime(anywhere(), ns=(choose.getrandbits(62), choose.getrandbits(62))),
            lambda: os.setxattr(
                anywhere(), choose.choice(attributes), choose.randbytes(choose.randrange(9))
            ),
            lambda: os.removexattr(anywhere(), choose.choice(attributes)),
            lambda: os.getxattr(anywhere(), choose.choice(attributes)),
            lambda: os.listxattr(anywhere()),
            lambda: os.listdir(anywhere()),
            lambda: os.readlink(anywhere()),
            lambda: os.close(os.open(anywhere(), os.O_RDWR | os.O_CREAT | os.O_NONBLOCK)),
            lambda: os.mknod(anywhere(), choose.getrandbits(16), 0),
        ]
        for _ in range(5000):
            with contextlib.suppress(OSError):
                choose.choice(calls)()
        assert still_works(mount)
        assert lan.path  # it may be gone: that was anybody's right

    def test_hostile_attribute_structures(self, mount, net):
        node = net().both()
        choose = random.Random(328)
        attr = struct.Struct("=64sII256s")
        for _ in range(2000):
            direction, number = choose.choice([(3, 1), (1, 2)])
            name = choose.choice(
                [b"descr", b"role", b"pid", b"", b"user.ipn.", choose.randbytes(64)]
            )
            size = choose.choice([0, 1, 127, 128, 255, 256, 257, choose.getrandbits(32)])
            data = bytearray(attr.pack(name, size, choose.getrandbits(32), choose.randbytes(256)))
            with contextlib.suppress(OSError):
                fcntl.ioctl(node.fd, direction << 30 | 328 << 16 | ord("N") << 8 | number, data)
        assert still_works(mount)
