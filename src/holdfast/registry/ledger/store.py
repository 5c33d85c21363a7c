"""The statements of the ledger's totals, which triggers keep (migration `ledger`)."""

from __future__ import annotations

from typing import NamedTuple

from holdfast.db.query import Command, Query


class TotalRow(NamedTuple):
    """Bytes and objects of one kind, as they lie there."""

    what: str
    bytes: int
    objects: int


class Waiting(NamedTuple):
    """Whether anything waits to be folded."""

    waiting: bool


WAITING = Query("select case when exists (select 1 from ledger_delta) then 1 else 0 end as waiting", Waiting)
TOTALS = Query(
    """
    select what, cast(sum(bytes) as bigint) as bytes, cast(sum(objects) as bigint) as objects
    from (select what, bytes, objects from ledger union all select what, bytes, objects from ledger_delta) as counted
    group by what order by what
    """,
    TotalRow,
)
TAKE_DELTAS = Query(
    """
    delete from ledger_delta where id in (
      select id from ledger_delta order by id limit :limit for update skip locked
    ) returning what, bytes, objects
    """,
    TotalRow,
)
FOLD = Command(
    """
    insert into ledger (what, bytes, objects) values (:what, :bytes, :objects)
    on conflict (what) do update set bytes = ledger.bytes + excluded.bytes, objects = ledger.objects + excluded.objects
    """
)
