"""Everyday programs do with ports what their users expect; those that walk the tree touch nothing.

Readers that would wait for ever for their end of file are given one by the option eof=last-writer.
"""

import errno
import os
import subprocess

import pytest

from ipnfs_identity import ROOT
from ipnfs_testlib import NETWORK_FILES, fails, run, set_option, succeeded, until


def bash(script, timeout=30, check=True, **variables):
    """Run a script with these variables; what it printed, as bytes."""
    environment = {**os.environ, "LC_ALL": "C", **{k: str(v) for k, v in variables.items()}}
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=None if check else subprocess.STDOUT,
        timeout=timeout,
        check=check,
    ).stdout


class TestSending:
    """A program's write(2) is a packet, whatever else it does to the file before and after."""

    @pytest.mark.parametrize(
        "script, packets",
        {
            "echo": ('echo hello > "$port"', [b"hello\n"]),
            "echo appends": ('echo hello >> "$port"', [b"hello\n"]),
            "noclobber overruled": ('set -C; echo hello >| "$port"', [b"hello\n"]),
            "two echoes, one redirection": ('{ echo a; echo b; } > "$port"', [b"a\n", b"b\n"]),
            "exec": ('exec 3> "$port"; echo a >&3; echo b >&3', [b"a\n", b"b\n"]),
            "exec both ways": ('exec 3<> "$port"; echo a >&3', [b"a\n"]),
            "cat": ('printf hello | cat > "$port"', [b"hello"]),
            "cat of a file": ('cat file > "$port"', [b"0123456789"]),
            "cp": ('cp file "$port"', [b"0123456789"]),
            "cp --remove-destination is not cp": (
                'cp --no-preserve=all file "$port"',
                [b"0123456789"],
            ),
            "dd": ('dd if=file of="$port" status=none', [b"0123456789"]),
            "dd bs": ('dd if=file of="$port" bs=4 status=none', [b"0123", b"4567", b"89"]),
            "dd notrunc": ('dd if=file of="$port" conv=notrunc status=none', [b"0123456789"]),
            "dd append": ('dd if=file of="$port" oflag=append status=none', [b"0123456789"]),
            "dd fsync": ('dd if=file of="$port" conv=fsync status=none', [b"0123456789"]),
            "tee": ('printf hello | tee "$port" > /dev/null', [b"hello"]),
            "tee -a": ('printf hello | tee -a "$port" > /dev/null', [b"hello"]),
            "tee twice": ('printf hello | tee "$port" "$port" > /dev/null', [b"hello", b"hello"]),
            "xargs": (
                """printf '%s\\n' a b | xargs -n1 sh -c 'echo "$0" > "$port"'""",
                [b"a\n", b"b\n"],
            ),
            "head -c": ('head -c 4 file > "$port"', [b"0123"]),
            "sed": ('sed s/0/zero-/ file > "$port"', [b"zero-123456789"]),
            "sed w": ('sed -n "w $port" file', [b"0123456789"]),
            "printf": ('printf "%s" a-packet > "$port"', [b"a-packet"]),
            "socat": ('printf hello | socat -u - OPEN:"$port"', [b"hello"]),
            "socat append": ('printf hello | socat -u - OPEN:"$port",append', [b"hello"]),
            "python": ("""/usr/bin/python3 -c "open('$port', 'w').write('hello')" """, [b"hello"]),
            "python appends": (
                """/usr/bin/python3 -c "open('$port', 'a').write('hello')" """,
                [b"hello"],
            ),
            "python unbuffered": (
                """/usr/bin/python3 -c "f = open('$port', 'wb', 0); f.write(b'a'); f.write(b'b')" """,
                [b"a", b"b"],
            ),
            "python read-write": (
                """/usr/bin/python3 -c "open('$port', 'r+b', 0).write(b'hello')" """,
                [b"hello"],
            ),
            "perl": (
                """perl -e 'open(F, ">", $ENV{port}); print F "hello"; close F or die'""",
                [b"hello"],
            ),
            "sort -o": ('printf "b\\na\\n" | sort -o "$port"', [b"a\nb\n"]),
            "split into lines": (
                """printf 'a\\nb\\n' | while read -r line; do echo "$line"; done > "$port" """,
                [b"a\n", b"b\n"],
            ),
        }.values(),
    )
    def test_packets(self, net, scratch, script, packets):
        lan = net()
        reader = lan.reader()
        (scratch / "file").write_bytes(b"0123456789")
        bash(f'cd "$scratch"; {script}', port=lan.port, scratch=scratch)
        assert reader.read_all() == packets

    def test_packet_too_long_is_told_in_words(self, net, scratch):
        lan = net("lan", mtu=10)
        reader = lan.reader()
        (scratch / "file").write_bytes(b"x" * 11)
        words = bash('! cp "$file" "$port"', check=False, file=scratch / "file", port=lan.port)
        assert b"Message too long" in words
        assert reader.read_all() == []

    def test_dd_cuts_a_large_file_into_packets(self, net, scratch):
        lan = net("lan", lossless=1, eof="last-writer")
        data = os.urandom(100_000)
        (scratch / "file").write_bytes(data)
        copy = subprocess.Popen(["cat", lan.port], stdout=subprocess.PIPE)
        until(lambda: lan["readers"] == "1")
        run("dd", f"if={scratch / 'file'}", f"of={lan.port}", "bs=1500")
        assert copy.communicate(timeout=30)[0] == data

    def test_sort_of_program_that_makes_a_temporary_file_beside_it(self, net):
        """sed -i and the like would replace the file: they fail, and nothing is harmed."""
        lan = net()
        reader = lan.reader()
        assert b"Operation not permitted" in bash(
            '! sed -i s/a/b/ "$port"', check=False, port=lan.port
        )
        lan.writer().write(b"x")
        assert reader.read_all() == [b"x"]


