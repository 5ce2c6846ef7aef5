"""What is counted: stats of a network, .ipnfs/metrics of the mount, read as programs read them."""

import errno
import json
import os
import pathlib
import re
import select

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from ipnfs_testlib import Task, fails, fill, run, stats, until

DASHBOARD = pathlib.Path(__file__).parents[2] / "tools" / "grafana" / "ipnfs.json"


class Metrics:
    """The mount's metrics, as a parser of OpenMetrics understands them."""

    def __init__(self, mount):
        with open(os.path.join(mount.path, ".ipnfs", "metrics"), encoding="ascii") as file:
            self.families = {f.name: f for f in text_string_to_metric_families(file.read())}

    def __call__(self, family, suffix="", **labels):
        """The value of the one sample with these labels."""
        name = f"ipnfs_{family}"
        found = [
            sample.value
            for sample in self.families[name].samples
            if sample.name == name + suffix and labels.items() <= sample.labels.items()
        ]
        assert len(found) == 1, f"{name} {labels}: {found}"
        return found[0]


def test_every_sample_before_and_after_load(mount):
    """All that the parser finds of a network and its ports, and nothing else."""
    lan = mount.net("lan", msgpoolsize=10)

    def samples():
        return {
            (s.name.removeprefix("ipnfs_"), s.labels.get("port")): s.value
            for family in Metrics(mount).families.values()
            for s in family.samples
            if s.labels.get("netid") == lan["netid"] and s.labels["network"] == "lan"
        }

    idle = {
        "packets_in_total": 0,
        "bytes_in_total": 0,
        "packets_out_total": 0,
        "bytes_out_total": 0,
        "dropped_total": 0,
        "truncated_total": 0,
        "hops_exceeded_total": 0,
        "too_short_total": 0,
        "blocked_ns_total": 0,
        "pool_packets": 0,
        "pool_packets_peak": 0,
        "pool_bytes": 0,
        "readers": 0,
        "writers": 0,
        "nodes": 0,
    }
    of_network = {(f"network_{name}", None): value for name, value in idle.items()}
    assert samples() == of_network

    writer, reader, slow = lan.writer(), lan.reader(), lan.reader()
    for number in range(100):
        writer.write(b"%04d" % number)
        assert reader.read() == b"%04d" % number
    loaded = {
        **idle,
        "packets_in_total": 100,
        "bytes_in_total": 400,
        "packets_out_total": 100,
        "bytes_out_total": 400,
        "dropped_total": 90,
        "pool_packets": 10,
        "pool_packets_peak": 11,
        "pool_bytes": 40,
        "readers": 2,
        "writers": 1,
        "nodes": 3,
    }
    ports = {
        writer.number: {"sent_total": 100},
        reader.number: {"received_total": 100},
        slow.number: {"dropped_total": 90, "queued": 10},
    }
    names = ("received_total", "sent_total", "dropped_total", "truncated_total", "queued")
    assert samples() == {
        **{(f"network_{name}", None): value for name, value in loaded.items()},
        **{
            (f"port_{name}", str(number)): counted.get(name, 0)
            for number, counted in ports.items()
            for name in names
        },
    }


def test_exact_values_before_and_after_load(mount):
    lan = mount.net("lan", msgpoolsize=10)
    before = stats(lan)
    assert before["packets_in"] == before["nodes"] == 0

    writer, reader, slow = lan.writer(), lan.reader(), lan.reader()
    for number in range(100):
        writer.write(b"%04d" % number)
        assert reader.read() == b"%04d" % number

    after = stats(lan)
    assert after["packets_in"] == 100
    assert after["bytes_in"] == 400
    assert after["packets_out"] == 100
    assert after["dropped"] == 90
    assert after["pool_packets"] == 10
    assert after["pool_bytes"] == 40
    assert after["pool_packets_peak"] == 11
    assert (after["readers"], after["writers"], after["nodes"]) == (2, 1, 3)
    assert after[f"port.{slow.number}.dropped"] == 90
    assert after[f"port.{slow.number}.queued"] == 10
    assert after[f"port.{writer.number}.sent"] == 100

    metrics = Metrics(mount)
    labels = {"network": "lan", "netid": lan["netid"]}
    assert metrics("networks") == 1
    assert metrics("network_packets_in", "_total", **labels) == 100
    assert metrics("network_dropped", "_total", **labels) == 90
    assert metrics("network_pool_bytes", **labels) == 40
    assert metrics("port_queued", port=str(slow.number), **labels) == 10
    assert metrics("port_received", "_total", port=str(reader.number), **labels) == 100


