"""The job `rotate-keys`: new wrappings for all keys, while every node serves.

What it does, in this order; each step is remembered, and a run that goes on after a crash repeats at most a page:

1. Every row of `secret` is wrapped by the current master key: older ones are needed no more.
2. A new generation of content key is made. From then on it wraps what is stored; other nodes learn of it when they
   meet it, and once a minute (blobs/envelope.py).
3. Data keys of content and uploads that older generations wrapped are wrapped by the new one, page by page, until a
   whole pass finds none. Content itself is not read: its data key stays the same.
4. Generations that were followed by another one at least a day before this pass began, and that no row used in it,
   are removed: no node wraps by a generation longer than an hour after the next one was made.
5. A job that repeats 3 and 4 is left for later, for what nodes stored by the old generation meanwhile.

Promises: a row is written only if it still holds what was read, so a push in between is not lost; nothing is removed
that a row needs; a key that does not open is left as it is, and said.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import pairwise

from holdfast.access.keyring import (
    ContentKeys,
    add_key,
    content_key_name,
    new_key,
    remove_key,
    replace_wrapping,
    wrapped_keys,
)
from holdfast.access.master import MasterKey
from holdfast.blobs.envelope import Envelope, UnknownGeneration, floor_of, generation_of
from holdfast.blobs.errors import Corrupt
from holdfast.db.port import Database, Unit
from holdfast.db.query import Command
from holdfast.jobs.model import Later, NewJob
from holdfast.jobs.run import Run
from holdfast.jobs.service import enqueue
from holdfast.registry.rotation import store
from holdfast.telemetry.events import Events

KIND = "rotate-keys"
PAGE, SPAN = 250, 20_000
SUPERSEDED = 24 * 3600 * 1_000_000
"""Microseconds after the next generation was made until one may be removed."""
REST = 2 * 3600 * 1_000_000
"""Microseconds until what was stored by the old generation meanwhile is looked for."""
_TRIES = 5


def rotation(mark: str) -> NewJob:
    """The job that rotates; `mark`: the current master key's, as whoever asks for it has it (`MasterKey.mark`)."""
    return NewJob(KIND, {"mark": mark}, dedupe=KIND)


def remainder(mark: str, generation: int, run_at: int) -> NewJob:
    """The job that looks for what older generations than `generation` wrapped meanwhile."""
    return NewJob(KIND, {"mark": mark, "rest": True}, dedupe=f"{KIND}:rest:{generation}", run_at=run_at)


@dataclass(frozen=True, slots=True)
class _Place:
    """How far a run is: what its checkpoint holds.

    `began`: when its first pass did (microseconds). Of this pass: `last`: the newest content at its beginning; `after`:
    the content it has passed, `upload` the upload; `found`: rows that it wrapped anew. `done`: rows of all passes.
    `shut`: generations of keys that did not open.
    """

    generation: int
    began: int
    last: int
    after: int = 0
    upload: str = ""
    found: int = 0
    done: int = 0
    shut: tuple[int, ...] = ()

    def again(self, last: int) -> _Place:
        """The place where the next pass begins."""
        return _Place(self.generation, self.began, last, done=self.done)


