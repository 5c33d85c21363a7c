"""The comparison of skips: what pytest printed against what is listed."""

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).resolve().parents[2] / "tools" / "skips.py"

OUTPUT = """\
tests/a/test_a.py s.s                                    [100%]
=========================== short test summary info ============================
\x1b[33mSKIPPED\x1b[0m [2] tests/a/test_a.py:12: no IPv6: [Errno 97]
SKIPPED [1] tests/b.py: whole module
SKIPPED [1] tests/a/test_a.py:40: no IPv6: [Errno 97]
FAILED tests/c.py::test_c - SKIPPED [1] tests/x.py:1: not a skip
========================= 3 passed, 4 skipped in 0.10s =========================
"""


@pytest.mark.parametrize(
    ("listed", "status", "said"),
    [
        ("# comment\n\n tests/a/test_a.py: no IPv6: [Errno 97] \ntests/b.py: whole module\n", 0, "4 tests, 0 reasons"),
        ("tests/a/*: no IPv6*\ntests/b.py: *\ntests/z.py: gone\n", 0, "  listed, but ran: tests/z.py: gone"),
        ("tests/b.py: *\n", 1, "  not listed: tests/a/test_a.py: no IPv6: [Errno 97]"),
        ("", 1, "4 tests, 2 reasons"),
    ],
)
def test_only_a_skip_that_is_not_listed_fails(tmp_path: Path, listed: str, status: int, said: str) -> None:
    (tmp_path / "output").write_text(OUTPUT)
    (tmp_path / "skips").write_text(listed)
    command = [sys.executable, str(PROGRAM), str(tmp_path / "output"), str(tmp_path / "skips")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (status, "")
    assert said in done.stdout
