"""Statements that several use-cases of the registry share: order and time, links, candidates, leases, content.

Lock order (data model, rule 2): repository by id, content by digest, candidate, link, tag.
"""

from __future__ import annotations

from typing import NamedTuple

from holdfast.db.port import Reader, Unit
from holdfast.db.query import Command, Query
from holdfast.journal.service import Place


class RepositoryId(NamedTuple):
    """The id of a repository."""

    id: int


class Moment(NamedTuple):
    """A repository's new place in its own history."""

    id: int
    seq: int
    last_at: int


class ContentRow(NamedTuple):
    """Content by digest."""

    id: int
    size: int
    key: str | None
    state: int


class SegmentRow(NamedTuple):
    """One of the objects of content that lies in several."""

    key: str
    size: int


class ContentId(NamedTuple):
    """The id of content."""

    id: int


class SettingRow(NamedTuple):
    """A setting of a namespace that applies to a repository."""

    path: str
    value: str


REPOSITORY = Query("select id from repository where path = :path and gone_at is null", RepositoryId)
NEW_REPOSITORY = Query(
    """
    insert into repository (path, born, seq, last_at) values (:path, :now, :seq, :now)
    on conflict (path) do nothing returning id
    """,
    RepositoryId,
)
ADVANCE = Query(
    """
    update repository
    set seq = seq + 1, last_at = case when :now > last_at then :now else last_at + 1 end
    where path = :path and gone_at is null returning id, seq, last_at
    """,
    Moment,
)
HOLD = Query(
    """
    update repository set last_at = case when :now > last_at then :now else last_at + 1 end
    where path = :path and gone_at is null returning id, seq, last_at
    """,
    Moment,
)
CONTENT = Query("select id, size, key, state from content where digest = :digest for key share", ContentRow)
HOLD_CONTENT = Query("select id, size, key, state from content where id = :id for no key update", ContentRow)
NEW_CONTENT = Query(
    """
    insert into content (digest, size, key, wrapped_key, state) values (:digest, :size, :key, :wrapped_key, :state)
    on conflict (digest) do nothing returning id
    """,
    ContentId,
)
RESTORE_CONTENT = Command(
    "update content set size = :size, key = :key, wrapped_key = :wrapped_key, state = 0 where id = :id"
)
SEGMENTS = Query("select key, size from segment where content_id = :id order by n", SegmentRow)
NEW_SEGMENT = Command("insert into segment (content_id, n, key, size) values (:id, :n, :key, :size)")
DOOM_SEGMENTS = Command(
    """
    insert into doomed (key, due) select key, :due from segment where content_id = :id order by n
    on conflict (key) do nothing
    """
)
DROP_SEGMENTS = Command("delete from segment where content_id = :id")
# The objects of an upload session, which nothing refers to once it ends.
DOOM_PARTS = Command(
    """
    insert into doomed (key, due) select key, :due from upload_segment where upload_id = :id order by n
    on conflict (key) do nothing
    """
)
DROP_PARTS = Command("delete from upload_segment where upload_id = :id")
PUT_BODY = Command(
    """
    insert into body (content_id, bytes) values (:id, :bytes)
    on conflict (content_id) do update set bytes = excluded.bytes
    """
)
DROP_BODY = Command("delete from body where content_id = :id")
NOT_ORPHAN = Command("delete from orphan where content_id = :id")
DOOM = Command("insert into doomed (key, due) values (:key, :due) on conflict (key) do nothing")
# Only while the bytes that were found damaged are those of the content: a push may have brought others meanwhile.
MARK_DAMAGED = Command("update content set state = 1 where id = :id and state = 0 and coalesce(key, '') = :key")
CANDIDATE = Command(
    """
    insert into candidate (repo_id, content_id, due) values (:repo_id, :content_id, :due)
    on conflict (repo_id, content_id)
    do update set due = case when excluded.due > candidate.due then excluded.due else candidate.due end
    """
)
LEASE = Command(
    """
    insert into lease (repo_id, content_id, opener, due) values (:repo_id, :content_id, :opener, :due)
    on conflict (repo_id, content_id, opener) do update set due = excluded.due
    """
)
NEW_BLOB_LINK = Command(
    """
    insert into link (repo_id, content_id, kind, put_at) values (:repo_id, :content_id, 0, :now)
    on conflict (repo_id, content_id) do nothing
    """
)
# As a blob, whatever it was: only a push of the manifest makes sure that all it names is here.
REVIVE_LINK = Command(
    """
    update link set kind = 0, gone_at = null, put_at = :now
    where repo_id = :repo_id and content_id = :content_id and gone_at is not null
    """
)
USAGE = Command(
    """
    insert into usage_delta (path, bytes, repositories, tags) values (:path, :bytes, :repositories, :tags)
    """
)
TAG_EVENT = Command(
    """
    insert into tag_event (repo_id, seq, name, was_id, now_id, at)
    values (:repo_id, :seq, :name, :was_id, :now_id, :at)
    """
)
SETTING = Query(
    "select path, value from setting where path = any(:prefixes) and name = :name order by length(path) desc limit 1",
    SettingRow,
)


async def ensure_repository(unit: Unit, path: str) -> int:
    """The id of the repository at `path`, made if there is none; takes no place in its history."""
    row = await unit.one(REPOSITORY, path=path)
    if row is None:
        row = await unit.one(NEW_REPOSITORY, path=path, seq=0)
        if row is None:
            row = await unit.one(REPOSITORY, path=path)
        else:
            await unit.run(USAGE, path=path, bytes=0, repositories=1, tags=0)
    assert row is not None
    return row.id


async def advance(unit: Unit, path: str) -> Place | None:
    """Lock the repository and take its next place in history; None when there is no such repository."""
    row = await unit.one(ADVANCE, path=path)
    return Place(row.id, row.seq, row.last_at) if row is not None else None


async def hold(unit: Unit, path: str) -> Place | None:
    """Lock the repository without taking a place in its history, for what changes no tag and no manifest.

    Its time moves all the same: what is recorded now is never before what was recorded last.
    """
    row = await unit.one(HOLD, path=path)
    return Place(row.id, row.seq, row.last_at) if row is not None else None


async def make_and_advance(unit: Unit, path: str) -> Place:
    """Like `advance`, making the repository first when there is none."""
    place = await advance(unit, path)
    if place is None:
        await ensure_repository(unit, path)
        place = await advance(unit, path)
    assert place is not None
    return place


async def effective_setting(reader: Reader, prefixes: tuple[str, ...], name: str) -> SettingRow | None:
    """The value of `name` from the longest prefix that has one, and where it comes from; None: the default holds."""
    return await reader.one(SETTING, prefixes=prefixes, name=name)
