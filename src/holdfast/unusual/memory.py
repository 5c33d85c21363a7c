"""Bounded memory of what a subject usually does: known values, and how high a quantity rises in an hour.

Promises: plain values, deterministic, no clock; every collection has a bound, and what was used longest ago goes first.
What happened fades with each day on which the subject is active, to a half in about a month of such days.
"""

from __future__ import annotations

import zlib
from math import log2, log10
from typing import NamedTuple

import msgspec

FADE = 0.98
"""What is left of a day after the next active one."""
BUCKETS = 48
MOST_POINTS = 50.0
_PER_TENTH = 25.0
"""Points for each tenth part of likelihood."""


class Value(msgspec.Struct, array_like=True):
    """A known value: the last day on which it was there, and on how many."""

    last: int
    days: int


class Known(msgspec.Struct, array_like=True):
    """The values of one kind. `before`: faded days on which there was a new one, before the day `fresh_day`, on which
    there was one that counts `fresh`."""

    values: dict[str, Value] = msgspec.field(default_factory=dict)
    before: float = 0.0
    fresh: float = 0.0
    fresh_day: int = 0

    def meet(self, value: str, day: int, most: int, *, counts: float) -> bool:
        """Remember a value; whether it is new. `counts`: how much a day with a new one counts; at first all is new."""
        known = self.values.get(value)
        if known is not None:
            if known.last != day:
                known.last = day
                known.days += 1
            return False
        if len(self.values) >= most:
            del self.values[min(self.values, key=lambda each: (self.values[each].last, self.values[each].days, each))]
        self.values[value] = Value(day, 1)
        if self.fresh_day != day:
            self.before += self.fresh
            self.fresh = counts
            self.fresh_day = day
        return True

    def surprise(self, weight: float) -> float:
        """Points for a new value today, after so many faded active days."""
        return points(self.before, weight)

    def fade(self) -> None:
        """One more active day."""
        self.before *= FADE
        self.fresh *= FADE


class Rise(NamedTuple):
    """How unusual a quantity is: its points, and the most that there ever was, for people."""

    points: float
    most: int


class Peaks(msgspec.Struct, array_like=True):
    """The highest hour of each active day, faded: `buckets` of powers of two; `most` fades towards what is usual."""

    buckets: list[float] = msgspec.field(default_factory=list)
    most: float = 0.0

    def add(self, value: float, times: float = 1.0) -> None:
        """A day is over whose highest hour brought `value`."""
        n = bucket(value)
        if len(self.buckets) <= n:
            self.buckets += [0.0] * (n + 1 - len(self.buckets))
        self.buckets[n] += times
        self.most = max(self.most, value)

    def fade(self) -> None:
        """One more active day."""
        self.buckets = [each * FADE if each > 0.01 else 0.0 for each in self.buckets]
        self.most *= 0.995

    def rise(self, value: float, weight: float, floor: float) -> Rise:
        """How unusual `value` is in one hour; `floor`: below it a highest hour counts as so high."""
        usual = max(self.most, floor)
        if value <= usual:
            return Rise(0.0, int(self.most))
        above = sum(self.buckets[bucket(value) :])
        rarity = points(above, weight)
        return Rise(rarity + min(MOST_POINTS, 15.0 * max(0.0, log2(value / usual) - 0.5)), int(self.most))


def points(times: float, weight: float) -> float:
    """Points for what happened on `times` of `weight` days."""
    return max(0.0, min(MOST_POINTS, _PER_TENTH * log10((weight + 1.0) / (times + 0.5))))


def bucket(value: float) -> int:
    """The power of two that a quantity is in."""
    return min(BUCKETS - 1, int(value).bit_length())


def short(text: str) -> str:
    """A name in a few characters: enough to know it again among some hundreds."""
    return f"{zlib.crc32(text.encode()):x}"
