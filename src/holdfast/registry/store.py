"""Statements that several use-cases of the registry share: order and time, links, candidates, leases, content.

Lock order (data model, rule 2): repository by id, content by digest, candidate, link, tag.
"""

from __future__ import annotations

from typing import NamedTuple

from holdfast.access.errors import StalePermit
from holdfast.access.model import Permit, PushPermit
from holdfast.db.port import Reader, Unit
from holdfast.db.query import Command, Query
from holdfast.journal.service import Place


class RepositoryId(NamedTuple):
    """The id of a repository."""

    id: int


class Made(NamedTuple):
    """A repository, and whether it was made just now."""

    id: int
    made: bool


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


class PurgedRow(NamedTuple):
    """A digest that is refused, and why."""

    digest: str
    reason: str


class SettingRow(NamedTuple):
    """A setting of a namespace that applies to a repository."""

    path: str
    value: str


PURGED = Query(
    """
    select c.digest, p.reason from content c join purged p on p.content_id = c.id
    where c.digest = any(:digests) and c.state = 3 order by c.digest limit 1
    """,
    PurgedRow,
)
REPOSITORY = Query("select id from repository where path = :path and gone_at is null", RepositoryId)
# Against its deletion alone, which changes the name: what is put into it is there when it goes, or comes to another.
KEEP_REPOSITORY = Query("select id from repository where path = :path and gone_at is null for key share", RepositoryId)
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
    insert into doomed (key, due, size) select key, :due, stored from segment where content_id = :id order by n
    on conflict (key) do nothing
    """
)
DROP_SEGMENTS = Command("delete from segment where content_id = :id")
# The objects of an upload session, which nothing refers to once it ends.
DOOM_PARTS = Command(
    """
    insert into doomed (key, due, size) select key, :due, stored from upload_segment where upload_id = :id order by n
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
# Before the row that refers to the key changes or goes: the size of what is doomed comes from there (ledger triggers).
DOOM = Command("insert into doomed (key, due) values (:key, :due) on conflict (key) do nothing")
# What no row refers to; the size is that of the object as it lies in the store.
DOOM_SIZED = Command("insert into doomed (key, due, size) values (:key, :due, :size) on conflict (key) do nothing")
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


def same_repository(permit: Permit, repo_id: int) -> None:
    """Raise `StalePermit` unless the repository that has the name now is the one that the credential speaks of."""
    if permit.repository_id not in (0, repo_id):
        raise StalePermit


async def check_repository(reader: Reader, permit: Permit) -> None:
    """Raise `StalePermit` when another repository has the name by now than the one that the credential speaks of."""
    if permit.repository_id:
        row = await reader.one(REPOSITORY, path=permit.repository)
        if row is not None:
            same_repository(permit, row.id)


async def find_or_make(unit: Unit, permit: PushPermit) -> Made:
    """The permit's repository, made and counted if there is none; takes no place in its history. Whoever has it made
    asks the quotas: use-cases call `quotas.service.place_of`.

    Raises `Denied` when it would have to be made and may not, `StalePermit`.
    """
    made = False
    row = await unit.one(KEEP_REPOSITORY, path=permit.repository)
    while row is None:  # one that is deleted, or made, at this moment
        require_making(permit)
        row = await unit.one(NEW_REPOSITORY, path=permit.repository, seq=0)
        if row is None:
            row = await unit.one(KEEP_REPOSITORY, path=permit.repository)
        else:
            made = True
            await unit.run(USAGE, path=permit.repository, bytes=0, repositories=1, tags=0)
    same_repository(permit, row.id)
    return Made(row.id, made)


def require_making(permit: PushPermit) -> None:
    """Where there is no such repository: raise `Denied` unless it may be made, `StalePermit` when the credential speaks
    of one that was there."""
    same_repository(permit, 0)
    if not permit.create_repository.everything:
        raise permit.create_repository.refuse()


async def advance(unit: Unit, permit: Permit) -> Place | None:
    """Lock the repository and take its next place in history; None when there is no such repository."""
    row = await unit.one(ADVANCE, path=permit.repository)
    return _place(permit, row)


async def hold(unit: Unit, permit: Permit) -> Place | None:
    """Lock the repository without taking a place in its history, for what changes no tag and no manifest.

    Its time moves all the same: what is recorded now is never before what was recorded last.
    """
    row = await unit.one(HOLD, path=permit.repository)
    return _place(permit, row)


def _place(permit: Permit, row: Moment | None) -> Place | None:
    if row is None:
        return None
    same_repository(permit, row.id)
    return Place(row.id, row.seq, row.last_at)


async def effective_setting(reader: Reader, prefixes: tuple[str, ...], name: str) -> SettingRow | None:
    """The value of `name` from the longest prefix that has one, and where it comes from; None: the default holds."""
    return await reader.one(SETTING, prefixes=prefixes, name=name)
