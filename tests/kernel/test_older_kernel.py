"""Interfaces where the kernel has no multishot reads: what holds elsewhere holds here, read one by one.

The daemon finds io_uring as Linux 6.1 has it: see older_kernel.cc.
"""

# pylint: disable=unused-import  # the stories of these files, told again
import os
import subprocess

import pytest

from ipnfs_netns import make_tap
from test_tap_life import TestDuringTraffic, TestVanishing, namespace  # noqa: F401
from test_tap_traffic import (  # noqa: F401
    TestBackPressure,
    TestIntegrity,
    TestOffloads,
    TestPing,
    TestThroughput,
    stations,
)


def command():
    """What the daemon is started with."""
    asan = ":".join(filter(None, [os.environ.get("ASAN_OPTIONS"), "verify_asan_link_order=0"]))
    return ["env", f"LD_PRELOAD={os.environ['OLDER_KERNEL']}", f"ASAN_OPTIONS={asan}"]


@pytest.fixture
def mount_with(mount_with):
    """Every mount of these tests."""
    return lambda options="": mount_with(options, command())


@pytest.fixture
def mount(mount_with):
    return mount_with()


@pytest.fixture
def lan(net):
    return net()


def version(mount):
    with open(os.path.join(mount.path, ".ipnfs", "version"), encoding="ascii") as text:
        return dict(line.rstrip("\n").split(": ", 1) for line in text)


def test_version_tells_it(mount):
    assert version(mount)["interface_reads"] == "one by one"


def test_a_later_operation_is_refused(tmp_path):
    """That the rings of the daemon really have none: one that uses it is told EACCES."""
    program = tmp_path / "try.c"
    program.write_text(
        """
        #include <liburing.h>
        #include <stdio.h>
        int main(void) {
            struct io_uring ring;
            struct io_uring_params params = {0};
            struct io_uring_cqe *cqe;
            if (io_uring_queue_init_params(8, &ring, &params) != 0) return 1;
            for (int operation = IORING_OP_NOP; ; operation = 49) {  // then a multishot read
                io_uring_prep_rw(operation, io_uring_get_sqe(&ring), 0, 0, 0, 0);
                io_uring_submit(&ring);
                if (io_uring_wait_cqe(&ring, &cqe) != 0) return 1;
                printf("%d\\n", cqe->res);
                io_uring_cqe_seen(&ring, cqe);
                if (operation == 49) return 0;
            }
        }
        """
    )
    subprocess.run(["cc", "-o", tmp_path / "try", program, "-luring"], check=True)
    done = subprocess.run(
        [*command(), tmp_path / "try"], capture_output=True, text=True, check=True
    )
    assert done.stdout == "0\n-13\n"


def test_eight_interfaces_share_the_buffers(net, stations, spawn):  # noqa: F811
    """Each takes one at a time; all flood."""
    spaces = stations(net(), 8)
    floods = [
        spawn(*space.command("ping", "-q", "-f", "-c", 500, f"10.0.0.{(number + 1) % 8 + 1}"))
        for number, space in enumerate(spaces)
    ]
    assert [flood.wait(60) for flood in floods] == [0] * 8


def test_lossless_and_lossy_by_mv(net, netns):
    one, other = net("one", lossless=1), net("other")
    space = netns()
    tap = make_tap(one, space)
    os.rename(tap.path, os.path.join(other.path, "tap", "tap0"))
    assert (one["nodes"], other["nodes"]) == ("0", "1")