class TestReceiving:
    """Programs that stop by themselves, and programs that read to the end of file."""

    SENT = [b"one\n", b"two\n", b"three\n"]

    @pytest.mark.parametrize(
        "script, printed",
        {
            "cat": ('cat "$port"', b"one\ntwo\nthree\n"),
            "cat by redirection": ('cat < "$port"', b"one\ntwo\nthree\n"),
            "cp": ('cp "$port" /dev/stdout | cat', b"one\ntwo\nthree\n"),
            "dd": ('dd if="$port" status=none', b"one\ntwo\nthree\n"),
            "dd one packet": ('dd if="$port" bs=100 count=1 status=none', b"one\n"),
            "dd two packets": ('dd if="$port" bs=100 count=2 status=none', b"one\ntwo\n"),
            "dd two bytes at a time": ('dd if="$port" bs=2 count=3 status=none', b"one\ntw"),
            "head": ('head -n 1 "$port"', b"one\n"),
            "head -c": ('head -c 6 "$port"', b"one\ntw"),
            "head of two": ('head -n 2 < "$port"', b"one\ntwo\n"),
            "sed 1q": ('sed 1q "$port"', b"one\n"),
            "grep -m": ('grep -m1 t "$port"', b"two\n"),
            "grep": ('grep t "$port"', b"two\nthree\n"),
            "read": ('read -r line < "$port"; echo "$line"', b"one\n"),
            "while read": (
                'while read -r line; do echo "<$line>"; done < "$port"',
                b"<one>\n<two>\n<three>\n",
            ),
            "mapfile": ('mapfile -t -n 2 lines < "$port"; echo "${lines[@]}"', b"one two\n"),
            "wc": ('wc -l < "$port"', b"3\n"),
            "tail": ('tail -n 1 "$port"', b"three\n"),
            "tee": ('tee /dev/null < "$port"', b"one\ntwo\nthree\n"),
            "xargs": ('xargs < "$port"', b"one two three\n"),
            "socat": ('socat -u OPEN:"$port",rdonly -', b"one\ntwo\nthree\n"),
            "od": ('od -An -c -N 4 "$port"', b"   o   n   e  \\n\n"),
            "awk": ("""awk '{ print NR ":" $0 }' "$port" """, b"1:one\n2:two\n3:three\n"),
            "python": (
                """/usr/bin/python3 -c "print(open('$port').read(), end='')" """,
                b"one\ntwo\nthree\n",
            ),
            "python lines": (
                """/usr/bin/python3 -c "for line in open('$port'): print(line, end='')" """,
                b"one\ntwo\nthree\n",
            ),
            "perl": ("""perl -ne 'print uc' "$port" """, b"ONE\nTWO\nTHREE\n"),
        }.values(),
    )
    def test_prints(self, net, spawn, script, printed):
        lan = net("lan", eof="last-writer")
        program = spawn.shell(script, port=lan.port, stdout=subprocess.PIPE)
        until(lambda: lan["readers"] == "1", "the program has joined")
        writer = lan.writer()
        for packet in self.SENT:
            writer.write(packet)
        writer.close()
        output, _ = program.communicate(timeout=30)
        assert output == printed

    def test_many_readers_each_get_all(self, net, spawn):
        lan = net("lan", eof="last-writer")
        readers = [spawn("cat", lan.port, stdout=subprocess.PIPE) for _ in range(5)]
        until(lambda: lan["readers"] == "5")
        run("sh", "-c", 'echo "hello, everybody" > "$0"', lan.port)
        assert [reader.communicate(timeout=30)[0] for reader in readers] == [
            b"hello, everybody\n"
        ] * 5

    def test_conversation_over_one_descriptor(self, net, spawn):
        lan = net()
        echo = spawn.shell(
            'exec 3<> "$port"; while read -r line <&3; do echo "you said $line" >&3; done',
            port=lan.port,
        )
        until(lambda: lan["nodes"] == "1")
        assert (
            bash('exec 3<> "$port"; echo hi >&3; read -r line <&3; echo "$line"', port=lan.port)
            == b"you said hi\n"
        )
        assert echo.poll() is None

    def test_timeout_ends_a_reader(self, net):
        lan = net()
        assert (
            subprocess.run(["timeout", "0.1", "cat", lan.port], timeout=30, check=False).returncode
            == 124
        )
        until(lambda: lan["nodes"] == "0")

    def test_socat_joins_two_networks(self, net, spawn):
        lan, wan = net("lan"), net("wan")
        reader = wan.reader(blocking=True)
        spawn("socat", f"OPEN:{lan.port}", f"OPEN:{wan.port}")
        until(lambda: (lan["readers"], wan["writers"]) == ("1", "1"))
        lan.writer().write(b"across")
        assert reader.read() == b"across"


