"""The figures of a workload: one `Slice` per short run, one `Figures` for the medians of a server's slices."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import NamedTuple


class Slice(NamedTuple):
    """One short run of one workload against one server."""

    operations: int
    rate: float
    """operations per second, over all clients"""
    bytes_per_second: float
    p50_ms: float
    p99_ms: float
    cpu_us: float
    """server CPU per operation, microseconds"""
    client_cpu_us: float
    rss: int
    pss: int
    growth: int
    """peak of PSS during the slice, less PSS before it; bytes"""
    tail_ms: float
    """last byte of a body sent to answer, worst; 0 where no body is sent"""


@dataclass(frozen=True, slots=True)
class Figures:
    """The medians over the slices of one workload on one server; `note` says what is special about them."""

    slices: int
    operations: int
    rate: float
    megabytes: float
    p50_ms: float
    p99_ms: float
    cpu_us: float
    client_cpu_us: float
    rss_mib: float
    pss_mib: float
    growth_mib: float
    tail_ms: float
    note: str = ""


@dataclass(frozen=True, slots=True)
class Absent:
    """A workload that a server did not run, and why."""

    reason: str


def percentile(ordered: Sequence[float], percent: float) -> float:
    """The nearest-rank percentile of values in ascending order; 0.0 for none."""
    if not ordered:
        return 0.0
    rank = math.ceil(percent / 100 * len(ordered))
    return ordered[min(max(rank, 1), len(ordered)) - 1]


def summarise(slices: Sequence[Slice], note: str = "") -> Figures:
    """The median of every figure; growth and tail are the worst, because they are limits."""
    if not slices:
        raise ValueError("no slice to summarise")

    def middle(values: Sequence[float]) -> float:
        return float(median(values))

    return Figures(
        slices=len(slices),
        operations=sum(one.operations for one in slices),
        rate=middle([one.rate for one in slices]),
        megabytes=middle([one.bytes_per_second for one in slices]) / 1e6,
        p50_ms=middle([one.p50_ms for one in slices]),
        p99_ms=middle([one.p99_ms for one in slices]),
        cpu_us=middle([one.cpu_us for one in slices]),
        client_cpu_us=middle([one.client_cpu_us for one in slices]),
        rss_mib=middle([one.rss for one in slices]) / 2**20,
        pss_mib=middle([one.pss for one in slices]) / 2**20,
        growth_mib=max(one.growth for one in slices) / 2**20,
        tail_ms=max(one.tail_ms for one in slices),
        note=note,
    )
