"""Mounting in every way there is, what goes wrong in one line, and how it ends."""

import contextlib
import ctypes
import errno
import os
import re
import select
import signal
import stat
import struct
import subprocess

import pytest

from ipnfs_identity import GROUP, OWNER, STRANGER
from ipnfs_testlib import PATIENCE, Task, fails, mounted, run, until

USAGE, SYSTEM_ERROR, FAILURE = 1, 2, 32  # exit statuses of mount(8)
NOT_PERMITTED = (USAGE, FAILURE)  # it has both for this


def processes_naming(path):
    """The pids of the processes that have this path among their arguments."""
    pids = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            with open(f"/proc/{pid}/cmdline", "rb") as arguments:
                if path.encode() in arguments.read().split(b"\0"):
                    pids.append(int(pid))
    return pids


def mount_options(path):
    """Those of the mount and those of the file system, of what is mounted on top."""
    with open("/proc/self/mountinfo", encoding="utf-8") as mounts:
        line = [line.split() for line in mounts if line.split()[4] == path][-1]
    return set(line[5].split(",")), set(line[-1].split(","))


@pytest.fixture
def directory(scratch):
    """A mount point for daemons in the background; umounted at the end."""
    path = scratch / "mnt"
    path.mkdir()
    path = str(path)
    yield path
    while mounted(path):
        run("umount", "-l", path)
    until(lambda: processes_naming(path) == [], "the daemon has ended")


@pytest.fixture
def installed(ipnfs_binary):
    """ipnfs in /usr/local/bin, in the sandbox's mount namespace only."""
    with open("/proc/1/cmdline", "rb") as arguments:
        assert b"sandbox" in arguments.read().split(b"\0"), "run these tests by `sandbox`"
    run("mount", "-t", "tmpfs", "-o", "mode=0755", "ipnfs-test", "/usr/local/bin")
    os.symlink(ipnfs_binary, "/usr/local/bin/ipnfs")
    yield
    run("umount", "/usr/local/bin")


@pytest.fixture
def ipnfs(ipnfs_binary):
    """ipnfs("NAME", directory, "-o", "…"): what became of it, with its output as text."""

    def start(*arguments, **options):
        return subprocess.run(
            [ipnfs_binary, *map(str, arguments)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            **options,
        )

    return start


def packets_pass(path):
    lan = os.path.join(path, "lan")
    os.mkdir(lan)
    reader = os.open(os.path.join(lan, "port"), os.O_RDONLY | os.O_NONBLOCK)
    run("sh", "-c", 'printf hello > "$0"', os.path.join(lan, "port"))
    try:
        return os.read(reader, 100) == b"hello"
    finally:
        os.close(reader)


def forbid_io_uring():
    """A seccomp filter for this process: io_uring_setup(2) gives EPERM, the rest is allowed."""
    io_uring_setup, errno_of, allow = 425, 0x50000, 0x7FFF0000
    load_number, jump_if_equal, give = 0x20, 0x15, 0x06
    instructions = [
        (load_number, 0, 0, 0),
        (jump_if_equal, 0, 1, io_uring_setup),
        (give, 0, 0, errno_of | errno.EPERM),
        (give, 0, 0, allow),
    ]
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *i) for i in instructions))
    program = struct.pack("@HP", len(instructions), ctypes.addressof(code))
    set_no_new_privs, set_seccomp, mode_filter = 38, 22, 2
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.prctl(set_no_new_privs, 1, 0, 0, 0) == 0
    assert libc.prctl(set_seccomp, mode_filter, program, 0, 0) == 0


