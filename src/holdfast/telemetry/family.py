"""What a metric is, declared once as a constant: its name, kind, unit and the values that its labels may have.

Promises: the number of series of a family is bounded by its declaration, whatever clients send: a label value that is
not among the declared ones, or comes after as many as are allowed, is counted as `other`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import product

OTHER = "other"
AT_ONCE = 64
"""A family with at most so many series has all of them from the start, at 0."""
MICROS = 1e-6
"""The scale of what is counted in microseconds and told in seconds."""
BOUNDS = (0.005, 0.025, 0.1, 0.5, 1.0, 5.0, 30.0)
"""The upper bounds of durations, in seconds; one more is without bound."""


class Kind(StrEnum):
    """How numbers of several processes become one: `GAUGE` is summed over living processes, `PEAK` is the largest of
    them; the others are summed over all processes that ever were, so that they never go back."""

    COUNTER = "counter"
    GAUGE = "gauge"
    PEAK = "peak"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Label:
    """A label. `values`: all that it may have; without them at most `most`, which come from the program, not from
    clients."""

    name: str
    values: tuple[str, ...] = ()
    most: int = 0

    @property
    def bound(self) -> int:
        """How many values it may have, `other` among them."""
        return (len(self.values) if self.values else self.most) + 1


@dataclass(frozen=True, slots=True)
class Family:
    """A metric as Prometheus knows it, and `scale`: what one unit of the whole number that is kept stands for.

    `name`: without the `_total` of counters. A family of histograms has the bounds `BOUNDS`, is kept in microseconds
    and told in seconds."""

    name: str
    help: str
    kind: Kind
    labels: tuple[Label, ...] = ()
    scale: float = 1.0

    @property
    def series(self) -> int:
        """The most series it may have."""
        most = 1
        for label in self.labels:
            most *= label.bound
        return most

    def at_once(self) -> Sequence[tuple[str, ...]]:
        """The label values that it has from the start."""
        closed = all(label.values for label in self.labels)
        return list(product(*(label.values for label in self.labels))) if closed and self.series <= AT_ONCE else []

    def line(self) -> str:
        """The declaration as a line of JSON."""
        labels = [[label.name, list(label.values), label.most] for label in self.labels]
        return json.dumps([self.name, self.help, self.kind, labels, self.scale])

    @staticmethod
    def read(line: str) -> Family:
        """The family that `line` was made of."""
        name, said, kind, labels, scale = json.loads(line)
        return Family(name, said, Kind(kind), tuple(Label(n, tuple(v), m) for n, v, m in labels), scale)
