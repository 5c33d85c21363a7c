"""A change of several tags, or of several repositories, as values."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum, StrEnum
from typing import NamedTuple

from holdfast.registry.browsing.model import RepositoryFilter, TagFilter

MOST_TAGS = 10_000
"""The most tags of one change."""
MOST_REPOSITORIES = 1_000
"""The most repositories of one change."""
MOST_PAGE = 200
MANY = 100
"""From more tags on the name of the repository is typed before."""
KEPT = 30 * 86_400 * 1_000_000
"""How long it is told what became of each, microseconds."""
JOB = "change-tags"
REPOSITORY_JOB = "change-repositories"


class Kind(StrEnum):
    """What is done to each tag, or to each repository."""

    DELETE = "delete"
    RETAG = "retag"
    LABEL = "label"
    PROMOTE = "promote"
    PROTECT = "protect"
    PUBLIC = "public"
    PRIVATE = "private"
    DELETE_REPOSITORY = "delete-repository"

    @property
    def of_repositories(self) -> bool:
        """Whether it is done to repositories, not to tags of one."""
        return self in (Kind.PUBLIC, Kind.PRIVATE, Kind.DELETE_REPOSITORY)

    @property
    def job(self) -> str:
        """The kind of job that does it."""
        return REPOSITORY_JOB if self.of_repositories else JOB


class Outcome(IntEnum):
    """What became of an item: it waits (or would be changed), is changed, was left, or was never to change."""

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
    """What is to be done beside the kind. `target`: the repository to promote or retag to, for a retag '' the same;
    `name`, `text`: the label, an annotation of the manifest; with `text` '' it is taken away. `match`, `pattern`: the
    old names and the new ones, `*` in the second being what `*` in the first stands for; `replace`: tags that have the
    new names move."""

    target: str = ""
    name: str = ""
    text: str = ""
    match: str = "*"
    pattern: str = ""
    replace: bool = False


class Picked(NamedTuple):
    """Which tags: those of `names`, or with None all that pass the filter; put up to `seq` in the history of the
    repository, None: as it is now."""

    names: Sequence[str] | None
    wanted: TagFilter = TagFilter()
    seq: int | None = None


class PickedRepositories(NamedTuple):
    """Which repositories: those of `names`, or with None all that pass the filter."""

    names: Sequence[str] | None
    wanted: RepositoryFilter = RepositoryFilter()


class Item(NamedTuple):
    """A tag, or repository, of a change. `was`: its digest when it was looked at; `now`: since the change, None: none,
    or not yet; `before`: what the target's tag pointed to, None: there was none, or nobody looked; `renamed`: the name
    that it gets, '' its own; `why`: why it is not changed. Of repositories see migration 31."""

    name: str
    was: str
    now: str | None
    before: str | None
    outcome: Outcome
    why: str
    renamed: str = ""


class Planned(NamedTuple):
    """What a change would do. `newer`: how many would belong to it, but were put since."""

    repo_id: int
    seq: int
    newer: int
    items: list[Item]


class Change(NamedTuple):
    """A change. `path`: the repository whose tags, or the namespace whose repositories are changed. `counts`: its items
    by what became of them; `newer`: how many that would belong to it were put after it was looked at, and stay;
    `undoes`: the change that it takes back, `undone`: the one by which it was taken back, 0: none; `job`: what does it,
    0: nothing yet; `account`: of who looked at it. Times are microseconds, 0: not yet."""

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
    account: int

    @property
    def changing(self) -> int:
        """How many are changed, or would be."""
        return self.counts.get(Outcome.WAITS, 0) + self.counts.get(Outcome.DONE, 0)

    @property
    def total(self) -> int:
        """How many there are."""
        return sum(self.counts.values())


class Page(NamedTuple):
    """Items of a change by name. `next`, `previous`: the names that the pages beside it are asked with, '' none."""

    items: list[Item]
    next: str
    previous: str
