"""The statements of the collector. Lock order (data model, rule 2): repository, content, candidate, link, tag.

Lists are bounded by the caller. What is inserted from a list is sorted.
"""

from __future__ import annotations

from typing import NamedTuple

from holdfast.db.query import Command, Query


class DueRow(NamedTuple):
    """A candidate that is due."""

    repo_id: int
    content_id: int
    due: int


class Id(NamedTuple):
    """The id of content, or of a repository."""

    id: int


class OrphanRow(NamedTuple):
    """Content that lost a link, and when it may be looked at."""

    id: int
    due: int


class CandidateRow(NamedTuple):
    """A candidate of the repository at hand."""

    content_id: int
    due: int


class RepositoryRow(NamedTuple):
    """A repository. `was_path`: what it was called, where it was deleted; None once it is being emptied."""

    id: int
    path: str
    was_path: str | None
    gone_at: int | None


class Moment(NamedTuple):
    """A repository's new place in its own history."""

    id: int
    seq: int
    last_at: int


class EdgeRow(NamedTuple):
    """What something keeps."""

    keeper_id: int
    kept_id: int


class TagRow(NamedTuple):
    """A tag on content."""

    name: str
    content_id: int


class Bytes(NamedTuple):
    """A sum."""

    bytes: int


class ContentRow(NamedTuple):
    """Content that may go."""

    id: int
    digest: str
    size: int
    state: int


class UseRow(NamedTuple):
    """What still refers to content: a link of any repository, or being the subject of something."""

    id: int
    linked: bool
    subject: bool


class Count(NamedTuple):
    """How many there are, up to a bound."""

    total: int


# -- step 1: links ----------------------------------------------------------------------------------------------------

DUE = Query(
    """
    select repo_id, content_id, due from candidate where due <= :now and due > :after order by due limit :limit
    """,
    DueRow,
)
DUE_TOTAL = Query(
    "select count(*) as total from (select 1 as one from candidate where due <= :now limit :most) as c", Count
)
REPOSITORY = Query("select id, path, was_path, gone_at from repository where id = :id for no key update", RepositoryRow)
LOCK_DUE = Query(
    """
    select content_id, due from candidate
    where repo_id = :repo_id and content_id = any(:ids) and due <= :now
    order by content_id for update skip locked
    """,
    CandidateRow,
)
LOCK_CANDIDATES = Query(
    """
    select content_id, due from candidate where repo_id = :repo_id and content_id = any(:ids)
    order by content_id for update
    """,
    CandidateRow,
)
SETTLE = Command("delete from candidate where repo_id = :repo_id and content_id = any(:ids)")
PUT_OFF = Command("update candidate set due = :due where repo_id = :repo_id and content_id = any(:ids)")
NEW_CANDIDATE = Command(
    """
    insert into candidate (repo_id, content_id, due) values (:repo_id, :content_id, :due)
    on conflict (repo_id, content_id) do nothing
    """
)
BELOW = Query(
    "select keeper_id, kept_id from edge where repo_id = :repo_id and keeper_id = any(:ids) limit :limit", EdgeRow
)
QUEUE = Command(
    """
    insert into candidate (repo_id, content_id, due)
    select repo_id, content_id, :due from link where repo_id = :repo_id and content_id = any(:ids) order by content_id
    on conflict (repo_id, content_id)
    do update set due = case when excluded.due > candidate.due then excluded.due else candidate.due end
    """
)
# What tags belong to the manifests that go: they are on what must be looked at next.
BELONGING = Query(
    """
    select t.name, t.content_id from content c join tag t on t.repo_id = :repo_id
      and t.name >= 'sha256-' || substr(c.digest, 8, 64) and t.name < 'sha256-' || substr(c.digest, 8, 64) || '/'
    where c.id = any(:ids) and c.digest >= 'sha256:' and c.digest < 'sha256;' limit :limit
    """,
    TagRow,
)
TAGS_ON = Query(
    "select name, content_id from tag where repo_id = :repo_id and content_id = any(:ids) limit :limit", TagRow
)
ADVANCE = Query(
    """
    update repository set seq = seq + 1, last_at = case when :now > last_at then :now else last_at + 1 end
    where id = :id returning id, seq, last_at
    """,
    Moment,
)
DROP_TAGS = Command("delete from tag where repo_id = :repo_id and name = any(:names)")
DROP_EDGES = Command("delete from edge where repo_id = :repo_id and keeper_id = any(:ids)")
DROP_SOME_EDGES = Command(
    "delete from edge where repo_id = :repo_id and kept_id = any(:kept) and keeper_id = :keeper_id"
)
DROP_LEASES = Command("delete from lease where repo_id = :repo_id and content_id = any(:ids)")
DROP_LINKS = Command("delete from link where repo_id = :repo_id and content_id = any(:ids)")
LIVE_BYTES = Query(
    """
    select cast(coalesce(sum(c.size), 0) as bigint) as bytes from link l join content c on c.id = l.content_id
    where l.repo_id = :repo_id and l.content_id = any(:ids) and l.gone_at is null
    """,
    Bytes,
)
# A manifest that keeps more than one unit can let go of is taken out of sight first: as deleted before all history.
HIDE = Command("update link set gone_at = 0 where repo_id = :repo_id and content_id = any(:ids)")
# The row is written even where it is there: a look at it that is under way (step 2) is waited for, or waits for this.
ORPHANS = Command(
    """
    insert into orphan (content_id, due) select id, :now from content where id = any(:ids) order by id
    on conflict (content_id) do update set due = excluded.due
    """
)

