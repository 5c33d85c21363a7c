"""The statements of counting. Each reads or writes what a list of rows names, by keys."""

from __future__ import annotations

from typing import NamedTuple

from holdfast.db.query import Command, Query


class RepositoryRow(NamedTuple):
    """A repository, of the time from `born` until `gone_at` (microseconds; None: it is there)."""

    id: int
    path: str
    born: int
    gone_at: int | None


class ManifestRow(NamedTuple):
    """A manifest of a repository."""

    repo_id: int
    content_id: int
    digest: str
    kind: int


class ParentRow(NamedTuple):
    """An index, and what it lists."""

    repo_id: int
    content_id: int
    parent_id: int


class NamedRow(NamedTuple):
    """A tag that points to a manifest, and since when (microseconds)."""

    repo_id: int
    content_id: int
    name: str
    at: int


class WasRow(NamedTuple):
    """A tag that pointed to a manifest from one time until another (microseconds)."""

    repo_id: int
    content_id: int
    name: str
    since: int
    until: int


class NameRow(NamedTuple):
    """A text and its number."""

    id: int
    text: str


class RoomRow(NamedTuple):
    """How many rows a day of a repository has in a dimension."""

    repo_id: int
    dim: int
    day: int
    used: int


class SettingRow(NamedTuple):
    """A setting of a path."""

    path: str
    value: str


# -- what is known of what was pulled ----------------------------------------------------------------------------------

REPOSITORIES = Query("select id, path, born, gone_at from repository where path = any(:paths)", RepositoryRow)
GONE = Query(
    """
    select id, was_path as path, born, gone_at from repository
    where was_path = any(:paths) and gone_at >= :since and gone_at is not null
    """,
    RepositoryRow,
)
SETTINGS = Query("select path, value from setting where path = any(:paths) and name = :name", SettingRow)
MANIFESTS = Query(
    """
    select l.repo_id, l.content_id, c.digest, l.kind from content c join link l on l.content_id = c.id
    where c.digest = any(:digests) and l.repo_id = any(:ids)
    """,
    ManifestRow,
)
# The newest of the indexes that list a manifest; what refers to it is no index of it.
PARENTS = Query(
    """
    select e.repo_id, e.kept_id as content_id, e.keeper_id as parent_id
    from each(:rows) v cross join edge e
    join link k on k.repo_id = e.repo_id and k.content_id = e.keeper_id
    join link l on l.repo_id = e.repo_id and l.content_id = e.kept_id
    where e.repo_id = cast(v.value ->> 0 as bigint) and e.kept_id = cast(v.value ->> 1 as bigint)
      and k.kind = 2 and coalesce(l.subject, 0) <> e.keeper_id
      and e.keeper_id >= coalesce((
        select n.keeper_id from edge n
        where n.repo_id = cast(v.value ->> 0 as bigint) and n.kept_id = cast(v.value ->> 1 as bigint)
        order by n.keeper_id desc limit 1 offset 49
      ), 0)
    """,
    ParentRow,
)
# The first of the tags on a manifest by their names, and since when they are on it.
TAGS = Query(
    """
    select t.repo_id, t.content_id, t.name, coalesce(e.at, 0) as at
    from each(:rows) v cross join tag t
    left join tag_event e on e.repo_id = t.repo_id and e.seq = t.seq and e.name = t.name
    where t.repo_id = cast(v.value ->> 0 as bigint) and t.content_id = cast(v.value ->> 1 as bigint)
      and t.name <= coalesce((
        select n.name from tag n
        where n.repo_id = cast(v.value ->> 0 as bigint) and n.content_id = cast(v.value ->> 1 as bigint)
        order by n.name limit 1 offset 49
      ), :last)
    """,
    NamedRow,
)
# Tags that left a manifest since a time, and when they came to it.
WERE = Query(
    """
    select e.repo_id, e.was_id as content_id, e.name, coalesce((
        select p.at from tag_event p where p.repo_id = e.repo_id and p.name = e.name and p.seq < e.seq
        order by p.seq desc limit 1
      ), 0) as since, e.at as until
    from each(:rows) v cross join tag_event e
    where e.repo_id = cast(v.value ->> 0 as bigint) and e.was_id = cast(v.value ->> 1 as bigint)
      and e.was_id is not null and e.at >= :since
    order by e.at limit :limit
    """,
    WasRow,
)

