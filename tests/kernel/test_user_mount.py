"""A user without privileges mounts, by fusermount3 or in a user namespace, uses it and umounts."""

import errno
import os
import shutil
import stat
import subprocess

import pytest

from ipnfs_identity import STRANGER, Identity
from ipnfs_testlib import fails, mounted, run, until

NOT_PERMITTED = (1, 32)  # exit statuses of mount(8): permissions, or failure
NOBODY = Identity(65534, 65534)  # fusermount3 asks for an entry in passwd


def try_run(*argv, **options):
    """As a user; what became of it."""
    return subprocess.run(
        [str(a) for a in argv],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        **{**NOBODY.as_process, **options},
    )


def status_of(path):
    """Mode and owner."""
    status = os.stat(path)
    return stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid


@pytest.fixture
def directory(scratch):
    """A directory that belongs to nobody."""
    path = scratch / "mnt"
    path.mkdir()
    os.chown(path, NOBODY.uid, NOBODY.gid)
    yield str(path)
    if mounted(str(path)):
        run("umount", "-l", path)


@pytest.fixture
def users_mount(ipnfs_binary, directory):
    result = try_run(ipnfs_binary, "lab", directory)
    assert (result.returncode, result.stderr) == (0, "")
    yield directory
    if mounted(directory):
        NOBODY.does(run, "fusermount3", "-u", directory)


class TestPolicies:
    def test_user_registers_modules_of_her_own_and_of_root(self, users_mount, modules, scratch):
        link = os.path.join(users_mount, ".ipnfs", "policies", "old-hub")
        of_root = modules / "tests" / "old-hub.so"
        own = scratch / "own.so"
        shutil.copyfile(of_root, own)
        os.chown(own, NOBODY.uid, NOBODY.gid)
        for module in (of_root, own):
            NOBODY.does(os.symlink, str(module), link)
            assert NOBODY.does(os.readlink, link) == str(module)
            NOBODY.does(os.unlink, link)

    def test_user_does_not_register_somebody_elses(self, users_mount, modules, scratch):
        strange = scratch / "strange.so"
        shutil.copyfile(modules / "tests" / "old-hub.so", strange)
        os.chown(strange, STRANGER.uid, STRANGER.gid)
        link = os.path.join(users_mount, ".ipnfs", "policies", "old-hub")
        with fails(errno.EPERM):
            NOBODY.does(os.symlink, str(strange), link)


class TestFusermount:
    def test_it_is_mounted(self, users_mount):
        assert mounted(users_mount)
        assert run("findmnt", "-n", "-o", "SOURCE,FSTYPE", users_mount).split() == [
            "lab",
            "fuse.ipnfs",
        ]

    def test_user_uses_it(self, users_mount):
        script = """
            cd "$1"
            mkdir lan
            setfattr -n user.ipn.eof -v last-writer lan
            cat lan/port & reader=$!
            until [ "$(getfattr --only-values -n user.ipn.readers lan)" = 1 ]; do sleep 0.01; done
            echo "hello, myself" > lan/port
            wait "$reader"
            rmdir lan
        """
        assert NOBODY.does(run, "sh", "-euc", script, "sh", users_mount) == "hello, myself\n"

    def test_root_directory_is_hers_alone(self, users_mount):
        assert NOBODY.does(status_of, users_mount) == (0o700, NOBODY.uid, NOBODY.gid)

    @pytest.mark.parametrize("other", [STRANGER, Identity(0, 0)], ids=["stranger", "root"])
    def test_nobody_else_gets_in(self, users_mount, other):
        with fails(errno.EACCES):
            other.does(os.listdir, users_mount)

    def test_user_umounts_it(self, users_mount):
        NOBODY.does(run, "fusermount3", "-u", users_mount)
        assert not mounted(users_mount)

    def test_stranger_may_not_umount_it(self, users_mount):
        assert try_run("fusermount3", "-u", users_mount, **STRANGER.as_process).returncode != 0
        assert mounted(users_mount)

    def test_in_use_it_is_not_umounted(self, users_mount, spawn):
        lan = os.path.join(users_mount, "lan")
        NOBODY.does(os.mkdir, lan)
        spawn("cat", f"{lan}/port", **NOBODY.as_process)
        until(lambda: NOBODY.does(os.listdir, f"{lan}/ports") == ["0"])
        assert try_run("fusermount3", "-u", users_mount).returncode != 0
        assert mounted(users_mount)
        NOBODY.does(run, "fusermount3", "-u", "-z", users_mount)
        assert not mounted(users_mount)

    def test_name_smuggles_no_option_in(self, ipnfs_binary, directory):
        assert try_run(ipnfs_binary, "lab,allow_other", directory).returncode == 0
        assert "allow_other" not in run("findmnt", "-n", "-o", "OPTIONS", directory)

    def test_mode_can_be_given(self, ipnfs_binary, directory):
        assert try_run(ipnfs_binary, "lab", directory, "-o", "mode=0750").returncode == 0
        assert NOBODY.does(status_of, directory)[0] == 0o750

    def test_safe_options(self, users_mount):
        options = run("findmnt", "-n", "-o", "OPTIONS", users_mount).strip().split(",")
        assert {"nosuid", "nodev", "noexec", "default_permissions"} <= set(options)
        assert "allow_other" not in options