class TestWalking:
    """Walking the tree joins no network, eats no packet and never blocks.

    That nobody has joined, not even for a moment, shows at a network with minreaders=1: a writer
    gets EAGAIN there until a reader has been connected.
    """

    @pytest.fixture
    def lan(self, net):
        lan = net("lan", minreaders=1)
        os.close(os.open(lan.node_path(5), os.O_CREAT | os.O_WRONLY | os.O_NONBLOCK))
        return lan

    @pytest.mark.parametrize(
        "command",
        [
            "ls -lR",
            "ls -laR --color=always",
            "find",
            "find -ls",
            "find -type f -size +0",
            "find -newer /etc/passwd",
            "find -empty",
            "du -a",
            "du --apparent-size -b",
            "grep -r nosuchword",
            "grep -rI nosuchword",
            "tar c --to-stdout",
            "tar cf /dev/null",
            "stat lan lan/port lan/ports lan/ports/5",
            "file lan/port lan/framed",
            "test -s lan/framed",
            "test -r lan/port",
            "rsync -r --list-only .",
            "rsync -an . nowhere",
            "getfattr -R -d",
            "chmod -R u=rwX,go=rX",
            "chown -R 0:0",
            "realpath lan/port",
            "df",
        ],
    )
    def test_nobody_joins(self, mount, lan, command):
        writer = lan.writer()
        target = "" if "lan" in command or "." in command.split() else " ."
        bash(f"cd '{mount.path}'; {command}{target} || test $? -eq 1", timeout=20)
        with fails(errno.EAGAIN):
            writer.write(b"nobody reads")
        assert (lan["nodes"], lan["readers"]) == ("1", "0")

    def test_waiting_packets_stay(self, mount, net):
        lan = net()
        reader = lan.reader()
        lan.writer().write(b"precious")
        bash(
            'cd "$mount"; find -ls; ls -lR; du -a; ! grep -r precious .; tar c .; rsync -an . no',
            mount=mount.path,
        )
        assert reader.read_all() == [b"precious"]

    def test_find_lists_every_file(self, lan):
        found = run("find", lan.path, "-mindepth", "1", "-printf", "%P\n")
        assert [name for name in found.split() if name != "ports/5"] == NETWORK_FILES
        assert "ports/5" in found.split()

    def test_ls_l_shows_regular_files(self, lan):
        assert run("ls", "-l", lan.port).startswith("-rw-r--r-- 1 root root 0 ")

    def test_grep_r_finds_words_in_ordinary_files(self, mount, lan):
        with fails(errno.EAGAIN):
            lan.writer().write(b"nobody reads")
        assert ".ipnfs/version" in run("grep", "-rl", "ipnfs", mount.path)

    def test_find_and_setfattr_set_an_option_everywhere(self, mount, net):
        networks = [net(name) for name in ("a", "b", "c")]
        bash(
            'cd "$mount"; find [!.]* -prune -exec setfattr -n user.ipn.mtu -v 99 {} +',
            mount=mount.path,
        )
        assert [network["mtu"] for network in networks] == ["99"] * 3


