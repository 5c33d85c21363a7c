"""The statements of lists of what is pulled most and by nobody, and of what namespaces store and move."""

from __future__ import annotations

from typing import NamedTuple

from holdfast.db.query import Query


class TopRow(NamedTuple):
    """A repository, or (`name`) a tag of one, and its recent pulls."""

    repo_id: int
    name: str
    pulls: int
    pulls_all: int
    last_at: int


class IdleRow(NamedTuple):
    """A repository or tag, since when it is there, and when it was pulled last by who runs images (0: never)."""

    name: str
    since: int
    last_at: int
    pulls_all: int


class MonthRow(NamedTuple):
    """Traffic of a namespace in a month, of one class."""

    path: str
    month: int
    class_: int
    pulls: int
    pushes: int
    sent: int
    received: int


class TrafficRow(NamedTuple):
    """Pulls and pushes of some namespaces on a day."""

    day: int
    pulls: int
    pushes: int


class StoredRow(NamedTuple):
    """What a namespace stored in a month: at the end, and on average (bytes)."""

    path: str
    month: int
    stored: int
    average: int


class PathRow(NamedTuple):
    """A namespace."""

    path: str


# -- top and idle ------------------------------------------------------------------------------------------------------

TOP = Query(
    """
    select s.repo_id, r.path as name, s.pulls, s.pulls_all, s.last_at
    from insight_recent s join repository r on r.id = s.repo_id
    where s.name = '' and r.gone_at is null and (s.pulls, s.repo_id) < (:pulls, :repo_id)
    order by s.pulls desc, s.repo_id desc limit :limit
    """,
    TopRow,
)
WITHIN = Query(
    """
    select r.id as repo_id, r.path as name, s.pulls, s.pulls_all, s.last_at
    from repository r join insight_recent s on s.repo_id = r.id and s.name = ''
    where r.path >= :low and r.path < :high and r.gone_at is null limit :limit
    """,
    TopRow,
)
# Tags of a repository; and a row without a name where it is there.
TOP_TAGS = Query(
    """
    select * from (
      select s.repo_id, s.name, s.pulls, s.pulls_all, s.last_at
      from insight_recent s join tag t on t.repo_id = s.repo_id and t.name = s.name
      where s.repo_id = (select r.id from repository r where r.path = :path and r.gone_at is null)
        and (s.pulls, s.name) < (:pulls, :name) and s.name > ''
      order by s.pulls desc, s.name desc limit :limit
    ) as tags
    union all select p.id, '', 0, 0, 0 from repository p where p.path = :path and p.gone_at is null
    """,
    TopRow,
)
IDLE = Query(
    """
    select r.path as name, r.born as since, coalesce(s.last_at, 0) as last_at, coalesce(s.pulls_all, 0) as pulls_all
    from repository r left join insight_recent s on s.repo_id = r.id and s.name = ''
    where r.path > :after and r.path >= :low and r.path < :high and r.gone_at is null
    order by r.path limit :limit
    """,
    IdleRow,
)
IDLE_TAGS = Query(
    """
    select t.name, coalesce(e.at, 0) as since, coalesce(s.last_at, 0) as last_at, coalesce(s.pulls_all, 0) as pulls_all
    from tag t left join insight_recent s on s.repo_id = t.repo_id and s.name = t.name
    left join tag_event e on e.repo_id = t.repo_id and e.seq = t.seq and e.name = t.name
    where t.repo_id = :repo_id and t.name > :after order by t.name limit :limit
    """,
    IdleRow,
)

# -- months of namespaces ----------------------------------------------------------------------------------------------

PATHS = Query(
    """
    select path from (
      select a.path from (
        select distinct m.path from insight_month m where m.path > :after and m.path < :high
        order by m.path limit :limit
      ) as a
      union
      select b.path from (
        select distinct s.path from insight_stored s where s.path > :after and s.path < :high
        order by s.path limit :limit
      ) as b
    ) as found order by path limit :limit
    """,
    PathRow,
)
MONTHS = Query(
    """
    select path, month, class as class_, pulls, pushes, sent, received from insight_month
    where path = any(:paths) and month >= :since and class <= :most order by path, month, class
    """,
    MonthRow,
)
TRAFFIC = Query(
    """
    select day, cast(sum(pulls) as bigint) as pulls, cast(sum(pushes) as bigint) as pushes from insight_traffic
    where path = any(:paths) and day >= :since and class <= :most group by day order by day
    """,
    TrafficRow,
)
STORED = Query(
    """
    select path, month, stored, total / days as average from insight_stored
    where path = any(:paths) and month >= :since order by path, month
    """,
    StoredRow,
)
