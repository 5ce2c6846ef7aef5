"""The manual pages and the README name every option there is, and none that is not.

The pages are mdoc, and an item of a list names an option: `.It Cm mode Ns = …` a mount option in
ipnfs(8), `.It Va user.ipn.mtu` an extended attribute in ipnfs-options(7).
"""

import os
import pathlib
import re
import subprocess

import pytest

from ipnfs_testlib import run

SOURCE = pathlib.Path(__file__).parents[2]
MOUNT_PAGE = SOURCE / "man" / "ipnfs.8"
OPTIONS_PAGE = SOURCE / "man" / "ipnfs-options.7"
SWITCH_PAGE = SOURCE / "policies" / "vdeswitch" / "ipnfs-vdeswitch.7"
INTERFACES_PAGE = SOURCE / "man" / "ipnfs-interfaces.7"
README = SOURCE / "README.md"

NODE_ATTRIBUTES = set(
    "descr role want_oob number from kind pid uid gid received sent dropped truncated"
    " oob_dropped".split()
)
PEER_ATTRIBUTES = {"peer_pid", "peer_uid", "peer_gid"}  # which only some policies give
INTERFACE_ATTRIBUTES = {"persist", "name", "netns", "ifindex", "mac", "mtu", "share"}
NOT_LISTED = {"state", "netid", "readers", "writers", "nodes", "error"}  # by getfattr -d


def items(page, pattern):
    """What the items of the page's lists name."""
    return set(re.findall(rf"^\.It {pattern}", page.read_text(encoding="utf-8"), re.MULTILINE))


def attributes_of_the_page():
    """`error` has a section of its own."""
    return items(OPTIONS_PAGE, r"Va user\.ipn\.([\w.]*\w)") | {"error"}


@pytest.fixture
def mount_options(ipnfs_binary):
    """What --help lists behind a heading, one a line: `  name=VALUE  words` or `  name  words`."""
    _, _, listed = run(ipnfs_binary, "--help").partition("Mount options")
    return set(re.findall(r"^  (\w+)(?:=\S+)?  +\S", listed, re.MULTILINE))


@pytest.fixture
def network_options(net):
    return {name.removeprefix("user.ipn.") for name in os.listxattr(net().path)}


def test_help_and_page_list_the_same_mount_options(mount_options):
    assert items(MOUNT_PAGE, r"Cm (\w+)") == mount_options


def test_page_lists_all_options_and_no_others(network_options):
    known = network_options | NOT_LISTED | NODE_ATTRIBUTES | PEER_ATTRIBUTES
    assert attributes_of_the_page() == known


def test_page_lists_the_attributes_of_interfaces():
    assert items(INTERFACES_PAGE, r"Va user\.ipn\.(\w+)") == INTERFACE_ATTRIBUTES


def test_every_attribute_of_the_page_can_be_read(net):
    """On a network, or on a node that has read a packet."""
    lan = net()
    reader = lan.reader()
    lan.writer().write(b"x")
    reader.read()
    with pytest.raises(OSError):
        lan["mtu"] = "many"  # for `error`
    for name in attributes_of_the_page() - PEER_ATTRIBUTES:
        try:
            lan[name]
        except OSError:
            assert reader[name] is not None


def test_readme_mentions_only_attributes_that_exist(network_options):
    mentioned = set(re.findall(r"user\.ipn\.([\w.]*\w)", README.read_text(encoding="utf-8")))
    assert mentioned <= network_options | NOT_LISTED | NODE_ATTRIBUTES | INTERFACE_ATTRIBUTES


def test_readme_mentions_only_mount_options_that_exist(mount_options):
    lists = re.findall(r"(?:mount|ipnfs)\b.* -o (\S+)", README.read_text(encoding="utf-8"))
    mentioned = {option.partition("=")[0] for options in lists for option in options.split(",")}
    assert mentioned <= mount_options | {"allow_other", "ro", "noauto", "nofail"}


class TestSwitchPage:
    """ipnfs-vdeswitch(7) against a network with that policy."""

    @pytest.fixture
    def lan(self, net):
        return net(policy="vdeswitch")

    def test_lists_all_options_and_their_defaults(self, lan):
        port = lan.both()
        own = "user.ipn.vdeswitch."
        shown = {}
        for path in (lan.path, lan.node_path(port.number)):
            names = [name for name in os.listxattr(path) if name.startswith(own)]
            shown |= {name.removeprefix(own): os.getxattr(path, name).decode() for name in names}
        blocks = SWITCH_PAGE.read_text(encoding="utf-8").split(f".It Va {own}")[1:]
        page = {name: text for name, _, text in (block.partition("\n") for block in blocks)}
        assert set(page) == set(shown)
        for name, initial in shown.items():
            assert f"\n.Pq Cm {initial} " in page[name] if initial else "\n.Pq none " in page[name]

    def test_lists_all_views_with_their_columns(self, lan):
        views = os.listdir(os.path.join(lan.path, "policy"))
        assert items(SWITCH_PAGE, r"Pa (\w+)$") == set(views)
        text = SWITCH_PAGE.read_text(encoding="utf-8")
        for name in views:
            header = pathlib.Path(lan.path, "policy", name).read_text(encoding="ascii")
            assert f".It Pa {name}\n.Ql {header.splitlines()[0]} " in text


@pytest.mark.parametrize(
    "page",
    [*sorted(SOURCE.glob("man/*.[1-9]")), *sorted(SOURCE.glob("policies/*/*.[1-9]"))],
    ids=lambda page: page.name,
)
def test_page_is_well_formed(page):
    """By mandoc, where it is installed."""
    try:
        result = subprocess.run(
            ["mandoc", "-T", "lint", "-W", "warning", page],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    except FileNotFoundError:
        pytest.skip("mandoc is not installed")
    assert result.stdout == ""
