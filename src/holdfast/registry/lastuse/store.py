"""The statements of last use. Each writes or reads what a list names, by keys."""

from __future__ import annotations

from typing import NamedTuple

from holdfast.db.query import Command, Query


class RepositoryRow(NamedTuple):
    """A repository that is there."""

    id: int
    path: str


class Since(NamedTuple):
    """Since when use is told without a gap."""

    since: int


class SaidRow(NamedTuple):
    """A setting, and where it is said."""

    path: str
    name: str
    value: str


class Process(NamedTuple):
    """A process that serves, the node that it belongs to, and when it told its use last."""

    id: str
    node: str
    at: int


class TagUse(NamedTuple):
    """When a tag was pulled last by its name."""

    name: str
    last_at: int


class ContentUse(NamedTuple):
    """When a manifest was pulled last, by whatever name."""

    content_id: int
    last_at: int


class ListedRow(NamedTuple):
    """A tag in a list. `size`: of its manifest alone."""

    name: str
    content_id: int
    digest: str
    kind: int
    media_type: str | None
    pushed_at: int
    size: int


class PartRow(NamedTuple):
    """A part of a manifest."""

    keeper_id: int
    kept_id: int
    size: int
    kind: int


class Below(NamedTuple):
    """A manifest, and one that it keeps."""

    keeper_id: int
    kept_id: int


REPOSITORIES = Query("select id, path from repository where path = any(:paths) and gone_at is null", RepositoryRow)
# As whoever changes tags does: what follows writes to them, too (migration `lists`).
HOLD = Query("select id, path from repository where id = :repo_id for no key update", RepositoryRow)
# Only what is there, and in the order of its key, so that no two units wait for each other.
USE_TAGS = Command(
    """
    insert into tag_use (repo_id, name, last_at)
    select t.repo_id, t.name, :at from tag t where t.repo_id = :repo_id and t.name = any(:names) order by t.name
    on conflict (repo_id, name) do update set last_at = excluded.last_at where excluded.last_at > tag_use.last_at
    """
)
USE_CONTENT = Command(
    """
    insert into content_use (repo_id, content_id, last_at)
    select l.repo_id, l.content_id, :at from content c
    join link l on l.repo_id = :repo_id and l.content_id = c.id
    where c.digest = any(:digests) order by l.content_id
    on conflict (repo_id, content_id) do update set last_at = excluded.last_at
    where excluded.last_at > content_use.last_at
    """
)
SAID = Query("select path, name, value from setting where name = any(:names)", SaidRow)
BEGIN_TRACKING = Command("insert into use_tracking (id, since) values (1, :now) on conflict (id) do nothing")
TRACKED = Query("select since from use_tracking where id = 1", Since)
# A gap: use of this moment may be missing.
LOSE = Command("update use_tracking set since = :at where id = 1 and since < :at")
TOLD = Command(
    """
    insert into use_process (id, node, at) values (:id, :node, :at)
    on conflict (id) do update set at = excluded.at where excluded.at > use_process.at
    """
)
LEAVE = Command("delete from use_process where id = :id")
PROCESSES = Query("select id, node, at from use_process order by id", Process)
TAG_USES = Query("select name, last_at from tag_use where repo_id = :repo_id and name = any(:names)", TagUse)
CONTENT_USES = Query(
    "select content_id, last_at from content_use where repo_id = :repo_id and content_id = any(:ids)", ContentUse
)
# Of an index: what refers to it is no part of it.
MANIFESTS_BELOW = Query(
    """
    select e.keeper_id, e.kept_id from link k
    join edge e on e.repo_id = k.repo_id and e.keeper_id = k.content_id
    join link l on l.repo_id = e.repo_id and l.content_id = e.kept_id
    where k.repo_id = :repo_id and k.content_id = any(:ids) and k.kind = 2 and l.kind > 0
      and coalesce(l.subject, 0) <> e.keeper_id
    """,
    Below,
)
_LISTED = """
    select t.name, t.content_id, c.digest, l.kind, l.media_type, coalesce(e.at, l.put_at) as pushed_at, c.size
    from tag t
    join content c on c.id = t.content_id
    join link l on l.repo_id = t.repo_id and l.content_id = t.content_id
    left join tag_event e on e.repo_id = t.repo_id and e.seq = t.seq and e.name = t.name
    where t.repo_id = :repo_id
"""
LISTED = Query(_LISTED + " and t.name > :after order by t.name limit :limit", ListedRow)
LISTED_BY_VERSION = Query(
    _LISTED + " and (t.version_key, t.name) < (:key, :after) order by t.version_key desc, t.name desc limit :limit",
    ListedRow,
)
# Parts, and what an index lists: what refers to a manifest is no part of it.
PARTS = Query(
    """
    select e.keeper_id, e.kept_id, c.size, l.kind from edge e
    join link l on l.repo_id = e.repo_id and l.content_id = e.kept_id
    join content c on c.id = e.kept_id
    where e.repo_id = :repo_id and e.keeper_id = any(:ids) and coalesce(l.subject, 0) <> e.keeper_id
    """,
    PartRow,
)
