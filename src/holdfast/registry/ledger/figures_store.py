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


class DayRow(NamedTuple):
    """What was found of a path on a day (since 1970-01-01, UTC), and until the next row; as in `FigureRow`."""

    path: str
    day: int
    live: int
    history: int
    pending: int
    live_stored: int
    history_stored: int
    pending_stored: int


class PathRow(NamedTuple):
    """A path with a figure."""

    path: str


class FirstDay(NamedTuple):
    """The first day of which anything is known."""

    day: int | None


class LargeRow(NamedTuple):
    """Content of a namespace that is among the largest, the `n`th."""

    path: str
    n: int
    content_id: int
    size: int


class LargestRow(NamedTuple):
    """Large content, how many repositories at and below a path show it (100 at most are counted), and one of them."""

    n: int
    digest: str
    size: int
    repositories: int
    repository: str | None


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
_WITHIN = " where walk = :walk and path >= :low and path < :high and substr(path, length(path), 1) <> '/'"
FIGURES = Query(_FIGURE + _WITHIN + " and path > :after order by path limit :limit", FigureRow)
FIGURES_DOWN = Query(_FIGURE + _WITHIN + " and path < :after order by path desc limit :limit", FigureRow)
FIGURES_BY_LIVE = Query(
    _FIGURE + _WITHIN + " and (live, path) > (:live, :after) order by live, path limit :limit", FigureRow
)
FIGURES_BY_LIVE_DOWN = Query(
    _FIGURE + _WITHIN + " and (live, path) < (:live, :after) order by live desc, path desc limit :limit", FigureRow
)
# The sums right below a path, in no order: behind each the walk goes on beyond all that is below it.
_NEXT = """
    select f.path from storage_figure f
    where f.walk = :walk and f.path > <after> and f.path < :high and substr(f.path, length(f.path), 1) = '/'
    order by f.path limit 1
"""
SUMS_BELOW = Query(
    """
    with recursive step (path, n) as (
      select (<first>), 1
      union all
      select (<next>), s.n + 1 from step s where s.path is not null and s.n < :limit
    )
    select f.path, f.repositories, f.logical, f.live, f.history, f.pending, f.live_stored, f.history_stored,
      f.pending_stored, f.exclusive, f.share
    from step s join storage_figure f on f.walk = :walk and f.path = s.path
    """.replace("<first>", _NEXT.replace("<after>", ":after")).replace(
        "<next>", _NEXT.replace("<after>", "s.path || '~'")
    ),
    FigureRow,
)

# -- from day to day, and what is largest -----------------------------------------------------------------------------

PUT_LARGEST = Command(
    """
    insert into storage_largest (walk, path, n, content_id, size) values (:walk, :path, :n, :content_id, :size)
    """
)
FORGET_LARGEST = Command(
    """
    delete from storage_largest where (walk, path, n) in (
      select walk, path, n from storage_largest where walk < :walk order by walk, path, n limit :limit
    )
    """
)
LARGEST = Query(
    """
    select s.n, c.digest, s.size,
      (select count(*) from (
        select 1 as one from link l join repository r on r.id = l.repo_id
        where l.content_id = s.content_id and l.gone_at is null and r.gone_at is null
          and (r.path = :path or (r.path >= :low and r.path < :high)) limit 100
      ) as seen) as repositories,
      (select r.path from link l join repository r on r.id = l.repo_id
        where l.content_id = s.content_id and l.gone_at is null and r.gone_at is null
          and (r.path = :path or (r.path >= :low and r.path < :high))
        order by l.repo_id limit 1
      ) as repository
    from storage_largest s join content c on c.id = s.content_id
    where s.walk = :walk and s.path = :key order by s.n
    """,
    LargestRow,
)
SOME_PATHS = Query(
    "select path from storage_figure where walk = :walk and path > :after order by path limit :limit", PathRow
)
# Where nothing has changed since the last row there is no other one.
NOTE_DAYS = Command(
    """
    insert into storage_day (path, day, live, history, pending, live_stored, history_stored, pending_stored)
    select f.path, cast(:day as bigint), f.live, f.history, f.pending, f.live_stored, f.history_stored, f.pending_stored
    from storage_figure f
    where f.walk = :walk and f.path > :after and f.path <= :last and not exists (
      select 1 from storage_day d
      where d.path = f.path and d.day = (
          select max(o.day) from storage_day o where o.path = f.path and o.day <= cast(:day as bigint)
        )
        and d.live = f.live and d.history = f.history and d.pending = f.pending and d.live_stored = f.live_stored
        and d.history_stored = f.history_stored and d.pending_stored = f.pending_stored
    )
    on conflict (path, day) do update set live = excluded.live, history = excluded.history,
      pending = excluded.pending, live_stored = excluded.live_stored, history_stored = excluded.history_stored,
      pending_stored = excluded.pending_stored
    """
)
# The last row up to a day stays: it tells of that day.
FORGET_DAYS = Command(
    """
    delete from storage_day where (path, day) in (
      select d.path, d.day from storage_day d
      where d.day < :day and (
        exists (select 1 from storage_day n where n.path = d.path and n.day > d.day and n.day <= :day)
        or not exists (select 1 from storage_figure f where f.walk = :walk and f.path = d.path)
      )
      order by d.day, d.path limit :limit
    )
    """
)
_DAY = "select path, day, live, history, pending, live_stored, history_stored, pending_stored from storage_day d"
DAYS = Query(_DAY + " where d.path = :path and d.day > :since order by d.day", DayRow)
DAYS_AT = Query(
    _DAY  # noqa: S608
    + """
    where d.path = any(:paths) and d.day = (
      select max(o.day) from storage_day o where o.path = d.path and o.day <= :day
    )
    """,
    DayRow,
)
FIRST_DAY = Query("select min(day) as day from storage_day", FirstDay)
