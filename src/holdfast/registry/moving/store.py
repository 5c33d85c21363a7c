"""The statements of moving house. Those over objects run in the database that is being filled."""

from __future__ import annotations

from typing import NamedTuple

from holdfast.db.query import Command, Query


class Moving(NamedTuple):
    """A move that goes on: which installation moves in, and where from."""

    origin: str
    place: str


class Installation(NamedTuple):
    """Which installation this database is."""

    uuid: str
    made_at: int


class ContentRow(NamedTuple):
    """Content that lies in objects; `key` is None where they are several."""

    id: int
    digest: str
    size: int
    key: str | None
    wrapped_key: bytes | None
    state: int


class SegmentRow(NamedTuple):
    """One of the objects of content, in order. `copied`: it was copied and read back."""

    content_id: int
    n: int
    key: str
    size: int
    copied: bool


class UploadSegmentRow(NamedTuple):
    """An object of an open upload."""

    upload_id: str
    n: int
    key: str
    size: int


class StagedRow(NamedTuple):
    """An open upload whose bytes are staged in the store; `made`: how many of them were made objects already."""

    id: str
    received: int
    made: int


class Key(NamedTuple):
    """The key of an object."""

    key: str


class Amount(NamedTuple):
    """A number of things, and their bytes."""

    items: int
    bytes: int


class Count(NamedTuple):
    """A number of things."""

    total: int


MOVING = Query("select origin, place from moving where id = 1", Moving)
BEGIN = Command("insert into moving (id, origin, place, began) values (1, :origin, :place, :now)")
END = Command("delete from moving")
INSTALLATION = Query("select uuid, made_at from installation where id = 1", Installation)
SETTLE_IN = Command("insert into installation (id, uuid, made_at) values (1, :uuid, :made_at)")

# What there is, for people.
CONTENT_TOTAL = Query(
    """
    select count(*) as items, cast(coalesce(sum(size), 0) as bigint) as bytes from content c
    where c.key is not null or exists (select 1 from segment s where s.content_id = c.id)
    """,
    Amount,
)
STAGED_TOTAL = Query(
    """
    select count(*) as items, cast(coalesce(sum(received), 0) as bigint) as bytes from upload u
    where u.received > 0 and not exists (select 1 from upload_body b where b.upload_id = u.id)
      and not exists (select 1 from upload_segment s where s.upload_id = u.id)
    """,
    Amount,
)

# Content with an object that was not copied, in the order of ids.
WHOLE = Query(
    """
    select c.id, c.digest, c.size, c.key, c.wrapped_key, c.state from content c
    where c.id > :after and c.key is not null
      and not exists (select 1 from moving_object m where m.key = c.key)
    order by c.id limit :limit
    """,
    ContentRow,
)
PARTED = Query(
    """
    select c.id, c.digest, c.size, c.key, c.wrapped_key, c.state from content c
    where c.id > :after and c.key is null and exists (
      select 1 from segment s where s.content_id = c.id
        and not exists (select 1 from moving_object m where m.key = s.key)
    )
    order by c.id limit :limit
    """,
    ContentRow,
)
PARTS = Query(
    """
    select s.content_id, s.n, s.key, s.size, case when m.key is null then 0 else 1 end as copied
    from segment s left join moving_object m on m.key = s.key where s.content_id = :id order by s.n
    """,
    SegmentRow,
)
UPLOADED = Query(
    """
    select s.upload_id, s.n, s.key, s.size from upload_segment s
    where (s.upload_id, s.n) > (:upload_id, :n) and not exists (select 1 from moving_object m where m.key = s.key)
    order by s.upload_id, s.n limit :limit
    """,
    UploadSegmentRow,
)
REMEMBERED = Query(
    """
    select key from moving_object where key = any(:keys)
    union select key from moving_upload where key = any(:keys)
    """,
    Key,
)
COPIED = Command("insert into moving_object (key) values (:key) on conflict (key) do nothing")
FORGET_COPIED = Command("delete from moving_object")

REMAINING = Query(
    """
    select count(*) as items, cast(coalesce(sum(c.size), 0) as bigint) as bytes from content c
    where (c.key is not null and not exists (select 1 from moving_object m where m.key = c.key))
      or (c.key is null and exists (
        select 1 from segment s where s.content_id = c.id
          and not exists (select 1 from moving_object m where m.key = s.key)
      ))
    """,
    Amount,
)

# Whether content still lies where it was said to, asked of the old database.
STILL_WHOLE = Query("select id as total from content where id = :id and key = :key", Count)
STILL_PARTS = Query("select count(*) as total from segment where content_id = :id and key = any(:keys)", Count)
STILL_UPLOADED = Query("select count(*) as total from upload_segment where key = :key", Count)

# Staged bytes.
STAGED = Query(
    """
    select u.id, u.received, cast(coalesce(
      (select sum(m.size) from moving_upload m where m.upload_id = u.id), 0) as bigint) as made
    from upload u
    where u.id > :after and u.received > 0
      and not exists (select 1 from upload_body b where b.upload_id = u.id)
      and not exists (select 1 from upload_segment s where s.upload_id = u.id)
    order by u.id limit :limit
    """,
    StagedRow,
)
MADE = Command("insert into moving_upload (upload_id, n, key, size) values (:upload_id, :n, :key, :size)")
# Only of uploads that still go on; the others' objects are litter of this move.
SHOW_MADE = Command(
    """
    insert into upload_segment (upload_id, n, key, size)
    select m.upload_id, m.n, m.key, m.size from moving_upload m
    join upload u on u.id = m.upload_id and u.received >= m.n + m.size
    where not exists (select 1 from upload_body b where b.upload_id = u.id)
    """
)
FORGET_MADE = Command("delete from moving_upload")

MARK_DAMAGED = Command("update content set state = 1 where id = any(:ids) and state = 0")

# An open upload whose bytes could not all be brought along: its client begins anew.
DROP_UNCARRIED = Command(
    """
    delete from upload where received > 0
      and not exists (select 1 from upload_body b where b.upload_id = upload.id)
      and received <> coalesce((select sum(s.size) from upload_segment s where s.upload_id = upload.id), 0)
    """
)
# Objects that were copied and that nothing refers to any more.
DOOM_LITTER = Command(
    """
    insert into doomed (key, due)
    select key, :now from (
      select key from (select key from moving_object union select key from moving_upload) as made
      except select key from content where key is not null
      except select key from segment
      except select key from upload_segment
    ) as litter
    where true
    on conflict (key) do nothing
    """
)
