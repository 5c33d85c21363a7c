"""`Storage`: where the bytes are, for those who may know.

Promises: the whole is shown to operators only; a path to who may read or manage all that is below it, as if nobody
else existed: nothing in it tells what others store. What others have part in (`exclusive`, `share`) is told to
operators only. What may not be seen is answered as what is not there.
"""

from __future__ import annotations

from typing import NamedTuple

from holdfast.access.errors import Invalid, Unknown
from holdfast.access.model import PathPermit
from holdfast.access.policy.model import Action
from holdfast.access.standing import check_permit, check_reading
from holdfast.db.port import Database, Reader, Unit
from holdfast.jobs.model import NewJob
from holdfast.jobs.service import enqueue
from holdfast.registry.ledger import figures_store as store
from holdfast.registry.ledger.figures import DAY, STORAGE
from holdfast.registry.ledger.figures_store import DayRow, FigureRow, LargestRow, WalkRow
from holdfast.registry.ledger.totals import Totals, totals
from holdfast.registry.ledger.walking import Along, figures
from holdfast.registry.quotas.managing import checked, knows_all
from holdfast.registry.quotas.model import Counts, span
from holdfast.registry.quotas.service import used
from holdfast.registry.reach.spans import EVERYWHERE, Span, below, shown
from holdfast.registry.store import REPOSITORY

_LOOKED_AT = 1_000
_HIGHEST = "~"
_MOST = 1 << 62
_DIGITS = 18


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


class Below(NamedTuple):
    """A namespace or repository right below a path, with all that is at and below it."""

    path: str
    figure: FigureRow


class Asked(NamedTuple):
    """A page of repositories: by what they use (`by_live`) or by name, `down` or up, and where it begins (a cursor that
    a page gave, '': at the beginning); `back`: the page that ends there."""

    by_live: bool = False
    down: bool = False
    at: str = ""
    back: bool = False


class Grown(NamedTuple):
    """A repository, and by how much it grew (bytes; None: it was not there to be counted)."""

    figure: FigureRow
    growth: int | None


class Growing(NamedTuple):
    """A page of repositories. `walk`: that counted them, None: none has ended yet; `since`: from which day (since
    1970-01-01) on growth is counted, None: nothing is known yet; `next`, `previous`: the cursors of the pages beside
    it."""

    walk: WalkRow | None
    rows: list[Grown]
    since: int | None
    next: str | None
    previous: str | None


