"""Compare the tests that pytest skipped with the committed list, so that no test goes missing unseen.

Usage: `python3 tools/skips.py OUTPUT LIST`. OUTPUT is what `pytest -ra` printed; every line of LIST is
`path: reason` as pytest prints it, without the line number, where `*` stands for anything; `#` begins a comment.
A skip that is not listed fails; a listed one that ran is only mentioned, for it depends on what the machine has.
"""

import re
import sys
from fnmatch import fnmatchcase
from pathlib import Path

_SKIPPED = re.compile(r"^SKIPPED \[(\d+)\] ([^:]+?)(?::\d+)?: (.*)$")
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def printed_skips(output: str) -> dict[str, int]:
    """`path: reason` of every skip in pytest's short summary, with how many tests it stands for."""
    found: dict[str, int] = {}
    for line in output.splitlines():
        match = _SKIPPED.match(_COLOUR.sub("", line))
        if match:
            name = f"{match[2]}: {match[3]}".rstrip()
            found[name] = found.get(name, 0) + int(match[1])
    return found


def listed_skips(text: str) -> list[str]:
    """The patterns of the committed list."""
    lines = (line.strip() for line in text.splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def main(output: Path, committed: Path) -> int:
    """Print both kinds of difference; 1 when a skip is not listed."""
    printed = printed_skips(output.read_text(errors="replace"))
    listed = listed_skips(committed.read_text())
    # `[` is an ordinary letter in reasons and test ids, not the beginning of a set.
    patterns = {line: line.replace("[", "[[]") for line in listed}
    unlisted = [name for name in printed if not any(fnmatchcase(name, each) for each in patterns.values())]
    unused = [line for line, each in patterns.items() if not any(fnmatchcase(name, each) for name in printed)]
    print(f"skips: {sum(printed.values())} tests, {len(unlisted)} reasons not in {committed}")
    for name in unlisted:
        print(f"  not listed: {name}")
    for line in unused:
        print(f"  listed, but ran: {line}")
    return 1 if unlisted else 0


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: skips.py OUTPUT LIST")
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
