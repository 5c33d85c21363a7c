"""Rollback as values: what is wished, what would change, what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

from holdfast.registry.effective.service import Effective
from holdfast.registry.history.store import RepositoryRow
from holdfast.registry.history.targets import Target

MOST_CHANGES = 100_000
"""The most tags that one rollback changes: it is one transaction."""


class Effect(StrEnum):
    """What a rollback does to a tag."""

    CREATE = "create"
    MOVE = "move"
    DELETE = "delete"
    SAME = "same"
    BLOCKED = "blocked"


class Wish(NamedTuple):
    """What to roll back, and to when (microseconds). `tags`: only tags of this glob; `exact`: tags that were born later
    end; `skip_blocked`: what cannot be done is left as it is; `fingerprint`: of the dry run that was looked at, None:
    whatever stands now."""

    target: Target
    to: int
    tags: str | None = None
    exact: bool = False
    skip_blocked: bool = False
    fingerprint: str | None = None


class Item(NamedTuple):
    """What a rollback does to one tag. `now`, `then`: digests, None: not there; of content that is not known any more,
    too. `why`: what blocks it, or why it stays; ''."""

    repository: str
    tag: str
    now: str | None
    then: str | None
    effect: Effect
    why: str = ""


class Step(NamedTuple):
    """A tag with events after the instant, as ids."""

    tag: str
    now_id: int | None
    then_id: int | None
    effect: Effect
    why: str = ""


class Part(NamedTuple):
    """What is planned in one repository. `revived`: what was deleted and comes back, by id, with its size."""

    repository: RepositoryRow
    held: Effective
    steps: list[Step]
    digests: Mapping[int, str]
    revived: Mapping[int, int]

    def item(self, step: Step) -> Item:
        """A step as it is shown."""
        now, then = (self.digests.get(id_ or 0) for id_ in (step.now_id, step.then_id))
        return Item(self.repository.path, step.tag, now, then, step.effect, step.why)


class Plan(NamedTuple):
    """What a rollback would do. `window_from`: how far back history is sure to be stored in all of it, microseconds."""

    parts: list[Part]
    counts: Mapping[Effect, int]
    window_from: int
    fingerprint: str


class Preview(NamedTuple):
    """A dry run: the plan's figures, a page of its items in order, and after which the next page begins."""

    counts: Mapping[Effect, int]
    window_from: int
    fingerprint: str
    repositories: int
    items: list[Item]
    next: tuple[str, str] | None


class Applied(NamedTuple):
    """What was rolled back. `blocked`: the first of what was left as it is; `at`: when; `before`: the instant
    before its first change, to which another rollback undoes it, microseconds."""

    counts: Mapping[Effect, int]
    window_from: int
    repositories: int
    blocked: list[Item]
    at: int
    before: int
