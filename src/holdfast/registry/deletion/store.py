"""The statements of deletes."""

from __future__ import annotations

from typing import NamedTuple

from holdfast.db.query import Command, Query


class TagRow(NamedTuple):
    """What a tag pointed to."""

    content_id: int
    digest: str


class TargetRow(NamedTuple):
    """Content of a repository that may be deleted."""

    content_id: int
    kind: int
    size: int


class KeeperRow(NamedTuple):
    """A live manifest that keeps the target. `subject`: whether it is also the target's subject."""

    digest: str
    subject: bool
    wrapped_key: bytes | None
    bytes: bytes


class NameRow(NamedTuple):
    """A tag on a manifest."""

    name: str


class LockedRow(NamedTuple):
    """A repository."""

    id: int
    path: str


class AdvancedRow(NamedTuple):
    """A repository's new place in its own history."""

    id: int
    seq: int
    last_at: int


class NamedTagRow(NamedTuple):
    """A tag as it is."""

    name: str
    content_id: int
    seq: int


class BuriedRow(NamedTuple):
    """A manifest that is there: whether something reaches it, and since when nothing does, if so (microseconds)."""

    content_id: int
    digest: str
    size: int
    reached: bool
    since: int


TAG = Query(
    """
    select t.content_id, c.digest from tag t join content c on c.id = t.content_id
    where t.repo_id = :repo_id and t.name = :name
    """,
    TagRow,
)
DROP_TAG = Command("delete from tag where repo_id = :repo_id and name = :name")
TARGET = Query(
    """
    select l.content_id, l.kind, c.size
    from content c join link l on l.repo_id = :repo_id and l.content_id = c.id
    where c.digest = :digest and l.gone_at is null
    """,
    TargetRow,
)
KEEPERS = Query(
    """
    select c.digest, case when own.subject = e.keeper_id then 1 else 0 end as subject, c.wrapped_key, b.bytes
    from edge e
    join link l on l.repo_id = e.repo_id and l.content_id = e.keeper_id
    join link own on own.repo_id = e.repo_id and own.content_id = e.kept_id
    join content c on c.id = e.keeper_id
    join body b on b.content_id = e.keeper_id
    where e.repo_id = :repo_id and e.kept_id = :content_id and l.gone_at is null and l.kind > 0
    order by e.keeper_id limit :limit
    """,
    KeeperRow,
)
BURY_LINK = Command(
    "update link set gone_at = :at where repo_id = :repo_id and content_id = :content_id and gone_at is null"
)
TAGS_OF = Query("select name from tag where repo_id = :repo_id and content_id = :content_id", NameRow)
END_TAGS = Command(
    """
    insert into tag_event (repo_id, seq, name, was_id, now_id, at)
    select repo_id, :seq, name, content_id, null, :at from tag
    where repo_id = :repo_id and content_id = :content_id
    """
)
# By name, or SQLite would walk every tag of the repository.
DROP_TAGS = Command(
    """
    delete from tag where repo_id = :repo_id
      and name in (select name from tag where repo_id = :repo_id and content_id = :content_id)
    """
)
DROP_LEASES = Command("delete from lease where repo_id = :repo_id and content_id = :content_id")
# -- many at once, by rule (dropping.py) ------------------------------------------------------------------------------
LOCK_REPOSITORY = Query("select id, path from repository where id = :id and gone_at is null for update", LockedRow)
ADVANCE_BY_ID = Query(
    """
    update repository
    set seq = seq + 1, last_at = case when :now > last_at then :now else last_at + 1 end
    where id = :id returning id, seq, last_at
    """,
    AdvancedRow,
)
TAGS_NAMED = Query("select name, content_id, seq from tag where repo_id = :repo_id and name = any(:names)", NamedTagRow)
END_TAGS_NAMED = Command(
    """
    insert into tag_event (repo_id, seq, name, was_id, now_id, at)
    select repo_id, :seq, name, content_id, null, :at from tag where repo_id = :repo_id and name = any(:names)
    """
)
DROP_TAGS_NAMED = Command("delete from tag where repo_id = :repo_id and name = any(:names)")
# Each keeper is looked up by itself: as a join PostgreSQL may begin with all links of the repository.
UNREACHED = Query(
    """
    select l.content_id, c.digest, c.size,
      case when exists (select 1 from tag t where t.repo_id = l.repo_id and t.content_id = l.content_id)
        or exists (
          select 1 from edge e where e.repo_id = l.repo_id and e.kept_id = l.content_id and (
            select coalesce(k.gone_at, -1) from link k where k.repo_id = e.repo_id and k.content_id = e.keeper_id
          ) = -1
        )
        or exists (
          select 1 from lease s where s.repo_id = l.repo_id and s.content_id = l.content_id and s.due > :now
        )
      then 1 else 0 end as reached,
      coalesce(
        (
          select max(case when v.at > l.put_at then v.at else l.put_at end) from tag_event v
          where v.repo_id = l.repo_id and v.was_id = l.content_id and v.was_id is not null
        ),
        l.put_at
      ) as since
    from link l join content c on c.id = l.content_id
    where l.repo_id = :repo_id and l.content_id = :id and l.gone_at is null and l.kind > 0
    """,
    BuriedRow,
)
