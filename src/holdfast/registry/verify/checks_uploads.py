"""Unfinished uploads whose chunks are objects: every object is there, and together they are what was acknowledged.

Staged files are not looked at: between publishing one and the unit that makes it content a session has none, and a
session that lost it answers that it is gone.
"""

from __future__ import annotations

import asyncio
from itertools import groupby
from operator import attrgetter

from holdfast.blobs.errors import Corrupt
from holdfast.db.port import Reader, Unit
from holdfast.journal.service import Place
from holdfast.registry.model import Segment, Stored
from holdfast.registry.store import DOOM_PARTS, DROP_PARTS
from holdfast.registry.verify import store, uploads_store
from holdfast.registry.verify.inspection import PAGE, Inspection
from holdfast.registry.verify.model import Damage, Finding
from holdfast.registry.verify.uploads_store import PartRow, UploadRow

_LOOKED_UP = 16
_BROKEN = "its chunks are not all there: whoever sends it is told that it is gone, and begins anew"
_DOOMED = "one of its objects is on the list of those to delete"


async def check_uploads(run: Inspection) -> None:
    """Walk the sessions that hold objects."""
    total = await run.db.one(uploads_store.UPLOAD_TOTAL)
    run.begin("sessions", total.total if total is not None else 0)
    after = ""
    while page := await run.db.all(uploads_store.UPLOADS, after=after, limit=PAGE):
        after = page[-1].id
        run.outcome.checked["upload sessions"] += len(page)
        rows = await run.db.all(uploads_store.PARTS, ids=[row.id for row in page])
        parts = {name: tuple(each) for name, each in groupby(rows, key=attrgetter("upload_id"))}
        for first in range(0, len(page), _LOOKED_UP):
            some = page[first : first + _LOOKED_UP]
            whole = await asyncio.gather(*(_is_whole(run, row, parts.get(row.id, ())) for row in some))
            spots = [
                UploadSpot(run, row.id, parts.get(row.id, ()), whole=good)
                for row, good in zip(some, whole, strict=True)
                if not good or any(part.doomed for part in parts.get(row.id, ()))
            ]
            await run.settle(spots)
        run.step(len(page))


async def _is_whole(run: Inspection, row: UploadRow, parts: tuple[PartRow, ...]) -> bool:
    """Whether the objects are there, each as long as its part, and the parts follow each other up to what was
    acknowledged."""
    at = 0
    for part in parts:
        if part.n != at:
            return False
        at += part.size
    if at != row.received:
        return False
    stored = Stored(tuple(Segment(part.key, part.size) for part in parts), row.wrapped_key, row.id)
    try:
        return await run.objects.sizes_fit(stored)
    except (Corrupt, ValueError):  # ValueError: what stands in a row is no key
        return False


class UploadSpot:
    """One session, and whether its objects were good when they were looked at."""

    def __init__(self, run: Inspection, name: str, parts: tuple[PartRow, ...], *, whole: bool) -> None:
        self._run = run
        self._name = name
        self._parts = [(part.n, part.key, part.size) for part in parts]
        self._whole = whole

    async def lock(self, unit: Unit) -> None:
        """Lock the session."""
        await unit.one(uploads_store.LOCK_UPLOAD, id=self._name)

    async def examine(self, reader: Reader) -> list[Finding]:
        """What is wrong with it, unless it ended or went on meanwhile."""
        row = await reader.one(uploads_store.UPLOAD, id=self._name)
        parts = await reader.all(uploads_store.PARTS, ids=[self._name])
        if row is None or [(part.n, part.key, part.size) for part in parts] != self._parts:
            return []
        found = []
        if not self._whole:
            found.append(Finding(Damage.UPLOAD_BROKEN, row.path, self._name, _BROKEN))
        if any(part.doomed for part in parts):
            found.append(Finding(Damage.DOOMED_REFERENCED, row.path, self._name, _DOOMED))
        return found

    async def mend(self, unit: Unit, finding: Finding) -> bool:
        """End a session that is broken; take the objects of a whole one off the list of those to delete."""
        if finding.damage is Damage.UPLOAD_BROKEN:
            await unit.run(DOOM_PARTS, id=self._name, due=unit.now)
            await unit.run(DROP_PARTS, id=self._name)
            await unit.run(uploads_store.END, id=self._name)
        else:
            await unit.run(store.FORGET_DOOMED, keys=[key for _, key, _ in self._parts])
        await self._run.note(unit, Place(0, 0, unit.now), finding)
        return True
