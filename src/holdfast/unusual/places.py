"""What others do at the same places: who else came from a network, who else pulls from a repository.

What many do is not unusual in one. Promises: deterministic and bounded: of each place a few subjects are remembered, as
numbers; a place that is new and already busy tells of a release, a new cluster, a move.
"""

from __future__ import annotations

import msgspec

from holdfast.unusual.memory import short
from holdfast.unusual.model import DAY

_REGULAR, _STALE = DAY, 30 * DAY
MANY = 8
"""Subjects of a place that are remembered."""
NETWORK, WIDE, REPOSITORY, AGENT, ARRIVED, SURGE = "network", "wide", "repository", "agent", "arrived", "surge"


class Place(msgspec.Struct, array_like=True):
    """A place: when somebody came first and last (microseconds), the subjects, each with its first and last time."""

    first: int
    last: int
    subjects: dict[str, tuple[int, int]]


class Places:
    """The places that are at hand. `changed`: those that differ from what was put in."""

    def __init__(self, found: dict[tuple[str, str], Place] | None = None) -> None:
        self.found = found if found is not None else {}
        self.changed: set[tuple[str, str]] = set()

    def others(self, kind: str, name: str, subject: str, since: int = 0, regular: int = 0) -> int:
        """How many others were there, not before `since`; only those who came again after at least `regular`."""
        place = self.found.get((kind, name))
        if place is None:
            return 0
        own = short(subject)
        return sum(
            1
            for each, (first, last) in place.subjects.items()
            if each != own and last >= since and last - first >= regular
        )

    def first(self, kind: str, name: str) -> int | None:
        """When somebody first came there."""
        place = self.found.get((kind, name))
        return place.first if place is not None else None

    def meet(self, kind: str, name: str, subject: str, at: int, again: int) -> None:
        """A subject is there; told again only after `again` microseconds, so that little is written."""
        key = (kind, name)
        place = self.found.get(key)
        own = short(subject)
        if place is None:
            self.found[key] = Place(at, at, {own: (at, at)})
        else:
            known = place.subjects.get(own)
            if known is not None and at - known[1] < again:
                return
            if known is None and len(place.subjects) >= MANY:
                del place.subjects[_least(place, at, keep=kind == REPOSITORY)]
            place.subjects[own] = (known[0] if known is not None else at, at)
            place.last = max(place.last, at)
        self.changed.add(key)


def _least(place: Place, at: int, *, keep: bool) -> str:
    """The subject that says least of a place: longest ago; `keep`: but a passer-by before who comes again."""

    def worth(each: str) -> tuple[bool, int, str]:
        first, last = place.subjects[each]
        return keep and last - first >= _REGULAR and at - last < _STALE, last, each

    return min(place.subjects, key=worth)
