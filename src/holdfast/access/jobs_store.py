"""The statement that names who started jobs."""

from __future__ import annotations

from typing import NamedTuple

from holdfast.db.query import Query


class StarterRow(NamedTuple):
    """An account, gone or not."""

    id: int
    name: str
    kind: int


STARTERS = Query("select id, name, kind from account where id = any(:ids)", StarterRow)
