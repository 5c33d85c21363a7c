"""How any room counts: a family is a constant beside the room's code, a counter of it a plain whole number.

    SENT = Family("holdfast_things_sent", "Things that were sent.", Kind.COUNTER, (Label("outcome", ("ok", "failed")),))

    sent = meters.tally(SENT, "ok")     # once, where the room is put together
    sent.add()                          # each time: one addition in shared memory, about 0.1 us

Promises: what is counted here is told at `/metrics` with nothing more to do, summed over all processes; counting never
fails and never waits. A number belongs to one thread of one process.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable

from holdfast.telemetry.family import BOUNDS, OTHER, Family, Kind
from holdfast.telemetry.pages import Page, Series

SUM = "sum"


class Tally:
    """One number that only grows (`add`), or is of the moment (`set`)."""

    __slots__ = ("_values", "slot")

    def __init__(self, values: memoryview, slot: int) -> None:
        self._values = values
        self.slot = slot

    def add(self, many: int = 1) -> None:
        """Count `many` more."""
        self._values[self.slot] += many

    def set(self, value: int) -> None:
        """It is `value` now: for gauges."""
        self._values[self.slot] = value


class Durations:
    """One histogram of durations."""

    __slots__ = ("buckets", "total", "values")

    def __init__(self, values: memoryview, buckets: tuple[int, ...], total: int) -> None:
        self.values = values
        self.buckets = buckets
        self.total = total

    def add(self, seconds: float) -> None:
        """Count one."""
        self.values[self.buckets[bisect_left(BOUNDS, seconds)]] += 1
        self.values[self.total] += int(seconds * 1e6)


class Meters:
    """The numbers of this process. Without a page they are seen by nobody else."""

    def __init__(self, page: Page | None = None) -> None:
        self._page = page or Page.alone()
        self._declared: dict[str, Family] = {}
        self._seen: dict[tuple[str, str], set[str]] = {}
        self._tallies: dict[tuple[str, tuple[str, ...]], Tally] = {}
        self._watched: list[Callable[[], object]] = []

    @property
    def values(self) -> memoryview:
        """The numbers, for who counts too often for an object of its own."""
        return self._page.values

    @property
    def page(self) -> Page:
        """Where they are kept."""
        return self._page

    def watch(self, look: Callable[[], object]) -> None:
        """Have `look` called about once a second, in the loop, to set gauges; it takes microseconds and never fails."""
        self._watched.append(look)

    def look(self) -> None:
        """Call everything that is to be called now and then."""
        for look in self._watched:
            look()

    def declare(self, *families: Family) -> None:
        """Let families be told of, and begin the series that they have from the start at 0."""
        for family in families:
            known = self._declared.get(family.name)
            if known is None:
                self._declared[family.name] = family
                self._page.declare(family)
                for values in family.at_once():
                    for part in _parts(family):
                        self._page.slot(Series(family.name, values, part))
            elif known != family:
                raise ValueError(f"{family.name} is declared twice, and differently")

    def tally(self, family: Family, *values: str) -> Tally:
        """The number of `family` with these labels; a value that it may not have is `other`."""
        key = (family.name, values)
        found = self._tallies.get(key)
        if found is None:
            self.declare(family)
            bounded = self._bounded(family, values)
            found = self._tallies.get((family.name, bounded))
            if found is None:
                slot = self._page.slot(Series(family.name, bounded))
                found = self._tallies[family.name, bounded] = Tally(self.values, slot)
        return found

    def durations(self, family: Family, *values: str) -> Durations:
        """The histogram of `family` with these labels."""
        self.declare(family)
        bounded = self._bounded(family, values)
        slots = [self._page.slot(Series(family.name, bounded, part)) for part in _parts(family)]
        return Durations(self.values, tuple(slots[:-1]), slots[-1])

    def _bounded(self, family: Family, values: tuple[str, ...]) -> tuple[str, ...]:
        assert len(values) == len(family.labels), family.name
        return tuple(self._allowed(family, at, value) for at, value in enumerate(values))

    def _allowed(self, family: Family, at: int, value: str) -> str:
        label = family.labels[at]
        if label.values:
            return value if value in label.values else OTHER
        seen = self._seen.setdefault((family.name, label.name), set())
        if value not in seen and len(seen) < label.most:
            seen.add(value)
        return value if value in seen else OTHER


def _parts(family: Family) -> tuple[str, ...]:
    return (*map(str, range(len(BOUNDS) + 1)), SUM) if family.kind is Kind.HISTOGRAM else ("",)
