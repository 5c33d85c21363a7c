"""Numbers on their way to a page: families, and what each of their series is now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from holdfast.telemetry.family import BOUNDS, Family, Kind
from holdfast.telemetry.meters import SUM
from holdfast.telemetry.pages import Reading


class Histogram(NamedTuple):
    """One histogram. `counts`: of each bucket alone, in the order of `BOUNDS`, then of what is beyond; `total`: in the
    unit of the family."""

    counts: tuple[int, ...]
    total: float


class Told(NamedTuple):
    """A family, and its series by the values of their labels. `histograms`: the same for families of histograms."""

    family: Family
    numbers: Mapping[tuple[str, ...], float]
    histograms: Mapping[tuple[str, ...], Histogram] = {}


def one(family: Family, number: float) -> Told:
    """A family with one series, without labels."""
    return Told(family, {(): number})


def merge(readings: Iterable[Reading]) -> list[Told]:
    """What processes counted, as one. A gauge of a process that has ended is none."""
    families: dict[str, Family] = {}
    sums: dict[str, dict[tuple[tuple[str, ...], str], int]] = {}
    for reading in readings:
        families |= {name: family for name, family in reading.families.items() if name not in families}
        for (name, values, part), number in reading.series.items():
            kind = families[name].kind
            if kind in (Kind.GAUGE, Kind.PEAK) and not reading.owner:
                continue
            found = sums.setdefault(name, {})
            at = (values, part)
            found[at] = max(found.get(at, 0), number) if kind is Kind.PEAK else found.get(at, 0) + number
    return [_told(family, sums.get(name, {})) for name, family in sorted(families.items())]


def _told(family: Family, numbers: Mapping[tuple[tuple[str, ...], str], int]) -> Told:
    if family.kind is not Kind.HISTOGRAM:
        return Told(family, {values: number * family.scale for (values, _), number in sorted(numbers.items())})
    parts = [*map(str, range(len(BOUNDS) + 1))]
    every = sorted({values for values, _ in numbers})
    histograms = {
        values: Histogram(
            tuple(numbers.get((values, part), 0) for part in parts), numbers.get((values, SUM), 0) * family.scale
        )
        for values in every
    }
    return Told(family, {}, histograms)