class TestRemovingAndMoving:
    @pytest.mark.parametrize(
        "command",
        [
            "rm -r lan wan",
            "rm -rf lan wan",
            "rm -r *",
            "find lan wan -delete",
            """/usr/bin/python3 -c 'import shutil; shutil.rmtree("lan")' 2>&1""",
        ],
    )
    def test_removing_all_of_a_network_fails_and_does_no_harm(self, mount, net, command):
        networks = [net("lan", mtu=99), net("wan", mtu=99)]
        nodes = [(network.reader(), network.writer()) for network in networks]
        words = bash(f'cd "$mount"; ! {command}', check=False, mount=mount.path)
        assert b"Operation not permitted" in words
        for network, (reader, writer) in zip(networks, nodes):
            writer.write(b"still connected")
            assert reader.read_all() == [b"still connected"]
            assert network["mtu"] == "99"

    def test_two_such_removals_at_once_do_no_harm_either(self, net):
        lan, wan = net("lan"), net("wan")
        node = lan.reader()
        with fails(errno.EPERM):
            os.unlink(lan.port)
        with fails(errno.EPERM):
            ROOT.does(os.unlink, wan.port)  # another process gets as far
        with fails(errno.EPERM):
            os.unlink(lan.node_path(node.number))
        assert lan["nodes"] == "1"

    def test_rm_of_a_port(self, net):
        lan = net()
        assert b"Operation not permitted" in bash('! rm -f "$port"', check=False, port=lan.port)
        assert os.path.exists(lan.port)

    def test_rm_frees_a_port(self, net):
        lan = net()
        run("touch", lan.node_path(3))
        until(lambda: lan["nodes"] == "0")
        run("rm", lan.node_path(3))
        assert lan.ports() == []

    def test_rmdir(self, mount, net):
        run("rmdir", net().path)
        assert run("ls", mount.path) == ""

    def test_mkdir_p(self, mount):
        run("mkdir", "-p", os.path.join(mount.path, "lan"))
        run("mkdir", "-p", os.path.join(mount.path, "lan"))
        assert run("ls", mount.path) == "lan\n"

    def test_mv_renames(self, mount, net):
        run("mv", net("lan").path, os.path.join(mount.path, "wan"))
        assert run("ls", mount.path) == "wan\n"

    def test_mv_into_another_network(self, net):
        lan, wan = net("lan"), net("wan")
        assert b"Operation not permitted" in bash(
            '! mv "$lan" "$wan"', check=False, lan=lan.path, wan=wan.path
        )
        assert os.listdir(wan.path) == NETWORK_FILES

    def test_ln(self, net):
        lan = net()
        for command in ("ln", "ln -s"):
            words = bash(
                f'! {command} "$port" "$new"', check=False, port=lan.port, new=lan.path + "/new"
            )
            assert b"Operation not permitted" in words

    def test_touch_reserves_a_port(self, net):
        lan = net()
        run("touch", lan.node_path(3))
        until(lambda: lan["nodes"] == "0")
        assert lan.ports() == [3]

    def test_truncate_and_sync(self, net):
        lan = net()
        reader = lan.reader()
        run("truncate", "-s", "0", lan.port)
        run("sync", lan.port)
        assert reader.read_all() == []


