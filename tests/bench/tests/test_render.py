"""Tables and plots of a run: every file can be read, and a document's tables can be made anew."""

import json
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

RENDER = Path(__file__).parent.parent / "render" / "render.py"


def summary(median, **more):
    return {"median": median, "min": median / 2, "max": median * 2, "rounds": [median], **more}


def figure(title, row, **more):
    subjects = {"ipnfs": summary(1e5), "vde_switch <x>": summary(2e4, modes=[1e4, 3e4])}
    fixed = {"title": title, "cores": "one core", "row": row, "unit": "deliveries/s", "better": "higher"}
    return {**fixed, "subjects": subjects, **more}


@pytest.fixture
def results():
    parts = ("sender", "server, program", "server, kernel", "readers")
    return {
        "machine": {"kernel": "6.1", "machine": "x86_64", "cores": 2},
        "notes": ["ipnfs: port"],
        "figures": [
            figure("fan-out, 64 B", "N=1"),
            figure("fan-out, 64 B", "N=16"),
            figure("fan-out, 64 B", "N=16", cores="all cores"),
            figure("round trip", "64 B"),
            figure("nobody came", "N=1", subjects={}),
            *(figure("where the time goes, N=16", part) for part in parts),
        ],
        "comparisons": [
            {"name": "fan-out: a / b", "better": "higher", "value": summary(2), "target": 3, "met": False},
            {"name": "fan-in: a / b", "better": "lower", "value": summary(2)},
        ],
    }


def render(results, directory):
    file = directory / "results.json"
    file.write_text(json.dumps(results))
    subprocess.run([sys.executable, RENDER, file, directory], check=True, timeout=60)


def test_plots_are_well_formed(results, tmp_path):
    render(results, tmp_path)
    plots = {path.name for path in tmp_path.glob("*.svg")}
    assert plots == {"fan-out-64-b.svg", "round-trip.svg", "targets.svg", "where-the-time-goes-n-16.svg"}
    for plot in plots:
        assert "vde_switch <x>" in (tmp_path / plot).read_text() or ElementTree.parse(tmp_path / plot)


def test_tables_have_both_modes_and_the_spread(results, tmp_path):
    render(results, tmp_path)
    tables = (tmp_path / "tables.md").read_text()
    assert "| vde_switch <x> | 10k \\| 30k (10k..40k) | 10k \\| 30k (10k..40k) |" in tables
    assert "| fan-out: a / b | 2 (1..4) | ≥ 3 | **missed** |" in tables


def test_a_documents_tables_are_made_anew_and_its_words_stay(results, tmp_path):
    document = tmp_path / "README.md"
    document.write_text(
        "Before.\n<!-- targets -->\nold\n<!-- end -->\nBetween.\n"
        "<!-- ratios ^fan-in: -->\n<!-- end -->\nAfter.\n"
    )
    render(results, tmp_path)
    first = document.read_text()
    targets, ratios = first.split("Between.")
    assert "old" not in first
    assert "fan-out: a / b" in targets and "fan-in" not in targets
    assert "fan-in: a / b" in ratios and ratios.endswith("After.\n")
    render(results, tmp_path)
    assert document.read_text() == first


def test_what_was_drawn_before_is_removed(results, tmp_path):
    (tmp_path / "old.svg").write_text("")
    render(results, tmp_path)
    assert not (tmp_path / "old.svg").exists()
