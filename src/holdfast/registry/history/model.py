"""What history is told in: changes of tags, tags as they stood, differences."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

ALWAYS = 1 << 62
"""A time after all times, microseconds."""


class What(StrEnum):
    """What happened to a tag."""

    CREATED = "created"
    MOVED = "moved"
    DELETED = "deleted"


class Change(NamedTuple):
    """One change of a tag. `was` and `now`: digests; None where there was none, and for content that is gone (`what`
    tells which). `actor`, `request`: who did it and in which request, None where the caller may not know or the audit
    does not hold it any more; so is `client`, the program that asked, '' where it said nothing."""

    repository: str
    seq: int
    tag: str
    what: What
    was: str | None
    now: str | None
    at: int
    actor: str | None
    request: str | None
    client: str | None = None


class Difference(NamedTuple):
    """What became of a tag between two instants. `at`: when it last changed in between."""

    repository: str
    tag: str
    what: What
    was: str | None
    now: str | None
    at: int


class Stood(NamedTuple):
    """A tag as it stood at an instant: its digest (None: the content is gone), since when, and whether that can still
    be pulled. `today`: what it points to now, None: it is not there any more."""

    tag: str
    digest: str | None
    since: int
    live: bool
    today: str | None = None


class Filter(NamedTuple):
    """Which changes are asked for. `tags`: a glob; `since` (exclusive) and `until` (inclusive): microseconds."""

    tags: str | None = None
    actor: str | None = None
    what: What | None = None
    since: int = 0
    until: int = ALWAYS


class Cursor(NamedTuple):
    """Where a page of changes begins: after this change, newest first."""

    at: int
    repo_id: int
    tag: str


def what_of(was_id: int | None, now_id: int | None) -> What:
    """What a change from one to the other is."""
    if was_id is None:
        return What.CREATED
    return What.MOVED if now_id is not None else What.DELETED
