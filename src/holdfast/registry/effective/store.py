"""The statement of settings."""

from __future__ import annotations

from typing import NamedTuple

from holdfast.db.query import Query


class SettingRow(NamedTuple):
    """One setting of one path ('' is the root)."""

    path: str
    name: str
    value: str


SETTINGS = Query("select path, name, value from setting where path = any(:prefixes)", SettingRow)
