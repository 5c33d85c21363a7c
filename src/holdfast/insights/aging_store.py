"""The statements that let counts grow old: out of the recent pulls, and out of the tables."""

from __future__ import annotations

from typing import NamedTuple

from holdfast.db.query import Command, Query


class AgedRow(NamedTuple):
    """Up to which row of `insight` the recent pulls hold nothing any more."""

    day: int
    repo_id: int
    dim: int
    name_id: int
    class_: int


class OldRow(NamedTuple):
    """Pulls of a day that are recent no more; `name` None: the rare together."""

    repo_id: int
    dim: int
    name_id: int
    class_: int
    name: str | None
    pulls: int


class Day(NamedTuple):
    """A day; None: there is none."""

    day: int | None


class RepositoryId(NamedTuple):
    """A repository; None: there is none."""

    repo_id: int | None


class PathRow(NamedTuple):
    """Where a repository is, or was."""

    path: str


class ValueRow(NamedTuple):
    """A setting, wherever it is said."""

    value: str


class FigureRow(NamedTuple):
    """What lies at and below a path, in bytes as if nobody else existed."""

    path: str
    stored: int
    repository: bool


class WalkRow(NamedTuple):
    """The last count of storage that ended."""

    walk: int
    ended_at: int


class WaitingRow(NamedTuple):
    """An image whose platform is not known yet."""

    name_id: int
    repo_id: int
    content_id: int


class BodyRow(NamedTuple):
    """A manifest that is stored."""

    digest: str
    media_type: str
    wrapped_key: bytes | None
    bytes: bytes


class BlobRow(NamedTuple):
    """A blob that a repository shows, and where its bytes are."""

    content_id: int
    digest: str
    size: int
    key: str | None
    wrapped_key: bytes | None
    bytes: bytes | None


class SegmentRow(NamedTuple):
    """One of the objects of a blob that lies in several."""

    key: str
    size: int


AGED = Query("select day, repo_id, dim, name_id, class as class_ from insight_aged where id = 1", AgedRow)
SET_AGED = Command(
    """
    insert into insight_aged (id, day, repo_id, dim, name_id, class)
    values (1, :day, :repo_id, :dim, :name_id, :class)
    on conflict (id) do update set day = excluded.day, repo_id = excluded.repo_id, dim = excluded.dim,
      name_id = excluded.name_id, class = excluded.class
    """
)
OLDEST = Query("select min(day) as day from insight where day > :after", Day)
OF_DAY = Query(
    """
    select i.repo_id, i.dim, i.name_id, i.class as class_, n.text as name, i.pulls
    from insight i left join insight_name n on n.id = i.name_id
    where i.day = :day and (i.repo_id, i.dim, i.name_id, i.class) > (:repo_id, :dim, :name_id, :class)
      and i.dim < 2
    order by i.repo_id, i.dim, i.name_id, i.class limit :limit
    """,
    OldRow,
)

# -- forgetting --------------------------------------------------------------------------------------------------------

NEXT = Query("select min(repo_id) as repo_id from insight where repo_id > :after", RepositoryId)
PATH = Query("select coalesce(was_path, path) as path from repository where id = :id", PathRow)
SAID = Query("select value from setting where name = :name", ValueRow)
OLDEST_OF = Query("select min(day) as day from insight where repo_id = :repo_id and dim = 0 and day < :before", Day)
DROP_DAY = Command("delete from insight where repo_id = :repo_id and dim = any(:dims) and day = :day")
DROP_WHO_DAY = Command("delete from insight_who where repo_id = :repo_id and day = :day")
DROP_ROOM_DAY = Command("delete from insight_room where repo_id = :repo_id and dim = any(:dims) and day = :day")
DROP_NAMES = Command(
    """
    delete from insight_name where id in (
      select id from insight_name where last_day < :before order by last_day limit :limit
    )
    """
)
DROP_PLATFORMS = Command(
    """
    delete from insight_platform where name_id in (
      select id from insight_name where last_day < :before order by last_day limit :limit
    )
    """
)
DROP_RECENT = Command(
    """
    delete from insight_recent where (repo_id, name) in (
      select repo_id, name from insight_recent where last_all_at < :before order by last_all_at limit :limit
    )
    """
)
DROP_MONTHS = Command(
    """
    delete from insight_month where (path, month, class) in (
      select path, month, class from insight_month where month < :before order by month limit :limit
    )
    """
)
DROP_TRAFFIC = Command(
    """
    delete from insight_traffic where (path, day, class) in (
      select path, day, class from insight_traffic where day < :before order by day limit :limit
    )
    """
)
DROP_STORED = Command(
    """
    delete from insight_stored where (path, month) in (
      select path, month from insight_stored where month < :before order by month limit :limit
    )
    """
)

# -- storage of namespaces ---------------------------------------------------------------------------------------------

WALK = Query("select walk, ended_at from storage_walk where ended_at is not null order by walk desc limit 1", WalkRow)
FIGURES = Query(
    """
    select f.path, f.live + f.history + f.pending as stored, case when exists (
        select 1 from repository r where r.path = substr(f.path, 1, length(f.path) - 1)
      ) then 1 else 0 end as repository
    from storage_figure f
    where f.walk = :walk and f.path > :after and substr(f.path, length(f.path), 1) = '/'
    order by f.path limit :limit
    """,
    FigureRow,
)
STORE = Command(
    """
    insert into insight_stored (path, month, stored, total, days, day)
    select value ->> 0, cast(:month as bigint), cast(value ->> 1 as bigint), cast(value ->> 1 as bigint), 1,
      cast(:day as bigint)
    from each(:rows) where true
    on conflict (path, month) do update set stored = excluded.stored, total = insight_stored.total + excluded.stored,
      days = insight_stored.days + 1, day = excluded.day
    where insight_stored.day < excluded.day
    """
)

# -- platforms ---------------------------------------------------------------------------------------------------------

WAITING = Query(
    """
    select name_id, repo_id, content_id from insight_platform
    where platform is null and name_id > :after order by name_id limit :limit
    """,
    WaitingRow,
)
MANIFEST = Query(
    """
    select c.digest, coalesce(l.media_type, '') as media_type, c.wrapped_key, b.bytes
    from link l join content c on c.id = l.content_id join body b on b.content_id = l.content_id
    where l.repo_id = :repo_id and l.content_id = :content_id and l.kind = 1 and c.state = 0
    """,
    BodyRow,
)
CONFIG = Query(
    """
    select c.id as content_id, c.digest, c.size, c.key, c.wrapped_key, b.bytes
    from content c join link l on l.repo_id = :repo_id and l.content_id = c.id
    left join body b on b.content_id = c.id
    where c.digest = :digest and c.state = 0
    """,
    BlobRow,
)
SEGMENTS = Query("select key, size from segment where content_id = :id order by n", SegmentRow)
SET_PLATFORM = Command(
    """
    update insight_platform set platform = (
      select v.value ->> 1 from each(:rows) v where cast(v.value ->> 0 as bigint) = insight_platform.name_id
    ) where name_id = any(:ids)
    """
)
