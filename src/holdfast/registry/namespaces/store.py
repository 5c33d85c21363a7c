"""The statements of the tree of paths: settings, descriptions, labels, and which repositories are there.

Names are asked for by ranges, which the index on them gives in order (reach/spans.py).
"""

from __future__ import annotations

from typing import NamedTuple

from holdfast.db.query import Command, Query


class PathRow(NamedTuple):
    """The name of a repository, a namespace or a setting's path."""

    path: str


class Total(NamedTuple):
    """A count."""

    total: int


class SettingRow(NamedTuple):
    """One setting of one path ('' is the root)."""

    path: str
    name: str
    value: str


_LIVE = "from repository where path >= :low and path < :high and gone_at is null"
PATHS = Query("select path " + _LIVE + " and path > :after order by path limit :limit", PathRow)
COUNT = Query("select count(*) as total " + _LIVE, Total)

# -- settings ---------------------------------------------------------------------------------------------------------

SETTINGS = Query("select path, name, value from setting where path = any(:paths)", SettingRow)
SETTINGS_BELOW = Query(
    """
    select path, name, value from setting where path >= :low and path < :high and name = :name
    order by path limit :limit
    """,
    SettingRow,
)
PUT_SETTING = Command(
    """
    insert into setting (path, name, value) values (:path, :name, :value)
    on conflict (path, name) do update set value = excluded.value
    """
)
DROP_SETTING = Command("delete from setting where path = :path and name = :name")

# -- what is there, and what people say of it -------------------------------------------------------------------------


class RepositoryRow(NamedTuple):
    """A repository: since when it is there, and when its tags or manifests changed last."""

    id: int
    path: str
    born: int
    seq: int
    last_at: int


class FactsRow(NamedTuple):
    """What was said of a path, when it was said first and by whom."""

    path: str
    description: str
    made_at: int
    made_by: str


class LabelRow(NamedTuple):
    """One label of a path."""

    path: str
    name: str
    value: str


class NameRow(NamedTuple):
    """The name of a tag."""

    name: str


class GoneRow(NamedTuple):
    """A deleted repository: its name then, and when it was deleted."""

    id: int
    was_path: str
    gone_at: int


class HeldRow(NamedTuple):
    """What a repository holds: the bytes that it shows, and its tags."""

    bytes: int
    tags: int


class EndedRow(NamedTuple):
    """A repository that just ended or came back, with its place in its history."""

    id: int
    path: str
    seq: int
    last_at: int


_REPOSITORY = "select id, path, born, seq, last_at "
REPOSITORY = Query(_REPOSITORY + "from repository where path = :path and gone_at is null", RepositoryRow)
REPOSITORIES = Query(_REPOSITORY + _LIVE + " and path > :after order by path limit :limit", RepositoryRow)
LABELLED = Query(
    """
    select r.id, r.path, r.born, r.seq, r.last_at
    from label l join repository r on r.path = l.path
    where l.name = :name and l.value = :value and l.path >= :low and l.path < :high and l.path > :after
      and r.gone_at is null
    order by l.path limit :limit
    """,
    RepositoryRow,
)
FACTS = Query("select path, description, made_at, made_by from namespace where path = any(:paths)", FactsRow)
FACTS_IN = Query(
    """
    select path, description, made_at, made_by from namespace
    where path >= :low and path < :high and path > :after order by path limit :limit
    """,
    FactsRow,
)
LABELS = Query("select path, name, value from label where path = any(:paths) order by path, name", LabelRow)
NEW_FACTS = Command(
    """
    insert into namespace (path, description, made_at, made_by) values (:path, :description, :now, :made_by)
    on conflict (path) do nothing
    """
)
# Where the tree shows what nothing is in yet (registry/browsing).
PLACE = Command(
    """
    insert into usage (path, bytes, repositories, tags) values (:path, 0, 0, 0) on conflict (path) do nothing
    """
)
DESCRIBE = Command(
    """
    insert into namespace (path, description, made_at, made_by) values (:path, :description, :now, :made_by)
    on conflict (path) do update set description = excluded.description
    """
)
PUT_LABEL = Command(
    """
    insert into label (path, name, value) values (:path, :name, :value)
    on conflict (path, name) do update set value = excluded.value
    """
)
DROP_LABEL = Command("delete from label where path = :path and name = :name")
MOVE_FACTS = Command("update namespace set path = :new where path = :path")
MOVE_LABELS = Command("update label set path = :new where path = :path")
DROP_FACTS = Command("delete from namespace where path = :path")
DROP_LABELS = Command("delete from label where path = :path")

# -- ending and coming back -------------------------------------------------------------------------------------------

END = Query(
    """
    update repository
    set seq = seq + 1, last_at = case when :now > last_at then :now else last_at + 1 end,
      gone_at = case when :now > last_at then :now else last_at + 1 end, was_path = path, path = path || '@' || id
    where path = :path and gone_at is null returning id, was_path as path, seq, last_at
    """,
    EndedRow,
)
HELD = Query(
    """
    select (select cast(coalesce(sum(c.size), 0) as bigint) from link l join content c on c.id = l.content_id
      where l.repo_id = :repo_id and l.gone_at is null) as bytes,
      (select count(*) from tag t where t.repo_id = :repo_id) as tags
    """,
    HeldRow,
)
TAGS = Query(
    """
    select name from tag where repo_id = :repo_id and name >= :low and name < :high and name > :after
    order by name limit :limit
    """,
    NameRow,
)
SETTINGS_NAMED = Query(
    "select path, name, value from setting where path >= :low and path < :high and name = :name", SettingRow
)
BORN_BEFORE = Query(
    _REPOSITORY + _LIVE + " and path > :after and born <= :before order by path limit :limit", RepositoryRow
)
GONE = Query(
    """
    select id, was_path, gone_at from repository
    where was_path >= :low and was_path < :high and gone_at is not null and was_path > :after
    order by was_path, gone_at desc limit :limit
    """,
    GoneRow,
)
GONE_NAMED = Query(
    """
    select id, was_path, gone_at from repository where was_path = :path and gone_at is not null
    order by was_path, gone_at desc
    """,
    GoneRow,
)
HOLD_GONE = Query(
    "select id, was_path, gone_at from repository where id = :id and gone_at is not null for update", GoneRow
)
# The name is taken by a row of its own first: of two that come back, or one that is made meanwhile, one has it.
TAKE_NAME = Command(
    """
    insert into repository (path, born, seq, last_at) values (:path, :now, 0, :now) on conflict (path) do nothing
    """
)
LEAVE_NAME = Command("delete from repository where path = :path and gone_at is null")
RESTORE = Query(
    """
    update repository
    set seq = seq + 1, last_at = case when :now > last_at then :now else last_at + 1 end,
      gone_at = null, path = was_path, was_path = null
    where id = :id returning id, path, seq, last_at
    """,
    EndedRow,
)
