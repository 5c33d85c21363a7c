"""One closing line for several runs of pytest, which says no more than theirs."""

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).resolve().parents[2] / "tools" / "closing.py"
FAST = "========= 2 failed, 100 passed, 4 skipped, 50 deselected in 65.00s (0:01:05) =========="
SLOW = (
    "\x1b[32m===== \x1b[1m50 passed\x1b[0m, 100 deselected, 1 error\x1b[32m in 3600.50s (1:00:00)\x1b[0m =====\x1b[0m"
)
NONE = "========================== no tests ran in 0.10s =========================="


def closing(place: Path, *lines: str, runs: int = 2, alone: int = 0) -> tuple[int, list[str], str]:
    output = place / "output"
    output.write_text("\n".join(["collecting ...", "==== short test summary info ====", *lines, "rc 0", ""]))
    command = [sys.executable, str(PROGRAM), str(output), str(runs), *([str(alone)] if alone else [])]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout.splitlines(), done.stderr


def test_counts_and_times_are_summed_and_what_was_left_to_the_other_is_not(tmp_path: Path) -> None:
    status, said, _ = closing(tmp_path, FAST, "make: *** Error 1", SLOW)
    assert status == 0
    assert said[0] == FAST
    assert said[-1].strip("= ") == "2 failed, 150 passed, 4 skipped, 1 errors in 3665.50s (1:01:06)"
    assert said[-1].startswith("=")
    assert said[-1].endswith("=")


@pytest.mark.parametrize(("lines", "errors"), [((FAST,), 1), ((), 2)], ids=["one", "none"])
def test_a_run_that_did_not_finish_is_an_error(tmp_path: Path, lines: tuple[str, ...], errors: int) -> None:
    status, said, trouble = closing(tmp_path, *lines)
    assert status == 1
    assert f"{errors} errors in" in said[-1]
    assert "did not finish" in trouble


def test_where_nothing_ran_it_says_so(tmp_path: Path) -> None:
    assert closing(tmp_path, NONE, runs=1)[1][-1].strip("= ") == "no tests ran in 0.10s (0:00:00)"


def test_what_failed_once_and_passed_alone_has_passed(tmp_path: Path) -> None:
    status, said, _ = closing(tmp_path, FAST, SLOW, alone=2)
    assert status == 0
    assert said[:2] == [FAST, SLOW.replace("\x1b[32m", "").replace("\x1b[1m", "").replace("\x1b[0m", "")]
    assert said[-1].strip("= ") == "152 passed, 4 skipped, 1 errors in 3665.50s (1:01:06)"
    assert "153 passed, 4 skipped in" in closing(tmp_path, FAST, SLOW, alone=3)[1][-1]


def test_a_run_that_did_not_finish_is_not_made_good_by_it(tmp_path: Path) -> None:
    status, said, _ = closing(tmp_path, FAST, alone=2)
    assert status == 1
    assert "1 errors in" in said[-1]
