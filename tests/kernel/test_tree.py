"""The tree: what is in it, what can be made, renamed and removed, and to whom it all belongs."""

import ctypes
import errno
import os
import socket
import stat
import time

import pytest

from ipnfs_identity import GROUP, MEMBER, OWNER, STRANGER, SUPPLEMENTARY_MEMBER
from ipnfs_testlib import NETWORK_FILES, fails, offers_uring, run, until

RENAME_NOREPLACE, RENAME_EXCHANGE, RENAME_WHITEOUT = 1, 2, 4
RENAME_FLAGS = {
    "plain": 0,
    "noreplace": RENAME_NOREPLACE,
    "exchange": RENAME_EXCHANGE,
    "whiteout": RENAME_WHITEOUT,
}
AT_FDCWD = -100

libc = ctypes.CDLL(None, use_errno=True)


def renameat2(old, new, flags):
    if libc.renameat2(AT_FDCWD, old.encode(), AT_FDCWD, new.encode(), flags) != 0:
        raise OSError(ctypes.get_errno(), old, None, None, new)


rename_flags = pytest.mark.parametrize("flags", RENAME_FLAGS.values(), ids=RENAME_FLAGS.keys())


def create(path):
    os.close(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_EXCL))


def mode_of(path):
    return stat.S_IMODE(os.stat(path).st_mode)


def owner_of(path):
    status = os.stat(path)
    return status.st_uid, status.st_gid


def reserve(network, number):
    """What `touch ports/number` does."""
    path = network.node_path(number)
    os.close(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_NONBLOCK))
    return path


@pytest.fixture
def umask():
    """umask(0o027): until the end of the test."""
    before = os.umask(0o022)
    yield os.umask
    os.umask(before)


class TestListing:
    def test_new_mount_has_no_networks(self, mount):
        assert run("ls", mount.path) == ""

    def test_networks_and_nothing_else_are_listed(self, mount, net):
        net("lan0")
        net("lan1")
        assert run("ls", mount.path).split() == ["lan0", "lan1"]

    def test_hidden_directory_is_seen_by_those_who_ask(self, mount):
        assert run("ls", "-A", mount.path).split() == [".ipnfs"]

    def test_port_comes_first_in_a_network(self, net):
        with os.scandir(net().path) as entries:
            names = [entry.name for entry in entries]
        assert names[0] == "port"
        assert names == NETWORK_FILES

    def test_ports_in_use_and_reserved_are_listed(self, net):
        lan = net()
        lan.reader()
        lan.writer()
        reserve(lan, 9)
        assert lan.ports() == [0, 1, 9]

    def test_directory_that_changes_while_it_is_listed(self, net):
        """Each name that was there all the time appears exactly once."""
        lan = net("lan", numnodes=2000)
        for number in range(1000, 2000):
            reserve(lan, number)
        with os.scandir(os.path.join(lan.path, "ports")) as entries:
            seen = [next(entries).name]
            for number in range(1000, 2000, 2):
                os.unlink(lan.node_path(number))
            seen += [entry.name for entry in entries]
        assert len(seen) == len(set(seen))
        assert {str(number) for number in range(1001, 2000, 2)} <= set(seen)

    def test_thousand_networks(self, mount, net):
        names = {f"lan{number}" for number in range(1000)}
        for name in names:
            net(name)
        assert set(os.listdir(mount.path)) == names | {".ipnfs"}


class TestVersion:
    @pytest.fixture
    def version(self, mount):
        with open(os.path.join(mount.path, ".ipnfs", "version"), encoding="utf-8") as lines:
            return dict(line.rstrip("\n").split(": ", 1) for line in lines)

    def test_names_the_program(self, version):
        assert version["name"] == "ipnfs"

    def test_agrees_with_the_command(self, version, ipnfs_binary):
        assert version["version"] in run(ipnfs_binary, "--version")

    def test_tells_the_transport(self, version):
        assert version["fuse_transport"] == ("io_uring" if offers_uring() else "device")

    def test_cannot_be_written(self, mount):
        path = os.path.join(mount.path, ".ipnfs", "version")
        with fails(errno.EACCES, errno.EPERM):
            STRANGER.does(os.open, path, os.O_WRONLY)

    def test_can_be_read_by_all(self, mount):
        assert "ipnfs" in STRANGER.does(run, "cat", os.path.join(mount.path, ".ipnfs", "version"))


