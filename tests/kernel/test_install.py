"""What `meson install` puts where, and that it is enough to build a policy."""

import os
import pathlib
import re
import shlex
import subprocess

import pytest

from ipnfs_testlib import run

SOURCE = pathlib.Path(__file__).parents[2]


class Installed:
    """The files that were installed, below a directory that stands for the root."""

    def __init__(self, root, log):
        self.root = root
        self.files = {"/" + str(p.relative_to(root)) for p in root.rglob("*") if p.is_file()}
        self.log = log

    def one(self, end):
        """The one file whose path ends like this."""
        found = [path for path in self.files if path.endswith(end)]
        assert len(found) == 1, self.log
        return found[0]

    @property
    def prefix(self):
        return self.one("/bin/ipnfs").removesuffix("/bin/ipnfs")

    def pkg_config(self, *arguments):
        directory = os.path.dirname(self.one("/pkgconfig/ipn-policy.pc"))
        environment = {
            **os.environ,
            "PKG_CONFIG_SYSROOT_DIR": str(self.root),
            "PKG_CONFIG_LIBDIR": f"{self.root}{directory}",
            # so that directories which every compiler looks in are named as well
            "PKG_CONFIG_ALLOW_SYSTEM_CFLAGS": "1",
        }
        return run("pkg-config", *arguments, "ipn-policy", env=environment).strip()


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    root = tmp_path_factory.mktemp("installed")
    build = os.environ["BUILD"]
    meson = [*shlex.split(os.environ["MESON"]), "install", "-C", build, "--no-rebuild"]
    done = subprocess.run(
        [*meson, "--destdir", str(root)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return Installed(root, done.stdout)


def test_program_and_headers(installed):
    for header in ("policy.h", "ipn.h"):
        assert installed.one(f"/{header}") == f"{installed.prefix}/include/ipn/{header}"


def test_manual_pages(installed):
    for page in [*SOURCE.glob("man/*.[1-9]"), *SOURCE.glob("policies/*/*.[1-9]")]:
        section = page.suffix[1:]
        assert f"/share/man/man{section}/{page.name}" in installed.one(f"/{page.name}")


def test_modules_are_where_the_daemon_looks(installed, ipnfs_binary):
    directory = installed.pkg_config("--variable=modulesdir").removeprefix(str(installed.root))
    modules = {path for path in installed.files if re.search(r"/policies/[^/]+\.so$", path)}
    ours = os.environ["IPNFS_POLICIES"].split(":")
    assert modules == {f"{directory}/{os.path.basename(module)}" for module in ours}
    assert f"({directory})" in run(ipnfs_binary, "--help")


def test_modules_may_be_loaded(installed):
    """Not writable by others, whatever the umask was."""
    for path in installed.files:
        if path.endswith(".so"):
            assert os.stat(f"{installed.root}{path}").st_mode & 0o022 == 0


def test_header_is_found_and_needs_nothing_else(installed, tmp_path):
    """In C11 and in C++11, as strict as compilers are."""
    flags = shlex.split(installed.pkg_config("--cflags"))
    assert flags == [f"-I{installed.root}{installed.prefix}/include"]
    strict = ["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only"]
    source = tmp_path / "source"
    for language, standard in (("c", "c11"), ("c++", "c++11")):
        source.write_text("#include <ipn/policy.h>\n")
        run("cc", "-x", language, f"-std={standard}", *strict, *flags, source)


def test_version_is_that_of_the_program(installed, ipnfs_binary):
    assert run(ipnfs_binary, "--version").split()[-1] == installed.pkg_config("--modversion")
