"""Content that no repository links: it waits for the collector, or somebody names it as a subject, or it was purged."""

from __future__ import annotations

from holdfast.db.port import Reader, Unit
from holdfast.journal.service import Place
from holdfast.registry.store import HOLD_CONTENT
from holdfast.registry.verify import orphans_store as store
from holdfast.registry.verify.inspection import Inspection
from holdfast.registry.verify.model import Damage, Finding, Ids

_WINDOW = 10_000


async def check_orphans(run: Inspection) -> None:
    """Walk all content by its ids."""
    newest = await run.db.one(store.NEWEST)
    last = newest.id if newest is not None and newest.id is not None else 0
    run.begin("orphans", last)
    for after in range(0, last, _WINDOW):
        rows = await run.db.all(store.LOST, after=after, last=after + _WINDOW)
        await run.settle([OrphanSpot(run, row.id) for row in rows])
        run.step(min(_WINDOW, last - after))


class OrphanSpot:
    """Content that nothing seems to know."""

    def __init__(self, run: Inspection, content_id: int) -> None:
        self._run = run
        self._id = content_id

    async def lock(self, unit: Unit) -> None:
        """Lock the content: a push of it, or the collector, waits or came first."""
        await unit.one(HOLD_CONTENT, id=self._id)

    async def examine(self, reader: Reader) -> list[Finding]:
        """Whether it is nowhere, and not on the collector's list."""
        rows = await reader.all(store.LOST, after=self._id - 1, last=self._id)
        reason = "no repository has it, and the collector does not know of it: its bytes would stay for ever"
        return [Finding(Damage.ORPHAN_MISSING, None, row.digest, reason, Ids(0, row.id)) for row in rows]

    async def mend(self, unit: Unit, finding: Finding) -> bool:
        """Put it on the collector's list."""
        await unit.run(store.LEAVE, id=self._id)
        await self._run.note(unit, Place(0, 0, unit.now), finding)
        return True