class TestNames:
    @pytest.mark.parametrize("name", ["a", "lan0", "Lan_0.x-y", "-", "_", "0", "a" * 63, "a."])
    def test_good(self, mount, name):
        os.mkdir(os.path.join(mount.path, name))
        assert name in os.listdir(mount.path)

    def test_taken(self, mount, net):
        net("lan")
        with fails(errno.EEXIST):
            os.mkdir(os.path.join(mount.path, "lan"))

    def test_hidden_directory_is_taken(self, mount):
        with fails(errno.EEXIST):
            os.mkdir(os.path.join(mount.path, ".ipnfs"))

    def test_free_again_after_rmdir(self, mount, net):
        os.rmdir(net("lan").path)
        net("lan")
        assert "lan" in os.listdir(mount.path)


class TestRemoving:
    @pytest.mark.parametrize("access", [os.O_RDONLY, os.O_WRONLY, os.O_RDWR])
    def test_network_in_use_is_not_removed(self, net, access):
        lan = net()
        node = lan.join(access)
        with fails(errno.EBUSY):
            os.rmdir(lan.path)
        node.close()
        until(lambda: lan["nodes"] == "0")
        os.rmdir(lan.path)

    def test_reserved_ports_hold_nothing_up(self, net):
        lan = net()
        reserve(lan, 3)
        os.rmdir(lan.path)
        assert not os.path.exists(lan.path)

    def test_who_still_has_it_open_does_not_reach_its_successor(self, net):
        lan = net("lan")
        directory = os.open(lan.path, os.O_RDONLY | os.O_DIRECTORY)
        os.rmdir(lan.path)
        successor = net("lan")
        with fails(errno.ENOENT):
            os.setxattr(directory, "user.ipn.mtu", b"99")
        with fails(errno.ENOENT):
            os.open("port", os.O_RDONLY, dir_fd=directory)
        with fails(errno.ENOENT):
            os.listdir(directory)
        os.close(directory)
        assert (successor["mtu"], successor["nodes"]) == ("1514", "0")

    def test_networks_are_directories(self, net):
        with fails(errno.EISDIR, errno.EPERM):
            os.unlink(net().path)

    @pytest.mark.parametrize("directory", ["lan/ports", ".ipnfs"])
    def test_fixed_directories_stay(self, mount, net, directory):
        net("lan")
        with fails(errno.EPERM):
            os.rmdir(os.path.join(mount.path, directory))

    @pytest.mark.parametrize("file", ["lan/port", "lan/framed", ".ipnfs/version"])
    def test_fixed_files_stay(self, mount, net, file):
        net("lan")
        with fails(errno.EPERM):
            os.unlink(os.path.join(mount.path, file))

    def test_unused_port_is_not_there(self, net):
        with fails(errno.ENOENT):
            os.unlink(net().node_path(0))


@pytest.mark.parametrize("place", ["lan", "lan/ports", ".ipnfs"])
class TestWhatCannotBeMade:
    @pytest.fixture
    def new(self, mount, net, place):
        net("lan")
        return os.path.join(mount.path, place, "new")

    def test_directory(self, new):
        with fails(errno.EPERM):
            os.mkdir(new)

    @pytest.mark.parametrize("make", [create, os.mknod])
    def test_file(self, new, place, make):
        with fails(errno.EINVAL if place == "lan/ports" else errno.EPERM):  # there it is a bad name
            make(new)

    @pytest.mark.parametrize("kind", [stat.S_IFIFO, stat.S_IFCHR, stat.S_IFBLK])
    def test_special_file(self, new, kind):
        with fails(errno.EPERM):
            os.mknod(new, kind | 0o600, os.makedev(1, 3))

    def test_socket(self, new):
        with socket.socket(socket.AF_UNIX) as unix, fails(errno.EPERM):
            unix.bind(new)

    def test_hard_link(self, mount, new):
        with fails(errno.EPERM):
            os.link(os.path.join(mount.path, "lan", "port"), new)

    def test_symbolic_link(self, new):
        with fails(errno.EPERM):
            os.symlink("target", new)

    def test_unnamed_file(self, new):
        with fails(errno.EOPNOTSUPP, errno.EPERM):
            os.open(os.path.dirname(new), os.O_TMPFILE | os.O_WRONLY)


class TestWhatCannotBeMadeBesideNetworks:
    @pytest.fixture
    def new(self, mount):
        return os.path.join(mount.path, "new")

    def test_file(self, new):
        with fails(errno.EPERM):
            create(new)

    def test_symbolic_link(self, new):
        with fails(errno.EPERM):
            os.symlink("target", new)

    def test_fifo(self, new):
        with fails(errno.EPERM):
            os.mkfifo(new)

    def test_hard_link(self, net, new):
        with fails(errno.EPERM):
            os.link(net().port, new)


