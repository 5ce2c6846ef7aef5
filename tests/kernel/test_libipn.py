"""libipn: what a program in C, C++ or Python sees of it.

The functions are tested by libipn_test.cc, each on a network of its own; here are the library as it is
built, the manual's example and the Python example.
"""

import json
import os
import pathlib
import re
import subprocess

import pytest

from ipnfs_testlib import frames, run, succeeded, until

SOURCE = pathlib.Path(__file__).parents[2]
HEADER = SOURCE / "src" / "include" / "ipn" / "ipn.h"
PAGE = SOURCE / "man" / "ipn.3"
PYTHON_EXAMPLE = SOURCE / "man" / "examples" / "libipn.py"

LIBRARY = os.environ.get("LIBIPN", "")
TESTS = os.environ.get("LIBIPN_TEST", "")
BUILD = pathlib.Path(os.environ.get("UNINSTALLED", "")).parent
SANITIZERS = os.environ.get("SANITIZERS", "none")


def test_the_functions(mount):
    result = subprocess.run(
        [TESTS, "--gtest_brief=1"],
        env={**os.environ, "IPN_MOUNT": mount.path},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr


def declared():
    """The functions of the header."""
    return set(re.findall(r"\b(ipn_\w+)\(", re.sub(r"/\*.*?\*/", "", HEADER.read_text(), flags=re.S)))


def test_the_library_shows_what_the_header_declares_and_nothing_else():
    symbols = run("nm", "-D", "--defined-only", LIBRARY).splitlines()
    shown = {line.split()[-1] for line in symbols if " T " in line}
    assert shown == {f"{name}@@LIBIPN_1" for name in declared()}


def test_the_page_describes_every_function():
    assert declared() == set(re.findall(r"^\.F[no] (ipn_\w+)", PAGE.read_text(), re.M))


def test_the_library_needs_nothing_but_libc():
    needed = re.findall(r"NEEDED +(\S+)", run("objdump", "-p", LIBRARY))
    sanitizers = ("libasan", "libubsan", "libgcc_s", "libm.", "libstdc++")
    assert [name for name in needed if not name.startswith(sanitizers)] == ["libc.so.6"]
    assert "SONAME               libipn.so.1\n" in run("objdump", "-p", LIBRARY)


def test_what_is_installed_and_where():
    listed = json.loads((BUILD / "meson-info" / "intro-installed.json").read_text())
    installed = {path.removeprefix("/usr/local/").removeprefix("/usr/") for path in listed.values()}
    libraries = os.path.dirname(next(path for path in installed if path.endswith("/libipn.so")))
    assert {
        f"{libraries}/libipn.so.1.0.0",
        f"{libraries}/libipn.a",
        f"{libraries}/pkgconfig/ipn.pc",
        "include/ipn/ipn.h",
        "share/man/man3/ipn.3",
        "share/doc/ipnfs/examples/libipn.py",
    } <= installed


@pytest.fixture
def build(scratch):
    """build(source, compiler): an executable, built as the manual says, by pkg-config."""
    packages = {**os.environ, "PKG_CONFIG_PATH": os.environ["UNINSTALLED"]}

    def build_it(source, compiler="cc", *flags):
        sanitize = [] if SANITIZERS == "none" else [f"-fsanitize={SANITIZERS}"]
        package = run("pkg-config", "--cflags", "--libs", "ipn", env=packages).split()
        program = scratch / "program"
        run(compiler, "-Wall", "-Wextra", "-Werror", *flags, *sanitize, source, *package, "-o", program)
        return program

    return build_it


@pytest.fixture
def environment():
    """For programs that load the library from where it was built."""
    loaded = {**os.environ, "LD_LIBRARY_PATH": os.path.dirname(LIBRARY), "LIBIPN": LIBRARY}
    if "address" in SANITIZERS:  # whose runtime has to come first
        loaded["LD_PRELOAD"] = run("cc", "-print-file-name=libasan.so").strip()
        loaded["ASAN_OPTIONS"] = "detect_leaks=0"
    return loaded


def manuals_example():
    """The program in the manual, from its first #include to the end."""
    literals = re.findall(r"^\.Bd -literal\n(.*?)^\.Ed", PAGE.read_text(), re.M | re.S)
    (program,) = (text for text in literals if "#include" in text)
    return program.replace(r"\e", "\\").replace(r"\-", "-")


def test_the_example_of_the_manual_joins_two_networks(net, spawn, scratch, build, environment):
    source = scratch / "cable.c"
    source.write_text(manuals_example())
    lan, wan = net("lan"), net("wan")
    spawn(build(source, "cc", "-std=c11"), lan.path, wan.path, env=environment)
    until(lambda: lan["nodes"] == wan["nodes"] == "1", "joined")

    for here, there in ((lan, wan), (wan, lan)):
        reader = there.reader(blocking=True)
        here.writer(framed=True).write(frames(*[b"packet %d" % number for number in range(100)]))
        assert [reader.read() for _ in range(100)] == [b"packet %d" % n for n in range(100)]


def test_the_header_is_good_for_cplusplus(scratch, build, environment):
    source = scratch / "version.cc"
    source.write_text("#include <ipn/ipn.h>\nint main() { return ipn_version()[0] == '\\0'; }\n")
    run(build(source, "c++", "-std=c++20"), env=environment)


def test_the_python_example(net, spawn, scratch, environment):
    lan = net(lossless=1, eof="last-writer")
    out = scratch / "out"
    with out.open("wb") as to:
        reader = spawn(
            "/usr/bin/python3", PYTHON_EXAMPLE, "receive", lan.path, env=environment, stdout=to
        )
    until(lambda: lan["readers"] == "1", "it has joined")
    lines = scratch / "lines"
    lines.write_text("".join(f"line {number}\n" for number in range(1000)))
    with lines.open("rb") as source:
        writer = spawn(
            "/usr/bin/python3", PYTHON_EXAMPLE, "send", lan.path, env=environment, stdin=source
        )

    succeeded(writer, reader)
    assert out.read_text() == lines.read_text()


def test_the_python_example_says_why(net, environment):
    lan = net(mtu=3)
    result = subprocess.run(
        ["/usr/bin/python3", PYTHON_EXAMPLE, "send", lan.path],
        input=b"four\n",
        env=environment,
        stderr=subprocess.PIPE,
        timeout=60,
        check=False,
    )
    assert result.returncode == 1
    assert b"a packet has from 1 to 3 bytes" in result.stderr
