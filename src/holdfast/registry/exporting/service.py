"""`Exports`: lists as files: asked for, looked at and fetched by who asked; and the job that writes them.

Promises: a file holds what the pages of the list tell who asked for it, with the rights that he has while it is
written, and nobody else sees that it is there; it is bounded, of an account the newest few are kept, and all go after a
day. Raises besides what is named: `StalePermit`, `holdfast.db.errors`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence

from holdfast.access.errors import Conflict, Denied, Invalid, StalePermit, Unauthenticated, Unknown
from holdfast.access.identities import Identities, lasting
from holdfast.access.model import PathPermit
from holdfast.access.service import Access
from holdfast.access.standing import check_permit
from holdfast.db.port import Database, Unit
from holdfast.jobs.model import NewJob
from holdfast.jobs.run import Run
from holdfast.jobs.service import enqueue
from holdfast.journal.model import Origin
from holdfast.oci.errors import Invalid as OciInvalid
from holdfast.registry.errors import RegistryError
from holdfast.registry.exporting import store
from holdfast.registry.exporting.model import KEPT, MOST_BYTES, MOST_FILES, MOST_ROWS, Export, Listed, Wanted
from holdfast.registry.exporting.rows import COLUMNS, Asking, Piece, Rows
from holdfast.registry.objects import Objects

JOB = "export-list"
_TRIES = 5
_PARTS = 8
_LAST = (1 << 62) - 1
_REFUSED = (RegistryError, Denied, Unknown, Invalid, OciInvalid, Unauthenticated)

Written = Callable[[Iterable[Sequence[str | int]]], str]
"""Rows as text that no spreadsheet takes for formulas."""


class Exports:
    """Lists as files. One object a process."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def ask(self, permit: PathPermit, wanted: Wanted) -> int:
        """Let a list be written; gives the file's number. Raises `Conflict` as `lasting` does."""
        origin = lasting(permit)

        async def add(unit: Unit) -> int:
            await check_permit(unit, permit)
            made = await unit.one(
                store.ADD,
                account=permit.subject.id,
                list=str(wanted.listed),
                path=wanted.path,
                asked=json.dumps({"query": wanted.query, "sort": wanted.sort}),
                origin=json.dumps(origin._asdict()),
            )
            assert made is not None
            newest = await unit.all(store.BEYOND, account=permit.subject.id, last=_LAST, limit=MOST_FILES)
            for row in await unit.all(store.BEYOND, account=permit.subject.id, last=newest[-1].id, limit=MOST_FILES):
                await _drop(unit, row.id)
            data = {"file": made.id, "list": str(wanted.listed), "path": wanted.path}
            job = await enqueue(unit, NewJob(JOB, data, dedupe=f"{JOB}:{made.id}", account=permit.subject.id))
            assert job is not None, "a file has one job"
            await unit.run(store.SET_JOB, id=made.id, job=job)
            return made.id

        return await self._db.write(add)

    async def show(self, permit: PathPermit, id: int) -> Export:
        """A file of the caller. Raises `Unknown`."""
        await check_permit(self._db, permit)
        for row in await self._db.all(store.FILE, id=id):
            if permit.subject.id and row.account == permit.subject.id and row.made_at + KEPT > self._db.now():
                until = row.made_at + KEPT
                listed = Listed(row.list)
                whole = bool(row.whole)
                of = (row.id, listed, row.path, row.rows, row.size, whole, row.why or "")
                return Export(*of, row.job or 0, row.made_at, until)
        raise Unknown("there is no such file in your sight")

    async def text(self, permit: PathPermit, id: int) -> str:
        """What a file holds. Raises `Unknown`, `Conflict` while it is being written."""
        file = await self.show(permit, id)
        if file.rows is None or file.why:
            raise Conflict(file.why or "the file is being written")
        found: list[str] = []
        after = -1
        while parts := await self._db.all(store.PARTS, id=id, after=after, limit=_PARTS):
            found += [part.data for part in parts]
            after = parts[-1].number
        return "".join(found)


class Writing:
    """Writes one file. `written`: rows as text."""

    def __init__(self, run: Run, objects: Objects, written: Written) -> None:
        self._run = run
        self._db = run.db
        self._rows = Rows(run.db, objects)
        self._written = written

    async def whole(self) -> None:
        """The list from its beginning, up to the bounds."""
        row = next(iter(await self._db.all(store.FILE, id=int(self._run.job.data["file"]))), None)
        if row is None:
            return  # newer files took its place
        said = json.loads(row.query)
        wanted = Wanted(Listed(row.list), row.path, said["query"], said["sort"])
        await self._db.write(lambda unit: unit.run(store.DROP_PARTS, id=row.id))
        rows = number = 0
        size = await self._part(row.id, number, [COLUMNS[wanted.listed]])
        at: object = None
        whole, why = False, ""
        while rows < MOST_ROWS and size < MOST_BYTES:
            try:
                piece = await self._piece(row, wanted, at)
            except _REFUSED as error:
                why = str(error) or "what it was asked for with may not be used any more"
                break
            cells = piece.rows[: MOST_ROWS - rows]
            if cells:
                number += 1
                size += await self._part(row.id, number, cells)
                rows += len(cells)
            await self._run.progress(rows)
            at = piece.next
            if at is None:
                whole = len(cells) == len(piece.rows)
                break

        async def end(unit: Unit) -> None:
            if why:
                await unit.run(store.DROP_PARTS, id=row.id)
            of = {"rows": 0 if why else rows, "size": 0 if why else size}
            await unit.run(store.FILLED, id=row.id, whole=int(whole), why=why or None, **of)
            await self._run.result(unit, {"file": row.id, **of, **({"refused": why} if why else {})})

        await self._run.finish(end)

    async def _part(self, id: int, number: int, cells: Iterable[Sequence[str | int]]) -> int:
        data = self._written(cells)
        await self._db.write(lambda unit: unit.run(store.ADD_PART, id=id, number=number, data=data))
        return len(data.encode())

    async def _piece(self, row: store.ExportRow, wanted: Wanted, at: object) -> Piece:
        """The next rows, by the rights of who asked as they are now. Raises `Unauthenticated`."""
        origin = Origin(**json.loads(row.origin))._replace(request=f"job-{self._run.job.id}")
        for left in reversed(range(_TRIES)):
            who = await self._db.snapshot(
                lambda reader: Identities(self._db).account(reader, row.account, origin.credential)
            )
            permit = Access(self._db).path(who, row.path, origin)
            try:
                return await self._rows.piece(Asking(who, permit, origin), wanted, at)
            except StalePermit:
                if not left:
                    raise
        raise AssertionError


async def forget_files(db: Database) -> int:
    """Forget files that were kept for long enough, in small units; how many."""
    gone = 0
    while (row := await db.one(store.OLD, before=db.now() - KEPT)) is not None:
        await db.write(lambda unit, id=row.id: _drop(unit, id))  # type: ignore[misc]
        gone += 1
    return gone


async def _drop(unit: Unit, id: int) -> None:
    await unit.run(store.DROP_PARTS, id=id)
    await unit.run(store.DROP, id=id)