# -- names -------------------------------------------------------------------------------------------------------------

NAMES = Query("select id, text from insight_name where text = any(:texts)", NameRow)
NEW_NAMES = Command(
    """
    insert into insight_name (text, last_day) select value ->> 0, cast(:day as bigint) from each(:rows) where true
    on conflict (text) do nothing
    """
)
SEEN_NAMES = Command("update insight_name set last_day = :day where id = any(:ids) and last_day < :day")

# -- counts ------------------------------------------------------------------------------------------------------------

_KEYED = """
    i.repo_id = cast(v.value ->> 0 as bigint) and i.dim = cast(v.value ->> 1 as bigint)
      and i.day = cast(v.value ->> 2 as bigint) and i.name_id = cast(v.value ->> 3 as bigint)
      and i.class = cast(v.value ->> 4 as bigint)
"""
KNOWN = Query(
    "select i.repo_id, i.dim, i.day, count(*) as used from each(:rows) v cross join insight i where "  # noqa: S608
    + _KEYED
    + " group by i.repo_id, i.dim, i.day",
    RoomRow,
)
ADD = Command(
    """
    insert into insight (repo_id, dim, day, name_id, class, pulls, indexes, checks, named, pushes, sent, received)
    select cast(value ->> 0 as bigint), cast(value ->> 1 as bigint), cast(value ->> 2 as bigint),
      cast(value ->> 3 as bigint), cast(value ->> 4 as bigint), cast(value ->> 5 as bigint),
      cast(value ->> 6 as bigint), cast(value ->> 7 as bigint), cast(value ->> 8 as bigint),
      cast(value ->> 9 as bigint), cast(value ->> 10 as bigint), cast(value ->> 11 as bigint)
    from each(:rows) where true
    on conflict (repo_id, dim, day, name_id, class) do update set
      pulls = insight.pulls + excluded.pulls, indexes = insight.indexes + excluded.indexes,
      checks = insight.checks + excluded.checks, named = insight.named + excluded.named,
      pushes = insight.pushes + excluded.pushes, sent = insight.sent + excluded.sent,
      received = insight.received + excluded.received
    """
)
USE_ROOM = Command(
    """
    insert into insight_room (repo_id, dim, day, used)
    select cast(value ->> 0 as bigint), cast(value ->> 1 as bigint), cast(value ->> 2 as bigint),
      cast(value ->> 3 as bigint)
    from each(:rows) where true
    on conflict (repo_id, dim, day) do update set used = insight_room.used + excluded.used
    """
)
ROOMS = Query(
    """
    select i.repo_id, i.dim, i.day, i.used from each(:rows) v cross join insight_room i
    where i.repo_id = cast(v.value ->> 0 as bigint) and i.dim = cast(v.value ->> 1 as bigint)
      and i.day = cast(v.value ->> 2 as bigint)
    """,
    RoomRow,
)
SET_ROOM = Command("update insight_room set used = :used where repo_id = :repo_id and dim = :dim and day = :day")
ADD_RECENT = Command(
    """
    insert into insight_recent (repo_id, name, pulls, pulls_all, last_at, last_all_at)
    select cast(value ->> 0 as bigint), value ->> 1, cast(value ->> 2 as bigint), cast(value ->> 3 as bigint),
      cast(value ->> 4 as bigint), cast(value ->> 5 as bigint)
    from each(:rows) where true
    on conflict (repo_id, name) do update set
      pulls = insight_recent.pulls + excluded.pulls, pulls_all = insight_recent.pulls_all + excluded.pulls_all,
      last_at = case when excluded.last_at > insight_recent.last_at then excluded.last_at
        else insight_recent.last_at end,
      last_all_at = case when excluded.last_all_at > insight_recent.last_all_at then excluded.last_all_at
        else insight_recent.last_all_at end
    """
)
ADD_MONTHS = Command(
    """
    insert into insight_month (path, month, class, pulls, pushes, sent, received)
    select value ->> 0, cast(value ->> 1 as bigint), cast(value ->> 2 as bigint), cast(value ->> 3 as bigint),
      cast(value ->> 4 as bigint), cast(value ->> 5 as bigint), cast(value ->> 6 as bigint)
    from each(:rows) where true
    on conflict (path, month, class) do update set
      pulls = insight_month.pulls + excluded.pulls, pushes = insight_month.pushes + excluded.pushes,
      sent = insight_month.sent + excluded.sent, received = insight_month.received + excluded.received
    """
)
ADD_TRAFFIC = Command(
    """
    insert into insight_traffic (path, day, class, pulls, pushes)
    select value ->> 0, cast(value ->> 1 as bigint), cast(value ->> 2 as bigint), cast(value ->> 3 as bigint),
      cast(value ->> 4 as bigint)
    from each(:rows) where true
    on conflict (path, day, class) do update set
      pulls = insight_traffic.pulls + excluded.pulls, pushes = insight_traffic.pushes + excluded.pushes
    """
)
NEW_PLATFORMS = Command(
    """
    insert into insight_platform (name_id, repo_id, content_id, platform)
    select cast(value ->> 0 as bigint), cast(value ->> 1 as bigint), cast(value ->> 2 as bigint), null
    from each(:rows) where true
    on conflict (name_id) do nothing
    """
)

