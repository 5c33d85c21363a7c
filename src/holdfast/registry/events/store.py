"""The statement that tells what a rollback did to tags, from the history of its repository."""

from __future__ import annotations

from typing import NamedTuple

from holdfast.db.query import Query


class MoveRow(NamedTuple):
    """A tag that moved, from and to which digest; None: there was none, or its content is gone by now."""

    tag: str
    was: str | None
    now: str | None


MOVES = Query(
    """
    select t.name as tag, w.digest as was, n.digest as now
    from tag_event t
    left join content w on w.id = t.was_id
    left join content n on n.id = t.now_id
    where t.repo_id = :repo_id and t.seq = :seq
    order by t.name limit :limit
    """,
    MoveRow,
)
