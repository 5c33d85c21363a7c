"""Moving house. An installation goes to a new database, a new blob store, or both, while it serves.

Promises: until the last pass the old house takes writes; from the beginning of the last pass on it takes none, and
never again, unless the move fails: then it takes writes again. The new house is of no use to anybody until everything
is in it and was compared: until then it is read-only and does not know which installation it is, and one transaction
ends that. kill -9 anywhere leaves the old house whole; the next run, or `abort`, lets it take writes again.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from typing import Any, NamedTuple, TypeVar

from holdfast.blobs.errors import ForeignStore
from holdfast.db.errors import DatabaseError, StatementFailed
from holdfast.db.mode import Mode, read_mode, switch, write_mode
from holdfast.db.port import Database, Unit
from holdfast.db.transfer import STAYING, Tables, Transfer
from holdfast.registry.moving import store
from holdfast.registry.moving.copying import Copying
from holdfast.registry.moving.model import DamageFound, Moved, MoveError, Progress, Report
from holdfast.registry.moving.staged import StagedUploads
from holdfast.registry.objects import Objects

T = TypeVar("T")
ACTOR = "migrate-storage"
"""What the actor of the read-only mode begins with while a mover holds it."""
MOVING = "it is moving to another house (holdfast migrate-storage); writes go on in about a minute"
FILLING = "it is being filled by `holdfast migrate-storage`, which has not finished"
MOVED = "moved to another house: this one takes no more writes"
PASSES = 6
FEW_PAGES, FEW_OBJECTS, FEW_BYTES = 50, 50, 64 << 20
"""A pass that brings no more than this, pages of rows among it, is followed by the last one; so is one that brings
hardly less than the one before, for then clients push as fast as this goes."""
_HARDLY_LESS = 0.7
_GUARD = "guard"
"""The mark of a store that its sweepers go by (registry/sweep): it belongs to the rows that move."""
_OWN = frozenset({"moving", "moving_object", "moving_upload", "moving_constraint"})
_LAID = frozenset({"audit_seal", "ledger", "policy", "scrub", "search_filled", "use_place"})
"""Tables of an empty schema that hold a row."""


class House(NamedTuple):
    """Where an installation lives. `tables`: the same database as `db`, for whole tables. `place`: for people."""

    db: Database
    tables: Tables
    objects: Objects
    place: str


class Move:
    """From the house `old` to `new`. Both have the same `db` when only the store moves, the same blobs when only the
    database does. `skip_damaged`: leave damaged objects behind, marked."""

    def __init__(self, old: House, new: House, report: Report, *, skip_damaged: bool = False) -> None:
        self._old = old
        self._new = new
        self._report = report
        self._skip_damaged = skip_damaged
        self._moves_rows = old.db is not new.db
        self._moves_objects = old.objects.blobs is not new.objects.blobs
        self._transfer = Transfer(old.tables, new.tables, without=_OWN | {"installation"})
        self._copying = Copying(old.db, new.db, old.objects, new.objects, self._object_came)
        self._staged = StagedUploads(old.db, new.db, old.objects.blobs, new.objects.blobs, self._object_came)
        self._stage = Progress("", 0, 0)
        self._uploads = 0
        self._passes = 0
        self._notes: list[str] = []
        self._was = Mode(False, None, None, 0)

    async def run(self) -> Moved:
        """Move. Raises `MoveError` (also `DamageFound`), `DatabaseError`, `BlobError`: the old house takes writes then,
        unless it is said otherwise."""
        origin = await self._installation(self._old.db)
        if origin is None:
            raise MoveError("the old database holds no registry")
        await self._claim()
        if self._moves_rows and await self._installation(self._new.db) is not None:
            return await self._finished_before(origin)
        await self._prepare(origin)
        await self._mend()
        brought = await self._pass()
        while brought > 1 and self._passes < PASSES:
            before, brought = brought, await self._pass()
            if brought > before * _HARDLY_LESS:
                break
        self._refuse_damage()
        began = time.monotonic()
        await self._close_old()
        try:
            await self._pass()
            self._refuse_damage()
            tables = await self._check()
            await _to_its_end(self._settle_in(origin))
        except BaseException:
            await _to_its_end(self._reopen(origin))
            raise
        read_only = time.monotonic() - began
        await _to_its_end(self._say_moved())
        await self._check_references()
        return Moved(
            tables=tables,
            objects=self._copying.objects,
            bytes=self._copying.bytes + self._staged.bytes,
            uploads=self._uploads,
            passes=self._passes,
            read_only=read_only,
            damaged=list(self._copying.damaged.values()),
            notes=self._notes,
        )

    async def abort(self) -> bool:
        """Give a move up: let the old house take writes again; tells whether it took none. Raises `MoveError` when
        the move has ended: then both houses would take writes."""
        await self._claim()
        origin = await self._installation(self._old.db)
        if self._moves_rows and origin is not None and await self._installation(self._new.db) is not None:
            raise MoveError(
                "the new house holds the whole installation already: remove it first, if you want the old one back, "
                "then say `holdfast read-only off` there"
            )
        was = await self._mend()
        if not self._moves_rows:
            await self._new.db.write(_forget, always=True)
        return was

    # -- before ----------------------------------------------------------------------------------------------------

    async def _claim(self) -> None:
        if not await self._new.tables.claim():
            raise MoveError("another `holdfast migrate-storage` is moving into this database: wait until it ends")

    async def _installation(self, db: Database) -> store.Installation | None:
        return await db.one(store.INSTALLATION)

    async def _finished_before(self, origin: store.Installation) -> Moved:
        """The new database is an installation already: the one of an earlier run, or another one."""
        there = await self._installation(self._new.db)
        mode = await read_mode(self._old.db)
        if there is None or there.uuid != origin.uuid:
            raise MoveError("the new database holds another installation: give an empty one")
        if not mode.read_only:
            raise MoveError(
                "the new database holds this installation already, and the old one takes writes: they are two now. "
                "Give an empty database"
            )
        await self._say_moved()
        await self._check_references()
        return Moved({}, 0, 0, 0, 0, 0.0, [], self._notes, finished_before=True)

    async def _prepare(self, origin: store.Installation) -> None:
        """Make sure that the new house is empty, or holds what an earlier run of this move left. Raises `MoveError`."""
        moving = await self._new.db.one(store.MOVING)
        if moving is not None and moving.origin != origin.uuid:
            raise MoveError(f"another installation is moving into the new database, from {moving.place}")
        if moving is None and self._moves_rows:
            await self._refuse_rows()
        if self._moves_objects:
            try:
                await self._new.objects.blobs.open(origin.uuid)
            except ForeignStore as error:
                raise MoveError("the new store holds objects of another installation: give an empty one") from error
        if moving is None:

            async def begin(unit: Unit) -> None:
                await unit.run(store.BEGIN, origin=origin.uuid, place=self._old.place)
                if self._moves_rows:
                    await write_mode(unit, FILLING, f"{ACTOR} from {self._old.place}")

            await self._new.db.write(begin, always=True)
        elif self._moves_objects:
            await self._clear_away()
        if self._moves_rows:
            await self._new.tables.part_references()

    async def _refuse_rows(self) -> None:
        for table in (await self._new.tables.describe()).values():
            if table.name not in STAYING | _OWN | _LAID and await self._new.tables.count(table):
                raise MoveError(f"the new database is not empty: it has rows in {table.name}. Give an empty one")

    async def _clear_away(self) -> None:
        """Remove what a run that was killed had brought into the new store and not remembered: it is copied again, if
        it is still wanted. Nobody else writes there yet."""
        self._begin("looking at what an earlier run has left", 0)
        blobs = self._new.objects.blobs
        async for keys in blobs.keys():
            remembered = {row.key for row in await self._new.db.all(store.REMEMBERED, keys=keys)}
            for key in keys:
                if key not in remembered:
                    await blobs.delete(key)
        if blobs.staging is not None:
            for name in await blobs.staging.staged():
                await blobs.staging.drop(name)

    async def _mend(self) -> bool:
        """Let the old house take writes, if it was a mover that stopped them; tells whether it was."""
        mode = await read_mode(self._old.db)
        if not mode.read_only or not (mode.actor or "").startswith(ACTOR):
            return False
        await switch(self._old.db, None, ACTOR)
        return True

    # -- passes ----------------------------------------------------------------------------------------------------

    async def _pass(self) -> float:
        """Bring over what is not there yet; tells how much that was: more than 1 is worth another pass."""
        self._passes += 1
        pages = made = copied = 0
        bytes_before = self._copying.bytes + self._staged.bytes
        if self._moves_rows:
            self._begin("rows", await self._transfer.rows())
            pages = (await self._transfer.bring(lambda _table, seen: self._step(seen))).pages
        if self._moves_objects:
            remaining = await self._new.db.one(store.REMAINING)
            self._begin("objects", remaining.bytes if remaining is not None else 0, "B")
            copied = await self._copying.run()
            made = await self._staged.run()
            self._uploads += made
        came = self._copying.bytes + self._staged.bytes - bytes_before
        # In shares of what is few of its kind.
        return max(pages / FEW_PAGES, (copied + made) / FEW_OBJECTS, came / FEW_BYTES)

    def _refuse_damage(self) -> None:
        if self._copying.damaged and not self._skip_damaged:
            raise DamageFound(list(self._copying.damaged.values()))

    # -- the end ---------------------------------------------------------------------------------------------------

    async def _close_old(self) -> None:
        """The old house takes no more writes when this returns."""
        self._begin("closing the old house", 0)
        if not self._moves_rows:
            # Whoever waits for all transactions to end would wait for the claim, which is one.
            await self._new.tables.unclaim()
        self._was = await read_mode(self._old.db)
        try:
            await _to_its_end(switch(self._old.db, MOVING, f"{ACTOR} to {self._new.place}"))
        except BaseException:
            await _to_its_end(self._put_back())
            raise
        if not self._moves_rows:
            await self._claim()

    async def _check(self) -> dict[str, int]:
        """Compare what the last pass left, and bring what is no row and no object. Raises `MoveError`,
        `DatabaseError`, `BlobError`."""
        self._begin("comparing", 0)
        tables: dict[str, int] = {}
        if self._moves_rows:
            tables = await self._transfer.check()
            await self._transfer.bring_counters()
            await self._new.tables.join_references()
        if self._moves_objects:
            if left := await self._copying.left():
                raise MoveError(f"not everything was copied: {', '.join(left[:3])}")
            guard = await self._old.objects.blobs.mark(_GUARD)
            if guard is not None:
                await self._new.objects.blobs.set_mark(_GUARD, guard)
        return tables

    async def _settle_in(self, origin: store.Installation) -> None:
        """The one transaction that makes the new house the installation's."""
        damaged = [each.content_id for each in self._copying.damaged.values() if each.content_id]

        async def settle(unit: Unit) -> None:
            if self._moves_objects:
                await unit.run(store.SHOW_MADE)
                await unit.run(store.DROP_UNCARRIED)
                await unit.run(store.MARK_DAMAGED, ids=damaged)
                await unit.run(store.DOOM_LITTER)
            await _forget(unit)
            if self._moves_rows:
                await unit.run(store.SETTLE_IN, uuid=origin.uuid, made_at=origin.made_at)
                await write_mode(unit, None, f"{ACTOR} from {self._old.place}")
            else:
                await write_mode(unit, MOVED, f"{ACTOR} to {self._new.place}")

        await self._new.db.write(settle, always=True)

    async def _reopen(self, origin: store.Installation) -> None:
        """After a failure or a stop: the old house takes writes again, unless the new one has become the installation;
        where nobody can tell, the next run finds out."""
        try:
            there = await self._installation(self._new.db) if self._moves_rows else None
            moving = await self._new.db.one(store.MOVING)
        except DatabaseError:
            return
        if moving is not None and (there is None or there.uuid != origin.uuid):
            await self._put_back()
        elif self._moves_rows:
            await self._say_moved()

    async def _put_back(self) -> None:
        """The mode of the old house as it was."""
        await switch(self._old.db, self._was.reason or "" if self._was.read_only else None, self._was.actor or ACTOR)

    async def _say_moved(self) -> None:
        """The old house says why it takes no writes any more."""
        if self._moves_rows:
            await switch(self._old.db, MOVED, f"{ACTOR} to {self._new.place}")

    async def _check_references(self) -> None:
        """Check what the pages, which were compared whole, cannot have lost: nobody waits for it any more."""
        if self._moves_rows:
            self._begin("references", 0)
            try:
                await self._new.tables.check_references()
            except StatementFailed as error:
                self._notes.append(f"rows refer to others that are not there, as in the old house ({error})")
            await self._new.tables.gather_statistics()

    # -- progress --------------------------------------------------------------------------------------------------

    def _begin(self, stage: str, total: int, unit: str = "") -> None:
        self._stage = Progress(f"pass {self._passes}: {stage}" if total else stage, 0, total, unit)
        self._report(self._stage)

    def _step(self, done: int) -> None:
        self._stage = self._stage._replace(done=self._stage.done + done)
        self._report(self._stage)

    def _object_came(self, size: int) -> None:
        self._step(size)


async def _to_its_end(work: Coroutine[Any, Any, T]) -> T:
    """What `work` gives. A cancellation waits until it has ended: its outcome decides what is to be put back."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise


async def _forget(unit: Unit) -> None:
    """Nothing of the move stays behind."""
    await unit.run(store.END)
    await unit.run(store.FORGET_COPIED)
    await unit.run(store.FORGET_MADE)


async def plan(house: House) -> tuple[dict[str, int], store.Amount, store.Amount]:
    """What there is to move: rows by table, content in objects, staged uploads."""
    tables = await house.tables.describe()
    rows = {
        name: await house.tables.count(table) for name, table in sorted(tables.items()) if name not in STAYING | _OWN
    }
    content = await house.db.one(store.CONTENT_TOTAL) or store.Amount(0, 0)
    staged = await house.db.one(store.STAGED_TOTAL) or store.Amount(0, 0)
    return rows, content, staged
