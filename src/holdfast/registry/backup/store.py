"""The statements of backups. Those of objects run in the copy of the database."""

from __future__ import annotations

from typing import NamedTuple

from holdfast.db.query import Command, Query


class ContentRow(NamedTuple):
    """Content that lies in objects; `key` is None where they are several."""

    id: int
    digest: str
    size: int
    key: str | None
    wrapped_key: bytes | None
    state: int


class SegmentRow(NamedTuple):
    """One of the objects of content, in order."""

    key: str
    size: int


class Totals(NamedTuple):
    """What a database names: repositories, tags, content that lies in objects, and its bytes in clear."""

    repositories: int
    tags: int
    objects: int
    bytes: int


class Last(NamedTuple):
    """The number of the journal's last row, 0: there is none."""

    id: int


CONTENT = Query(
    """
    select c.id, c.digest, c.size, c.key, c.wrapped_key, c.state from content c
    where c.id > :after
      and (c.key is not null or exists (select 1 from segment s where s.content_id = c.id))
    order by c.id limit :limit
    """,
    ContentRow,
)
SEGMENTS = Query("select key, size from segment where content_id = :id order by n", SegmentRow)
TOTALS = Query(
    """
    select
      (select count(*) from repository where gone_at is null) as repositories,
      (select count(*) from tag) as tags,
      (select count(*) from content c where c.key is not null
        or exists (select 1 from segment s where s.content_id = c.id)) as objects,
      (select cast(coalesce(sum(c.size), 0) as bigint) from content c where c.key is not null
        or exists (select 1 from segment s where s.content_id = c.id)) as bytes
    """,
    Totals,
)
LAST_JOURNAL = Query("select coalesce(max(id), 0) as id from journal", Last)
HOLD = Command(
    """
    insert into backup_hold (name, until) values (:name, :until)
    on conflict (name) do update set until = excluded.until
    """
)
RELEASE = Command("delete from backup_hold where name = :name or until <= :now")
RELEASE_ALL = Command("delete from backup_hold")
MARK_DAMAGED = Command("update content set state = 1 where id = any(:ids) and state = 0")
# Sessions of uploads whose bytes are not in a backup.
DROP_UPLOADS = Command("delete from upload")
