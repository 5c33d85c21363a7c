"""What failed beside others is tried once more, alone; what that does not excuse stays failed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).resolve().parents[2] / "tools" / "again.py"
FILE = '''
"""One that is right, one that fails the first time, one that is wrong."""

import pathlib

import pytest

SEEN = pathlib.Path(__file__).with_name("seen")


@pytest.fixture
def late():
    if not SEEN.exists():
        SEEN.touch()
        raise AssertionError("was not ready")


@pytest.fixture
def dirty():
    yield
    assert SEEN.exists(), "left something behind"
    SEEN.touch()


def test_right():
    pass


@pytest.mark.parametrize("case", ["a case - [so]"])
def test_late(case):
    if not SEEN.exists():
        SEEN.touch()
        raise AssertionError("was too slow")


def test_set_up_late(late):
    pass


def test_wrong():
    raise AssertionError("is wrong")


def test_dirty(dirty):
    pass


def test_absent():
    if SEEN.exists():
        pytest.skip("nothing here")
    SEEN.touch()
    raise AssertionError("is wrong")


@pytest.mark.parametrize("number", range(11))
def test_many(number):
    raise AssertionError
'''
ALONE = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
"""The environment of a pytest that loads nothing that these tests do not need."""
STOPPED = "make: *** [Makefile:58: test] Error 1\n"


def tried(place: Path, chosen: str, end: str = STOPPED) -> tuple[int, str]:
    """Run what is chosen of the file, and then try what failed again; the status, and all that was said."""
    (place / "test_it.py").write_text(FILE)
    (place / "pytest.ini").write_text("[pytest]\n")
    cache = place / "cache"
    command = [sys.executable, "-m", "pytest", "-ra", "-o", f"cache_dir={cache}"]
    first = subprocess.run(
        [*command, "-k", chosen], cwd=place, env=ALONE, capture_output=True, text=True, timeout=120, check=False
    )
    output = place / "output"
    output.write_text(first.stdout + end)
    done = subprocess.run(
        [sys.executable, str(PROGRAM), str(output), str(cache), *command, "--last-failed"],
        cwd=place,
        env=ALONE,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout


@pytest.mark.parametrize(
    ("chosen", "name", "why"),
    [
        ("test_right or test_late", "test_it.py::test_late[a case - [so]]", "was too slow"),
        ("test_set_up_late", "test_it.py::test_set_up_late", "was not ready"),
    ],
)
def test_what_passes_alone_is_named_with_its_first_failure(tmp_path: Path, chosen: str, name: str, why: str) -> None:
    status, said = tried(tmp_path, chosen)
    assert status == 0
    told = said.partition("failed once, passed alone:")[2]
    assert name in told.splitlines()
    assert why in told
    assert said.endswith("passed alone: 1\n")


def test_what_fails_twice_fails_whatever_else_passes(tmp_path: Path) -> None:
    status, said = tried(tmp_path, "test_late or test_wrong")
    assert status == 1
    assert "test_it.py::test_wrong" not in said.partition("failed once, passed alone:")[2]
    assert said.endswith("passed alone: 1\n")


def test_what_is_skipped_the_second_time_has_not_passed(tmp_path: Path) -> None:
    assert tried(tmp_path, "test_absent")[0] == 1


@pytest.mark.parametrize(
    ("chosen", "end", "why"),
    [
        ("test_dirty", STOPPED, "left something wrong behind"),
        ("test_many", STOPPED, "more than 10 tests failed"),
        ("test_late", "make: *** [Makefile:58: test] Killed\n", "something else"),
        ("test_late", "make: *** [Makefile:58: test] Error 2\n", "something else"),
        ("test_late", "", "something else"),
        ("test_late", f"!!!!!!! stopping after 1 failures !!!!!!!\n{STOPPED}", "interrupted"),
        ("test_late", f"worker 'gw1' crashed while running 'x'\n{STOPPED}", "crashed"),
        ("test_right", STOPPED, "not known"),
    ],
)
def test_what_is_no_accident_is_not_tried(tmp_path: Path, chosen: str, end: str, why: str) -> None:
    status, said = tried(tmp_path, chosen, end)
    assert status == 1
    assert why in said
    assert "test session starts" not in said
    assert said.endswith("passed alone: 0\n")
