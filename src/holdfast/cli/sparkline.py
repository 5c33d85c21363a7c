"""A row of numbers as a line of bars."""

from __future__ import annotations

import sys
from collections.abc import Sequence

_BARS = "▁▂▃▄▅▆▇█"
_PLAIN = "_.-~=+*#"
WIDEST = 60


def sparkline(numbers: Sequence[int], encoding: str | None = None) -> str:
    """One character a number, the highest for the largest; more than 60 numbers are put together. In letters that
    `encoding` (of standard output, unless given) has."""
    each = -(-len(numbers) // WIDEST) or 1
    sums = [sum(numbers[first : first + each]) for first in range(0, len(numbers), each)]
    most = max(sums, default=0)
    bars = _bars(encoding or getattr(sys.stdout, "encoding", None) or "ascii")
    return "".join(bars[-(-number * (len(bars) - 1) // most) if most else 0] for number in sums)


def _bars(encoding: str) -> str:
    try:
        _BARS.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return _PLAIN
    return _BARS