class Rotation:
    """Runs the job. `page`: rows a unit; `span`: ids that one statement looks at."""

    def __init__(self, db: Database, master: MasterKey, events: Events, *, page: int = PAGE, span: int = SPAN) -> None:
        self._db = db
        self._master = master
        self._events = events
        self._page = page
        self._span = span

    async def run(self, run: Run) -> None:
        """The task of `rotate-keys`. Raises `Later` on a node that has another master key than whoever asked."""
        mark, rest = str(run.job.data["mark"]), bool(run.job.data.get("rest"))
        if await self._master.mark() != mark:
            raise Later("this node has another master key than whoever asked for the rotation: give it the new one")
        if run.checkpoint is not None:
            place = _Place(**{**run.checkpoint, "shut": tuple(run.checkpoint["shut"])})
        else:
            if not rest:
                await self._wrap_secrets(run)
            place = await self._begin(run, new=not rest)
        keys = ContentKeys(self._db, self._master)
        envelope = Envelope(await keys.load(), keys.load_again)
        while True:
            place = await self._pass_uploads(run, envelope, await self._pass_content(run, envelope, place))
            if not place.found:
                break
            place = place.again(await self._last())
            await run.save(asdict(place))
        for generation in await run.finish(lambda unit: _end(unit, place, None if rest else mark)):
            self._events.info("content key removed", generation=generation)

    async def _wrap_secrets(self, run: Run) -> None:
        """Wrap every key of the database by the current master key."""
        for _ in range(_TRIES):
            missed = 0
            for row in await wrapped_keys(self._db):
                fresh = await self._master.rewrap(row.name, row.wrapped)
                missed += not await run.write(partial(replace_wrapping, name=row.name, was=row.wrapped, wrapped=fresh))
            if not missed:
                return
        raise Later("another program wraps the keys anew at the same time")

    async def _begin(self, run: Run, *, new: bool) -> _Place:
        """Make the next generation, or take the newest one; remembered in the same unit."""
        for _ in range(_TRIES):
            newest = max((row.generation or 0 for row in await wrapped_keys(self._db)), default=0)
            place = _Place(newest + new, self._db.now(), await self._last())
            name = content_key_name(place.generation)
            fresh = await self._master.wrap(name, new_key()) if new else None

            async def work(unit: Unit, place: _Place = place, name: str = name, fresh: bytes | None = fresh) -> bool:
                if fresh is not None and not await add_key(unit, name, fresh):
                    return False
                await run.keep(unit, asdict(place))
                return True

            if await run.write(work):
                if new:
                    self._events.info("content key made", generation=place.generation)
                return place
        raise Later("another program makes content keys at the same time")

    async def _last(self) -> int:
        row = await self._db.one(store.LAST_CONTENT)
        return row.id if row is not None else 0

    # -- one pass ---------------------------------------------------------------------------------------------------

    async def _pass_content(self, run: Run, envelope: Envelope, place: _Place) -> _Place:
        floor = floor_of(place.generation)
        while place.after < place.last:
            until = min(place.after + self._span, place.last)
            rows = await self._db.all(store.OLD_CONTENT, after=place.after, until=until, floor=floor, limit=self._page)
            place = replace(place, after=until if len(rows) < self._page else rows[-1].id)
            place = await self._commit(run, envelope, place, store.REWRAP_CONTENT, rows)
        return place

    async def _pass_uploads(self, run: Run, envelope: Envelope, place: _Place) -> _Place:
        floor = floor_of(place.generation)
        while rows := await self._db.all(store.OLD_UPLOADS, name=place.upload, floor=floor, limit=self._page):
            place = replace(place, upload=rows[-1].id)
            place = await self._commit(run, envelope, place, store.REWRAP_UPLOAD, rows)
        return place

    async def _commit(
        self,
        run: Run,
        envelope: Envelope,
        place: _Place,
        command: Command,
        rows: Sequence[store.ContentKeyRow | store.UploadKeyRow],
    ) -> _Place:
        """Write a page and how far the run is, in one unit."""
        await envelope.reload()  # a pass over many rows takes longer than keys are trusted
        fresh, shut = [], set(place.shut)
        for row in rows:
            try:
                key = envelope.unwrap(row.wrapped_key, row.binding)
            except (Corrupt, UnknownGeneration) as error:
                shut.add(generation_of(row.wrapped_key))
                self._events.error("content key does not open", content=row.binding, why=error.reason)
            else:
                fresh.append((row, envelope.wrap(key, row.binding)))
        place = replace(place, found=place.found + len(fresh), done=place.done + len(fresh), shut=tuple(sorted(shut)))

        async def work(unit: Unit) -> None:
            for row, wrapped in fresh:
                await unit.run(command, id=row.id, was=row.wrapped_key, wrapped=wrapped)
            await run.keep(unit, asdict(place))

        await run.write(work)
        await run.progress(place.after, place.last)
        if run.stopping:
            await run.save(asdict(place))
        return place


async def _end(unit: Unit, place: _Place, mark: str | None) -> list[int]:
    """Remove the generations that nothing needs any more, and leave a job for what other nodes stored meanwhile."""
    made = {row.generation: row.made_at for row in await wrapped_keys(unit) if row.generation}
    generations = sorted(made)
    removed = []
    for generation, following in pairwise(generations):
        followed_at = made[following]
        superseded = followed_at is not None and followed_at + SUPERSEDED <= place.began
        if superseded and following <= place.generation and generation not in place.shut:
            await remove_key(unit, content_key_name(generation))
            removed.append(generation)
    if mark is not None:
        await enqueue(unit, remainder(mark, place.generation, unit.now + REST))
    return removed


async def uses(db: Database) -> dict[int, int]:
    """How many pieces of content and uploads are encrypted by each generation; those in clear under 0."""
    row = await db.one(store.LAST_CONTENT)
    last = row.id if row is not None else 0
    found: Counter[int] = Counter()
    for after in range(0, last, SPAN):
        for use in await db.all(store.CONTENT_USE, after=after, until=min(after + SPAN, last)):
            found[generation_of(use.generation or b"")] += use.total
    for use in await db.all(store.UPLOAD_USE):
        found[generation_of(use.generation or b"")] += use.total
    return dict(found)