# -- who ---------------------------------------------------------------------------------------------------------------

_WHO_KEYED = """
    i.repo_id = cast(v.value ->> 0 as bigint) and i.day = cast(v.value ->> 1 as bigint)
      and i.subject_id = cast(v.value ->> 2 as bigint) and i.agent_id = cast(v.value ->> 3 as bigint)
      and i.network_id = cast(v.value ->> 4 as bigint) and i.class = cast(v.value ->> 5 as bigint)
      and i.digest_id = cast(v.value ->> 6 as bigint) and i.tag_id = cast(v.value ->> 7 as bigint)
"""
KNOWN_WHO = Query(
    "select i.repo_id, 9 as dim, i.day, count(*) as used from each(:rows) v cross join insight_who i where "  # noqa: S608
    + _WHO_KEYED
    + " group by i.repo_id, i.day",
    RoomRow,
)
ADD_WHO = Command(
    """
    insert into insight_who (repo_id, day, subject_id, agent_id, network_id, class, digest_id, tag_id, pulls, pushes,
      first_at, last_at)
    select cast(value ->> 0 as bigint), cast(value ->> 1 as bigint), cast(value ->> 2 as bigint),
      cast(value ->> 3 as bigint), cast(value ->> 4 as bigint), cast(value ->> 5 as bigint),
      cast(value ->> 6 as bigint), cast(value ->> 7 as bigint), cast(value ->> 8 as bigint),
      cast(value ->> 9 as bigint), cast(value ->> 10 as bigint), cast(value ->> 11 as bigint)
    from each(:rows) where true
    on conflict (repo_id, day, subject_id, agent_id, network_id, class, digest_id, tag_id) do update set
      pulls = insight_who.pulls + excluded.pulls, pushes = insight_who.pushes + excluded.pushes,
      first_at = case when excluded.first_at < insight_who.first_at then excluded.first_at
        else insight_who.first_at end,
      last_at = case when excluded.last_at > insight_who.last_at then excluded.last_at else insight_who.last_at end
    """
)
