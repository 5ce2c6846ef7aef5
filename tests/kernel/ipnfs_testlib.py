"""The words the kernel tests are told in: mounts, networks, nodes, and waiting for what happens.

Nothing here sleeps in the hope that something has happened by then: `until` waits for a
condition, `Mount.until_blocked` for a process or thread to be blocked in the file system.
"""

import contextlib
import errno
import functools
import os
import pathlib
import re
import select
import signal
import struct
import subprocess
import tempfile
import threading
import time

import pytest

from ipnfs_syscalls import signal_thread

SOURCE = pathlib.Path(__file__).parents[2]

# For Children.shell: writes numbers, each by a write(2) of its own.
COUNT_UP = 'for ((n = first; n <= last; n++)); do echo "$n"; done'

# What is in every network, in the order in which it is listed.
NETWORK_FILES = [
    "port",
    "framed",
    "capture.pcap",
    "ports",
    "tap",
    "grab",
    "oob",
    "policy",
    "stats",
]

PATIENCE = 30  # seconds; an event that takes longer is taken for one that never comes


def until(predicate, what="", seconds=PATIENCE):
    """Wait for predicate() to be true, and return its value."""
    deadline = time.monotonic() + seconds
    while not (value := predicate()):
        assert time.monotonic() < deadline, f"not within {seconds} s: {what or predicate}"
        time.sleep(0.002)
    return value


@contextlib.contextmanager
def fails(*expected):
    """The system call inside fails, with one of these errno values."""
    with pytest.raises(OSError) as caught:
        yield caught
    got = caught.value.errno
    names = [errno.errorcode[e] for e in expected]
    assert got in expected, f"{errno.errorcode.get(got, got)} instead of {names}"


def get_option(file, name):
    """Option `name` (without user.ipn.) of a path or an open descriptor, as text."""
    return os.getxattr(file, f"user.ipn.{name}").decode()


def set_option(file, name, value):
    os.setxattr(file, f"user.ipn.{name}", str(value).encode())


def run(*argv, timeout=60, **options):
    """Run a command that has to succeed; returns what it printed, as text."""
    result = subprocess.run(
        [str(a) for a in argv],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        timeout=timeout,
        **{"stdin": subprocess.DEVNULL, **options},
    )
    assert result.returncode == 0, f"{argv} gave {result.returncode}: {result.stderr}"
    return result.stdout


def literals_of(page, section):
    """The literal displays of a section of a manual page."""
    text = re.search(rf"^\.S[hs] {section}\n(.*?)(?=^\.S[hs] |\Z)", page.read_text("utf-8"), re.M | re.S)
    return re.findall(r"^\.Bd -literal.*?\n(.*?)^\.Ed", text.group(1), re.M | re.S)


def example_of(page, section):
    """The first literal display of a section: what is typed behind `$ `, and what is shown."""
    lines = literals_of(page, section)[0].splitlines(keepends=True)
    typed = "".join(line[2:] for line in lines if line.startswith("$ "))
    return typed, "".join(line for line in lines if not line.startswith("$ "))


def offers_uring():
    """Whether FUSE over io_uring is offered to who mounts now; see tools/fuse-uring."""
    try:
        with open("/sys/module/fuse/parameters/enable_uring", encoding="ascii") as switch:
            return switch.read().strip() == "Y"
    except OSError:
        return False


class Node:
    """An open port. It does not block, unless opened so."""

    def __init__(self, path, flags):
        self.fd = os.open(path, flags)

    def fileno(self):
        return self.fd

    def read(self, size=1 << 17):
        return os.read(self.fd, size)

    def write(self, data):
        return os.write(self.fd, data)

    def read_all(self):
        """Every packet (or piece) that waits now."""
        packets = []
        with contextlib.suppress(BlockingIOError):
            while packet := self.read():
                packets.append(packet)
        return packets

    def poll(self, events=select.POLLIN | select.POLLOUT):
        """What of `events` (and POLLERR, POLLHUP) is true at this moment."""
        poll = select.poll()
        poll.register(self.fd, events)
        return dict(poll.poll(0)).get(self.fd, 0)

    @property
    def number(self):
        return int(self["number"])

    def __getitem__(self, option):
        return get_option(self.fd, option)

    def __setitem__(self, option, value):
        set_option(self.fd, option, value)

    def count(self, counter):
        return int(self[counter])

    def close(self):
        if self.fd >= 0:
            fd, self.fd = self.fd, -1
            os.close(fd)


