"""Policies as modules: registered and taken out through .ipnfs/policies/, good ones and bad ones."""

import errno
import fcntl
import os
import pathlib
import re
import shutil
import subprocess

import pytest

from ipnfs_identity import STRANGER
from ipnfs_testlib import fails, get_option, run, set_option, until

SOURCE = pathlib.Path(__file__).parents[2]
PAGE = SOURCE / "man" / "ipnfs-policy.3"
FIRST_EDITION = SOURCE / "tests" / "old-policies" / "first-edition"


class Registry:
    """.ipnfs/policies/ of a mount."""

    def __init__(self, mount):
        self.path = os.path.join(mount.path, ".ipnfs", "policies")

    def link(self, name):
        return os.path.join(self.path, name)

    def add(self, name, target):
        os.symlink(target, self.link(name))

    def remove(self, name):
        os.unlink(self.link(name))

    def names(self):
        return set(os.listdir(self.path))

    @property
    def words(self):
        return get_option(self.path, "error")

    def refuses(self, name, target, *errors):
        """Registering fails with one of these errors; returns the words behind it."""
        before = self.names()
        with fails(*errors):
            self.add(name, target)
        assert self.names() == before
        return self.words


@pytest.fixture
def policies(mount):
    return Registry(mount)


@pytest.fixture
def module(modules, scratch):
    """module("observer"): a copy of a test's module that the test may spoil."""

    def copy(name, as_name=None):
        path = scratch / f"{as_name or name}.so"
        shutil.copyfile(modules / "tests" / f"{name}.so", path)
        os.chmod(path, 0o644)
        return str(path)

    return copy


