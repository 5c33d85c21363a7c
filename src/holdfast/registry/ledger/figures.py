"""What every path uses, counted by one walk over everything: the job `storage`.

Live is what a tag reaches; history what no tag reaches and the window, a lease or a deletion that can be undone keeps;
pending what waits for the collector. Each path is counted as if nobody else existed: content once, whoever else has it.
For operators also what a repository alone keeps, and a fair split of what several have.

Promises: nothing is locked and every page is one short read; memory does not grow with the number of repositories, and
by a byte for each content on each level of the path that is being walked. What changes meanwhile may be counted as it
was before or after. A walk that is cut off leaves nothing that is shown.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from enum import IntEnum
from functools import partial
from heapq import heappush, heappushpop
from itertools import islice

from holdfast.db.port import Database, Unit
from holdfast.db.query import Command
from holdfast.registry.effective.service import prefixes_of
from holdfast.registry.ledger import figures_store as store

STORAGE = "storage"
"""The kind of the job. Data `now`: also when the last walk was a moment ago."""
PAGE = 1000
KEEPERS = 200
EVERY = 300_000_000
"""Microseconds between the end of a walk and the next."""
RARELY = 20
"""How many times longer than it took."""
DAY = 86_400_000_000
KEPT_DAYS = 92
"""Days of which it is known what was found."""
LARGEST = 20
"""Contents of each namespace that are remembered for their size."""
Report = Callable[[int], Awaitable[None]]


class Class(IntEnum):
    """Why content is there; the higher one counts where several hold."""

    PENDING = 1
    HISTORY = 2
    LIVE = 3


class Marks:
    """A number of two bits for each content; what was never marked is 0."""

    _BITS = 12

    def __init__(self) -> None:
        self._pages: dict[int, bytearray] = {}

    def get(self, id: int) -> int:
        """The mark of content."""
        page = self._pages.get(id >> self._BITS)
        return page[id & ((1 << self._BITS) - 1)] if page is not None else 0

    def put(self, id: int, mark: int) -> None:
        """Mark content."""
        page = self._pages.get(id >> self._BITS)
        if page is None:
            page = self._pages[id >> self._BITS] = bytearray(1 << self._BITS)
        page[id & ((1 << self._BITS) - 1)] = mark


class Level:
    """One path that is being counted: `key` as in `storage_figure`."""

    def __init__(self, key: str) -> None:
        self.key = key
        self.repositories = 0
        self.logical = 0
        self.exclusive = 0
        self._seen = Marks()
        self._largest: list[tuple[int, int]] | None = [] if key.endswith("/") else None
        self._clear = [0, 0, 0, 0]
        self._stored = [0, 0, 0, 0]

    def add(self, row: store.LinkRow, found: Class) -> None:
        """Count content once, by the best class it has here."""
        before = self._seen.get(row.content_id)
        if found > before:
            self._seen.put(row.content_id, found)
            self._clear[found] += row.size
            self._stored[found] += row.stored
            if before:
                self._clear[before] -= row.size
                self._stored[before] -= row.stored
            elif self._largest is not None:
                if len(self._largest) < LARGEST:
                    heappush(self._largest, (row.size, -row.content_id))
                elif row.size > self._largest[0][0]:
                    heappushpop(self._largest, (row.size, -row.content_id))

    def largest(self) -> list[store.LargeRow]:
        """The largest contents, from the largest down."""
        found = sorted(self._largest or (), reverse=True)
        return [store.LargeRow(self.key, n, -id, size) for n, (size, id) in enumerate(found, 1)]

    def figure(self) -> store.FigureRow:
        """What was counted."""
        clear, stored = self._clear, self._stored
        return store.FigureRow(
            self.key,
            self.repositories,
            self.logical,
            clear[Class.LIVE],
            clear[Class.HISTORY],
            clear[Class.PENDING],
            stored[Class.LIVE],
            stored[Class.HISTORY],
            stored[Class.PENDING],
            self.exclusive,
            0,
        )


async def _silent(_repositories: int) -> None:
    return


class Figures:
    """The walk."""

    def __init__(self, db: Database, report: Report = _silent) -> None:
        self._db = db
        self._report = report
        self._walk = 0
        self._levels: list[Level] = []
        self._done: list[store.FigureRow] = []
        self._large: list[store.LargeRow] = []

    async def due(self) -> bool:
        """Whether the last walk is so long ago that another is worth its while."""
        last = await self._db.one(store.LAST)
        if last is None or last.ended_at is None:
            return True
        return self._db.now() - last.ended_at >= max(EVERY, RARELY * (last.ended_at - last.began_at))

    async def walk(self) -> int:
        """Count everything anew; returns the number of the walk. Raises `DatabaseError`."""
        begun = await self._db.write(lambda unit: unit.one(store.BEGIN))
        assert begun is not None
        self._walk = begun.walk
        self._levels = [Level("/")]
        after, walked = "", 0
        while rows := await self._db.all(store.REPOSITORIES, after=after, limit=PAGE):
            for row in rows:
                after = row.place
                await self._repository(row)
                walked += 1
                await self._report(walked)
            await self._flush()
        self._close(0)
        await self._flush()
        await self._split()
        orphaned = await self._orphaned()
        await self._db.write(lambda unit: unit.run(store.END, walk=begun.walk, orphaned=orphaned))
        await self._note_days()
        for old in (store.FORGET, store.FORGET_LARGEST):
            while await self._db.write(partial(_forget, statement=old, walk=begun.walk)):
                pass
        await self._db.write(lambda unit: unit.run(store.FORGET_WALKS, walk=begun.walk))
        return begun.walk

    async def _repository(self, row: store.RepositoryRow) -> None:
        name = row.path.partition("@")[0]
        # One that was deleted is counted above its name: the name may be another's by now.
        keys = [f"{prefix}/" if prefix else "/" for prefix in prefixes_of(name)]
        self._open(keys[:-1] if row.gone else keys)
        own = Level(row.path)
        live, held = Marks(), Marks()
        if not row.gone:
            await self._reach(row.id, live, self._tags(row.id))
        await self._reach(row.id, held, self._held(row.id), live)
        levels = [*self._levels[: len(keys) - row.gone], own]
        for level in levels:
            level.repositories += not row.gone
        after = 0
        while links := await self._db.all(store.LINKS, repo_id=row.id, after=after, limit=PAGE):
            after = links[-1].content_id
            for link in links:
                if live.get(link.content_id) and not link.gone:
                    found = Class.LIVE
                    for level in levels:
                        level.logical += link.size
                else:
                    found = Class.HISTORY if held.get(link.content_id) else Class.PENDING
                own.exclusive += link.stored if link.alone else 0
                for level in levels:
                    level.add(link, found)
        self._done.append(own.figure())

    def _open(self, keys: list[str]) -> None:
        """Let the levels that are counted be those of `keys`; those that are left behind are whole."""
        same = 0
        while same < min(len(keys), len(self._levels)) and self._levels[same].key == keys[same]:
            same += 1
        self._close(same)
        self._levels += [Level(key) for key in keys[same:]]

    def _close(self, first: int) -> None:
        self._done += [level.figure() for level in self._levels[first:]]
        self._large += [row for level in self._levels[first:] for row in level.largest()]
        del self._levels[first:]

    async def _flush(self) -> None:
        rest = iter(self._done)
        while some := list(islice(rest, KEEPERS)):

            async def put(unit: Unit, some: list[store.FigureRow] = some) -> None:
                for row in some:
                    await unit.run(store.PUT, walk=self._walk, **row._asdict())

            await self._db.write(put)
        self._done.clear()
        large = iter(self._large)
        while rows := list(islice(large, KEEPERS)):

            async def put_large(unit: Unit, rows: list[store.LargeRow] = rows) -> None:
                for row in rows:
                    await unit.run(store.PUT_LARGEST, walk=self._walk, **row._asdict())

            await self._db.write(put_large)
        self._large.clear()

    async def _note_days(self) -> None:
        """Keep what was found as that of this day, where it is another than before; forget what is long ago."""
        day, after = self._db.now() // DAY, ""
        while rows := await self._db.all(store.SOME_PATHS, walk=self._walk, after=after, limit=PAGE):
            last = rows[-1].path
            await self._db.write(partial(_note, walk=self._walk, day=day, after=after, last=last))
            after = last
        old = {"walk": self._walk, "day": day - KEPT_DAYS, "limit": PAGE}
        while await self._db.write(lambda unit: unit.run(store.FORGET_DAYS, **old)):
            pass

    async def _tags(self, repo_id: int) -> AsyncIterator[list[int]]:
        after = ""
        while rows := await self._db.all(store.TAGS, repo_id=repo_id, after=after, limit=PAGE):
            after = rows[-1].name
            yield [row.content_id for row in rows]

    async def _held(self, repo_id: int) -> AsyncIterator[list[int]]:
        after = 0
        while rows := await self._db.all(store.HELD, repo_id=repo_id, after=after, limit=PAGE):
            after = rows[-1].id
            yield [row.id for row in rows]

    async def _reach(
        self, repo_id: int, marks: Marks, roots: AsyncIterator[list[int]], known: Marks | None = None
    ) -> None:
        """Mark what the roots keep, and they themselves; what is `known` leads nowhere new."""

        def fresh(ids: Iterable[int]) -> list[int]:
            found = []
            for id in ids:
                if not marks.get(id) and not (known is not None and known.get(id)):
                    marks.put(id, 1)
                    found.append(id)
            return found

        async for some in roots:
            waiting = fresh(some)
            while waiting:
                ids, waiting = waiting[:KEEPERS], waiting[KEEPERS:]
                rows = await self._db.all(store.KEPT, repo_id=repo_id, ids=ids)
                waiting += fresh(row.id for row in rows)

    async def _split(self) -> None:
        """Part what several first segments of names have fairly between them."""
        shares: dict[str, int] = {}
        at = (0, 0)
        content, stored, names = 0, 0, dict[str, None]()

        def part() -> None:
            for place, name in enumerate(names):
                shares[name] = shares.get(name, 0) + stored // len(names) + (place < stored % len(names))

        while rows := await self._db.all(store.SHARED, content_id=at[0], repo_id=at[1], limit=PAGE):
            at = (rows[-1].content_id, rows[-1].repo_id)
            for row in rows:
                if row.content_id != content:
                    part()
                    content, names = row.content_id, {}
                stored = row.stored
                names[row.path.partition("/")[0].partition("@")[0]] = None
        part()
        rest = iter(sorted(shares.items()))
        while some := list(islice(rest, KEEPERS)):

            async def put(unit: Unit, some: list[tuple[str, int]] = some) -> None:
                for name, share in some:
                    await unit.run(store.SHARE, walk=self._walk, path=f"{name}/", share=share)

            await self._db.write(put)

    async def _orphaned(self) -> int:
        total = after = 0
        while rows := await self._db.all(store.ORPHANS, after=after, limit=PAGE):
            after = rows[-1].content_id
            total += sum(row.stored for row in rows)
        return total


async def _forget(unit: Unit, statement: Command, walk: int) -> int:
    return await unit.run(statement, walk=walk, limit=PAGE)


async def _note(unit: Unit, walk: int, day: int, after: str, last: str) -> None:
    await unit.run(store.NOTE_DAYS, walk=walk, day=day, after=after, last=last)