class TestCommand:
    def test_returns_when_the_tree_is_usable(self, ipnfs, directory):
        assert ipnfs("lab", directory).returncode == 0
        assert mounted(directory)
        assert packets_pass(directory)

    def test_says_nothing_if_all_is_well(self, ipnfs, directory):
        result = ipnfs("lab", directory)
        assert (result.stdout, result.stderr) == ("", "")

    def test_relative_mount_point(self, ipnfs, directory):
        assert (
            ipnfs("lab", os.path.basename(directory), cwd=os.path.dirname(directory)).returncode
            == 0
        )
        assert packets_pass(directory)

    def test_name_is_shown_as_the_source(self, ipnfs, directory):
        ipnfs("lab", directory)
        assert run("findmnt", "-n", "-o", "SOURCE,FSTYPE", directory).split() == [
            "lab",
            "fuse.ipnfs",
        ]

    def test_umount_ends_the_daemon(self, ipnfs, directory):
        ipnfs("lab", directory)
        run("umount", directory)
        until(lambda: processes_naming(directory) == [])

    def test_fusermount_ends_it_too(self, ipnfs, directory):
        ipnfs("lab", directory)
        run("fusermount3", "-u", directory)
        until(lambda: processes_naming(directory) == [])

    def test_can_be_mounted_again(self, ipnfs, directory):
        for _ in range(3):
            assert ipnfs("lab", directory).returncode == 0
            assert packets_pass(directory)
            run("umount", directory)

    def test_several_mounts_are_independent(self, mount_with):
        one, other = mount_with(), mount_with()
        one.net("lan")
        assert os.listdir(other.path) == [".ipnfs"]

    def test_daemon_holds_no_directory(self, ipnfs, directory, scratch):
        """The directory in which it was started can be removed, or umounted."""
        start = scratch / "start"
        start.mkdir()
        ipnfs("lab", directory, cwd=start)
        (daemon,) = processes_naming(directory)
        assert os.readlink(f"/proc/{daemon}/cwd") == "/"

    def test_daemon_outlives_the_terminal(self, ipnfs, directory):
        """It is in a session of its own."""
        ipnfs("lab", directory)
        (daemon,) = processes_naming(directory)
        assert os.getsid(daemon) not in (os.getsid(0), 0)

    def test_options_in_several_o(self, ipnfs, directory):
        assert ipnfs("lab", directory, "-o", "max_networks=1", "-o", "mode=0700").returncode == 0
        assert stat.S_IMODE(os.stat(directory).st_mode) == 0o700

    def test_options_before_the_names(self, ipnfs, directory):
        assert ipnfs("-o", "mode=0700", "lab", directory).returncode == 0
        assert stat.S_IMODE(os.stat(directory).st_mode) == 0o700

    def test_options_attached(self, ipnfs, directory):
        assert ipnfs("lab", directory, "-omode=0700").returncode == 0
        assert stat.S_IMODE(os.stat(directory).st_mode) == 0o700

    def test_last_of_equal_options_counts(self, ipnfs, directory):
        assert ipnfs("lab", directory, "-o", "mode=0755,mode=0700").returncode == 0
        assert stat.S_IMODE(os.stat(directory).st_mode) == 0o700

    @pytest.mark.parametrize("name", ["la,b", "la b", "la\\b", "-", "none", "löb"])
    def test_odd_name(self, ipnfs, directory, name):
        assert ipnfs("--", name, directory).returncode == 0
        assert run("findmnt", "-n", "-o", "SOURCE", directory) == name + "\n"

    @pytest.mark.parametrize("name", ["a b", "a,b", "a\\b", "a:b", "ä", "-"])
    def test_odd_mount_point(self, ipnfs, scratch, name):
        directory = scratch / name
        directory.mkdir()
        assert ipnfs("--", "lab", directory).returncode == 0
        try:
            assert packets_pass(directory)
        finally:
            run("umount", directory)

    @pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&-", "<&- >&- 2>&-"])
    def test_standard_descriptors_closed(self, ipnfs_binary, directory, closed):
        """As some supervisors start programs: /dev/fuse must not take their place."""
        run("sh", "-c", f'"$0" lab "$1" {closed}', ipnfs_binary, directory)
        assert packets_pass(directory)


