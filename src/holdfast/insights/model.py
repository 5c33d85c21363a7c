"""What is counted, and along which dimensions. Pure.

A *pull* is a GET of a manifest that is no index and was answered; that of an index is an *index*, and any HEAD a
*check*. A *push* is a PUT of a manifest that changed something. A request that names a tag is *named*.
"""

from __future__ import annotations

from datetime import UTC, datetime
from enum import IntEnum
from functools import lru_cache
from typing import NamedTuple

DAY = 86_400_000_000
"""Microseconds."""
RECENT = 30
"""Days whose pulls are kept ready for lists, today among them."""
OTHER = 0
"""The id of the name under which the rare are counted together."""


class Dim(IntEnum):
    """A dimension; the number stands in the database."""

    REPOSITORY = 0
    TAG = 1
    DIGEST = 2
    AGENT = 3
    NETWORK = 4
    SUBJECT = 5
    WHO = 9


ROOM = {
    Dim.TAG: 10_000,
    Dim.DIGEST: 10_000,
    Dim.AGENT: 1_000,
    Dim.NETWORK: 1_000,
    Dim.SUBJECT: 1_000,
    Dim.WHO: 2_000,
}
"""Rows that a day of a repository may have in a dimension: when there are more, the rarest become `other` until half as
many are left."""


class Counts(NamedTuple):
    """How often, and how many bytes. `sent`, `received`: of bodies, manifests and blobs; they belong to no tag and no
    digest."""

    pulls: int = 0
    indexes: int = 0
    checks: int = 0
    named: int = 0
    pushes: int = 0
    sent: int = 0
    received: int = 0

    def plus(self, other: Counts) -> Counts:
        """Both together."""
        return Counts(*map(int.__add__, self, other))

    def without_bytes(self) -> Counts:
        """The same, as it belongs to a tag or digest."""
        return self._replace(sent=0, received=0)


NOTHING = Counts()


def day_of(at: int) -> int:
    """The day of a time, counted from 1970-01-01 (UTC)."""
    return at // DAY


@lru_cache(1024)
def month_of(day: int) -> int:
    """The month of a day, counted from the year 0."""
    moment = datetime.fromtimestamp(day * 86_400, UTC)
    return moment.year * 12 + moment.month - 1


def month_text(month: int) -> str:
    """`2026-11`."""
    return f"{month // 12:04}-{month % 12 + 1:02}"


def date_text(day: int) -> str:
    """`2026-11-22`."""
    return datetime.fromtimestamp(day * 86_400, UTC).date().isoformat()


@lru_cache(8192)
def namespaces_of(path: str) -> tuple[str, ...]:
    """The namespaces in whose totals a repository is: '/' for everything, `team/`, `team/sub/` ...; a repository of one
    segment is in the namespace of its own name."""
    parts = path.split("/")
    above = parts[:-1] or parts
    return ("/", *("/".join(parts[: depth + 1]) + "/" for depth in range(len(above))))