@pytest.fixture
def compiled(scratch):
    """compiled("name", source): the path of a module made of C source."""

    def make(name, text, include=SOURCE / "src" / "include"):
        source = scratch / f"{name}.c"
        source.write_text(text, encoding="utf-8")
        path = scratch / f"{name}.so"
        flags = ["-std=c11", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC"]
        run("cc", *flags, f"-I{include}", "-o", path, source)
        os.chmod(path, 0o755)
        return str(path)

    return make


def mapped(mount, path):
    """Whether the daemon has this file in its memory."""
    inode = str(os.stat(path).st_ino)
    with open(f"/proc/{mount.daemon.pid}/maps", encoding="utf-8") as maps:
        return any(line.split()[4] == inode for line in maps)


class TestDirectory:
    def test_builtin_policy_is_part_of_the_daemon(self, policies, ipnfs_binary):
        assert "broadcast" in policies.names()
        assert os.readlink(policies.link("broadcast")) == os.path.realpath(ipnfs_binary)
        with fails(errno.EPERM):
            policies.remove("broadcast")
        assert policies.words == "this policy is a part of the daemon"

    def test_our_policies_are_registered_at_mount(self, policies, modules):
        ours = {path.stem for path in (modules / "policies").glob("*.so")}
        assert policies.names() == ours | {"broadcast"}
        for name in ours - {"broadcast"}:
            assert os.readlink(policies.link(name)) == str(modules / "policies" / f"{name}.so")

    def test_everybody_may_look(self, policies, ipnfs_binary):
        assert "broadcast" in STRANGER.does(os.listdir, policies.path)
        target = STRANGER.does(os.readlink, policies.link("broadcast"))
        assert target == os.path.realpath(ipnfs_binary)

    def test_ls_shows_links(self, policies):
        assert " broadcast -> /" in run("ls", "-l", policies.path)

    def test_nothing_else_can_be_made_there(self, policies):
        with fails(errno.EPERM):
            os.mkdir(policies.link("directory"))
        with fails(errno.EPERM):
            os.close(os.open(policies.link("file"), os.O_CREAT | os.O_WRONLY))
        with fails(errno.EPERM):
            os.rename(policies.link("broadcast"), policies.link("other"))


class TestLife:
    """Load, use, refuse to unload in use, unload, load again."""

    def test_of_a_module(self, mount, policies, module):
        path = module("old-hub")
        lan = mount.net()
        with fails(errno.EINVAL):
            lan["policy"] = "old-hub"
        policies.add("old-hub", path)
        assert os.readlink(policies.link("old-hub")) == path
        assert mapped(mount, path)
        lan["policy"] = "old-hub"
        with fails(errno.EADDRINUSE):
            policies.remove("old-hub")
        assert policies.words == "networks that are bound to this policy: 1"
        assert mapped(mount, path)
        lan["policy"] = "broadcast"
        policies.remove("old-hub")
        assert "old-hub" not in policies.names()
        assert not mapped(mount, path)
        policies.add("old-hub", path)
        lan["policy"] = "old-hub"
        assert mapped(mount, path)

    def test_a_network_that_is_removed_lets_its_policy_go(self, mount, policies, module):
        policies.add("old-hub", module("old-hub"))
        lan = mount.net(policy="old-hub")
        os.rmdir(lan.path)
        policies.remove("old-hub")

    def test_a_changed_module_is_the_new_one(self, mount, policies, compiled):
        source = extract_example()
        path = compiled("turns", source)
        policies.add("turns", path)
        policies.remove("turns")
        os.unlink(path)
        compiled("turns", source.replace('"turns", show', '"others", show'))
        policies.add("turns", path)
        lan = mount.net(policy="turns")
        assert os.listdir(os.path.join(lan.path, "policy")) == ["others"]

    def test_several_modules_at_once(self, mount, policies, module):
        """None is taken for another, in whatever order they come and go."""
        for name in ("old-hub", "refusing", "faulty"):
            policies.add(name, module(name))
        policies.remove("refusing")
        policies.add("observer", module("observer"))
        policies.remove("old-hub")
        policies.add("refusing", module("refusing"))
        policies.add("old-hub", module("old-hub"))
        lan = mount.net(policy="old-hub")
        assert lan["policy"] == "old-hub"
        with fails(errno.ENOSPC):
            mount.net("other")["policy"] = "refusing"

    def test_one_that_came_by_two_names_is_not_taken_for_the_next(self, policies, module):
        """The dynamic linker remembers each name that an object ever had."""
        path = module("old-hub")
        policies.add("old-hub", path)
        for _ in range(3):
            policies.refuses("another", path, errno.EINVAL)
        for name in ("refusing", "faulty"):
            policies.add(name, module(name))

    def test_registering_leaves_no_descriptors_behind(self, mount, policies, module):
        path = module("old-hub")
        directory = f"/proc/{mount.daemon.pid}/fd"
        policies.refuses("another", path, errno.EINVAL)
        before = len(os.listdir(directory))
        for _ in range(5):
            policies.add("old-hub", path)
            policies.refuses("another", path, errno.EINVAL)
            policies.remove("old-hub")
        assert len(os.listdir(directory)) == before

    def test_the_default_of_new_networks_is_a_use(self, mount, policies, module):
        policies.add("old-hub", module("old-hub"))
        set_option(mount.path, "policy", "old-hub")
        with fails(errno.EADDRINUSE):
            policies.remove("old-hub")
        assert mount.net()["policy"] == "old-hub"

    def test_a_mount_that_ends_lets_its_modules_go(self, mount, policies, module):
        policies.add("old-hub", module("old-hub"))
        mount.net(policy="old-hub").reader()
        mount.umount()

    def test_by_the_shell(self, mount, policies, module):
        path = module("old-hub")
        run("ln", "-s", path, policies.link("old-hub"))
        mount.net(policy="old-hub")
        result = subprocess.run(
            ["rm", policies.link("old-hub")], capture_output=True, text=True, check=False
        )
        assert "in use" in result.stderr


class TestBadFiles:
    def test_missing(self, policies):
        assert "No such file" in policies.refuses("x", "/no/such/module.so", errno.ENOENT)

    def test_relative_path(self, policies, module, scratch):
        module("old-hub")
        cwd = os.getcwd()
        os.chdir(scratch)
        try:
            assert "absolute" in policies.refuses("old-hub", "old-hub.so", errno.EINVAL)
        finally:
            os.chdir(cwd)

    def test_directory(self, policies, scratch):
        assert "regular" in policies.refuses("x", str(scratch), errno.EINVAL)

    def test_fifo(self, policies, scratch):
        """Nobody waits for its other end."""
        fifo = str(scratch / "fifo.so")
        os.mkfifo(fifo)
        assert "regular" in policies.refuses("x", fifo, errno.EINVAL)

    def test_device(self, policies):
        assert "regular" in policies.refuses("x", "/dev/null", errno.EINVAL)

    def test_no_object(self, policies, scratch):
        text = scratch / "text.so"
        text.write_text("no object\n" * 10)
        assert "invalid ELF header" in policies.refuses("x", str(text), errno.EPROTO)

    def test_empty_file(self, policies, scratch):
        (scratch / "empty.so").touch()
        policies.refuses("x", str(scratch / "empty.so"), errno.EPROTO)

    def test_object_without_the_function(self, policies, module):
        words = policies.refuses("nosymbol", module("nosymbol"), errno.EPROTO)
        assert "ipn_policy_module" in words

    def test_another_api(self, policies, module):
        assert "API 1" in policies.refuses("otherapi", module("otherapi"), errno.EPROTO)

    def test_another_name(self, policies, module):
        words = policies.refuses("oldhub", module("old-hub"), errno.EINVAL)
        assert "is policy 'old-hub'" in words

    def test_a_constructor_that_fails(self, policies, module):
        words = policies.refuses("constructor", module("constructor"), errno.EPROTO)
        assert words.endswith("this machine has no such hardware")

    def test_hooks_without_destroy(self, policies, module):
        words = policies.refuses("halfhooks", module("halfhooks"), errno.EPROTO)
        assert "create or destroy" in words

    @pytest.mark.parametrize("mode", [0o666, 0o664, 0o622, 0o777])
    def test_writable_by_others(self, policies, module, mode):
        path = module("old-hub")
        os.chmod(path, mode)
        assert "write" in policies.refuses("old-hub", path, errno.EPERM)

    def test_somebody_elses(self, policies, module):
        path = module("old-hub")
        os.chown(path, STRANGER.uid, 0)
        assert "belongs" in policies.refuses("old-hub", path, errno.EPERM)

    def test_on_a_fuse_mount(self, mount, policies):
        """On this very one, which has to answer while it looks."""
        path = os.path.join(mount.path, ".ipnfs", "version")
        assert "FUSE" in policies.refuses("version", path, errno.EPERM)

    def test_a_link_to_a_module_is_followed(self, policies, module, scratch):
        os.symlink(module("old-hub"), scratch / "link.so")
        policies.add("old-hub", str(scratch / "link.so"))
        assert os.readlink(policies.link("old-hub")) == str(scratch / "link.so")

    def test_name_taken(self, policies, module):
        path = module("old-hub")
        policies.add("old-hub", path)
        with fails(errno.EEXIST):
            policies.add("old-hub", path)
        with fails(errno.EEXIST):
            policies.add("broadcast", path)

    def test_the_daemon_survives_all_of_it(self, mount, policies, module):
        for name in ("nosymbol", "otherapi", "constructor", "halfhooks"):
            policies.refuses(name, module(name), errno.EPROTO)
            assert not mapped(mount, module(name))
        lan = mount.net()
        reader = lan.reader()
        lan.writer().write(b"hello")
        assert reader.read() == b"hello"


class TestPermissions:
    def test_a_stranger_may_not_register(self, policies, module):
        path = module("old-hub")
        with fails(errno.EACCES, errno.EPERM):
            STRANGER.does(os.symlink, path, policies.link("old-hub"))

    def test_not_even_where_the_directory_lets_him(self, policies, module):
        path = module("old-hub")
        os.chmod(policies.path, 0o777)
        with fails(errno.EPERM):
            STRANGER.does(os.symlink, path, policies.link("old-hub"))
        policies.add("old-hub", path)
        with fails(errno.EPERM):
            STRANGER.does(os.unlink, policies.link("old-hub"))

    def test_nor_the_owner_of_the_root(self, mount_with, module):
        """Option uid= gives the networks away, not the daemon."""
        mount = mount_with(f"uid={STRANGER.uid},gid={STRANGER.gid}")
        policies = Registry(mount)
        path = module("old-hub")
        with fails(errno.EACCES, errno.EPERM):
            STRANGER.does(os.symlink, path, policies.link("old-hub"))
        assert os.stat(policies.path).st_uid == 0


class TestPolicydir:
    def test_bad_modules_are_told_and_skipped(self, mount_with, modules, module, scratch):
        directory = scratch / "modules"
        directory.mkdir()
        for name in ("old-hub", "nosymbol", "constructor"):
            shutil.copyfile(module(name), directory / f"{name}.so")
        (directory / "text.so").write_text("no object\n")
        (directory / "README").write_text("no module\n")
        shutil.copyfile(modules / "policies" / "broadcast.so", directory / "broadcast.so")
        for path in directory.iterdir():
            path.chmod(0o644)
        mount = mount_with(f"policydir={directory}")
        assert Registry(mount).names() == {"broadcast", "old-hub"}
        told = re.findall(r"policydir: \S*/([\w.-]+): ", mount.log())
        assert told == ["constructor.so", "nosymbol.so", "text.so"]

    def test_an_empty_one(self, mount_with, scratch):
        mount = mount_with(f"policydir={scratch}")
        assert Registry(mount).names() == {"broadcast"}
        assert mount.log().count("\n") == mount.log().count("ipnfs: info:")

    @pytest.mark.parametrize("name", ["/no/such/directory", "/dev/null", ""])
    def test_one_that_is_none(self, ipnfs_binary, scratch, name):
        (scratch / "mnt").mkdir()
        result = subprocess.run(
            [ipnfs_binary, "test", scratch / "mnt", "-o", f"policydir={name}"],
            capture_output=True,
            text=True,
            check=False,
        )
        assert result.returncode == 1
        assert result.stderr.startswith("ipnfs: option policydir")
        assert result.stderr.count("\n") == 1


class TestModules:
    def test_broadcast_works_as_a_module(self, mount, policies, modules, scratch):
        """Under another name, since the daemon has one of that name."""
        data = (modules / "policies" / "broadcast.so").read_bytes()
        renamed = data.replace(b"\0broadcast\0", b"\0bro4dcast\0")
        (scratch / "bro4dcast.so").write_bytes(renamed)
        policies.add("bro4dcast", str(scratch / "bro4dcast.so"))
        lan = mount.net(policy="bro4dcast")
        one, two, writer = lan.reader(), lan.reader(), lan.writer()
        writer.write(b"hello")
        assert (one.read(), two.read()) == (b"hello", b"hello")

    def test_of_the_first_edition_works(self, mount, policies, module):
        policies.add("old-hub", module("old-hub"))
        lan = mount.net(policy="old-hub", numnodes=4)
        reader, node = lan.reader(), lan.both()
        assert (reader.number, node.number) == (3, 2), "it chooses from the top"
        node.write(b"one")
        node.write(b"+two")
        assert reader.read_all() == [b"one", b"+two", b"+two"]
        node.write(b"?")
        assert node.read() == b"3"
        assert os.listdir(os.path.join(lan.path, "policy")) == []

    def test_the_source_of_the_first_edition_compiles_with_todays_header(
        self, mount, policies, compiled
    ):
        source = (SOURCE / "tests" / "old-policies" / "old_hub.c").read_text(encoding="utf-8")
        policies.add("old-hub", compiled("old-hub", source))
        mount.net(policy="old-hub")

    def test_a_policy_that_refuses_networks(self, mount, policies, module):
        policies.add("refusing", module("refusing"))
        lan = mount.net()
        with fails(errno.ENOSPC):
            lan["policy"] = "refusing"
        assert lan["error"] == "not this one"
        assert lan["policy"] == "broadcast"
        set_option(mount.path, "policy", "refusing")
        with fails(errno.ENOSPC):
            mount.net("other")
        set_option(mount.path, "policy", "broadcast")
        policies.remove("refusing")

    def test_a_faulty_policy_is_named_in_the_log(self, mount_with, module):
        # What such a policy leaves behind is lost, and not the daemon's fault.
        mount = mount_with(command=["env", "ASAN_OPTIONS=detect_leaks=0"])
        Registry(mount).add("faulty", module("faulty"))
        lan = mount.net(policy="faulty")
        writer = lan.writer()
        for _ in range(3):
            with fails(errno.EPROTO):
                writer.write(b"!")
        writer.write(b"ordinary")
        writer.close()
        until(lambda: lan["nodes"] == "0")
        lan["policy"] = "broadcast"
        warnings = [line for line in mount.log().splitlines() if "policy faulty" in line]
        assert len(warnings) == 3
        assert "network lan" in warnings[0] and "-100000" in warnings[0]
        assert "left 1 timers behind" in warnings[1]
        assert "still holds 4 packets" in warnings[2]
        reader, writer = lan.reader(), lan.writer()
        writer.write(b"hello")
        assert reader.read() == b"hello"


class TestHooks:
    @pytest.fixture
    def seen(self, ipnfs_binary, mount_with, scratch):
        """A mount whose observer writes to a file, and what it has written since."""
        log = scratch / "seen"
        log.touch()

        class Seen:
            mount = mount_with(command=["env", f"IPNFS_TEST_OBSERVER={log}"])
            read = 0

            def __call__(self):
                lines = log.read_text(encoding="utf-8").splitlines()
                new, self.read = lines[self.read :], len(lines)
                return new

        return Seen()

    @pytest.fixture
    def ours(self, modules):
        names = {path.stem for path in (modules / "policies").glob("*.so")} | {"broadcast"}
        return ["broadcast", *sorted(names - {"broadcast"})]

    def test_registered_before_networks_exist(self, seen, module, ours):
        policies = Registry(seen.mount)
        policies.add("observer", module("observer"))
        assert seen() == [*(f"registered {name}" for name in ours), "registered observer"]
        lan = seen.mount.net()
        assert seen() == ["create lan", "bound lan broadcast"]
        policies.add("old-hub", module("old-hub"))
        lan["policy"] = "old-hub"
        assert seen() == ["registered old-hub", "bound lan old-hub"]
        os.rename(lan.path, os.path.join(seen.mount.path, "renamed"))
        os.rmdir(os.path.join(seen.mount.path, "renamed"))
        assert seen() == ["shutdown lan", "destroy lan"]
        policies.remove("old-hub")
        assert seen() == ["unregistered old-hub"]

    def test_registered_after_networks_exist(self, seen, module, ours):
        policies = Registry(seen.mount)
        seen.mount.net("one")
        two = seen.mount.net("two")
        reader = two.reader()
        two["state"] = "down"
        policies.add("observer", module("observer"))
        assert seen() == [
            *(f"registered {name}" for name in ours),
            *("create one", "bound one broadcast"),
            *("create two", "bound two broadcast", "shutdown two"),
            "registered observer",
        ]
        reader.close()
        until(lambda: not os.path.exists(two.path))
        assert seen() == ["destroy two"]
        policies.remove("observer")
        assert seen() == ["shutdown one", "destroy one"]

    def test_told_of_everything_at_the_end(self, seen, module):
        Registry(seen.mount).add("observer", module("observer"))
        seen.mount.net()
        seen()
        seen.mount.umount()
        assert seen() == ["shutdown lan", "destroy lan"]

    def test_no_network_is_bound_to_a_module_that_only_watches(self, mount, policies, module):
        policies.add("observer", module("observer"))
        lan = mount.net()
        with fails(errno.EINVAL):
            lan["policy"] = "observer"
        assert lan["error"] == "policy 'observer' only watches networks"


def extract_example():
    """The module of ipnfs-policy(3), out of the page's own text."""
    page = PAGE.read_text(encoding="utf-8")
    block = re.search(r"^\.Bd -literal\n(/\* turns\.c.*?)^\.Ed$", page, re.DOTALL | re.MULTILINE)
    return block[1].replace("\\e", "\\")


class TestManualPage:
    def test_example_is_short(self):
        assert extract_example().count("\n") < 80

    def test_example_compiles_and_works(self, mount, policies, compiled):
        policies.add("turns", compiled("turns", extract_example()))
        lan = mount.net(policy="turns")
        view = os.path.join(lan.path, "policy", "turns")
        writer = lan.writer()
        writer.write(b"nobody is there")
        lan["turns.strict"] = "1"
        with fails(errno.ESRCH):
            writer.write(b"nobody is there")
        assert get_option(lan.port, "error") == "nobody is there whose turn it could be"
        first, second = lan.reader(), lan.reader()
        for job in (b"1", b"2", b"3", b"4"):
            writer.write(job)
        assert (first.read_all(), second.read_all()) == ([b"1", b"3"], [b"2", b"4"])
        text = pathlib.Path(view).read_text(encoding="ascii")
        assert text == f"last {second.number}\npackets 4\n"

    def test_example_has_an_option(self, mount, policies, compiled):
        policies.add("turns", compiled("turns", extract_example()))
        lan = mount.net(policy="turns")
        assert lan["turns.strict"] == "0"
        with fails(errno.EINVAL):
            lan["turns.strict"] = "2"
        set_option(mount.path, "turns.strict", "1")
        assert mount.net("later", policy="turns")["turns.strict"] == "1"
        assert lan["turns.strict"] == "0"
        os.removexattr(lan.path, "user.ipn.turns.strict")
        assert lan["turns.strict"] == "1"
        assert "user.ipn.turns.strict" in os.listxattr(lan.path)

    def test_dump_of_options_is_restored(self, mount, policies, compiled, scratch):
        policies.add("turns", compiled("turns", extract_example()))
        lan = mount.net(policy="turns")
        lan["turns.strict"] = "1"
        dump = scratch / "dump"
        dump.write_text(run("getfattr", "-d", "lan", cwd=mount.path))
        os.rmdir(lan.path)
        lan = mount.net()
        run("setfattr", f"--restore={dump}", cwd=mount.path)
        assert (lan["policy"], lan["turns.strict"]) == ("turns", "1")


class TestTree:
    """What walks the tree neither joins nor blocks, whatever a policy adds to it."""

    def test_walks(self, mount, policies, compiled):
        policies.add("turns", compiled("turns", extract_example()))
        lan = mount.net(policy="turns")
        for command in (["find", "."], ["ls", "-lR"], ["du", "-a"], ["grep", "-r", "x", "."]):
            subprocess.run(command, cwd=mount.path, stdout=subprocess.DEVNULL, timeout=60, check=False)
        assert "packets 0" in run("grep", "-r", "packets", ".", cwd=lan.path)
        assert run("find", lan.path, "-type", "d").count("\n") == 5
        assert lan["nodes"] == "0"

    def test_view_is_read_by_everyday_tools(self, mount, policies, compiled, scratch):
        policies.add("turns", compiled("turns", extract_example()))
        view = os.path.join(mount.net(policy="turns").path, "policy", "turns")
        assert run("cat", view).endswith("packets 0\n")
        assert run("wc", "-l", view).startswith("2 ")
        run("cp", view, scratch / "copy")
        assert (scratch / "copy").read_text() == run("cat", view)


def test_ioctls_that_nobody_knows(net):
    with fails(errno.ENOTTY):
        fcntl.ioctl(net().reader().fd, 0x7801)


def test_an_ioctl_for_messages_that_are_not_there(net):
    size = 4 + 4 + 4096
    receive_oob = (2 << 30) | (size << 16) | (ord("N") << 8) | 3
    with fails(errno.EAGAIN):
        fcntl.ioctl(net().reader().fd, receive_oob, bytearray(size))
