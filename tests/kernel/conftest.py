"""Fixtures of the tests on real mounts.

They run as root, best through `sandbox`; the environment variable IPNFS names the binary.
"""

import contextlib
import os
import pathlib
import shutil

import pytest

from ipnfs_netns import Netns
from ipnfs_testlib import Children, Mount, offers_uring, temporary_directory


def pytest_configure(config):
    config.addinivalue_line("markers", "long: takes minutes; not in the everyday run")
    config.addinivalue_line(
        "markers",
        "where_uring_is(offered): only if the kernel does or does not offer FUSE over io_uring",
    )


def pytest_collection_modifyitems(config, items):
    """What is of the other kernel is left to a run there (tools/fuse-uring): no skip."""
    offered = offers_uring()
    others = []
    for item in items:
        marker = item.get_closest_marker("where_uring_is")
        if marker is not None and marker.args[0] is not offered:
            others.append(item)
    if others:
        config.hook.pytest_deselected(items=others)
        items[:] = [item for item in items if item not in others]


@pytest.fixture(scope="session")
def ipnfs_binary():
    binary = os.environ.get("IPNFS")
    if not binary or not os.access(binary, os.X_OK):
        pytest.fail(f"the environment variable IPNFS must name the ipnfs binary; it is {binary!r}")
    return binary


def copied(variable, directory):
    """A directory with the modules that the environment variable lists, as ipnfs demands them."""
    os.mkdir(directory)
    os.chmod(directory, 0o755)
    for module in filter(None, os.environ.get(variable, "").split(":")):
        shutil.copyfile(module, copy := os.path.join(directory, os.path.basename(module)))
        os.chmod(copy, 0o644)
    return directory


@pytest.fixture(scope="session")
def modules():
    """A directory of directories with modules: `policies`, ours, and `tests`."""
    with temporary_directory() as path:
        copied("IPNFS_POLICIES", os.path.join(path, "policies"))
        copied("IPNFS_TEST_MODULES", os.path.join(path, "tests"))
        yield pathlib.Path(path)


@pytest.fixture
def scratch():
    """An empty directory for this test's files, readable by all users."""
    with temporary_directory() as path:
        yield pathlib.Path(path)


@pytest.fixture
def mount_with(ipnfs_binary, modules):
    """mount_with("max_memory=65536"): mounts; umounted at the end, and the daemon must end well.

    Our policies are registered, unless the options name another directory of them. Where the
    kernel offers FUSE over io_uring, it is used, unless they say otherwise.
    """
    with contextlib.ExitStack() as at_end:

        def mount(options="", command=()):
            directory = at_end.enter_context(temporary_directory())
            if "policydir=" not in options:
                options = ",".join(filter(None, [options, f"policydir={modules / 'policies'}"]))
            if offers_uring() and "uring" not in options:
                options = ",".join(filter(None, [options, "uring"]))
            mount = Mount(ipnfs_binary, directory, options, command)
            at_end.callback(mount.tear_down)
            mount.until_usable()
            return mount

        yield mount


@pytest.fixture
def mount(mount_with):
    """A mount with the default options."""
    return mount_with()


@pytest.fixture
def net(mount):
    """net("lan", lossless=1): a network on the default mount, with options."""
    return mount.net


@pytest.fixture
def spawn(mount_with):  # after the mounts, so that no child holds one up when it is umounted
    """spawn("cat", path), spawn.shell('cat < "$port"', port=path): processes; killed at the end."""
    children = Children()
    yield children
    children.kill()


@pytest.fixture
def netns(mount_with):  # after the mounts, which may hold interfaces in them
    """netns(): a new network namespace with a name; deleted at the end, if it is still there."""
    made = []

    def make():
        made.append(Netns(f"ns{len(made)}"))
        return made[-1]

    yield make
    for namespace in made:
        namespace.delete()
