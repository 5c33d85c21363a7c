"""The statements over the pulls of the last 30 days, for columns and boxes of pages. Each returns a bounded number of
rows."""

from __future__ import annotations

from typing import NamedTuple

from holdfast.db.query import Query


class PulledRow(NamedTuple):
    """A tag, or a repository by its path, and its pulls."""

    name: str
    pulls: int


class OfTagRow(NamedTuple):
    """A tag and its pulls; None: no tag."""

    name: str | None
    pulls: int


class PlacedRow(NamedTuple):
    """A tag that was pulled, and whether it is there still (0: it is not)."""

    name: str
    pulls: int
    there: int


class DayRow(NamedTuple):
    """Pulls of a repository (by its path) on a day."""

    name: str
    day: int
    pulls: int


class UseRow(NamedTuple):
    """Pulls of a digest on a day, of those who run images and (`pulls_all`) of all."""

    name_id: int
    day: int
    pulls: int
    pulls_all: int


class PlatformRow(NamedTuple):
    """A digest that was pulled, and for what platform it is, None: that is not known."""

    id: int
    text: str
    platform: str | None


# Of a repository that is there a row at least, without a name where nothing was pulled.
OF_TAGS = Query(
    """
    select s.name, coalesce(s.pulls, 0) as pulls
    from repository r left join insight_recent s on s.repo_id = r.id and s.name = any(:names)
    where r.path = :path and r.gone_at is null
    """,
    OfTagRow,
)
# `day` 0: of all the days.
OF_REPOSITORIES = Query(
    """
    select r.path as name, 0 as day, s.pulls from repository r join insight_recent s on s.repo_id = r.id and s.name = ''
    where r.path = any(:paths) and r.gone_at is null
    union all
    select r.path, i.day, cast(sum(i.pulls) as bigint)
    from repository r join insight i on i.repo_id = r.id and i.dim = 0 and i.day >= :since and i.name_id = 0
    where r.path = any(:paths) and r.gone_at is null and i.class <= :most
    group by r.path, i.day
    """,
    DayRow,
)
# Tags that were pulled, from a place on, the least first, or the most.
PULLED = Query(
    """
    select s.name, s.pulls, case when t.name is null then 0 else 1 end as there
    from insight_recent s left join tag t on t.repo_id = s.repo_id and t.name = s.name
    where s.repo_id = :repo_id and (s.pulls, s.name) > (:pulls, :name) and s.name > ''
    order by s.pulls, s.name limit :limit
    """,
    PlacedRow,
)
PULLED_DOWN = Query(
    """
    select s.name, s.pulls, case when t.name is null then 0 else 1 end as there
    from insight_recent s left join tag t on t.repo_id = s.repo_id and t.name = s.name
    where s.repo_id = :repo_id and (s.pulls, s.name) < (:pulls, :name) and s.pulls > 0 and s.name > ''
    order by s.pulls desc, s.name desc limit :limit
    """,
    PlacedRow,
)
# Tags by their names, pulled or not.
NAMED = Query(
    """
    select t.name, coalesce(s.pulls, 0) as pulls
    from tag t left join insight_recent s on s.repo_id = t.repo_id and s.name = t.name
    where t.repo_id = :repo_id and t.name > :name order by t.name limit :limit
    """,
    PulledRow,
)
NAMED_DOWN = Query(
    """
    select t.name, coalesce(s.pulls, 0) as pulls
    from tag t left join insight_recent s on s.repo_id = t.repo_id and s.name = t.name
    where t.repo_id = :repo_id and t.name < :name order by t.name desc limit :limit
    """,
    PulledRow,
)
# `rows`: a JSON array of [day, name_id].
USE = Query(
    """
    select i.name_id, i.day, cast(sum(case when i.class <= :most then i.pulls else 0 end) as bigint) as pulls,
      cast(sum(i.pulls) as bigint) as pulls_all
    from each(:rows) v cross join insight i
    where i.repo_id = :repo_id and i.dim = 2 and i.day = cast(v.value ->> 0 as bigint)
      and i.name_id = cast(v.value ->> 1 as bigint)
    group by i.name_id, i.day
    """,
    UseRow,
)
PLATFORMS = Query(
    """
    select n.id, n.text, p.platform from insight_name n left join insight_platform p on p.name_id = n.id
    where n.text = any(:texts)
    """,
    PlatformRow,
)
