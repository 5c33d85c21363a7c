"""The statements of the guard."""

from __future__ import annotations

from typing import NamedTuple

from holdfast.db.query import Command, Query


class GuardRow(NamedTuple):
    """Whether the text of the store's mark is known, and whether the mark surely stood in the store once."""

    known: bool
    settled: bool


class GuardMoved(NamedTuple):
    """When the guard moved last; None when it never did."""

    moved_at: int | None


GUARD = Query(
    """
    select case when exists (select 1 from sweep_guard where nonce = :nonce) then 1 else 0 end as known,
      case when exists (select 1 from sweep_guard where settled = 1) then 1 else 0 end as settled
    """,
    GuardRow,
)
GUARD_MOVED = Query("select max(moved_at) as moved_at from sweep_guard", GuardMoved)
REMEMBER_GUARD = Command("insert into sweep_guard (nonce, moved_at, settled) values (:nonce, :now, 0)")
SETTLE_GUARD = Command("update sweep_guard set settled = 1 where nonce = :nonce")
FORGET_GUARDS = Command(
    """
    delete from sweep_guard where nonce <> :mark
      and nonce not in (select nonce from sweep_guard order by moved_at desc, nonce limit :kept)
    """
)
