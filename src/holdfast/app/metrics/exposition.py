"""A page of numbers as Prometheus reads it: its text format, or OpenMetrics for who asks for that."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple

from holdfast.app.metrics.told import Told
from holdfast.telemetry.family import BOUNDS, Kind

if TYPE_CHECKING:
    from prometheus_client import Metric

PLAIN = "text/plain; version=0.0.4; charset=utf-8"
OPEN = "application/openmetrics-text; version=1.0.0; charset=utf-8"
_LIMITS = (*map(str, BOUNDS), "+Inf")


class Page(NamedTuple):
    """A page, and what its content type is."""

    media_type: str
    body: bytes


def expose(told: Sequence[Told], accept: str) -> Page:
    """The page for who accepts `accept` (the header of that name)."""
    from prometheus_client import exposition  # loaded by the first scrape, not by the start
    from prometheus_client.openmetrics import exposition as openmetrics

    collected = _Collected(told)
    if _wants_openmetrics(accept):
        return Page(OPEN, openmetrics.generate_latest(collected))  # type: ignore[no-untyped-call]
    return Page(PLAIN, exposition.generate_latest(collected))


def _wants_openmetrics(accept: str) -> bool:
    for each in accept.lower().split(","):
        kind, *parameters = (part.strip() for part in each.split(";"))
        if kind == "application/openmetrics-text":
            versions = [part for part in parameters if part.startswith("version=")]
            if not versions or "version=1.0.0" in versions:
                return True
    return False


class _Collected:
    """What the library writes out: it asks nothing but `collect`."""

    def __init__(self, told: Sequence[Told]) -> None:
        self._told = told

    def collect(self) -> Iterator[Metric]:
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

        for family, numbers, histograms in self._told:
            names = [label.name for label in family.labels]
            found: Metric
            if family.kind is Kind.HISTOGRAM:
                found = histogram = HistogramMetricFamily(family.name, family.help, labels=names)
                for values, (counts, total) in histograms.items():
                    buckets = list(zip(_LIMITS, accumulate(counts), strict=True))
                    histogram.add_metric(list(values), buckets, total)
            else:
                kind = CounterMetricFamily if family.kind is Kind.COUNTER else GaugeMetricFamily
                found = simple = kind(family.name, family.help, labels=names)
                for values, number in numbers.items():
                    simple.add_metric(list(values), number)
            yield found
