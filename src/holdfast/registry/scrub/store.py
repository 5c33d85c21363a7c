"""The statements of the scrub."""

from __future__ import annotations

from typing import NamedTuple

from holdfast.db.query import Command, Query


class RoundRow(NamedTuple):
    """How far the round is. `after`: the last content that was read; `done`, `total`: bytes."""

    round: int
    began_at: int
    ended_at: int | None
    after: int
    done: int
    total: int
    damaged: int


class ContentRow(NamedTuple):
    """Content that is stored, and how. `inline`: the length of its bytes in the database, None: they are objects."""

    id: int
    digest: str
    size: int
    key: str | None
    wrapped_key: bytes | None
    inline: int | None


class BodyRow(NamedTuple):
    """Inline content."""

    bytes: bytes


class SuspectRow(NamedTuple):
    """Content whose objects were not there."""

    content_id: int
    at: int


class Total(NamedTuple):
    """A sum."""

    total: int


class DamagedRow(NamedTuple):
    """Content that is marked."""

    id: int
    digest: str
    size: int


class UserRow(NamedTuple):
    """A repository that shows damaged content."""

    content_id: int
    path: str


ROUND = Query("select round, began_at, ended_at, after, done, total, damaged from scrub where id = 1", RoundRow)
BEGIN = Command(
    """
    update scrub set round = round + 1, began_at = :now, ended_at = null, after = 0, done = 0, damaged = 0,
      total = :total
    where id = 1 and round = :round
    """
)
ADVANCE = Command("update scrub set after = :after, done = done + :done where id = 1 and round = :round")
END = Command("update scrub set ended_at = :now where id = 1 and round = :round")
FOUND = Command("update scrub set damaged = damaged + 1 where id = 1")
TOTAL = Query("select cast(coalesce(sum(size), 0) as bigint) as total from content where state = 0", Total)
_CONTENT = """
    select c.id, c.digest, c.size, c.key, c.wrapped_key, length(b.bytes) as inline
    from content c left join body b on b.content_id = c.id
"""
CONTENTS = Query(_CONTENT + " where c.id > :after and c.state = 0 order by c.id limit :limit", ContentRow)
CONTENT = Query(_CONTENT + " where c.id = :id and c.state = 0", ContentRow)
BODY = Query("select bytes from body where content_id = :id", BodyRow)
SUSPECT = Command(
    "insert into scrub_suspect (content_id, at) values (:content_id, :now) on conflict (content_id) do nothing"
)
SUSPECTS = Query(
    """
    select content_id, at from scrub_suspect where content_id > :after and at <= :before
    order by content_id limit :limit
    """,
    SuspectRow,
)
CLEAR = Command("delete from scrub_suspect where content_id = :content_id")
MARK_DAMAGED = Command("update content set state = 1 where id = :id and state = 0")
DAMAGED = Query(
    "select id, digest, size from content where state = 1 and id > :after order by id limit :limit", DamagedRow
)
USERS = Query(
    """
    select l.content_id, r.path from link l join repository r on r.id = l.repo_id
    where l.content_id = :content_id and l.gone_at is null and r.gone_at is null order by l.repo_id limit :limit
    """,
    UserRow,
)
