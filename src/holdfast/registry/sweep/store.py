"""The statements of the sweeper: bounded batches, oldest first."""

from __future__ import annotations

from typing import NamedTuple

from holdfast.db.query import Command, Query


class Name(NamedTuple):
    """The key of an object or the id of an upload."""

    name: str


class Holding(NamedTuple):
    """Whether a backup is copying objects."""

    held: bool


BACKUP_RUNS = Query(
    "select case when exists (select 1 from backup_hold where until > :now) then 1 else 0 end as held", Holding
)
DUE_KEYS = Query("select key as name from doomed where due <= :now order by due limit :limit", Name)
FORGET_KEYS = Command("delete from doomed where key = any(:keys)")
EXPIRED = Query("select id as name from upload where expires <= :now order by expires limit :limit", Name)
STILL_EXPIRED = Query("select id as name from upload where id = :id and expires <= :now for update", Name)
DROP_EXPIRED = Command("delete from upload where id = :id and expires <= :now")
HELD = Query("select id as name from upload where id = any(:ids)", Name)
DROP_LEASES = Command("delete from lease where due <= :now")
DROP_ARRIVING = Command("delete from arriving where seen_at < :before")
