"""Try the tests that failed beside others once more, alone: a busy machine is told apart from a defect.

Usage: `python3 tools/again.py OUTPUT CACHE COMMAND...`. OUTPUT is what runs of pytest printed, CACHE the directory in
which they remembered what failed, COMMAND runs what is remembered there, one test at a time. Prints each test that
failed once and passed alone, with its first failure, and as its last line `passed alone: N`. Status 0 when all of them
passed; 1 when one failed again, or when nothing is tried: more than ten failed, a test left something wrong behind (its
teardown, which may be about others), a file could not be collected, a process crashed, or a run did not end by itself.
"""

import json
import re
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # this is run as a script, from anywhere

from tools.closing import closing_lines, counted

MOST = 10
"""Failed tests that are tried again: more is no accident."""
_LINES = 30
"""Lines of a failure that are shown: its end says what was wrong."""
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_ENDS = re.compile(r"^make(?:\[\d+\])?: \*\*\* (.*)$", re.MULTILINE)
_FAILED = re.compile(r"^\[[^]]*\] Error 1$")
"""What make says of pytest's status 1: tests failed, and nothing else went wrong."""
_HEADING = re.compile(r"^(?:_{3,} (.+) _{3,}|={3,}.*={3,})$")
_NOT_ALONE = {
    "a test left something wrong behind": re.compile(r"^_+ ERROR at teardown of ", re.MULTILINE),
    "a file could not be collected": re.compile(r"^_+ ERROR collecting ", re.MULTILINE),
    "a process of tests crashed": re.compile(r"crashed while running|^\[gw\d+\] node down", re.MULTILINE),
    "a run was interrupted": re.compile(r"^(?:!{3,} .* !{3,}|INTERNALERROR>.*)$", re.MULTILINE),
}


def remembered(cache: Path) -> list[str]:
    """The tests that failed last, by their ids."""
    file = cache / "v" / "cache" / "lastfailed"
    return sorted(json.loads(file.read_text())) if file.exists() else []


def unfit(output: str, failed: list[str]) -> str | None:
    """Why these tests are not tried again; None: they are."""
    for reason, sign in _NOT_ALONE.items():
        if sign.search(output):
            return reason
    ends = _ENDS.findall(output)
    if not ends or not all(_FAILED.match(end) for end in ends):
        return "a run ended by something else than failed tests"
    counts, _ = counted(closing_lines(output))
    if not failed or counts["failed"] + counts["errors"] != len(failed):
        return "it is not known which tests failed"
    return f"more than {MOST} tests failed" if len(failed) > MOST else None


def failure(output: str, test: str) -> str:
    """The end of what the first run said of a test."""
    name = test.partition("::")[2].replace("::", ".")
    found: list[str] = []
    inside = False
    for line in output.splitlines():
        heading = _HEADING.match(line)
        if heading and inside:
            break
        if heading:
            inside = heading[1] is not None and heading[1].removeprefix("ERROR at setup of ") == name
        elif inside:
            found.append(line)
    return "\n".join(found[-_LINES:])


def run(command: list[str]) -> str:
    """Run it, show what it prints, and give that."""
    said: list[str] = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            sys.stdout.write(line)
            said.append(_COLOUR.sub("", line))
    return "".join(said)


def main(output: Path, cache: Path, command: list[str]) -> int:
    """Try them and tell; 0 when each passed alone."""
    text = _COLOUR.sub("", output.read_text(errors="replace"))
    failed = remembered(cache)
    why = unfit(text, failed)
    if why is not None:
        print(f"what failed is not tried alone: {why}\npassed alone: 0")
        return 1
    counts, _ = counted(closing_lines(run(command)))
    again = remembered(cache)
    passed = [test for test in failed if test not in again] if counts["skipped"] == 0 else []
    if counts["passed"] < len(passed):
        passed = []
    if passed:
        print("\nfailed once, passed alone:")
    for test in passed:
        print(f"\n{test}\n{failure(text, test)}")
    print(f"\npassed alone: {len(passed)}")
    return 0 if len(passed) == len(failed) else 1


if __name__ == "__main__":
    if len(sys.argv) < 4:
        sys.exit("usage: again.py OUTPUT CACHE COMMAND...")
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:]))
