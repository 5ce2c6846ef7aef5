#!/usr/bin/env python3
"""render.py RESULTS.json DIRECTORY: writes tables.md and the plots of a run of ipnfs-bench there.

If the directory has a README.md, the tables in it that are marked are made anew.
"""

import json
import re
import sys
from pathlib import Path

import plots
import tables

NODES = {"fan-out": "readers", "fan-in": "senders", "many to many": "nodes"}
PARTS = ["sender", "server, program", "server, kernel", "readers"]


def slug(title):
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")


def titled(results, beginning):
    """Figures whose title begins so, by their titles."""
    by_title = {}
    for figure in results["figures"]:
        if figure["title"].startswith(beginning) and figure["subjects"]:
            by_title.setdefault(figure["title"], []).append(figure)
    return by_title.items()


def draw(results, directory):
    for pattern, axis in NODES.items():
        for quantity in (pattern, f"processor time, {pattern}"):
            for title, figures in titled(results, quantity):
                plots.lines(title, figures, axis, directory / f"{slug(title)}.svg")
    for beginning in ("round trip", "one way", "stream", "joining", "processor time by readers"):
        for title, figures in titled(results, beginning):
            plots.bars(title, figures, directory / f"{slug(title)}.svg")
    for title, figures in titled(results, "where the time goes"):
        plots.stacked(title, figures, PARTS, directory / f"{slug(title)}.svg")
    if any("target" in each for each in results["comparisons"]):
        plots.targets(results["comparisons"], directory / "targets.svg")


def fill(text, comparisons):
    """The tables between <!-- targets --> or <!-- ratios PATTERN --> and <!-- end -->, made anew."""

    def filled(match):
        begin, kind, pattern = match.groups()
        chosen = [
            each
            for each in comparisons
            if (kind == "targets" and "target" in each)
            or (kind == "ratios" and re.search(pattern, each["name"]))
        ]
        return f"{begin}\n{tables.comparison_table(chosen)}<!-- end -->"

    return re.sub(r"(<!-- (targets|ratios)(?: ([^\n]+?))? -->)\n.*?<!-- end -->", filled, text, flags=re.S)


def main():
    if len(sys.argv) != 3:
        sys.exit("usage: render.py RESULTS.json DIRECTORY")
    results = json.loads(Path(sys.argv[1]).read_text())
    directory = Path(sys.argv[2])
    directory.mkdir(parents=True, exist_ok=True)
    for old in directory.glob("*.svg"):
        old.unlink()
    draw(results, directory)
    (directory / "tables.md").write_text(tables.document(results))
    explained = directory / "README.md"
    if explained.exists():
        explained.write_text(fill(explained.read_text(), results["comparisons"]))


if __name__ == "__main__":
    main()