class TestAllowOther:
    """Where the administrator lets users, others may be let in."""

    @pytest.fixture
    def fuse_conf(self, scratch):
        """fuse_conf("user_allow_other\\n"): what /etc/fuse.conf says, in the sandbox only."""

        def write(text):
            conf = scratch / "fuse.conf"
            conf.write_text(text, encoding="ascii")
            run("mount", "--bind", conf, "/etc/fuse.conf")

        yield write
        run("umount", "/etc/fuse.conf")

    def test_not_by_default(self, fuse_conf, ipnfs_binary, directory):
        fuse_conf("")
        result = try_run(ipnfs_binary, "lab", directory, "-o", "allow_other")
        assert result.returncode in NOT_PERMITTED
        assert "allow_other" in result.stderr and result.stderr.count("\n") == 1
        assert not mounted(directory)

    def test_where_it_is_allowed(self, fuse_conf, ipnfs_binary, directory):
        fuse_conf("user_allow_other\n")
        assert (
            try_run(ipnfs_binary, "lab", directory, "-o", "allow_other,mode=0755").returncode == 0
        )
        NOBODY.does(os.mkdir, os.path.join(directory, "lan"))
        assert STRANGER.does(os.listdir, directory) == [".ipnfs", "lan"]
        with fails(errno.EACCES):
            STRANGER.does(os.mkdir, os.path.join(directory, "wan"))

    def test_even_then_the_root_is_closed_at_first(self, fuse_conf, ipnfs_binary, directory):
        fuse_conf("user_allow_other\n")
        assert try_run(ipnfs_binary, "lab", directory, "-o", "allow_other").returncode == 0
        with fails(errno.EACCES):
            STRANGER.does(os.listdir, directory)


class TestRefusals:
    def test_directory_of_somebody_else(self, ipnfs_binary, scratch):
        directory = scratch / "roots"
        directory.mkdir()
        result = try_run(ipnfs_binary, "lab", directory)
        assert result.returncode in NOT_PERMITTED
        assert str(directory) in result.stderr and result.stderr.count("\n") == 1

    def test_no_fusermount(self, ipnfs_binary, directory):
        """A machine without fuse3 installed."""
        run("mount", "--bind", "/dev/null", "/usr/bin/fusermount3")
        try:
            result = try_run(ipnfs_binary, "lab", directory)
        finally:
            run("umount", "/usr/bin/fusermount3")
        assert result.returncode in NOT_PERMITTED
        assert "fusermount3" in result.stderr and result.stderr.count("\n") == 1


class TestUserNamespace:
    """unshare -Urm: root of a namespace of one's own mounts without fusermount3."""

    @pytest.mark.parametrize("identity", [NOBODY, Identity(0, 0)], ids=["nobody", "root"])
    def test_mount_use_umount(self, ipnfs_binary, directory, identity):
        script = """
            "$1" lab "$2"
            cd "$2"
            mkdir lan
            setfattr -n user.ipn.eof -v last-writer lan
            cat lan/port & reader=$!
            until [ "$(getfattr --only-values -n user.ipn.readers lan)" = 1 ]; do sleep 0.01; done
            echo "hello, namespace" > lan/port
            wait "$reader"
            stat -c %u:%g lan
            cd /
            umount "$2"
        """
        result = try_run(
            "unshare",
            "-Urm",
            "sh",
            "-euc",
            script,
            "sh",
            ipnfs_binary,
            directory,
            **identity.as_process,
        )
        assert (result.stdout, result.returncode) == ("hello, namespace\n0:0\n", 0), result.stderr

    def test_outside_it_is_not_seen(self, ipnfs_binary, directory):
        result = try_run(
            "unshare",
            "-Urm",
            "sh",
            "-euc",
            '"$1" lab "$2"; ls -A "$2"',
            "sh",
            ipnfs_binary,
            directory,
        )
        assert (result.stdout, result.returncode) == (".ipnfs\n", 0), result.stderr
        assert os.listdir(directory) == []

    @pytest.mark.parametrize("identity", [NOBODY, Identity(0, 0)], ids=["nobody", "root"])
    def test_taps_between_network_namespaces_of_ones_own(self, ipnfs_binary, directory, identity):
        """unshare -Urnm: what is root there may do with interfaces there what root may."""
        script = """
            "$1" lab "$2"
            cd "$2"
            mkdir lan
            touch lan/tap/tap1
            ip addr add 10.0.0.1/24 dev tap1
            unshare -n sh -euc '
                touch lan/tap/tap2
                ip addr add 10.0.0.2/24 dev tap2
                ping -qn -c 1 -W 5 10.0.0.1
            '
            rm lan/tap/tap1 lan/tap/tap2
            ! ip link show tap1
            cd /
            umount "$2"
        """
        argv = ["unshare", "-Urnm", "sh", "-euc", script, "sh", ipnfs_binary, directory]
        result = try_run(*argv, **identity.as_process)
        assert result.returncode == 0, result.stderr
        assert "1 received" in result.stdout
