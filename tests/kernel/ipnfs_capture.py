"""capture.pcap of a network: taken into files, and looked at by the dissectors of others."""

import os

from ipnfs_testlib import run, succeeded, until


def capture_of(lan):
    return os.path.join(lan.path, "capture.pcap")


def tshark(file, *fields, also=()):
    """The values of these fields, one list for each packet of a file."""
    wanted = [argument for field in fields for argument in ("-e", field)]
    told = run("tshark", "-n", "-r", file, *also, "-T", "fields", "-E", "separator=|", *wanted)
    return [line.split("|") for line in told.splitlines()]


def statistics(file):
    """What capinfos says of losses and the like is little: the blocks themselves, as numbers."""
    data = file.read_bytes()
    blocks = []
    while data:
        kind = int.from_bytes(data[0:4], "little")
        length = int.from_bytes(data[4:8], "little")
        assert len(data) >= length, "the file ends within a block"
        if kind == 5:
            blocks.append(_options(data[20 : length - 4]))
        data = data[length:]
    return [
        {name: block[code] for code, name in ((4, "seen"), (5, "lost"), (6, "accepted"))}
        for block in blocks
    ]


def _options(data):
    found = {}
    while code := int.from_bytes(data[0:2], "little"):
        length = int.from_bytes(data[2:4], "little")
        found[code] = int.from_bytes(data[4 : 4 + length], "little")
        data = data[4 + (length + 3) // 4 * 4 :]
    return found


class Capture:
    """`cat capture.pcap` into a file."""

    def __init__(self, spawn, lan, path):
        self.path = path
        with open(path, "wb") as out:
            self.process = spawn("cat", capture_of(lan), stdout=out)
        self.until_has(b"")

    def until_has(self, words):
        until(
            lambda: (data := self.path.read_bytes()) and words in data,
            f"the capture has {words}",
        )

    def whole(self, lan):
        """The file, when the network has ended."""
        lan["state"] = "down"
        succeeded(self.process)
        return self.path


def until_open(lan, child):
    """Until the child has the capture open: from then on it gets every packet."""
    directory = f"/proc/{child.pid}/fd"

    def opened():
        for fd in os.listdir(directory):
            try:
                if os.readlink(os.path.join(directory, fd)) == capture_of(lan):
                    return True
            except FileNotFoundError:
                continue
        return False

    until(opened, "the capture is open")
