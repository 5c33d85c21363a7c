"""The statements about what was deleted and what it keeps."""

from __future__ import annotations

from typing import NamedTuple, TypeVar

from holdfast.db.query import Command, Query

Row = TypeVar("Row")


class TombRow(NamedTuple):
    """A manifest that was deleted."""

    content_id: int
    gone_at: int
    size: int


class PartRow(NamedTuple):
    """What a manifest keeps and that was deleted, or has lost its bytes."""

    keeper_id: int
    content_id: int
    kind: int
    gone_at: int | None
    put_at: int
    subject: int | None
    state: int
    size: int
    digest: str


TOMBS = Query(
    """
    select l.content_id, l.gone_at, c.size from link l join content c on c.id = l.content_id
    where l.repo_id = :repo_id and l.content_id = any(:ids) and l.gone_at is not null and l.kind > 0 and c.state = 0
    """,
    TombRow,
)
PARTS = Query(
    """
    select e.keeper_id, e.kept_id as content_id, l.kind, l.gone_at, l.put_at, l.subject, c.state, c.size, c.digest
    from edge e
    join link l on l.repo_id = e.repo_id and l.content_id = e.kept_id
    join content c on c.id = e.kept_id
    where e.repo_id = :repo_id and e.keeper_id = any(:ids) and (l.gone_at is not null or c.state <> 0)
    """,
    PartRow,
)
REVIVE = Command(
    """
    update link set gone_at = null, put_at = :at
    where repo_id = :repo_id and content_id = any(:ids) and gone_at is not null
    """
)