class TestRenaming:
    def test_network_gets_another_name(self, mount, net):
        lan = net("lan", mtu=99)
        os.rename(lan.path, os.path.join(mount.path, "wan"))
        assert os.listdir(mount.path) == [".ipnfs", "wan"]
        assert os.getxattr(os.path.join(mount.path, "wan"), "user.ipn.mtu") == b"99"

    def test_nodes_go_on(self, mount, net):
        lan = net("lan")
        reader, writer = lan.reader(), lan.writer()
        os.rename(lan.path, os.path.join(mount.path, "wan"))
        writer.write(b"from before")
        run("sh", "-c", 'printf "from after" > "$0"', os.path.join(mount.path, "wan", "port"))
        assert reader.read_all() == [b"from before", b"from after"]

    def test_network_stays_itself(self, mount, net):
        lan = net("lan")
        netid = lan["netid"]
        os.rename(lan.path, os.path.join(mount.path, "wan"))
        assert os.getxattr(os.path.join(mount.path, "wan"), "user.ipn.netid").decode() == netid

    def test_old_name_is_free(self, mount, net):
        os.rename(net("lan").path, os.path.join(mount.path, "wan"))
        net("lan")
        assert sorted(os.listdir(mount.path)) == [".ipnfs", "lan", "wan"]

    def test_shell_that_stands_in_it_stands_in_it_still(self, mount, net, spawn):
        lan = net("lan")
        reader = lan.reader()
        shell = spawn.shell(
            'cd "$lan"; echo; read; echo hi > port', lan=lan.path, stdin=-1, stdout=-1
        )
        assert shell.stdout.readline() == b"\n"
        os.rename(lan.path, os.path.join(mount.path, "wan"))
        shell.communicate(b"\n", timeout=30)
        assert shell.returncode == 0
        assert reader.read_all() == [b"hi\n"]

    @rename_flags
    def test_onto_a_network(self, net, flags):
        old, new = net("old", mtu=1), net("new", mtu=2)
        with fails(errno.EEXIST):
            renameat2(old.path, new.path, flags)
        assert (old["mtu"], new["mtu"]) == ("1", "2")

    def test_onto_itself_changes_nothing(self, net):
        lan = net("lan")
        os.rename(lan.path, lan.path)
        assert os.path.isdir(lan.path)

    @pytest.mark.parametrize("name", ["..lan", "la n", "län", "a\n"])
    def test_to_a_bad_name(self, mount, net, name):
        lan = net("lan")
        with fails(errno.EINVAL):
            os.rename(lan.path, os.path.join(mount.path, name))
        assert os.path.isdir(lan.path)

    @pytest.mark.parametrize(
        "old, new",
        [
            ("lan/port", "lan/port2"),
            ("lan/port", "port"),
            ("lan/port", "wan/port"),
            ("lan/ports", "lan/ports2"),
            ("lan/ports", "ports"),
            ("lan/ports/3", "lan/ports/4"),
            ("lan/ports/3", "wan/ports/3"),
            ("lan/ports/3", "lan/three"),
            ("lan", "wan/lan"),
            ("lan", "wan/ports/lan"),
            ("lan", ".ipnfs/lan"),
            ("lan", "lan/port"),
            (".ipnfs", "ipnfs"),
            (".ipnfs/version", ".ipnfs/new"),
            (".ipnfs/version", "version"),
        ],
    )
    @rename_flags
    def test_out_of_its_place(self, mount, net, old, new, flags):
        reserve(net("lan"), 3)
        net("wan")
        old_path, new_path = os.path.join(mount.path, old), os.path.join(mount.path, new)
        if flags == RENAME_EXCHANGE and not os.path.exists(new_path):
            expected = [errno.ENOENT]  # the kernel does not ask
        elif flags == RENAME_NOREPLACE and os.path.exists(new_path):
            expected = [errno.EEXIST]
        elif new.startswith(old + "/"):
            expected = [errno.EINVAL]
        elif os.path.isdir(old_path) and os.path.isfile(new_path):
            expected = [errno.ENOTDIR]
        else:
            expected = [errno.EPERM]
        with fails(*expected):
            renameat2(old_path, new_path, flags)
        assert os.path.exists(old_path)

    def test_mv_says_why_and_copies_nothing(self, net, spawn):
        lan, wan = net("lan"), net("wan")
        mv = spawn("mv", lan.port, wan.path, stderr=-1)
        _, words = mv.communicate(timeout=30)
        assert mv.returncode == 1
        assert b"Operation not permitted" in words


