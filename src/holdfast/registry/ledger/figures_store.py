"""The statements of the walk over everything, and of what it found."""

from __future__ import annotations

from typing import NamedTuple

from holdfast.db.query import Command, Query


class WalkRow(NamedTuple):
    """A walk: when it began and ended, and the bytes of content that no repository has any more."""

    walk: int
    began_at: int
    ended_at: int | None
    orphaned: int


class RepositoryRow(NamedTuple):
    """A repository, in the order of the tree. `place`: where to go on."""

    id: int
    path: str
    gone: bool
    place: str


class Id(NamedTuple):
    """The id of content."""

    id: int


class TagRow(NamedTuple):
    """A tag and what it points to."""

    name: str
    content_id: int


class LinkRow(NamedTuple):
    """Content of a repository: its bytes in clear and as they lie there, and whether no other repository has it."""

    content_id: int
    gone: bool
    size: int
    stored: int
    alone: bool


class SharedRow(NamedTuple):
    """Content of a repository, by content."""

    content_id: int
    repo_id: int
    path: str
    stored: int


class OrphanRow(NamedTuple):
    """Content that no repository has."""

    content_id: int
    stored: int


class FigureRow(NamedTuple):
    """What was found of one path; see the migration."""

    path: str
    repositories: int
    logical: int
    live: int
    history: int
    pending: int
    live_stored: int
    history_stored: int
    pending_stored: int
    exclusive: int
    share: int


# Bytes of content as they lie there, in whichever form.
_STORED = """
    case when c.key is null then coalesce(
      (select cast(length(b.bytes) as bigint) from body b where b.content_id = c.id),
      (select cast(sum(g.stored) as bigint) from segment g where g.content_id = c.id),
      0)
    when c.wrapped_key is null then c.size
    else c.size + 16 * case when c.size = 0 then 1 else (c.size + 65535) / 65536 end end
"""
BEGIN = Query(
    """
    insert into storage_walk (walk, began_at, ended_at, orphaned)
    select coalesce(max(walk), 0) + 1, cast(:now as bigint), null, 0 from storage_walk
    returning walk, began_at, ended_at, orphaned
    """,
    WalkRow,
)
LAST = Query(
    """
    select walk, began_at, ended_at, orphaned from storage_walk where ended_at is not null order by walk desc limit 1
    """,
    WalkRow,
)
REPOSITORIES = Query(
    """
    select id, path, case when gone_at is null then 0 else 1 end as gone, replace(path, '/', '!') as place
    from repository where replace(path, '/', '!') > :after order by replace(path, '/', '!') limit :limit
    """,
    RepositoryRow,
)
TAGS = Query(
    "select name, content_id from tag where repo_id = :repo_id and name > :after order by name limit :limit", TagRow
)
KEPT = Query(
    "select distinct kept_id as id from edge where repo_id = :repo_id and keeper_id = any(:ids) order by kept_id", Id
)
HELD = Query(
    """
    select content_id as id from candidate
    where repo_id = :repo_id and content_id > :after and due > :now order by content_id limit :limit
    """,
    Id,
)
LINKS = Query(
    "select l.content_id, case when l.gone_at is null then 0 else 1 end as gone, c.size, "  # noqa: S608
    + _STORED
    + """
      as stored, case when exists (
        select 1 from link o where o.content_id = l.content_id and o.repo_id <> l.repo_id
      ) then 0 else 1 end as alone
    from link l join content c on c.id = l.content_id
    where l.repo_id = :repo_id and l.content_id > :after order by l.content_id limit :limit
    """,
    LinkRow,
)
SHARED = Query(
    "select l.content_id, l.repo_id, r.path, "  # noqa: S608
    + _STORED
    + """
      as stored
    from link l join content c on c.id = l.content_id join repository r on r.id = l.repo_id
    where (l.content_id, l.repo_id) > (:content_id, :repo_id) order by l.content_id, l.repo_id limit :limit
    """,
    SharedRow,
)
ORPHANS = Query(
    "select o.content_id, "  # noqa: S608
    + _STORED
    + """
      as stored
    from orphan o join content c on c.id = o.content_id
    where o.content_id > :after order by o.content_id limit :limit
    """,
    OrphanRow,
)
PUT = Command(
    """
    insert into storage_figure (walk, path, repositories, logical, live, history, pending, live_stored, history_stored,
      pending_stored, exclusive, share)
    values (:walk, :path, :repositories, :logical, :live, :history, :pending, :live_stored, :history_stored,
      :pending_stored, :exclusive, :share)
    """
)
SHARE = Command(
    """
    insert into storage_figure (walk, path, repositories, logical, live, history, pending, live_stored, history_stored,
      pending_stored, exclusive, share)
    values (:walk, :path, 0, 0, 0, 0, 0, 0, 0, 0, 0, :share)
    on conflict (walk, path) do update set share = excluded.share
    """
)
END = Command("update storage_walk set ended_at = :now, orphaned = :orphaned where walk = :walk")
FORGET = Command(
    """
    delete from storage_figure where (walk, path) in (
      select walk, path from storage_figure where walk < :walk order by walk, path limit :limit
    )
    """
)
FORGET_WALKS = Command("delete from storage_walk where walk < :walk")
_FIGURE = """
    select path, repositories, logical, live, history, pending, live_stored, history_stored, pending_stored, exclusive,
      share from storage_figure
"""
FIGURE = Query(_FIGURE + " where walk = :walk and path = :path", FigureRow)
# Repositories at and below a path; the sums among them end with '/'.
FIGURES = Query(
    _FIGURE
    + """
    where walk = :walk and path > :after and path >= :low and path < :high
      and substr(path, length(path), 1) <> '/'
    order by path limit :limit
    """,
    FigureRow,
)