class TestCopying:
    """Copying a tree of networks ends, and makes a copy of what can be copied: names and modes."""

    @pytest.mark.parametrize("command", ["rsync -r", "tar cf - -C"])
    def test_ends(self, mount, net, scratch, command):
        net("lan")
        copy = scratch / "copy"
        copy.mkdir()
        if command.startswith("rsync"):
            run(*command.split(), f"{mount.path}/", copy)
        else:
            bash('tar cf - -C "$mount" . | tar xf - -C "$copy"', mount=mount.path, copy=copy)
        assert sorted(os.listdir(copy / "lan")) == sorted(NETWORK_FILES)

    def test_a_whole_mount_is_rebuilt_from_getfattr(self, mount, mount_with, net):
        """A back-up: the names by the shell, the options by getfattr."""
        net("lan", mtu=99)
        net("wan", lossless=1)
        other = mount_with()
        bash(
            'cd "$mount"; printf "%s\\0" * > "$other.names";'
            'getfattr -R -d . 2> /dev/null > "$other.options";'
            'cd "$other"; xargs -0 mkdir < "$other.names"; setfattr --restore="$other.options"',
            mount=mount.path,
            other=other.path,
        )
        rebuilt = {
            name: os.getxattr(os.path.join(other.path, name), "user.ipn.mtu")
            for name in ("lan", "wan")
        }
        assert rebuilt == {"lan": b"99", "wan": b"1514"}


def test_ssh_like_pipe_of_two_programs_keeps_the_order(net, spawn):
    """A thousand lines through a lossless network, cat at both ends."""
    lan = net("lan", lossless=1, eof="last-writer")
    reader = spawn("cat", lan.port, stdout=subprocess.PIPE)
    until(lambda: lan["readers"] == "1")
    writer = spawn.shell('seq 1000 | while read -r n; do echo "$n"; done > "$port"', port=lan.port)
    output, _ = reader.communicate(timeout=60)
    succeeded(reader, writer)
    assert output.split() == [str(n).encode() for n in range(1, 1001)]


def test_setfattr_and_getfattr(net):
    lan = net()
    run("setfattr", "-n", "user.ipn.mtu", "-v", "9000", lan.path)
    assert run("getfattr", "--only-values", "-n", "user.ipn.mtu", lan.path) == "9000"


def test_setfattr_says_what_is_wrong(net):
    lan = net()
    words = bash('! setfattr -n user.ipn.mtu -v many "$lan"', check=False, lan=lan.path)
    assert b"Invalid argument" in words


def test_inherited_descriptor_is_the_same_node(net):
    lan = net()
    set_option(lan.path, "eof", "last-writer")
    reader = lan.reader()
    run("sh", "-c", '{ echo one; sh -c "echo two"; } > "$0"', lan.port)
    assert reader.read_all() == [b"one\n", b"two\n"]
    until(lambda: lan["writers"] == "0")
