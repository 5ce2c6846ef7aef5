"""The files that are read to see what happens: programs that walk over the tree pass them by, and
each ends with its network, or with the mount.
"""

import json
import os
import subprocess

import pytest

from ipnfs_identity import STRANGER
from ipnfs_testlib import PATIENCE, run, succeeded, until

OF_A_NETWORK = ["stats", "oob", "capture.pcap", "policy/fdb", "policy/vlans", "policy/ports", "policy/stp"]
OF_THE_MOUNT = [".ipnfs/events", ".ipnfs/metrics", ".ipnfs/version"]
WAIT = ["oob", "capture.pcap", ".ipnfs/events"]  # for what will happen

WALKS = {
    "grep -r": ["grep", "-r", "no such words"],
    "grep -rI": ["grep", "-rIl", "e"],
    "tar": ["tar", "-cf", "/dev/stdout"],
    "find": ["find", "-L"],
    "du": ["du", "-ab"],
    "ls": ["ls", "-lRa"],
}


@pytest.fixture
def lan(net):
    lan = net("lan", policy="vdeswitch")
    files = {os.path.join("policy", name) for name in os.listdir(os.path.join(lan.path, "policy"))}
    assert files == {name for name in OF_A_NETWORK if name.startswith("policy/")}
    return lan


@pytest.mark.parametrize("walk", WALKS)
@pytest.mark.parametrize("who", ["root", "a stranger"])
def test_walks_end_and_disturb_nothing(mount, lan, spawn, walk, who):
    """While packets flow, and without a node, a line or a packet more than these are of."""
    reader, writer = lan.reader(), lan.writer()
    oob = mount.adopt(Follower(os.path.join(lan.path, "oob")))
    events = mount.adopt(Follower(os.path.join(mount.path, ".ipnfs", "events")))
    assert oob.lines() and events.lines(), "how it is now"
    options = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    if who != "root":
        options |= STRANGER.as_process
    walker = spawn(*WALKS[walk], mount.path, **options)
    for number in range(20):
        writer.write(number.to_bytes(60, "big"))
    until(lambda: walker.poll() is not None, f"{walk} ends")
    assert walker.returncode in (0, 1, 2)
    assert [int.from_bytes(packet, "big") for packet in reader.read_all()] == list(range(20))
    assert oob.lines() == events.lines() == []
    assert lan["nodes"] == "2"


def test_walks_show_them_all(mount, lan):
    """They are empty for whoever asks for their size."""
    found = run("find", mount.path, "-size", "0", "-printf", "%P\\n").splitlines()
    assert {f"lan/{name}" for name in OF_A_NETWORK} <= set(found)
    assert {".ipnfs/events", ".ipnfs/metrics"} <= set(found)
    listed = run("sh", "-c", 'tar -cf - -C "$1" . | tar -tf -', "sh", mount.path).splitlines()
    assert {f"./lan/{name}" for name in OF_A_NETWORK} <= set(listed)


@pytest.mark.parametrize("end", ["by force", "rmdir"])
@pytest.mark.parametrize("name", OF_A_NETWORK)
def test_each_ends_with_its_network(lan, net, mount, spawn, scratch, name, end):
    other = net("other", policy="vdeswitch")
    with open(scratch / "read", "wb") as out:
        cat = spawn("cat", os.path.join(lan.path, name), stdout=out)
    with open(scratch / "other", "wb") as out:
        untouched = spawn("cat", os.path.join(other.path, name), stdout=out)
    if name in WAIT:
        mount.until_blocked(cat, untouched)
    else:
        succeeded(cat, untouched)
    if end == "by force":
        lan["state"] = "down"
    else:
        os.rmdir(lan.path)
    succeeded(cat)
    assert not os.path.exists(os.path.join(lan.path, name))
    assert (scratch / "read").stat().st_size > 0
    if name in WAIT:
        assert untouched.poll() is None, "another network's goes on"


@pytest.mark.parametrize("name", [name for name in OF_A_NETWORK if name not in WAIT])
def test_what_was_opened_before_the_end_can_still_be_read(lan, name):
    with open(os.path.join(lan.path, name), "rb") as file:
        lan["state"] = "down"
        assert file.read()


@pytest.mark.parametrize("name", OF_THE_MOUNT)
def test_each_ends_with_the_mount(mount, lan, spawn, scratch, name):
    with open(scratch / "read", "wb") as out:
        cat = spawn("cat", os.path.join(mount.path, name), stdout=out)
    if name in WAIT:
        mount.until_blocked(cat)
    else:
        succeeded(cat)
    mount.daemon.terminate()
    mount.until_daemon_ended()
    cat.wait(PATIENCE)  # perhaps with ECONNABORTED behind the last line
    text = (scratch / "read").read_text()
    assert text.endswith("\n")
    if name in WAIT:
        assert '"event":"destroy"' in text.splitlines()[-1]


class Follower:
    """An open file of JSON Lines, which does not block."""

    def __init__(self, path):
        self.fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)

    def lines(self):
        data = b""
        try:
            while part := os.read(self.fd, 1 << 20):
                data += part
        except BlockingIOError:
            pass
        return [json.loads(line) for line in data.splitlines()]

    def close(self):
        if self.fd >= 0:
            fd, self.fd = self.fd, -1
            os.close(fd)