class TestOwnership:
    """What a new file or directory is like, and that it can be changed."""

    @pytest.mark.parametrize("mask", [0o000, 0o022, 0o027, 0o077])
    @pytest.mark.parametrize("mode", [0o777, 0o770, 0o750, 0o700])
    def test_mkdir_mode_and_umask_decide(self, mount, umask, mode, mask):
        umask(mask)
        lan = os.path.join(mount.path, "lan")
        os.mkdir(lan, mode)
        got = mode & ~mask
        assert mode_of(lan) == got
        for file in ("port", "framed"):
            assert mode_of(os.path.join(lan, file)) == got & ~0o111
        assert mode_of(os.path.join(lan, "ports")) == got

    def test_mkdir_m_overrules_the_umask(self, mount, umask):
        umask(0o077)
        lan = os.path.join(mount.path, "lan")
        run("mkdir", "-m", "0775", lan)
        assert mode_of(lan) == 0o775

    def test_network_belongs_to_its_maker(self, mount):
        lan = os.path.join(mount.path, "lan")
        MEMBER.does(os.mkdir, lan)
        for path in (lan, *(os.path.join(lan, file) for file in ("port", "framed", "ports"))):
            assert owner_of(path) == (MEMBER.uid, MEMBER.gid)

    def test_root_with_the_setgid_bit_hands_its_group_on(self, mount):
        """As every directory does: for groups that share their networks."""
        os.chown(mount.path, 0, GROUP)
        os.chmod(mount.path, 0o2775)
        lan = os.path.join(mount.path, "lan")
        SUPPLEMENTARY_MEMBER.does(os.mkdir, lan)
        assert mode_of(lan) == 0o2755
        for path in (lan, *(os.path.join(lan, file) for file in ("port", "framed", "ports"))):
            assert owner_of(path) == (SUPPLEMENTARY_MEMBER.uid, GROUP)

    @pytest.mark.parametrize("file", ["", "port", "framed", "ports"])
    def test_chmod(self, net, file):
        path = os.path.join(net().path, file)
        os.chmod(path, 0o640)
        assert mode_of(path) == 0o640

    @pytest.mark.parametrize("file", ["", "port", "framed", "ports", "ports/3"])
    def test_chown(self, net, file):
        lan = net()
        reserve(lan, 3)
        path = os.path.join(lan.path, file)
        os.chown(path, OWNER.uid, GROUP)
        assert owner_of(path) == (OWNER.uid, GROUP)
        os.chown(path, -1, 0)
        assert owner_of(path) == (OWNER.uid, 0)

    def test_each_file_has_its_own(self, net):
        lan = net()
        os.chmod(lan.path, 0o700)
        os.chmod(lan.framed, 0o600)
        assert mode_of(lan.port) == 0o644
        assert mode_of(os.path.join(lan.path, "ports")) == 0o755

    def test_owner_may_chgrp_to_a_group_of_hers(self, mount):
        lan = os.path.join(mount.path, "lan")
        OWNER.does(os.mkdir, lan)
        with fails(errno.EPERM):
            OWNER.does(os.chown, lan, -1, GROUP)

    @pytest.mark.parametrize("file", ["port", "framed", "ports/3", "ports/0"])
    @pytest.mark.parametrize("mode", [0o744, 0o654, 0o645, 0o777])
    def test_files_get_no_x_bits(self, net, file, mode):
        lan = net()
        reserve(lan, 3)
        lan.reader()
        path = os.path.join(lan.path, file)
        with fails(errno.EPERM):
            os.chmod(path, mode)
        assert mode_of(path) == 0o644

    def test_connected_port_belongs_to_its_opener(self, net, spawn):
        lan = net()
        os.chmod(lan.port, 0o666)
        spawn("cat", lan.port, **MEMBER.as_process)
        until(lambda: lan.ports() == [0], "cat has joined")
        assert owner_of(lan.node_path(0)) == (MEMBER.uid, MEMBER.gid)
        assert mode_of(lan.node_path(0)) == 0o644

    def test_connected_ports_file_goes_with_its_node(self, net):
        lan = net()
        lan.reader().close()
        until(lambda: lan.ports() == [])

    def test_reserved_port_keeps_its_own_until_removed(self, net):
        lan = net()
        path = reserve(lan, 3)
        os.chmod(path, 0o600)
        os.chown(path, OWNER.uid, GROUP)
        node = lan.reader(port=3)
        node.close()
        until(lambda: lan["nodes"] == "0")
        assert (mode_of(path), owner_of(path)) == (0o600, (OWNER.uid, GROUP))
        os.unlink(path)
        reserve(lan, 3)
        assert (mode_of(path), owner_of(path)) == (0o644, (0, 0))

    def test_reserved_port_gets_mode_and_umask_of_its_maker(self, net, umask):
        umask(0o027)
        lan = net()
        fd = os.open(lan.node_path(3), os.O_CREAT | os.O_WRONLY | os.O_NONBLOCK, 0o666)
        os.close(fd)
        until(lambda: lan["nodes"] == "0")
        assert mode_of(lan.node_path(3)) == 0o640

    def test_root_of_roots_mount(self, mount):
        assert mode_of(mount.path) == 0o1777
        assert owner_of(mount.path) == (0, 0)

    def test_root_as_the_mount_options_say(self, mount_with):
        mount = mount_with(f"mode=0750,uid={OWNER.uid},gid={GROUP}")
        assert mode_of(mount.path) == 0o750
        assert owner_of(mount.path) == (OWNER.uid, GROUP)

    def test_reserved_port_belongs_to_its_maker(self, net):
        lan = net()
        os.chmod(os.path.join(lan.path, "ports"), 0o777)
        path = MEMBER.does(reserve, lan, 3)
        assert (owner_of(path), mode_of(path)) == ((MEMBER.uid, MEMBER.gid), 0o644)


