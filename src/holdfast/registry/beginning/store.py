"""Statements over the first things that happen to an installation."""

from __future__ import annotations

from typing import NamedTuple

from holdfast.db.query import Query


class AnyRow(NamedTuple):
    """A row that is there."""

    id: int


class LastRow(NamedTuple):
    """When something happened last; None: never."""

    at: int | None


ANY_PUSH = Query("select id from repository where seq > 0 order by id limit 1", AnyRow)
LAST_BACKUP = Query("select max(at) as at from journal where kind = 'backup.made'", LastRow)
