"""The statements of undelete."""

from __future__ import annotations

from typing import NamedTuple

from holdfast.db.query import Command, Query


class EndedRow(NamedTuple):
    """A tag that was deleted and not made again, and what it pointed to."""

    at: int
    name: str
    content_id: int
    digest: str | None
    media_type: str | None
    artifact_type: str | None
    size: int | None


class BuriedRow(NamedTuple):
    """A manifest or blob that was deleted."""

    at: int
    content_id: int
    kind: int
    digest: str
    media_type: str | None
    artifact_type: str | None
    size: int


class FoundRow(NamedTuple):
    """Content of a repository. `gone_at` None: it is not deleted; `reason`: why it was purged."""

    content_id: int
    digest: str
    kind: int
    size: int
    state: int
    gone_at: int | None
    put_at: int
    reason: str | None


class EventRow(NamedTuple):
    """The last event of a tag."""

    was_id: int | None
    now_id: int | None
    at: int


class NameRow(NamedTuple):
    """A tag; `taken`: whether it has been made again."""

    name: str
    taken: bool


ENDED = Query(
    """
    select e.at, e.name, coalesce(e.was_id, 0) as content_id,
      (select c.digest from content c where c.id = e.was_id) as digest, l.media_type, l.artifact_type,
      (select c.size from content c where c.id = e.was_id) as size
    from tag_event e
    left join link l on l.repo_id = e.repo_id and l.content_id = e.was_id
    where e.repo_id = :repo_id and e.now_id is null and (e.at, e.name) < (:before, :last) and e.at > :since
      and not exists (
        select 1 from tag_event n where n.repo_id = e.repo_id and n.name = e.name and n.seq > e.seq
      )
    order by e.at desc, e.name desc limit :limit
    """,
    EndedRow,
)
# What was never here and is only waited for (a child of a sparse index) is no deletion: it is gone since it was put.
BURIED = Query(
    """
    select l.gone_at as at, l.content_id, l.kind, c.digest, l.media_type, l.artifact_type, c.size
    from link l join content c on c.id = l.content_id
    where l.repo_id = :repo_id and l.gone_at is not null and (l.gone_at, l.content_id) < (:before, :id)
      and l.gone_at > :since and l.put_at < l.gone_at and c.state = 0
    order by l.gone_at desc, l.content_id desc limit :limit
    """,
    BuriedRow,
)
_FOUND = """
    select c.id as content_id, c.digest, l.kind, c.size, c.state, l.gone_at, l.put_at, p.reason
    from content c
    join link l on l.repo_id = :repo_id and l.content_id = c.id
    left join purged p on p.content_id = c.id
"""
FOUND = Query(
    """
    <found> where c.digest = :digest
    """.replace("<found>", _FOUND),
    FoundRow,
)
FOUND_BY_ID = Query(
    """
    <found> where c.id = :content_id
    """.replace("<found>", _FOUND),
    FoundRow,
)
LAST_EVENT = Query(
    """
    select was_id, now_id, at from tag_event where repo_id = :repo_id and name = :name order by seq desc limit 1
    """,
    EventRow,
)
ENDED_WITH = Query(
    """
    select e.name, case when exists (
      select 1 from tag t where t.repo_id = e.repo_id and t.name = e.name
    ) then 1 else 0 end as taken
    from tag_event e
    where e.repo_id = :repo_id and e.now_id is null and e.at = :at and coalesce(e.was_id, 0) = :content_id
    order by e.name
    """,
    NameRow,
)
NEW_TAG = Command(
    """
    insert into tag (repo_id, name, content_id, was_id, seq, version_key)
    values (:repo_id, :name, :content_id, null, :seq, :version_key)
    """
)
SETTLE = Command("delete from candidate where repo_id = :repo_id and content_id = :content_id")
