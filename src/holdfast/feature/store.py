"""How far each handler has read the journal."""

from __future__ import annotations

from typing import NamedTuple

from holdfast.db.query import Command, Query


class Cursor(NamedTuple):
    """The place of the last row that a handler was told of."""

    pos: int


CURSOR = Query("select pos from event_cursor where name = :name", Cursor)
# Whoever moves it holds it until the end of the unit, so that nobody is told twice at once.
HELD_CURSOR = Query("select pos from event_cursor where name = :name for update", Cursor)
NEW_CURSOR = Command("insert into event_cursor (name, pos) values (:name, :pos) on conflict (name) do nothing")
MOVE_CURSOR = Command("update event_cursor set pos = :pos where name = :name")
CURSORS = Query("select pos from event_cursor where name = any(:names)", Cursor)
