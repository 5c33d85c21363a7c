"""The statements of uploads."""

from __future__ import annotations

from typing import NamedTuple

from holdfast.db.query import Command, Query


class UploadRow(NamedTuple):
    """A session that holds bytes; `received` is -1 when it was cancelled. `early`: its bytes, while they are few
    enough to be kept in the database; else they are objects (`segmented`) or staged in the blob store. `wrapped_key`:
    the data key of what is encrypted, bound to the session's name. `repo_id`: the repository that has the name now."""

    received: int
    digest_so_far: str | None
    hash_state: bytes | None
    wrapped_key: bytes | None
    early: bytes | None
    segmented: bool
    repo_id: int | None


class StandingRow(NamedTuple):
    """How many bytes a session holds."""

    received: int


class SegmentRow(NamedTuple):
    """One of the objects of a session, in order."""

    key: str
    size: int


class Held(NamedTuple):
    """How many sessions a subject holds, counted up to its cap."""

    total: int


class SourceRow(NamedTuple):
    """Content that may be mounted, and the repository that shows it."""

    repo_id: int
    id: int
    size: int


class LeaseRow(NamedTuple):
    """A live lease."""

    due: int


UPLOAD = Query(
    """
    select u.received, u.digest_so_far, u.hash_state, u.wrapped_key, b.bytes as early,
      case when exists (select 1 from upload_segment s where s.upload_id = u.id) then 1 else 0 end as segmented,
      (select r.id from repository r where r.path = :path and r.gone_at is null) as repo_id
    from upload u left join upload_body b on b.upload_id = u.id where u.id = :id
    """,
    UploadRow,
)
LOCK_UPLOAD = Query("select received from upload where id = :id for update", StandingRow)
PUT_EARLY = Command(
    """
    insert into upload_body (upload_id, bytes) values (:id, :bytes)
    on conflict (upload_id) do update set bytes = excluded.bytes
    """
)
DROP_EARLY = Command("delete from upload_body where upload_id = :id")
HELD = Query(
    "select count(*) as total from (select 1 as one from upload where opener = :opener limit :cap) as held", Held
)
NEW_UPLOAD = Command(
    """
    insert into upload (id, repo_id, opener, agent, received, digest_so_far, hash_state, wrapped_key, expires)
    values (:id, :repo_id, :opener, :agent, :received, :digest_so_far, :hash_state, :wrapped_key, :expires)
    on conflict (id) do nothing
    """
)
ADVANCE_UPLOAD = Command(
    """
    update upload set received = :received, digest_so_far = :digest_so_far, hash_state = :hash_state,
      wrapped_key = :wrapped_key, expires = :expires
    where id = :id and received = :was
    """
)
# What was cancelled belongs to nobody: it takes no place among the sessions that its opener may hold.
CANCEL_UPLOAD = Command(
    "update upload set received = -1, opener = -1, hash_state = null, expires = :expires where id = :id"
)
DROP_UPLOAD = Command("delete from upload where id = :id")
FINISH_UPLOAD = Command("delete from upload where id = :id and received = :was")
SEGMENTS = Query("select key, size from upload_segment where upload_id = :id order by n", SegmentRow)
NEW_SEGMENT = Command("insert into upload_segment (upload_id, n, key, size) values (:id, :n, :key, :size)")
MOUNTABLE = Query(
    """
    select r.id as repo_id, c.id, c.size
    from repository r
    join content c on c.digest = :digest
    join link l on l.repo_id = r.id and l.content_id = c.id
    where r.path = :path and r.gone_at is null and l.gone_at is null and c.state = 0
    for key share of c
    """,
    SourceRow,
)
LEASED = Query(
    """
    select e.due
    from repository r
    join content c on c.digest = :digest
    join link l on l.repo_id = r.id and l.content_id = c.id
    join lease e on e.repo_id = r.id and e.content_id = c.id and e.opener = :opener
    where r.path = :path and l.gone_at is null and c.state = 0 and e.due > :now
    """,
    LeaseRow,
)
