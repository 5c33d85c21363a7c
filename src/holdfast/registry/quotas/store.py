"""The statements of what paths use, and of quotas.

`usage` has two kinds of rows: a repository's own count under its path, and the count of all that is at and below a path
under the path and a slash ('/': everything). What was not folded into it yet stands in `usage_delta`, by repository.
"""

from __future__ import annotations

from typing import NamedTuple

from holdfast.db.query import Command, Query


class UsedRow(NamedTuple):
    """What is used. Bytes: each content once for each repository that shows it."""

    bytes: int
    repositories: int
    tags: int


class DeltaRow(NamedTuple):
    """A change of what a repository uses."""

    path: str
    bytes: int
    repositories: int
    tags: int


class WarningRow(NamedTuple):
    """A quota that is nearly used up, and since when."""

    path: str
    what: str
    at: int


class FigureRow(NamedTuple):
    """What the last walk found below a path, and when it began: bytes that history keeps, and that wait for the
    collector."""

    history: int
    pending: int
    began_at: int


class Present(NamedTuple):
    """Whether the repository shows the content."""

    present: bool


class PathRow(NamedTuple):
    """A path with a quota of its own, and a slash after it; so the root, which is '', has a place in the order."""

    path: str


class Waiting(NamedTuple):
    """Whether anything waits to be folded."""

    waiting: bool


WAITING = Query("select case when exists (select 1 from usage_delta) then 1 else 0 end as waiting", Waiting)
USED = Query(
    """
    select cast(coalesce(sum(bytes), 0) as bigint) as bytes,
      cast(coalesce(sum(repositories), 0) as bigint) as repositories,
      cast(coalesce(sum(tags), 0) as bigint) as tags
    from (
      select bytes, repositories, tags from usage where path = :key
      union all select bytes, repositories, tags from usage_delta where path = :path
      union all select bytes, repositories, tags from usage_delta where path > :low and path < :high
    ) as counted
    """,
    UsedRow,
)
TAKE_DELTAS = Query(
    """
    delete from usage_delta where id in (
      select id from usage_delta order by id limit :limit for update skip locked
    ) returning path, bytes, repositories, tags
    """,
    DeltaRow,
)
FOLD = Command(
    """
    insert into usage (path, bytes, repositories, tags) values (:path, :bytes, :repositories, :tags)
    on conflict (path) do update set bytes = usage.bytes + excluded.bytes,
      repositories = usage.repositories + excluded.repositories, tags = usage.tags + excluded.tags
    """
)
WARN = Command(
    "insert into quota_warning (path, what, at) values (:path, :what, :now) on conflict (path, what) do nothing"
)
WARNINGS = Query(
    "select path, what, at from quota_warning where (path, what) > (:path, :what) order by path, what limit :limit",
    WarningRow,
)
WARNING = Query("select path, what, at from quota_warning where path = :path and what = :what", WarningRow)
FORGET_WARNING = Command("delete from quota_warning where path = :path and what = :what")
FIGURE = Query(
    """
    select f.history, f.pending, w.began_at
    from storage_walk w join storage_figure f on f.walk = w.walk
    where w.walk = (select max(walk) from storage_walk where ended_at is not null) and f.path = :key
    """,
    FigureRow,
)
PRESENT = Query(
    """
    select case when exists (
      select 1 from repository r join content c on c.digest = :digest
      join link l on l.repo_id = r.id and l.content_id = c.id
      where r.path = :path and r.gone_at is null and l.gone_at is null
    ) then 1 else 0 end as present
    """,
    Present,
)
PATHS = Query(
    """
    select distinct path || '/' as path from setting where name = any(:names) and path || '/' > :after
    order by 1 limit :limit
    """,
    PathRow,
)
PUT_SETTING = Command(
    """
    insert into setting (path, name, value) values (:path, :name, :value)
    on conflict (path, name) do update set value = excluded.value
    """
)
DROP_SETTING = Command("delete from setting where path = :path and name = :name")
