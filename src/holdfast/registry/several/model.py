"""A change of several tags as values."""

from __future__ import annotations

from enum import IntEnum, StrEnum
from typing import NamedTuple

MOST_TAGS = 10_000
"""The most tags of one change."""
MOST_PAGE = 200
MANY = 100
"""From more tags on the name of the repository is typed before."""
KEPT = 30 * 86_400 * 1_000_000
"""How long it is told what became of each, microseconds."""


class Kind(StrEnum):
    """What is done to each tag."""

    DELETE = "delete"
    LABEL = "label"
    PROMOTE = "promote"
    PROTECT = "protect"


class Outcome(IntEnum):
    """What became of a tag: it waits (or would be changed), is changed, was left as it was, or was never to change."""

    WAITS = 0
    DONE = 1
    LEFT = 2
    STAYS = 3


class State(StrEnum):
    """Where a change stands."""

    MAKING = "making"
    LOOKED_AT = "looked at"
    RUNNING = "running"
    ENDED = "ended"


class Wish(NamedTuple):
    """What is to be done beside the kind. `target`: the repository to promote to; `name`, `text`: the label, an
    annotation of the manifest; with `text` '' it is taken away."""

    target: str = ""
    name: str = ""
    text: str = ""


class Item(NamedTuple):
    """A tag of a change. `was`: its digest when it was looked at; `now`: since the change, None: none, or not yet;
    `before`: what a promotion's target had under that name, None: nothing; `why`: why it is not changed."""

    name: str
    was: str
    now: str | None
    before: str | None
    outcome: Outcome
    why: str


class Change(NamedTuple):
    """A change. `counts`: its tags by what became of them; `newer`: how many that would belong to it were put after it
    was looked at, and stay; `undoes`: the change that it takes back, `undone`: the one by which it was taken back, 0:
    none; `job`: what does it, 0: nothing yet. Times are microseconds, 0: not yet."""

    id: int
    path: str
    kind: Kind
    wish: Wish
    state: State
    counts: dict[Outcome, int]
    newer: int
    undoes: int
    undone: int
    job: int
    made_at: int
    ended_at: int

    @property
    def changing(self) -> int:
        """How many are changed, or would be."""
        return self.counts.get(Outcome.WAITS, 0) + self.counts.get(Outcome.DONE, 0)

    @property
    def total(self) -> int:
        """How many there are."""
        return sum(self.counts.values())


class Page(NamedTuple):
    """Tags of a change by name. `next`, `previous`: the names that the pages beside it are asked with, '' none."""

    items: list[Item]
    next: str
    previous: str
