"""The statements of explanations."""

from __future__ import annotations

from typing import NamedTuple

from holdfast.db.query import Query


class ContentRow(NamedTuple):
    """Content by its digest."""

    id: int
    size: int
    state: int


class PlaceRow(NamedTuple):
    """A repository that links content, or did when it was deleted."""

    id: int
    path: str
    was_path: str | None
    gone_at: int | None


class OrphanRow(NamedTuple):
    """Since when content has no link."""

    due: int


CONTENT = Query("select id, size, state from content where digest = :digest", ContentRow)
PLACES = Query(
    """
    select r.id, r.path, r.was_path, r.gone_at from link l join repository r on r.id = l.repo_id
    where l.content_id = :id limit :limit
    """,
    PlaceRow,
)
ORPHAN = Query("select due from orphan where content_id = :id", OrphanRow)