class TestOpening:
    @pytest.mark.parametrize("file", ["port", "framed", "ports/3"])
    def test_exclusive_creation_finds_it_there(self, net, file):
        lan = net()
        reserve(lan, 3)
        with fails(errno.EEXIST):
            create(os.path.join(lan.path, file))
        assert lan["nodes"] == "0"

    def test_a_mere_path_does_not_join(self, net):
        lan = net()
        fd = os.open(lan.port, os.O_PATH)
        assert lan["nodes"] == "0"
        os.close(fd)

    def test_neither_reading_nor_writing_is_no_role(self, net):
        """The access mode that open(2) keeps for ioctls."""
        node = net().join(os.O_ACCMODE)
        assert node["role"] == "none"
        with fails(errno.EBADF):
            node.write(b"x")

    def test_ports_are_no_directories(self, net):
        with fails(errno.ENOTDIR):
            os.open(net().port, os.O_RDONLY | os.O_DIRECTORY)

    def test_directories_are_not_written(self, net):
        with fails(errno.EISDIR):
            os.open(net().path, os.O_WRONLY)


class TestStatus:
    def test_files_are_regular_and_empty(self, net):
        lan = net()
        lan.reader()
        for path in (lan.port, lan.framed, lan.node_path(0)):
            status = os.stat(path)
            assert stat.S_ISREG(status.st_mode)
            assert (status.st_size, status.st_blocks) == (0, 0)

    def test_directories_are_directories(self, mount, net):
        lan = net()
        for path in (mount.path, lan.path, os.path.join(lan.path, "ports")):
            assert stat.S_ISDIR(os.stat(path).st_mode)

    def test_inode_numbers_stay_and_differ(self, net):
        lan, wan = net("lan"), net("wan")
        files = [os.path.join(n.path, f) for n in (lan, wan) for f in ("", "port", "framed", "ports")]
        numbers = [os.stat(file).st_ino for file in files]
        assert len(set(numbers)) == len(numbers)
        assert numbers == [os.stat(file).st_ino for file in files]

    def test_time_of_creation(self, net):
        before = time.time_ns()
        lan = net()
        assert before - 10**9 < os.stat(lan.port).st_mtime_ns < time.time_ns() + 10**9

    def test_time_of_the_last_packet(self, net):
        lan = net()
        lan.reader()
        created = os.stat(lan.port).st_mtime_ns
        until(lambda: time.time_ns() > created + 10**7, "times have ticks of up to 10 ms")
        lan.writer().write(b"x")
        assert os.stat(lan.port).st_mtime_ns > created

    def test_touch_is_accepted(self, net):
        lan = net()
        run("touch", "-d", "2001-01-01", lan.port)
        assert lan["nodes"] == "0"

    def test_statfs(self, mount, net):
        net()
        status = os.statvfs(mount.path)
        assert status.f_namemax == 63
        assert run("df", mount.path)

    @pytest.mark.parametrize("size", [0, 1, 1 << 40])
    def test_truncation_is_accepted_and_means_nothing(self, net, size):
        lan = net()
        os.truncate(lan.port, size)
        os.ftruncate(lan.writer().fd, size)
        assert os.stat(lan.port).st_size == 0


class TestMaxNetworks:
    def test_one_more_does_not_fit(self, mount_with):
        mount = mount_with("max_networks=2")
        mount.net("a")
        mount.net("b")
        with fails(errno.ENOSPC):
            mount.net("c")

    def test_removed_ones_do_not_count(self, mount_with):
        mount = mount_with("max_networks=1")
        os.rmdir(mount.net("a").path)
        mount.net("b")
