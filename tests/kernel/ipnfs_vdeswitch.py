"""Networks with the policy vdeswitch: Ethernet frames, and what the switch shows of itself."""

import pathlib

from ipnfs_testlib import set_option

BROADCAST = b"\xff" * 6
BRIDGES = b"\x01\x80\xc2\x00\x00\x00"


def mac(number):
    return b"\x02\x00\x00\x00\x00" + bytes([number])


def frame(to, by, payload=b"hello", vlan=None, priority=0):
    tag = b"" if vlan is None else b"\x81\x00" + (priority << 13 | vlan).to_bytes(2, "big")
    return to + by + tag + b"\x88\xb5" + payload


def view(lan, name):
    """The rows of a view, each a dictionary by the words of its header line."""
    text = pathlib.Path(lan.path, "policy", name).read_text(encoding="ascii")
    header, *rows = [line.split(" ") for line in text.splitlines()]
    return [dict(zip(header, row, strict=True)) for row in rows]


def set_port(lan, number, **options):
    for name, value in options.items():
        set_option(lan.node_path(number), f"vdeswitch.{name}", value)
