"""Sum up the closing lines of several runs of pytest in one of the same form.

Usage: `python3 tools/closing.py OUTPUT RUNS`. OUTPUT is what the runs printed, RUNS how many there were. Prints their
closing lines and then the sum; what a run left to another one (`deselected`) is not summed. Status 1 when a run did not
finish: the sum then says `error`, too.
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


def summed(lines: list[str], runs: int) -> str:
    """One closing line for all of them; a run that has none counts as an error."""
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
    counts["errors"] += max(runs - len(lines), 0)
    said = ", ".join(f"{count} {name}" for name, count in counts.items() if count) or "no tests ran"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f" {said} in {seconds:.2f}s ({hours}:{minutes:02}:{rest:02}) ".center(_WIDTH, "=")


def main(output: Path, runs: int) -> int:
    """Print them; 1 when there are not as many as there were runs."""
    lines = closing_lines(output.read_text(errors="replace"))
    if len(lines) < runs:
        sys.stderr.write(f"{runs - len(lines)} of {runs} runs of pytest did not finish\n")
    print(*lines, summed(lines, runs), sep="\n")
    return 0 if len(lines) == runs else 1


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: closing.py OUTPUT RUNS")
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2])))
