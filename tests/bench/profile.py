#!/usr/bin/env python3
"""profile.py BUILD [SUBJECT...]: where the time of a delivery goes, by samples of perf, as Markdown.

Runs the breakdown of ipnfs-bench for each subject (ipnfs, "ipnfs framed", "ipnfs stream, bytes" and
vde_switch, unless others are named; --mount-options=OPTIONS for those of another mount) on one core,
under perf, and says what sender, server and readers did: each sample belongs to the innermost function
on its stack that one of the KINDS knows. What starting and ending processes costs is left out.

Needs root and Debian's linux-perf. On a virtual machine a sample that falls where interrupts are off
counts for where they come on again; that is right by kind nearly always, not by function.
"""

import os
import re
import subprocess
import sys
import tempfile
from collections import Counter

SUBJECTS = ["ipnfs", "ipnfs framed", "ipnfs stream, bytes", "vde_switch"]
ROUNDS = 5
CORE = "0"

# In this order for one function; a stack is looked through from the inside out.
KINDS = [
    ("starting, ending", r"execve|do_exit|exit_mmap|kernel_clone|dup_mmap|dl_|elf|_Fork|mount"),
    ("switching processes", r"schedule|finish_task_switch|switch_mm"),
    ("waking processes", r"wake_up|fuse_dev_queue_req|sock_def_readable"),
    ("pinning pages", r"iov_iter_(get|extract)_pages|gup|unpin|fuse_release_user_pages"),
    ("copying", r"memcpy|memmove|rep_movs|fuse_copy|copy_(to|from)_|_copy_(to|from)|copy_page"),
    ("page faults", r"page_fault"),
    ("FUSE besides", r"fuse"),
    ("io_uring", r"io_uring|io_cqring|io_submit|io_issue|io_req|io_poll"),
    ("sockets and pipes", r"sock|skb|unix_|netlink|pipe|splice|poll"),
    ("system call besides", r"entry_SYSCALL|do_syscall_64|ksys_|vfs_|syscall"),
]
PROGRAM = "the program"
LEFT_OUT = "starting, ending"
# Of glibc: what is on top of the stack there is the way into the kernel and back.
CALLS = re.compile(r"^(__libc_|__GI___libc_)?(read|write|recv|send|__send|__recv|syscall|poll|\w*splice|tee)$")
WHO = {"writer": "sender", "reader": "readers", "ipnfs": "server", "vde_switch": "server"}
START_S = 0.15  # of each process, in which it is not warm


def record(build, subject, options, data):
    bench = f"{build}/tests/bench/ipnfs-bench"
    command = ["perf", "record", "-q", "-o", data, "-e", "cpu-clock", "-F", "4000", "-g", "--"]
    command += ["taskset", "-c", CORE, bench, "--ipnfs", f"{build}/src/ipnfs", "--only", "breakdown"]
    command += ["--rounds", str(ROUNDS), "--subjects", subject, *options]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def samples(data):
    """Of each sample of a warm process its name and the functions on its stack, innermost first."""
    command = ["perf", "script", "-i", data, "-F", "comm,pid,time,ip,sym"]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    started = {}
    for block in output.split("\n\n"):
        head, *stack = block.strip("\n").split("\n")
        sample = re.match(r"(\S+).*?(\d+)\s+([\d.]+):", head)
        if not sample or not stack:
            continue
        name, pid, time = sample.groups()
        if float(time) - started.setdefault((name, pid), float(time)) > START_S:
            yield name, [line.split(None, 1)[-1] for line in stack]


def kind_of(stack):
    if any(re.search(dict(KINDS)[LEFT_OUT], function) for function in stack):
        return LEFT_OUT
    if CALLS.match(stack[0]):
        return "system call besides"
    for function in stack:
        if re.search(r"pvm_irq|irqentry|apic_timer", function):
            continue  # where the sample was taken, not what it is about
        for kind, pattern in KINDS:
            if re.search(pattern, function):
                return kind
    return PROGRAM


def profile(build, subject, options):
    """Samples by who and kind."""
    counts = Counter()
    with tempfile.TemporaryDirectory() as directory:
        data = f"{directory}/perf.data"
        record(build, subject, options, data)
        for name, stack in samples(data):
            kind = kind_of(stack)
            if name in WHO and kind != LEFT_OUT:
                counts[WHO[name], kind] += 1
    return counts


def table(subject, counts):
    total = sum(counts.values())
    roles = ["sender", "server", "readers"]
    share = lambda keys: f"{100 * sum(counts[key] for key in keys) / total:.0f} %"
    seen = {kind for _, kind in counts}
    kinds = sorted(seen, key=lambda kind: -sum(counts[who, kind] for who in roles))
    lines = [f"## {subject}\n", "| | all | sender | server | readers |", "| --- | --- | --- | --- | --- |"]
    for kind in kinds:
        cells = [share([(who, kind) for who in roles]), *(share([(who, kind)]) for who in roles)]
        lines.append(f"| {kind} | " + " | ".join(cells) + " |")
    whole = [share(counts), *(share([(who, kind) for kind in kinds]) for who in roles)]
    lines.append("| all | " + " | ".join(whole) + " |")
    return "\n".join(lines) + "\n"


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    build = os.path.abspath(sys.argv[1])
    options = [word for word in sys.argv[2:] if word.startswith("--")]
    subjects = [word for word in sys.argv[2:] if not word.startswith("--")] or SUBJECTS
    print("# Where the time of a delivery goes\n")
    print("Written by `tests/bench/profile.py`. Fan-out of 1500 B to 16 readers on one core.\n")
    for subject in subjects:
        print(table(subject, profile(build, subject, options)))


if __name__ == "__main__":
    main()