class Network:
    """A network's directory. lan["mtu"] is its option user.ipn.mtu."""

    def __init__(self, mount, name):
        self.mount = mount
        self.path = os.path.join(mount.path, name)
        self.port = os.path.join(self.path, "port")
        self.framed = os.path.join(self.path, "framed")

    def __getitem__(self, option):
        return get_option(self.path, option)

    def __setitem__(self, option, value):
        set_option(self.path, option, value)

    def node_path(self, number):
        return os.path.join(self.path, "ports", str(number))

    def ports(self):
        return sorted(int(name) for name in os.listdir(os.path.join(self.path, "ports")))

    def join(self, access, blocking=False, port=None, framed=False, flags=0):
        """Open `port` (or ports/`port`, or `framed`); closed at the end of the test, if not before."""
        path = self.framed if framed else self.port if port is None else self.node_path(port)
        return self.mount.adopt(Node(path, access | flags | (0 if blocking else os.O_NONBLOCK)))

    def reader(self, **how):
        return self.join(os.O_RDONLY, **how)

    def writer(self, **how):
        return self.join(os.O_WRONLY, **how)

    def both(self, **how):
        return self.join(os.O_RDWR, **how)


def stats(lan):
    """A network's `stats` as numbers by their names."""
    with open(os.path.join(lan.path, "stats"), encoding="ascii") as file:
        pairs = [line.split(" ") for line in file.read().splitlines()]
    assert all(len(pair) == 2 for pair in pairs)
    return {name: int(value) for name, value in pairs}


def frames(*packets):
    """The byte stream of `framed` that these packets are."""
    return b"".join(struct.pack(">H", len(packet)) + packet for packet in packets)


def unframed(stream):
    """The packets of such a stream, which must end behind one."""
    packets = []
    while stream:
        (length,) = struct.unpack_from(">H", stream)
        assert length > 0, "no packet has no bytes"
        packets.append(stream[2 : 2 + length])
        assert len(packets[-1]) == length, "the stream ends within a packet"
        stream = stream[2 + length :]
    return packets


def fill(lan):
    """Write to a lossless network, b"0", b"1", ..., until its pool is full; returns the packets."""
    packets = []
    writer = lan.writer()
    while writer.poll(select.POLLOUT):
        packets.append(b"%d" % len(packets))
        writer.write(packets[-1])
    writer.close()
    return packets


class Mount:
    """An ipnfs mounted on a directory of its own; its daemon is a child of the test."""

    def __init__(self, binary, directory, options="", command=()):
        """`command` is put before the binary's name: for another user, say."""
        self.path = os.path.join(directory, "mnt")
        self.log_path = os.path.join(directory, "daemon.log")
        self._nodes = []
        os.mkdir(self.path)
        argv = [*command, binary, "test", self.path, *(["-o", options] if options else []), "-f"]
        with open(self.log_path, "wb") as log:
            self.daemon = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def until_usable(self):
        until(lambda: mounted(self.path) or self.daemon.poll() is not None, "mounted")
        assert self.daemon.poll() is None, f"the daemon ended at once: {self.log()}"
        os.listdir(self.path)

    def log(self):
        with open(self.log_path, errors="replace") as log:
            return log.read()

    def net(self, name="lan", **options):
        """Make a network with these options."""
        os.mkdir(os.path.join(self.path, name))
        network = Network(self, name)
        for option, value in options.items():
            network[option] = value
        return network

    def adopt(self, node):
        """Close this node before the umount at the end."""
        self._nodes.append(node)
        return node

    def until_blocked(self, *sleepers):
        """Wait until each process or Task is blocked in a call to this mount, or in poll."""
        for sleeper in sleepers:
            until(functools.partial(self._is_blocked, sleeper.pid), f"{sleeper} blocked")

    def _is_blocked(self, pid):
        """Asleep, and still in the same sleep after the daemon has answered a later question."""
        before = sleep_of(pid)
        if before is None:
            return False
        os.statvfs(self.path)
        return sleep_of(pid) == before

    def close_nodes(self):
        while self._nodes:
            self._nodes.pop().close()

    def umount(self):
        """Umount, and see the daemon end by itself and well."""
        self.close_nodes()
        run("umount", self.path)
        self.until_daemon_ended()

    def until_daemon_ended(self):
        try:
            status = self.daemon.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            pytest.fail(f"the daemon does not end after umount: {self.log()}")
        assert status == 0, f"the daemon ended with {status}: {self.log()}"
        assert "Sanitizer" not in self.log() and "runtime error" not in self.log(), self.log()

    def tear_down(self):
        """Umount if the test has not; leave nothing behind even if that fails."""
        self.close_nodes()
        try:
            if mounted(self.path):
                self.umount()
            else:
                self.until_daemon_ended()
        finally:
            if mounted(self.path):
                subprocess.run(["umount", "-l", self.path], check=False)
            self.daemon.kill()  # frees whoever is still blocked
            self.daemon.wait()
            print(self.log())  # shown with a test that failed


