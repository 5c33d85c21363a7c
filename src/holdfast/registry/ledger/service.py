"""`Storage`: where the bytes are, for those who may know.

Promises: the whole is shown to operators only; a path to who may read or manage all that is below it, as if nobody
else existed: nothing in it tells what others store. What others have part in (`exclusive`, `share`) is told to
operators only. What may not be seen is answered as what is not there.
"""

from __future__ import annotations

from typing import NamedTuple

from holdfast.access.errors import Unknown
from holdfast.access.model import PathPermit
from holdfast.access.policy.model import Action
from holdfast.access.standing import check_permit
from holdfast.db.port import Database, Reader, Unit
from holdfast.jobs.model import NewJob
from holdfast.jobs.service import enqueue
from holdfast.registry.ledger import figures_store as store
from holdfast.registry.ledger.figures import STORAGE
from holdfast.registry.ledger.figures_store import FigureRow, WalkRow
from holdfast.registry.ledger.totals import Totals, totals
from holdfast.registry.quotas.managing import checked, knows_all
from holdfast.registry.quotas.model import Counts, span
from holdfast.registry.quotas.service import used
from holdfast.registry.reach.spans import EVERYWHERE, Span, below, shown
from holdfast.registry.store import REPOSITORY

_PAGE = 500


class Whole(NamedTuple):
    """Everything: what lies there now, and what the last walk found (None: none has ended yet)."""

    totals: Totals
    walk: WalkRow | None
    figure: FigureRow | None

    @property
    def pending(self) -> int:
        """Bytes that wait for deletion, as they lie there."""
        found = self.figure.pending_stored if self.figure is not None else 0
        return found + (self.walk.orphaned if self.walk is not None else 0) + self.totals.doomed

    @property
    def unaccounted(self) -> int:
        """What the figures leave open: what was written (or, below 0, deleted) since the walk began, and what nothing
        explains."""
        known = self.figure.live_stored + self.figure.history_stored if self.figure is not None else 0
        return self.totals.physical - known - self.pending - self.totals.uploads


class Part(NamedTuple):
    """One path: what quotas count of it now, and what the last walk found. `total`: it is a namespace, and everything
    below it is counted."""

    path: str
    total: bool
    used: Counts
    walk: WalkRow | None
    figure: FigureRow | None


class Parts(NamedTuple):
    """A page of repositories. `next`: where the next one begins, None: there is none."""

    walk: WalkRow | None
    figures: list[FigureRow]
    next: str | None


class Storage:
    """The storage ledger as people see it. One object a process."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def whole(self, permit: PathPermit) -> Whole:
        """Everything, for operators. Raises `Denied`, `StalePermit`."""
        require_operator(permit)

        async def read(reader: Reader) -> Whole:
            await check_permit(reader, permit)
            walk = await reader.one(store.LAST)
            return Whole(await totals(reader), walk, await _figure(reader, walk, "/"))

        return await self._db.snapshot(read)

    async def part(self, permit: PathPermit) -> Part:
        """The permit's path; a namespace only to who may read or manage all of it. Raises `Unknown`, `StalePermit`."""
        path = permit.path

        async def read(reader: Reader) -> Part:
            await check_permit(reader, permit)
            total = knows_all(permit, path)
            if not total and (not permit.shows(path) or await reader.one(REPOSITORY, path=path) is None):
                raise Unknown(f"there is no {path[:128]!r} in your sight")
            walk = await reader.one(store.LAST)
            figure = await _figure(reader, walk, span(path).key if total else path)
            return Part(path, total, await used(reader, path) if total else Counts(), walk, figure)

        checked(path)
        return await self._db.snapshot(read)

    async def recount(self, permit: PathPermit) -> int:
        """The job that counts everything again, now. Raises `Denied`, `StalePermit`."""
        require_operator(permit)

        async def ask(unit: Unit) -> int:
            await check_permit(unit, permit)
            id = await enqueue(unit, NewJob(STORAGE, {"now": True}, account=permit.subject.id))
            assert id is not None
            return id

        return await self._db.write(ask)

    def operates(self, permit: PathPermit) -> bool:
        """Whether the caller may know what is not one path's alone."""
        return permit.system(Action.OPERATE)

    async def repositories(self, permit: PathPermit, after: str, limit: int) -> Parts:
        """Repositories at and below the permit's path that the caller may be told of. Raises `StalePermit`."""
        checked(permit.path)
        wanted = shown(permit.rights.shown(permit.here))
        places = below(permit.path) if permit.path else (EVERYWHERE,)
        spans = sorted(
            Span(max(one.low, other.low), min(one.high, other.high))
            for one in wanted.spans
            for other in places
            if max(one.low, other.low) < min(one.high, other.high)
        )

        async def read(reader: Reader) -> Parts:
            await check_permit(reader, permit)
            walk = await reader.one(store.LAST)
            found: list[FigureRow] = []
            for each in spans if walk is not None else ():
                assert walk is not None
                at: str | None = after
                while at is not None and len(found) <= limit:
                    within = {"low": each.low, "high": each.high}
                    rows = await reader.all(store.FIGURES, walk=walk.walk, after=at, limit=_PAGE, **within)
                    found += [row for row in rows if wanted.matches(row.path.partition("@")[0])]
                    at = rows[-1].path if len(rows) == _PAGE else None
            # Where to go on is said by what is shown: the others are nobody's to know.
            return Parts(walk, found[:limit], found[limit - 1].path if len(found) > limit else None)

        return await self._db.snapshot(read)


async def _figure(reader: Reader, walk: WalkRow | None, key: str) -> FigureRow | None:
    if walk is None:
        return None
    rows = await reader.all(store.FIGURE, walk=walk.walk, path=key)
    return rows[0] if rows else None


def require_operator(permit: PathPermit) -> None:
    """Raise `Denied` unless the caller may operate the installation."""
    if not permit.system(Action.OPERATE):
        raise permit.rights.refuse(Action.OPERATE, "**", None, permit.here)
