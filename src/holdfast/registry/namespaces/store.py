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