def mounted(path):
    with open("/proc/self/mountinfo", encoding="utf-8") as mounts:
        return any(line.split()[4] == path for line in mounts)


def sleep_of(pid):
    """Which sleep the thread is in, if for FUSE or in poll, select or epoll; else None."""
    try:
        with open(f"/proc/{pid}/wchan", encoding="ascii") as wchan:
            place = wchan.read()
        with open(f"/proc/{pid}/status", encoding="utf-8") as status:
            switches = next(line for line in status if line.startswith("voluntary_ctxt"))
    except (FileNotFoundError, ProcessLookupError):
        return None
    blocking_calls = ("request_wait_answer", "poll_schedule_timeout", "epoll_wait", "ep_poll")
    return (place, switches) if any(call in place for call in blocking_calls) else None


class Task:
    """A call made by another thread: task = Task(os.read, fd, 100); ...; task.result()."""

    def __init__(self, function, *arguments):
        self.pid = None
        self._outcome = None
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(function, arguments), daemon=True)
        self._thread.start()
        self._started.wait()

    def _run(self, function, arguments):
        # A child's end would interrupt the call, if the main thread has just blocked all signals.
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])
        self.pid = threading.get_native_id()
        self._started.set()
        try:
            self._outcome = (function(*arguments), None)
        except BaseException as error:  # handed over to whoever asks for the result
            self._outcome = (None, error)

    def interrupt(self):
        """Send its thread, if it still runs, a signal that is handled by doing nothing."""
        signal.signal(signal.SIGUSR1, lambda *_: None)
        signal_thread(self.pid, signal.SIGUSR1)

    def running(self):
        return self._thread.is_alive()

    def result(self, seconds=PATIENCE):
        """What the call returned, or raises what it raised."""
        self._thread.join(seconds)
        assert not self.running(), f"still running after {seconds} s"
        value, error = self._outcome
        if error:
            raise error
        return value


class Children:
    """Starts processes; those left at the end are killed, with all their descendants."""

    def __init__(self):
        self._children = []

    def __call__(self, *argv, **options):
        options = {"stdin": subprocess.DEVNULL, "start_new_session": True, **options}
        child = subprocess.Popen([str(a) for a in argv], **options)
        self._children.append(child)
        return child

    def shell(self, script, **variables):
        """Start bash with variables set: shell('exec cat "$port"', port=lan.port)."""
        streams = [name for name in ("stdin", "stdout", "stderr") if name in variables]
        options = {name: variables.pop(name) for name in streams}
        environment = {**os.environ, **{name: str(value) for name, value in variables.items()}}
        return self("bash", "-euc", script, env=environment, **options)

    def kill(self):
        for child in self._children:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
        for child in self._children:
            child.wait(PATIENCE)
            until(functools.partial(is_gone, child.pid), f"all that {child.args} started has ended")
            for pipe in (child.stdin, child.stdout, child.stderr):
                if pipe:
                    pipe.close()


def is_gone(group):
    """Whether no process of this group is left."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return True
    return False


def succeeded(*children, seconds=PATIENCE):
    """Wait for these processes to end by themselves, with status 0."""
    for child in children:
        status = child.wait(seconds)
        assert status == 0, f"{child.args} ended with {status}"


def stop(child):
    """Stop a process with SIGSTOP, and see that it has stopped."""
    child.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, child.pid, os.WSTOPPED | os.WNOWAIT)


@contextlib.contextmanager
def temporary_directory():
    """A directory that other users can look into, gone at the end."""
    with tempfile.TemporaryDirectory(prefix="ipnfs-test-", ignore_cleanup_errors=True) as path:
        os.chmod(path, 0o755)
        yield path
