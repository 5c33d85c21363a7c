"""`LastUse`: which tags and manifests were pulled, noted in memory and stored off the request path.

Promises: noting a pull costs an entry of a dict; memory is bounded, and what found no room is known as a gap; nothing
that the database refuses for a while is lost before the bounds are reached. A pull counts for the tag that was named
and for the manifest that was sent, by GET or HEAD, also where the client had it already (304); that of a scanner only
as settings say (scanners.py). Times are those of the database's clock, to within `EVERY`. A process that is killed
leaves a gap, which `tracking.py` finds: what was not used since a gap is unknown, never unused.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple

from holdfast.db.errors import DatabaseError, Full
from holdfast.db.port import Database, Unit
from holdfast.registry.lastuse import store
from holdfast.registry.lastuse.scanners import Scanners

EVERY = 10.0
"""Seconds between two times that a process stores what was pulled, and says that it has nothing more."""
PENDING = 50_000
"""Tags and manifests that a process keeps in memory until then."""
_BATCH = 500


class _Batch(NamedTuple):
    """Names of tags, or digests, of one repository, pulled until `at` (microseconds)."""

    path: str
    names: list[str]
    digests: list[str]
    at: int


class LastUse:
    """What one process served. `pending`: how many tags and manifests it keeps in memory."""

    def __init__(self, db: Database, *, pending: int = PENDING) -> None:
        self.id = uuid.uuid4().hex
        self._db = db
        self._node = ""
        self._most = pending
        self._pulled: dict[tuple[str, str], int] = {}
        self._lost = False
        self._storing = asyncio.Lock()
        self._scanners = Scanners()

    def pulled(self, repository: str, reference: str, digest: str, subject: str = "", agent: str = "") -> None:
        """A manifest was sent: `reference` is the tag or digest that was asked for, `digest` the manifest's own;
        `subject` (as the journal has actors), `agent`: who asked."""
        if self._scanners.ignore(repository, subject, agent):
            return
        pulled = self._pulled
        if len(pulled) >= self._most and (repository, digest) not in pulled:
            self._lost = True
            return
        now = self._db.now()
        pulled[repository, reference] = now
        pulled[repository, digest] = now

    async def begin(self, node: str = "") -> None:
        """Say that this process serves: before it does. `node`: the process tree that it belongs to (db/nodes.py).
        Raises `DatabaseError`, but starts without room for a row: the time until there is some is a gap."""
        self._node = node
        await self._scanners.read(self._db)

        async def begin(unit: Unit) -> None:
            await unit.run(store.BEGIN_TRACKING)
            await unit.run(store.TOLD, id=self.id, node=self._node, at=unit.now)

        try:
            await self._db.write(begin, always=True)
        except Full:
            self._lost = True

    async def run(self) -> None:
        """Store what was pulled, again and again until cancelled; then what is left, and leave."""
        try:
            while True:
                await asyncio.sleep(EVERY)
                with suppress(DatabaseError):
                    await self.flush()
        finally:
            with suppress(DatabaseError):
                await self.flush()
                await self._db.write(lambda unit: unit.run(store.LEAVE, id=self.id), always=True)

    async def flush(self) -> None:
        """Store everything that was pulled, and say until when. Raises `DatabaseError`; what is not stored is kept."""
        async with self._storing:
            await self._scanners.read(self._db)
            at = self._db.now()
            taken, self._pulled = self._pulled, {}
            lost, self._lost = self._lost, False
            batches = list(_batches(taken))
            try:
                while batches:
                    await self._store(batches[0])
                    batches.pop(0)
                await self._tell(at, lost=lost)
            except BaseException:
                self._lost = self._lost or lost
                self._keep(batches)
                raise

    async def _store(self, batch: _Batch) -> None:
        rows = await self._db.all(store.REPOSITORIES, paths=[batch.path])
        if not rows:
            return
        repo_id = rows[0].id

        async def store_(unit: Unit) -> None:
            await unit.one(store.HOLD, repo_id=repo_id)
            if batch.names:
                await unit.run(store.USE_TAGS, repo_id=repo_id, names=batch.names, at=batch.at)
            if batch.digests:
                await unit.run(store.USE_CONTENT, repo_id=repo_id, digests=batch.digests, at=batch.at)

        await self._db.write(store_, always=True)

    async def _tell(self, at: int, *, lost: bool) -> None:
        async def tell(unit: Unit) -> None:
            if lost:
                await unit.run(store.BEGIN_TRACKING)
                await unit.run(store.LOSE, at=at)
            await unit.run(store.TOLD, id=self.id, node=self._node, at=at)

        await self._db.write(tell, always=True)

    def _keep(self, batches: list[_Batch]) -> None:
        """Put back what could not be stored."""
        for batch in batches:
            for reference in (*batch.names, *batch.digests):
                if len(self._pulled) < self._most:
                    self._pulled.setdefault((batch.path, reference), batch.at)
                else:
                    self._lost = True


def _batches(taken: dict[tuple[str, str], int]) -> Iterator[_Batch]:
    """What is to be stored, in units of one repository and a bounded size, each at the time of its latest pull."""
    found: dict[str, list[str]] = {}
    for path, reference in taken:
        found.setdefault(path, []).append(reference)
    for path, references in found.items():
        references.sort()
        for first in range(0, len(references), _BATCH):
            part = references[first : first + _BATCH]
            names = [each for each in part if ":" not in each]
            digests = [each for each in part if ":" in each]
            yield _Batch(path, names, digests, max(taken[path, each] for each in part))
