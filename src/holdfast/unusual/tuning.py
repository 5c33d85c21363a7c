"""How finely it is looked at. Every number here can be set for a path or for everything (written.py)."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from holdfast.unusual.model import DAY, HOUR, Kind


class Sensitivity(StrEnum):
    """How many points make an alarm."""

    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"


THRESHOLDS = {Sensitivity.LOW: 85, Sensitivity.NORMAL: 65, Sensitivity.HIGH: 50}


class Tuning(NamedTuple):
    """`learning`: how long a new subject is only watched, `learned_days`: and on how many days it has to be active;
    `together`: findings within it are added up; `cool_down`: how long after its last growth an alert still grows,
    before what comes next is another; `dead_after`: a key unused for as long is dead; the `least_*` are what an hour
    has to bring before it can be much: pulls, repositories, bytes, refusals, names refused."""

    sensitivity: Sensitivity = Sensitivity.NORMAL
    off: frozenset[Kind] = frozenset()
    learning: int = 14 * DAY
    learned_days: int = 5
    together: int = 3 * HOUR
    cool_down: int = 24 * HOUR
    dead_after: int = 30 * DAY
    least_pulls: int = 20
    least_repositories: int = 15
    least_bytes: int = 50_000_000_000
    least_refusals: int = 30
    least_names: int = 10

    @property
    def threshold(self) -> int:
        """Points that make an alarm."""
        return THRESHOLDS[self.sensitivity]


DEFAULT = Tuning()
