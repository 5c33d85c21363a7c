"""The statements of compaction."""

from __future__ import annotations

from typing import NamedTuple

from holdfast.db.query import Command, Query


class Segmented(NamedTuple):
    """Content as it is stored."""

    digest: str
    size: int
    key: str | None
    wrapped_key: bytes | None
    state: int


class Id(NamedTuple):
    """The id of content."""

    id: int


CONTENT = Query("select digest, size, key, wrapped_key, state from content where id = :id", Segmented)
TAKE_KEY = Command("update content set key = :key where id = :id")
MARK_DAMAGED = Command("update content set state = 1 where id = :id")
MISSED = Query(
    """
    select distinct s.content_id as id from segment s join content c on c.id = s.content_id
    where s.content_id > :after and c.state = 0 order by s.content_id limit :limit
    """,
    Id,
)
