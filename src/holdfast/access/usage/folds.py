"""Refusals and log-ins on their way to the journal: equal ones of a minute become one row with a count.

Promises: the first of its kind is told at the next flush, what repeats it within the minute in one more row at the
minute's end; whatever clients do, a process tells at most a few thousand rows a minute. What is too much from one
network, or in all, is counted in a row without names.
"""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from holdfast.access.usage.model import clean, network_of
from holdfast.journal.model import ChangeKind, Origin

MINUTE = 60_000_000
MOST = 2000
"""Different things that a process tells a minute."""
MOST_FROM_ONE = 200
"""Of those, from one network block."""
VARIOUS = "various"
"""The actor of a row that counts what found no row of its own."""


class Told(NamedTuple):
    """One row for the journal."""

    kind: ChangeKind
    actor: str
    origin: Origin
    data: dict[str, object]
    path: str


class _Key(NamedTuple):
    kind: ChangeKind
    actor: str
    credential: str
    address: str
    agent: str
    facts: tuple[tuple[str, str], ...]


class _Fold:
    """What happened in one way within one minute. `count`: what was not told yet."""

    __slots__ = ("count", "first", "last", "request", "told", "until")

    def __init__(self, request: str, now: int) -> None:
        self.request = request
        self.first = self.last = now
        self.until = now + MINUTE
        self.count = 0
        self.told = False


class Folds:
    """The folds of one process."""

    def __init__(self) -> None:
        self._folds: dict[_Key, _Fold] = {}
        self._from: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._folds)

    def add(self, kind: ChangeKind, actor: str, origin: Origin, now: int, **facts: str) -> None:
        """Something happened: `facts` with the kind, the actor and the origin tell it from everything else."""
        key = _Key(kind, actor, origin.credential, origin.address, origin.agent, tuple(facts.items()))
        fold = self._folds.get(key)
        if fold is None:
            key = self._room(key)
            fold = self._folds.get(key)
        if fold is None:
            fold = self._folds[key] = _Fold(origin.request, now)
            self._from[network_of(key.address)] += 1
        if not fold.count:
            fold.request, fold.first = origin.request, now
        fold.count += 1
        fold.last = now

    def due(self, now: int, *, all_of_them: bool = False) -> list[Told]:
        """What is to be told now; forgets the minutes that are over. What could not be told is given back."""
        rows: list[Told] = []
        for key, fold in list(self._folds.items()):
            over = all_of_them or now >= fold.until
            if fold.count and (over or not fold.told):
                rows.append(_row(key, fold))
                fold.count, fold.told = 0, True
            if over:
                del self._folds[key]
                self._leave(key)
        return rows

    def _room(self, key: _Key) -> _Key:
        """`key`, or the one that counts what has no room."""
        if len(self._folds) >= MOST:
            return _Key(key.kind, VARIOUS, "", "", "", ())
        network = network_of(key.address)
        if self._from[network] >= MOST_FROM_ONE:
            return _Key(key.kind, VARIOUS, "", network, "", ())
        return key

    def _leave(self, key: _Key) -> None:
        network = network_of(key.address)
        self._from[network] -= 1
        if self._from[network] <= 0:
            del self._from[network]


def _row(key: _Key, fold: _Fold) -> Told:
    facts: dict[str, object] = {name: clean(value) for name, value in key.facts if value}
    data = {**facts, "count": fold.count, "first_at": fold.first, "last_at": fold.last}
    origin = Origin(*(clean(text) for text in (fold.request, key.address, key.agent, key.credential)))
    return Told(key.kind, clean(key.actor), origin, data, str(facts.get("repository", "")))
