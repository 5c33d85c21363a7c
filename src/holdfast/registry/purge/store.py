"""The statements of purges."""

from __future__ import annotations

from typing import NamedTuple

from holdfast.db.query import Command, Query


class TargetRow(NamedTuple):
    """Content of a repository, deleted there or not. `kind`: of its link there."""

    content_id: int
    digest: str
    size: int
    kind: int


class RepositoryRow(NamedTuple):
    """A repository that shows content."""

    id: int
    path: str


class TagRow(NamedTuple):
    """A tag of a repository."""

    path: str
    name: str


class UserRow(NamedTuple):
    """A live manifest that names content as a part of itself, or refers to it (`refers`)."""

    path: str
    digest: str
    refers: bool


class Total(NamedTuple):
    """A count."""

    total: int


class PurgedRow(NamedTuple):
    """A purged digest: why, by whom, when."""

    content_id: int
    digest: str
    size: int
    reason: str
    actor: str
    at: int


class Moment(NamedTuple):
    """A repository's new place in its own history."""

    id: int
    seq: int
    last_at: int


class LinkRow(NamedTuple):
    """Whether content is live in a repository."""

    gone_at: int | None


class NameRow(NamedTuple):
    """The name of a tag."""

    name: str


BY_TAG = Query(
    """
    select c.id as content_id, c.digest, c.size, l.kind
    from repository r join tag t on t.repo_id = r.id join content c on c.id = t.content_id
    join link l on l.repo_id = r.id and l.content_id = c.id
    where r.path = :path and r.gone_at is null and t.name = :name
    """,
    TargetRow,
)
BY_DIGEST = Query(
    """
    select c.id as content_id, c.digest, c.size, l.kind
    from content c join repository r on r.path = :path and r.gone_at is null
    join link l on l.repo_id = r.id and l.content_id = c.id
    where c.digest = :digest and c.state <> 3
    """,
    TargetRow,
)
LOCK_CONTENT = Query("select key as name from content where id = :id and state <> 3 for update", NameRow)
PURGE = Command("update content set state = 3, key = null, wrapped_key = null where id = :id")
NEW_PURGED = Command("insert into purged (content_id, reason, actor, at) values (:content_id, :reason, :actor, :now)")
NOT_PURGED = Command("delete from purged where content_id = :content_id")
AWAIT = Command("update content set state = 2 where id = :id and state = 3")
# The collector takes the row, if nobody pushes the digest.
ORPHAN = Command("insert into orphan (content_id, due) values (:content_id, :due) on conflict (content_id) do nothing")
LIVE = Query("select count(*) as total from link where content_id = :content_id and gone_at is null", Total)
STILL = Query("select count(*) as total from purged where content_id = :content_id", Total)
_PURGED = """
    select p.content_id, c.digest, c.size, p.reason, p.actor, p.at
    from purged p join content c on c.id = p.content_id
"""
PURGED = Query(_PURGED + " where c.digest = :digest", PurgedRow)
LIST = Query(_PURGED + " where p.content_id < :before order by p.content_id desc limit :limit", PurgedRow)

# -- what it breaks ---------------------------------------------------------------------------------------------------

REPOSITORIES = Query(
    """
    select r.id, r.path from link l join repository r on r.id = l.repo_id
    where l.content_id = :content_id and l.gone_at is null and r.gone_at is null and l.repo_id > :after
    order by l.repo_id limit :limit
    """,
    RepositoryRow,
)
TAGS = Query(
    """
    select r.path, t.name from link l join repository r on r.id = l.repo_id
    join tag t on t.repo_id = l.repo_id and t.content_id = l.content_id
    where l.content_id = :content_id and r.gone_at is null order by l.repo_id, t.name limit :limit
    """,
    TagRow,
)
USERS = Query(
    """
    select r.path, c.digest, case when own.subject = e.keeper_id then 1 else 0 end as refers
    from link own join repository r on r.id = own.repo_id
    join edge e on e.repo_id = own.repo_id and e.kept_id = own.content_id
    join link l on l.repo_id = e.repo_id and l.content_id = e.keeper_id
    join content c on c.id = e.keeper_id
    where own.content_id = :content_id and l.gone_at is null and r.gone_at is null
    order by own.repo_id, e.keeper_id limit :limit
    """,
    UserRow,
)
REFERRERS = Query(
    """
    select r.path, c.digest, 1 as refers from link l join repository r on r.id = l.repo_id
    join content c on c.id = l.content_id
    where l.subject = :content_id and l.gone_at is null and l.kind > 0 and r.gone_at is null
    order by l.repo_id, l.content_id limit :limit
    """,
    UserRow,
)

# -- what the job does ------------------------------------------------------------------------------------------------

SHOWING = Query(
    """
    select l.repo_id as id, r.path from link l join repository r on r.id = l.repo_id
    where l.content_id = :content_id and l.repo_id > :after order by l.repo_id limit :limit
    """,
    RepositoryRow,
)
ADVANCE = Query(
    """
    update repository
    set seq = seq + 1, last_at = case when :now > last_at then :now else last_at + 1 end
    where id = :id returning id, seq, last_at
    """,
    Moment,
)
LINK = Query("select gone_at from link where repo_id = :repo_id and content_id = :content_id for update", LinkRow)
# As a blob, whatever it was: its bytes are not here to say what it names and keeps.
BURY = Command(
    """
    update link set kind = 0, gone_at = coalesce(gone_at, :at)
    where repo_id = :repo_id and content_id = :content_id
    """
)
TAGS_ON = Query("select name from tag where repo_id = :repo_id and content_id = :content_id order by name", NameRow)
END_TAGS = Command(
    """
    insert into tag_event (repo_id, seq, name, was_id, now_id, at)
    select repo_id, :seq, name, content_id, null, :at from tag
    where repo_id = :repo_id and content_id = :content_id
    """
)
DROP_TAGS = Command(
    """
    delete from tag where repo_id = :repo_id
      and name in (select name from tag where repo_id = :repo_id and content_id = :content_id)
    """
)
DROP_LEASES = Command("delete from lease where repo_id = :repo_id and content_id = :content_id")
# What it kept is looked at by the collector, for nothing keeps it by this any more.
QUEUE_KEPT = Command(
    """
    insert into candidate (repo_id, content_id, due)
    select repo_id, kept_id, :due from edge where repo_id = :repo_id and keeper_id = :content_id order by kept_id
    on conflict (repo_id, content_id)
    do update set due = case when excluded.due > candidate.due then excluded.due else candidate.due end
    """
)
DROP_EDGES = Command("delete from edge where repo_id = :repo_id and keeper_id = :content_id")