@pytest.mark.usefixtures("installed")
class TestMount:
    """Through mount(8), which adds options and takes PATH away."""

    def test_by_type(self, directory):
        run("mount", "-t", "fuse.ipnfs", "lab", directory)
        assert packets_pass(directory)

    def test_with_options(self, directory):
        run("mount", "-t", "fuse.ipnfs", "lab", directory, "-o", "max_networks=1,mode=0700")
        os.mkdir(os.path.join(directory, "lan"))
        with fails(errno.ENOSPC):
            os.mkdir(os.path.join(directory, "wan"))

    @pytest.mark.parametrize(
        "options",
        [
            "defaults",
            "user",
            "noauto,users",
            "owner,nofail",
            "_netdev,comment=why",
            "x-systemd.automount,X-why=1",
            "rw,relatime",
            "noatime,nodiratime",
            "strictatime,lazytime",
            "sync,dirsync",
        ],
    )
    def test_with_options_of_mount_itself(self, directory, options):
        run("mount", "-t", "fuse.ipnfs", "lab", directory, "-o", options)
        assert packets_pass(directory)

    def test_exit_status_passes_through(self, directory):
        result = subprocess.run(
            ["mount", "-t", "fuse.ipnfs", "lab", directory, "-o", "nosuchoption"],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert result.returncode == USAGE
        assert "nosuchoption" in result.stderr

    def test_by_fstab(self, directory, scratch):
        fstab = scratch / "fstab"
        fstab.write_text(
            f"lab {directory} fuse.ipnfs noauto,nofail,max_networks=1 0 0\n", encoding="utf-8"
        )
        run("mount", "--fstab", fstab, directory)
        assert packets_pass(directory)
        run("umount", directory)
        assert not mounted(directory)

    def test_dangerous_options_do_not_help(self, directory):
        run("mount", "-t", "fuse.ipnfs", "lab", directory, "-o", "suid,dev,exec")
        assert {"nosuid", "nodev", "noexec"} <= mount_options(directory)[0]

    def test_read_only(self, directory):
        run("mount", "-t", "fuse.ipnfs", "lab", directory, "-o", "ro")
        with fails(errno.EROFS):
            os.mkdir(os.path.join(directory, "lan"))


class TestMountOptions:
    @pytest.mark.parametrize("given", ["", "dev,suid,exec", "suid"])
    def test_always_safe(self, mount_with, given):
        of_mount, of_file_system = mount_options(mount_with(given).path)
        assert {"nosuid", "nodev", "noexec"} <= of_mount
        assert {"default_permissions", "allow_other"} <= of_file_system

    @pytest.mark.parametrize(
        "options",
        [
            "max_networks=1",
            "max_networks=65536",
            "max_hops=1",
            "max_hops=255",
            "max_memory=1048576",
            "max_memory=1M",
            "mode=0755",
            "mode=1777",
            "uid=70001",
            "gid=70100",
            "flush_packets=1",
            "flush_bytes=4096",
            "flush_us=0",
            "flush_packets=1000,flush_bytes=1048576,flush_us=1000",
            "log=error",
            "log=warning",
            "log=info",
            "log=debug",
        ],
    )
    def test_accepted(self, mount_with, options):
        assert packets_pass(mount_with(options).path)

    @pytest.mark.parametrize("mode", ["0", "0700", "755", "1777", "0750"])
    def test_mode_is_octal(self, mount_with, mode):
        assert stat.S_IMODE(os.stat(mount_with(f"mode={mode}").path).st_mode) == int(mode, 8)

    def test_owner_of_the_root_manages_networks(self, mount_with):
        mount = mount_with(f"uid={OWNER.uid},gid={GROUP},mode=0755")
        OWNER.does(os.mkdir, os.path.join(mount.path, "lan"))
        with fails(errno.EACCES):
            STRANGER.does(os.mkdir, os.path.join(mount.path, "wan"))

    def test_packet_that_can_never_fit_the_memory(self, mount_with):
        lan = mount_with("max_memory=65536").net("lan", mtu=65535)
        lan.reader()
        with fails(errno.ENOMEM):
            lan.writer().write(bytes(60_000))

    def test_more_log_than_usual(self, mount_with):
        mount = mount_with("log=debug")
        mount.net()
        mount.umount()
        assert mount.log()


OUTSIDE = ["", "-1", "+1", "1x", " 1", "many", "0x10", "1.5", "99999999999999999999"]
NUMBERS = [
    "max_networks",
    "max_hops",
    "max_memory",
    "mode",
    "uid",
    "gid",
    "flush_packets",
    "flush_bytes",
    "flush_us",
]


class TestRefusals:
    """One line on stderr that names what and where; the status of mount(8); nothing mounted."""

    @pytest.fixture
    def refused(self, ipnfs, scratch):
        """refused(*arguments): the line, and the status. Nothing is mounted then."""

        def refused(*arguments, **options):
            result = ipnfs(*arguments, **options)
            assert result.stdout == ""
            assert result.stderr.count("\n") == 1 and result.stderr.endswith("\n"), result.stderr
            assert result.stderr.startswith("ipnfs: ")
            assert not any(mounted(str(path)) for path in scratch.iterdir())
            return result.stderr, result.returncode

        return refused

    @pytest.mark.parametrize(
        "option", ["nosuchoption", "nosuchoption=7", "max_network=7", "Max_networks=7", "=7"]
    )
    def test_unknown_option(self, refused, directory, option):
        words, status = refused("lab", directory, "-o", option)
        assert option.partition("=")[0] in words
        assert status == USAGE

    @pytest.mark.parametrize("option", ["no\nsuch", "max_hops=1\n", "mode=\x1b[31m", "log=\n"])
    def test_control_characters_are_not_repeated(self, refused, directory, option):
        words, status = refused("lab", directory, "-o", option)
        assert words.rstrip("\n").isprintable()
        assert status == USAGE

    @pytest.mark.parametrize("name", NUMBERS)
    @pytest.mark.parametrize("value", OUTSIDE)
    def test_bad_number(self, refused, directory, name, value):
        words, status = refused("lab", directory, "-o", f"{name}={value}")
        assert name in words and value in words
        assert status == USAGE

    @pytest.mark.parametrize("value", ["", "loud", "9"])
    def test_bad_log_level(self, refused, directory, value):
        words, status = refused("lab", directory, "-o", f"log={value}")
        assert "log" in words and value in words
        assert status == USAGE

    @pytest.mark.parametrize("name", [*NUMBERS, "log"])
    def test_value_missing(self, refused, directory, name):
        words, status = refused("lab", directory, "-o", name)
        assert name in words
        assert status == USAGE

    @pytest.mark.parametrize(
        "option",
        [
            "max_networks=0",
            "max_memory=0",
            "flush_packets=0",
            "mode=8",
            "mode=17777",
            "uid=4294967295",
        ],
    )
    def test_number_that_makes_no_sense(self, refused, directory, option):
        words, status = refused("lab", directory, "-o", option)
        assert option.partition("=")[0] in words
        assert status == USAGE

    def test_empty_name(self, refused, directory):
        assert refused("", directory)[1] == USAGE

    @pytest.mark.parametrize("foreground", [[], ["-f"]], ids=["background", "foreground"])
    def test_io_uring_forbidden(self, refused, directory, foreground):
        """As container runtimes do."""
        words, status = refused("lab", directory, *foreground, preexec_fn=forbid_io_uring)
        assert "io_uring" in words
        assert status == SYSTEM_ERROR

    def test_unknown_switch(self, refused, directory):
        words, status = refused("lab", directory, "--frobnicate")
        assert "--frobnicate" in words
        assert status == USAGE

    @pytest.mark.parametrize("arguments", [[], ["lab"]], ids=["nothing", "only a name"])
    def test_too_few_arguments(self, refused, arguments):
        assert refused(*arguments)[1] == USAGE

    def test_too_many_arguments(self, refused, directory):
        words, status = refused("lab", directory, "superfluous")
        assert "superfluous" in words
        assert status == USAGE

    def test_missing_mount_point(self, refused, scratch):
        words, status = refused("lab", scratch / "missing")
        assert str(scratch / "missing") in words and "no such file" in words.lower()
        assert status == FAILURE

    def test_file_as_mount_point(self, refused, scratch):
        (scratch / "file").touch()
        words, status = refused("lab", scratch / "file")
        assert str(scratch / "file") in words and "not a directory" in words.lower()
        assert status == FAILURE

    def test_mounted_already(self, ipnfs, directory):
        ipnfs("lab", directory)
        result = ipnfs("lab", directory)
        assert result.returncode == FAILURE
        assert directory in result.stderr and result.stderr.count("\n") == 1
        assert packets_pass(directory)

    def test_port_as_mount_point(self, ipnfs, net):
        lan = net()
        result = ipnfs("lab", lan.port)
        assert result.returncode == FAILURE
        assert lan.port in result.stderr and result.stderr.count("\n") == 1
        assert lan["nodes"] == "0"

    def test_no_permission_on_dev_fuse(self, refused, scratch):
        """As a user: fusermount3 has its own words, of which one line arrives."""
        directory = scratch / "mnt"
        directory.mkdir()
        os.chown(directory, OWNER.uid, OWNER.gid)
        mode = stat.S_IMODE(os.stat("/dev/fuse").st_mode)
        os.chmod("/dev/fuse", 0o600)  # the sandbox's
        try:
            words, status = refused("lab", directory, **OWNER.as_process)
        finally:
            os.chmod("/dev/fuse", mode)
        assert "/dev/fuse" in words and "Permission denied" in words
        assert status in NOT_PERMITTED

    def test_foreground_refuses_alike(self, refused, scratch):
        words, status = refused("lab", scratch / "missing", "-f")
        assert str(scratch / "missing") in words
        assert status == FAILURE


class TestHelp:
    @pytest.mark.parametrize("switch", ["--help", "-h"])
    def test_help(self, ipnfs, switch):
        result = ipnfs(switch)
        assert (result.returncode, result.stderr) == (0, "")
        for option in [*NUMBERS, "log"]:
            assert re.search(rf"\b{option}=", result.stdout)

    @pytest.mark.parametrize("switch", ["--version", "-V"])
    def test_version(self, ipnfs, switch):
        result = ipnfs(switch)
        assert (result.returncode, result.stderr) == (0, "")
        assert re.fullmatch(r"ipnfs \d+\.\d+\.\d+\S*\n", result.stdout)

    def test_output_that_cannot_be_written_is_an_error(self, ipnfs_binary):
        with open("/dev/full", "wb") as full:
            result = subprocess.run(
                [ipnfs_binary, "--help"], stdout=full, stderr=subprocess.DEVNULL, check=False
            )
        assert result.returncode != 0


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
class TestEnding:
    """A signal ends the mount, and everybody who waits in it, cleanly."""

    @staticmethod
    def end_of(mount, end):
        mount.daemon.send_signal(end)
        mount.until_daemon_ended()
        assert not mounted(mount.path)

    def test_idle(self, mount, end):
        self.end_of(mount, end)

    def test_with_networks(self, mount, net, end):
        net("lan")
        net("wan")
        self.end_of(mount, end)
        assert os.listdir(mount.path) == []

    def test_at_any_moment(self, mount_with, end):
        """The signal comes while the daemon is busy, about to sleep, or asleep."""
        for number in range(100):
            mount = mount_with()
            for name in range(number % 10):
                mount.net(str(name))
            self.end_of(mount, end)

    def test_blocked_reader_gets_end_of_file(self, mount, net, end):
        reader = net().reader(blocking=True)
        task = Task(reader.read)
        mount.until_blocked(task)
        self.end_of(mount, end)
        assert task.result() == b""

    def test_blocked_writer_gets_epipe(self, mount, net, end):
        lan = net("lan", lossless=1, msgpoolsize=1)
        lan.reader()
        writer = lan.writer(blocking=True)
        writer.write(b"fills the pool")
        task = Task(writer.write, b"waits")
        mount.until_blocked(task)
        self.end_of(mount, end)
        with fails(errno.EPIPE):
            task.result()

    def test_poll_wakes_up(self, mount, net, end):
        reader = net().reader()
        poll = select.poll()
        poll.register(reader.fd, select.POLLIN)
        task = Task(poll.poll, PATIENCE * 1000)
        mount.until_blocked(task)
        self.end_of(mount, end)
        ((_, events),) = task.result()
        assert events & (select.POLLHUP | select.POLLERR)

    def test_cat_ends_as_at_the_end_of_a_file(self, mount, net, spawn, end):
        lan = net()
        cat = spawn("cat", lan.port)
        until(lambda: lan["readers"] == "1")
        mount.until_blocked(cat)
        self.end_of(mount, end)
        assert cat.wait(PATIENCE) == 0

    def test_waiting_packets_are_reported(self, mount, net, end):
        lan = net("lan")
        lan.reader()
        writer = lan.writer()
        for _ in range(3):
            writer.write(b"x")
        self.end_of(mount, end)
        assert re.search(r"\b3 packets\b", mount.log())

    def test_directory_in_use_as_somebodys_working_directory(self, mount, net, spawn, end):
        """It ends all the same; who stands in it stands nowhere."""
        lan = net()
        spawn("sleep", "1000", cwd=lan.path)
        self.end_of(mount, end)


class TestCrash:
    def test_killed_daemon_leaves_no_one_waiting(self, ipnfs, directory, spawn):
        ipnfs("lab", directory)
        os.mkdir(os.path.join(directory, "lan"))
        cat = spawn("cat", os.path.join(directory, "lan", "port"), stderr=subprocess.DEVNULL)
        until(lambda: os.listdir(os.path.join(directory, "lan", "ports")) == ["0"])
        (daemon,) = (pid for pid in processes_naming(directory) if pid != cat.pid)
        os.kill(daemon, signal.SIGKILL)
        assert cat.wait(PATIENCE) != 0
        with fails(errno.ENOTCONN):
            os.listdir(directory)
        run("umount", "-l", directory)
        ipnfs("lab", directory)
        assert packets_pass(directory)
