"""Sum up the closing lines of several runs of pytest in one of the same form.

Usage: `python3 tools/closing.py OUTPUT RUNS [ALONE]`. OUTPUT is what the runs printed, RUNS how many there were, ALONE
how many of the tests that failed in them passed when they were tried once more (tools/again.py): the sum counts those
as passed. Prints the closing lines and then the sum; what a run left to another one (`deselected`) is not summed.
Status 1 when a run did not finish: the sum then says `error`, too.
"""

import re
import sys
from pathlib import Path

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_CLOSING = re.compile(r"^=+ (.+) in ([0-9.]+)s(?: \(.*\))? =+$")
_ORDER = ("failed", "passed", "skipped", "xfailed", "xpassed", "warnings", "errors")
_WIDTH = 80


def closing_lines(output: str) -> list[str]:
    """The closing line of every run that finished."""
    lines = (_COLOUR.sub("", line) for line in output.splitlines())
    return [line for line in lines if _CLOSING.match(line)]


def counted(lines: list[str]) -> tuple[dict[str, int], float]:
    """The sum of what closing lines count, and of their seconds."""
    counts = dict.fromkeys(_ORDER, 0)
    seconds = 0.0
    for line in lines:
        match = _CLOSING.match(line)
        assert match is not None
        seconds += float(match[2])
        for part in match[1].split(", "):
            number, _, what = part.partition(" ")
            name = {"warning": "warnings", "error": "errors"}.get(what, what)
            if number.isdigit() and name in counts:
                counts[name] += int(number)
    return counts, seconds


def summed(lines: list[str], runs: int, alone: int = 0) -> str:
    """One closing line for all; a run that has none counts as an error, `alone` of those that failed as passed."""
    counts, seconds = counted(lines)
    failed = min(alone, counts["failed"])
    counts["failed"] -= failed
    counts["errors"] -= min(alone - failed, counts["errors"])
    counts["passed"] += alone
    counts["errors"] += max(runs - len(lines), 0)
    said = ", ".join(f"{count} {name}" for name, count in counts.items() if count) or "no tests ran"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f" {said} in {seconds:.2f}s ({hours}:{minutes:02}:{rest:02}) ".center(_WIDTH, "=")


def main(output: Path, runs: int, alone: int = 0) -> int:
    """Print them; 1 when there are not as many as there were runs."""
    lines = closing_lines(output.read_text(errors="replace"))
    if len(lines) < runs:
        sys.stderr.write(f"{runs - len(lines)} of {runs} runs of pytest did not finish\n")
    print(*lines, summed(lines, runs, alone), sep="\n")
    return 0 if len(lines) == runs else 1


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4):
        sys.exit("usage: closing.py OUTPUT RUNS [ALONE]")
    sys.exit(main(Path(sys.argv[1]), *map(int, sys.argv[2:])))