def test_metrics_have_all_that_stats_have(mount):
    lan = mount.net("lan", lossless=1, msgpoolsize=3)
    lan.reader()
    fill(lan)
    metrics = Metrics(mount)
    for name, value in stats(lan).items():
        if not name.startswith("port."):
            family = metrics.families[f"ipnfs_network_{name}"]
            suffix = "_total" if family.type == "counter" else ""
            assert metrics(f"network_{name}", suffix, network="lan") == value


def test_every_metric_says_what_it_is(mount):
    """The parser is strict about the rest: types, units, the order of it all."""
    lan = mount.net("lan", policy="vdeswitch", lossless=1, msgpoolsize=1)
    lan.reader()
    lan.writer().write(bytes(60))
    families = Metrics(mount).families
    assert "ipnfs_network_slowest_port" in families
    assert any(name.startswith("ipnfs_network_vdeswitch_") for name in families)
    for name, family in families.items():
        assert family.type in ("counter", "gauge")
        assert family.documentation.endswith("."), name
        assert family.unit == ("bytes" if name.endswith("_bytes") else ""), name


def test_who_holds_a_lossless_network_up_and_for_how_long(mount):
    lan = mount.net("lan", lossless=1, msgpoolsize=2)
    quick, slow = lan.reader(), lan.reader()
    fill(lan)
    quick.read_all()
    writer = lan.writer(blocking=True)
    blocked = Task(os.write, writer.fd, b"more")
    mount.until_blocked(blocked)

    first = stats(lan)
    assert first["slowest_port"] == slow.number
    assert first["blocked_ns"] > 0
    until(lambda: stats(lan)["blocked_ns"] > first["blocked_ns"], "it is counted while it lasts")

    slow.read_all()
    blocked.result()
    slow.read_all()
    quick.read_all()
    last = stats(lan)
    assert "slowest_port" not in last
    assert stats(lan)["blocked_ns"] == last["blocked_ns"]


def test_a_truncated_packet_is_counted(mount):
    lan = mount.net("lan", short_read="truncate")
    reader, writer = lan.reader(), lan.writer()
    writer.write(b"12345")
    assert reader.read(2) == b"12"
    assert stats(lan)["truncated"] == 1


def test_stats_end_with_the_network_and_metrics_go_on(mount):
    lan, other = mount.net("lan"), mount.net("other")
    lan.reader()
    lan["state"] = "down"
    assert not os.path.exists(os.path.join(lan.path, "stats"))
    assert Metrics(mount)("network_nodes", network="other") == 0
    assert stats(other)["nodes"] == 0
    with pytest.raises(AssertionError):
        Metrics(mount)("network_nodes", network="lan")


def test_everyday_tools_read_them(mount):
    lan = mount.net("lan")
    lan.writer().write(b"x")
    assert "packets_in 1\n" in run("cat", f"{lan.path}/stats")
    assert run("grep", "-r", "^packets_in ", lan.path).endswith("stats:packets_in 1\n")
    assert run("awk", '$1 == "bytes_in" { print $2 }', f"{lan.path}/stats") == "1\n"
    assert run("tail", "-n", "1", f"{mount.path}/.ipnfs/metrics") == "# EOF\n"
    assert lan["nodes"] == "1", "reading them joins nothing"


def test_who_may_read_the_network_reads_its_stats(mount):
    private = mount.net("private")
    os.chmod(private.path, 0o755)
    os.chmod(f"{private.path}/stats", 0o400)
    stranger = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    assert "ipnfs_networks 1" in run(*stranger, "cat", f"{mount.path}/.ipnfs/metrics")
    with pytest.raises(AssertionError, match="Permission denied"):
        run(*stranger, "cat", f"{private.path}/stats")
    with fails(errno.EPERM):
        os.open(f"{private.path}/stats", os.O_RDWR)


def test_a_reader_that_joins_gets_what_was_retained(mount):
    lan = mount.net("lan", retain=2)
    writer = lan.writer()
    for packet in (b"1", b"2", b"3"):
        writer.write(packet)
    late = lan.reader()
    assert late.poll(select.POLLIN) == select.POLLIN
    writer.write(b"4")
    assert late.read_all() == [b"2", b"3", b"4"]
    lan["retain"] = 0
    assert lan.reader().read_all() == []


def test_the_dashboard_asks_for_metrics_that_there_are(mount):
    lan = mount.net("lan")
    lan.reader()
    known = {
        sample.name for family in Metrics(mount).families.values() for sample in family.samples
    }
    text = DASHBOARD.read_text(encoding="ascii")
    expressions = [t["expr"] for panel in json.loads(text)["panels"] for t in panel["targets"]]
    asked = {name for expr in expressions for name in re.findall(r"ipnfs_\w+", expr)}
    assert len(asked) > 5
    assert asked <= known
