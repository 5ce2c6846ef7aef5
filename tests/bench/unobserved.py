#!/usr/bin/env python3
"""unobserved.py SOURCES OUT: the core without all that lets others see what happens to packets.

Writes to OUT those files of SOURCES/core through which packets go, without the lines that count them
or tell watchers of them. Whatever is not found exactly as often as it is said here is an error: so
this follows the sources, or the build fails.

Left in are two numbers of the pool, its bytes and its peak, which are in a header (core/packet.h).
"""

import pathlib
import re
import sys

# What is taken out: a regular expression, what stands there instead, how often.
COUNTERS = r"^ *(?:if \([^\n]*\) )?(?:\+\+)?(?:\w+(?:\.|->))?counters_\.\w+(?: \+= [^;]*)?;\n"
CHANGES = {
    "network.cc": [
        (COUNTERS, "", 6),
        (r"if \(!watch_\.idle\(\)\) watch_\.[^;]*;", "", 4),
        (r"if \(answer != 0 && !watch_\.idle\(\)\) watch_\.[^;]*;", "static_cast<void>(answer);", 1),
        (r"const Fate fate = (to\.offer\(packet\));", r"static_cast<void>(\1);", 1),
        (r"if \(watch_\.idle\(\) \|\| outcome == Send::would_block\) (return \{outcome\};)", r"\1", 1),
        (r" && !watch_\.idle\(\)\)", " && false)", 1),
        (r"^    note_blocked\(\);\n", "", 3),
        (r"^ *if \(options_\.retain > 0\) retain\(packet\);\n", "", 1),
    ],
    "node.cc": [(COUNTERS, "", 9)],
    "policy_call.cc": [(r"^ *network_->watch_\.tell\(\);\n", "", 1)],
}


def without(text, changes, name):
    for pattern, instead, expected in changes:
        text, found = re.subn(pattern, instead, text, flags=re.MULTILINE)
        if found != expected:
            sys.exit(f"unobserved.py: {name} has {found}, not {expected} times: {pattern}")
    return text


def main():
    sources, out = map(pathlib.Path, sys.argv[1:])
    for name, changes in CHANGES.items():
        text = (sources / "core" / name).read_text(encoding="utf-8")
        (out / name).write_text(without(text, changes, name), encoding="utf-8")


main()
