"""What webhooks say on the page where people begin: which of them do not reach whom they tell.

Promises: a webhook is told of to who may see it; nothing is wrong, nothing is said.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from holdfast.access.model import PathPermit
from holdfast.access.policy.model import Action
from holdfast.access.standing import check_reading
from holdfast.db.port import Database, Reader
from holdfast.web.caller import Caller
from holdfast.web.slots import About, Panel, Slot
from holdfast.webhooks import delivery_store
from holdfast.webhooks.delivery_store import TroubledRow

_WEEK = 7 * 86_400_000_000
_SHOWN = 5
_COUNTED = 100
_PAGE = 200
_PAGES = 5


class Troubled:
    """The webhooks of an installation that need somebody."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def panel(self) -> Panel:
        """The box."""
        return Panel(Slot.ATTENTION, "Deliveries", self.attention)

    async def attention(self, caller: Caller, _about: About) -> tuple[str, Mapping[str, Any]] | None:
        """Webhooks of the caller that fail now or gave events up within a week; none: no box."""
        found = await self.of(caller.at(""), _SHOWN + 1)
        if not found:
            return None
        return "webhooks-attention.html", {"rows": found[:_SHOWN], "more": len(found) > _SHOWN, "counted": _COUNTED}

    async def of(self, permit: PathPermit, most: int) -> list[TroubledRow]:
        """At most so many of them, by their numbers. Raises `StalePermit`."""

        async def read(reader: Reader) -> list[TroubledRow]:
            await check_reading(reader, permit)
            found: list[TroubledRow] = []
            after = 0
            for _ in range(_PAGES):
                since = self._db.now() - _WEEK
                rows = await reader.all(delivery_store.TROUBLED, since=since, most=_COUNTED, after=after, limit=_PAGE)
                found += [row for row in rows if not permit.lacks(Action.SETTINGS, row.path)]
                if len(found) >= most or len(rows) < _PAGE:
                    break
                after = rows[-1].id
            return found[:most]

        return await self._db.snapshot(read)
