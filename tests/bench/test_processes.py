"""Reading /proc."""

import os
import subprocess
import sys

import pytest
from bench.processes import Memory, cpu_seconds, members, memory, parse_rollup, parse_stat

_TICKS = os.sysconf("SC_CLK_TCK")


@pytest.mark.parametrize("command", ["nginx", "tmux: server", "a) S 1 (b", ""])
def test_stat_with_any_command_name(command: str) -> None:
    text = f"4242 ({command}) S 17 4242 99 0 -1 4194560 1 2 3 4 150 50 30 20 20 0 5 0 1000 1 1 1\n"
    found = parse_stat(text)
    assert (found.pid, found.parent, found.session) == (4242, 17, 99)
    assert found.own_seconds == 200 / _TICKS
    assert found.reaped_seconds == 50 / _TICKS


def test_rollup() -> None:
    text = "5616-7ffc ---p 00000000 00:00 0    [rollup]\nRss:    1740 kB\nPss:     392 kB\nPss_Dirty:  112 kB\n"
    assert parse_rollup(text) == Memory(1740 * 1024, 392 * 1024)
    assert parse_rollup("") == Memory(0, 0)


_PARENT = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import sys; print('up', flush=True); sys.stdin.read()"])
child.wait()
"""


def test_a_tree_is_its_session() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
    ) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"up\n"
        found = members(parent.pid)
        held = memory(parent.pid)
        used = cpu_seconds(parent.pid)
        assert parent.stdin is not None
        parent.stdin.close()
    assert len(found) == 2
    assert found[0].pid == parent.pid
    assert found[1].parent == parent.pid
    assert 0 < held.pss <= held.rss
    assert used > 0
    assert members(parent.pid) == []