# -- step 2: content --------------------------------------------------------------------------------------------------

DUE_ORPHANS = Query(
    "select content_id as id, due from orphan where due <= :now and due > :after order by due limit :limit", OrphanRow
)
ORPHAN_TOTAL = Query(
    "select count(*) as total from (select 1 as one from orphan where due <= :now limit :most) as c", Count
)
LOCK_CONTENT = Query(
    "select id, digest, size, state from content where id = any(:ids) order by id for update skip locked", ContentRow
)
LOCK_ORPHANS = Query(
    "select content_id as id from orphan where content_id = any(:ids) order by content_id for update", Id
)
USES = Query(
    """
    select c.id,
      case when exists (select 1 from link l where l.content_id = c.id) then 1 else 0 end as linked,
      case when exists (
        select 1 from link s where s.subject = c.id and s.subject is not null
      ) then 1 else 0 end as subject
    from content c where c.id = any(:ids)
    """,
    UseRow,
)
DOOM_OBJECTS = Command(
    """
    insert into doomed (key, due) select key, :due from content where id = any(:ids) and key is not null order by key
    on conflict (key) do nothing
    """
)
DOOM_SEGMENTS = Command(
    """
    insert into doomed (key, due, size) select key, :due, stored from segment where content_id = any(:ids) order by key
    on conflict (key) do nothing
    """
)
DROP_BODIES = Command("delete from body where content_id = any(:ids)")
DROP_SEGMENTS = Command("delete from segment where content_id = any(:ids)")
DROP_ORPHANS = Command("delete from orphan where content_id = any(:ids)")
DROP_CONTENT = Command("delete from content where id = any(:ids)")
# What is known as a subject alone: its bytes go, and its next push brings them again.
AWAIT = Command(
    "update content set state = 2, size = 0, key = null, wrapped_key = null where id = any(:ids) and state <> 3"
)

# -- repositories that were deleted -----------------------------------------------------------------------------------

GONE = Query(
    "select id, path, was_path, gone_at from repository where gone_at is not null order by gone_at limit :limit",
    RepositoryRow,
)
# From here on it cannot be restored, whatever the window is.
GIVE_UP = Command("update repository set was_path = null where id = :id and gone_at is not null")
SOME_EDGES = Query(
    "select keeper_id, kept_id from edge where repo_id = :repo_id order by kept_id, keeper_id limit :limit", EdgeRow
)
DROP_KEEPERS = Command("delete from edge where repo_id = :repo_id and kept_id = :kept_id and keeper_id = any(:ids)")
SOME_TAGS = Query("select name, content_id from tag where repo_id = :repo_id order by name limit :limit", TagRow)
SOME_LINKS = Query("select content_id as id from link where repo_id = :repo_id order by content_id limit :limit", Id)
SUBJECTS = Query(
    """
    select distinct subject as id from link
    where repo_id = :repo_id and content_id = any(:ids) and subject is not null
    """,
    Id,
)
DROP_EVENTS = Command(
    """
    delete from tag_event where repo_id = :repo_id
      and seq in (select seq from tag_event where repo_id = :repo_id order by seq limit :limit)
    """
)
DROP_REST_CANDIDATES = Command("delete from candidate where repo_id = :repo_id")
DROP_REST_LEASES = Command("delete from lease where repo_id = :repo_id")
# What was said of it went with it (namespaces).
DROP_FACTS = Command("delete from namespace where path = (select r.path from repository r where r.id = :id)")
DROP_LABELS = Command("delete from label where path = (select r.path from repository r where r.id = :id)")
DROP_REPOSITORY = Command("delete from repository where id = :id and gone_at is not null")
