"""Roles are permissions: r to read packets, w to send them, w on the directory to manage.

Every kind of user against every mode without x bits; what POSIX says is what has to come out.
"""

import errno
import os

import pytest

from ipnfs_identity import GROUP, MEMBER, OWNER, ROOT, STRANGER, SUPPLEMENTARY_MEMBER
from ipnfs_testlib import fails, get_option, set_option, until

R, W = 4, 2
X_FOR_ALL = 0o111
MODES = [mode for mode in range(0o1000) if not mode & X_FOR_ALL]  # 64

IDENTITIES = {
    "owner": OWNER,
    "group member": MEMBER,
    "supplementary group member": SUPPLEMENTARY_MEMBER,
    "other": STRANGER,
    "root": ROOT,
}


@pytest.fixture(params=IDENTITIES.values(), ids=IDENTITIES.keys())
def identity(request):
    return request.param


def give(path, mode):
    """Hand the file over to OWNER and GROUP, with this mode."""
    os.chown(path, OWNER.uid, GROUP)
    os.chmod(path, mode)


def refusal(function, *arguments):
    """0 if it works, else errno."""
    try:
        function(*arguments)
    except OSError as error:
        return error.errno
    return 0


def refusals(function, calls):
    """{mode: 0 or errno} of calls {mode: arguments}."""
    return {mode: refusal(function, *arguments) for mode, arguments in calls.items()}


def posix(identity, wanted):
    """{mode: 0 or errno} as it should be."""
    return {
        mode: 0 if identity.may(wanted, mode, OWNER.uid, GROUP) else errno.EACCES for mode in MODES
    }


def join_and_leave(path, access):
    os.close(os.open(path, access | os.O_NONBLOCK))


@pytest.fixture
def networks(net):
    """{mode: network}, one for each mode, with port 7 reserved; nothing has that mode yet."""
    networks = {mode: net(f"{mode:03o}") for mode in MODES}
    for network in networks.values():
        join_and_leave(network.node_path(7), os.O_WRONLY | os.O_CREAT)
    return networks


@pytest.mark.parametrize(
    "access, wanted",
    [(os.O_RDONLY, R), (os.O_WRONLY, W), (os.O_RDWR, R | W)],
    ids=["reading", "sending", "both"],
)
@pytest.mark.parametrize("file", ["port", "framed", "ports/7"])
def test_joining(networks, identity, file, access, wanted):
    ports = {mode: os.path.join(network.path, file) for mode, network in networks.items()}
    for mode, port in ports.items():
        give(port, mode)
    calls = {mode: (port, access) for mode, port in ports.items()}
    assert identity.does(refusals, join_and_leave, calls) == posix(identity, wanted)


def test_setting_an_option(networks, identity):
    for mode, network in networks.items():
        give(network.path, mode)
    calls = {mode: (network.path, "mtu", 99) for mode, network in networks.items()}
    assert identity.does(refusals, set_option, calls) == posix(identity, W)


def test_reading_an_option(networks, identity):
    for mode, network in networks.items():
        give(network.path, mode)
    calls = {mode: (network.path, "mtu") for mode, network in networks.items()}
    assert identity.does(refusals, get_option, calls) == posix(identity, R)


def test_freeing_a_reserved_port(networks, identity):
    for mode, network in networks.items():
        give(os.path.join(network.path, "ports"), mode | X_FOR_ALL)
    calls = {mode: (network.node_path(7),) for mode, network in networks.items()}
    assert identity.does(refusals, os.unlink, calls) == posix(identity, W)


def test_reserving_a_port(networks, identity):
    for mode, network in networks.items():
        give(os.path.join(network.path, "ports"), mode | X_FOR_ALL)
    calls = {
        mode: (network.node_path(8), os.O_WRONLY | os.O_CREAT) for mode, network in networks.items()
    }
    assert identity.does(refusals, join_and_leave, calls) == posix(identity, W)


def test_listing_a_network(networks, identity):
    for mode, network in networks.items():
        give(network.path, mode)
    calls = {mode: (network.path,) for mode, network in networks.items()}
    assert identity.does(refusals, os.listdir, calls) == posix(identity, R)


def test_making_a_network(mount, identity):
    got = {}
    for mode in MODES:
        give(mount.path, mode | X_FOR_ALL)
        got[mode] = refusal(identity.does, os.mkdir, os.path.join(mount.path, f"{mode:03o}"))
    assert got == posix(identity, W)


def test_directory_without_x_lets_nobody_near_the_port(networks, identity):
    lan = networks[0o666]
    give(lan.path, 0o666)
    expected = 0 if identity == ROOT else errno.EACCES
    assert identity.does(refusal, join_and_leave, lan.port, os.O_RDONLY) == expected


def test_who_has_joined_stays_when_the_mode_changes(net):
    lan = net()
    reader, writer = lan.reader(), lan.writer()
    os.chmod(lan.port, 0)
    writer.write(b"still here")
    assert reader.read() == b"still here"


def test_read_only_node_cannot_send(net):
    with fails(errno.EBADF):
        net().reader().write(b"x")


def test_write_only_node_cannot_receive(net):
    with fails(errno.EBADF):
        net().writer().read()


class TestStickyRoot:
    """The root of root's mount is 1777: everybody makes networks, only their owners end them."""

    @pytest.fixture
    def owners_network(self, mount):
        path = os.path.join(mount.path, "lan")
        OWNER.does(os.mkdir, path, 0o777)
        os.chmod(path, 0o777)  # whatever the umask is
        return path

    def test_stranger_may_not_remove_it(self, owners_network):
        with fails(errno.EPERM, errno.EACCES):
            STRANGER.does(os.rmdir, owners_network)

    def test_stranger_may_not_rename_it(self, owners_network):
        with fails(errno.EPERM, errno.EACCES):
            STRANGER.does(os.rename, owners_network, owners_network + "2")

    def test_owner_may_rename_and_remove_it(self, mount, owners_network):
        OWNER.does(os.rename, owners_network, owners_network + "2")
        OWNER.does(os.rmdir, owners_network + "2")
        assert os.listdir(mount.path) == [".ipnfs"]

    def test_stranger_may_not_set_defaults(self, mount):
        with fails(errno.EPERM, errno.EACCES):
            STRANGER.does(set_option, mount.path, "mtu", 99)

    def test_stranger_may_not_give_it_away(self, owners_network):
        with fails(errno.EPERM):
            STRANGER.does(os.chown, owners_network, STRANGER.uid, -1)

    def test_stranger_may_not_change_its_mode(self, owners_network):
        with fails(errno.EPERM):
            STRANGER.does(os.chmod, owners_network, 0o700)


def test_with_the_sticky_bit_removed_strangers_manage_too(mount):
    path = os.path.join(mount.path, "lan")
    OWNER.does(os.mkdir, path)
    os.chmod(mount.path, 0o777)
    STRANGER.does(os.rmdir, path)


def test_connected_port_of_another_user_can_be_disconnected_with_w_on_ports(net, spawn):
    lan = net()
    os.chmod(lan.port, 0o666)
    cat = spawn("cat", lan.port, **OWNER.as_process)
    until(lambda: lan.ports() == [0], "cat has joined")
    os.chmod(os.path.join(lan.path, "ports"), 0o777)
    STRANGER.does(os.unlink, lan.node_path(0))
    assert cat.wait(30) != 0
    assert lan["nodes"] == "0"