class Storage:
    """The storage ledger as people see it. One object a process."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def whole(self, permit: PathPermit) -> Whole:
        """Everything, for operators. Raises `Denied`, `StalePermit`."""
        require_operator(permit)

        async def read(reader: Reader) -> Whole:
            await check_reading(reader, permit)
            walk = await reader.one(store.LAST)
            return Whole(await totals(reader), walk, await _figure(reader, walk, "/"))

        return await self._db.snapshot(read)

    async def part(self, permit: PathPermit) -> Part:
        """The permit's path; a namespace only to who may read or manage all of it. Raises `Unknown`, `StalePermit`."""
        path = permit.path

        async def read(reader: Reader) -> Part:
            await check_reading(reader, permit)
            total = knows_all(permit, path)
            if not total and (not permit.shows(path) or await reader.one(REPOSITORY, path=path) is None):
                raise Unknown(f"there is no {path[:128]!r} in your sight")
            walk = await reader.one(store.LAST)
            figure = await _figure(reader, walk, span(path).key if total else path)
            return Part(path, total, await used(reader, path) if total else Counts(), walk, figure)

        checked(path)
        return await self._db.snapshot(read)

    async def days(self, permit: PathPermit, days: int = 30) -> list[DayRow]:
        """What was found of the permit's path on each of the last days, today among them, from the first of which it is
        known. Of everything: for operators; a path as `part`. Raises `Unknown`, `StalePermit`."""
        key = await self._key(permit)
        today = self._db.now() // DAY

        async def read(reader: Reader) -> list[DayRow]:
            await check_reading(reader, permit)
            first = today - days + 1
            rows = await reader.all(store.DAYS_AT, paths=[key], day=first - 1)
            rows += await reader.all(store.DAYS, path=key, since=first - 1)
            return _filled(rows, first, today)

        return await self._db.snapshot(read)

    async def below(self, permit: PathPermit, most: int = 200) -> list[Below]:
        """What lies right below the permit's path, each with its sums: as far as the caller may know all of it, and at
        most so many. Raises `StalePermit`."""
        path = checked(permit.path)
        inside = f"{path}/" if path else ""

        async def read(reader: Reader) -> list[Below]:
            await check_reading(reader, permit)
            walk = await reader.one(store.LAST)
            found: list[Below] = []
            if walk is None:
                return found
            at, high = inside or "/", f"{path}0" if path else _HIGHEST
            for _ in range(max(1, _LOOKED_AT // most)):
                rows = sorted(await reader.all(store.SUMS_BELOW, walk=walk.walk, after=at, high=high, limit=most))
                found += [Below(row.path[:-1], row) for row in rows if knows_all(permit, row.path[:-1])]
                if len(rows) < most or len(found) >= most:
                    break
                at = f"{rows[-1].path}{_HIGHEST}"
            del found[most:]
            return found

        return await self._db.snapshot(read)

    async def largest(self, permit: PathPermit) -> list[LargestRow]:
        """The largest contents at and below the permit's path; seen like `days`. Raises `Unknown`, `StalePermit`."""
        key = await self._key(permit)
        path = permit.path
        low, high = (f"{path}/", f"{path}0") if path else ("", _HIGHEST)

        async def read(reader: Reader) -> list[LargestRow]:
            await check_reading(reader, permit)
            walk = await reader.one(store.LAST)
            if walk is None:
                return []
            return await reader.all(store.LARGEST, walk=walk.walk, key=key, path=path, low=low, high=high)

        return await self._db.snapshot(read)

    async def growing(self, permit: PathPermit, asked: Asked, limit: int, days: int = 30) -> Growing:
        """A page of the repositories at and below the permit's path that the caller may be told of, with how they grew
        in so many days. Raises `Invalid`, `StalePermit`."""
        spans = _spans(permit)
        wanted = shown(permit.rights.shown(permit.here))
        down = asked.down != asked.back
        along = _place(asked, down=down)
        since = self._db.now() // DAY - days

        async def read(reader: Reader) -> Growing:
            await check_reading(reader, permit)
            walk = await reader.one(store.LAST)
            if walk is None:
                return Growing(None, [], None, None, None)
            found = await figures(reader, walk.walk, spans, along, wanted=wanted, limit=limit)
            more, found = len(found) > limit, found[:limit]
            if asked.back:
                found.reverse()
            first = await reader.one(store.FIRST_DAY)
            counted = max(since, first.day) if first is not None and first.day is not None else None
            then = {row.path: row for row in await self._then(reader, found, counted)}
            grown = [Grown(row, _growth(row, then.get(row.path)) if counted is not None else None) for row in found]
            onward, back = more or asked.back, more if asked.back else bool(asked.at)
            return Growing(
                walk,
                grown,
                counted,
                _cursor(found[-1], asked) if found and onward else None,
                _cursor(found[0], asked) if found and back else None,
            )

        return await self._db.snapshot(read)

    async def _then(self, reader: Reader, rows: list[FigureRow], day: int | None) -> list[DayRow]:
        if not rows or day is None:
            return []
        return await reader.all(store.DAYS_AT, paths=[row.path for row in rows], day=day)

    async def _key(self, permit: PathPermit) -> str:
        """Where the figures of the permit's path stand, if the caller may know them."""
        path = checked(permit.path)
        if not path:
            require_operator(permit)
            return "/"
        if knows_all(permit, path):
            return span(path).key
        if not permit.shows(path) or await self._db.one(REPOSITORY, path=path) is None:
            raise Unknown(f"there is no {path[:128]!r} in your sight")
        return path

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


def _spans(permit: PathPermit) -> list[Span]:
    """Where what the caller may be told of lies at and below the permit's path."""
    checked(permit.path)
    wanted = shown(permit.rights.shown(permit.here))
    places = below(permit.path) if permit.path else (EVERYWHERE,)
    return sorted(
        Span(max(one.low, other.low), min(one.high, other.high))
        for one in wanted.spans
        for other in places
        if max(one.low, other.low) < min(one.high, other.high)
    )


def _place(asked: Asked, *, down: bool) -> Along:
    """Where a page begins. Raises `Invalid`."""
    if not asked.at:
        return Along(down, _HIGHEST if down else "", (_MOST if down else -1) if asked.by_live else None)
    if not asked.by_live:
        return Along(down, asked.at, None)
    live, _, path = asked.at.partition(" ")
    if not live.isascii() or not live.isdigit() or len(live) > _DIGITS:
        raise Invalid("after", "this is no place of this list")
    return Along(down, path, int(live))


def _cursor(row: FigureRow, asked: Asked) -> str:
    return f"{row.live} {row.path}" if asked.by_live else row.path


def _growth(row: FigureRow, then: DayRow | None) -> int:
    """What came since a day: everything, where there was nothing then."""
    before = then.live + then.history + then.pending if then is not None else 0
    return row.live + row.history + row.pending - before


def _filled(rows: list[DayRow], first: int, today: int) -> list[DayRow]:
    """A row for each day from the first of which it is known: nothing changed where there is none."""
    found: list[DayRow] = []
    known = {max(row.day, first): row for row in rows}
    at: DayRow | None = None
    for day in range(first, today + 1):
        at = known.get(day, at)
        if at is not None:
            found.append(at._replace(day=day))
    return found


async def _figure(reader: Reader, walk: WalkRow | None, key: str) -> FigureRow | None:
    if walk is None:
        return None
    rows = await reader.all(store.FIGURE, walk=walk.walk, path=key)
    return rows[0] if rows else None


def require_operator(permit: PathPermit) -> None:
    """Raise `Denied` unless the caller may operate the installation."""
    if not permit.system(Action.OPERATE):
        raise permit.rights.refuse(Action.OPERATE, "**", None, permit.here)
