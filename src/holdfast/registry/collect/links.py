"""Step 1: what nothing keeps in a repository any more loses its link there.

Promises: one unit looks at a bounded list of candidates of one repository, whose lock it holds, so that no manifest or
tag is pushed or deleted meanwhile; a candidate that somebody else holds is left to the next look. Content is let go of
only when it is rooted by nothing, when everything above it is let go of as well, and when each of these was a
candidate whose time was over: what somebody was told to be here may be relied on for a lease. What it kept becomes a
candidate, for a lease at least.

Content that has something above it waits for that, which is a candidate itself or has something above it; what lies
above itself (an index that belongs to what it lists) waits for nobody, and goes as a whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from holdfast.db.port import Unit
from holdfast.journal.model import ChangeKind, Origin
from holdfast.journal.service import Place, record
from holdfast.registry.collect import store
from holdfast.registry.effective.service import prefixes_of
from holdfast.registry.roots.facts import FOREVER, Window, window_of
from holdfast.registry.roots.store import FactRow
from holdfast.registry.roots.walk import Around, climb
from holdfast.registry.settings import RegistrySettings
from holdfast.registry.store import TAG_EVENT, USAGE

MOST_EDGES = 1000
MOST_WALKS = 20
"""Walks of one unit: each is some statements."""
_MANY = 10_000


class Looked(NamedTuple):
    """What came of one unit. `seen`: candidates that were decided; `dropped`: links that went; `bytes`: what they
    showed."""

    seen: int
    dropped: int
    bytes: int


def lease_of(settings: RegistrySettings) -> int:
    """How long what becomes a candidate is kept at least: a lease, and what a unit may take."""
    return settings.lease + settings.lease // 4


async def look(
    unit: Unit, settings: RegistrySettings, repo_id: int, ids: Sequence[int], *, request: str = ""
) -> Looked:
    """Decide about candidates of a repository, and let go of what nothing keeps."""
    repository = await unit.one(store.REPOSITORY, id=repo_id)
    rows = await unit.all(store.LOCK_DUE, repo_id=repo_id, ids=sorted(ids))
    due = [row.content_id for row in rows]
    if not due:
        return Looked(0, 0, 0)
    if repository is None:
        await unit.run(store.SETTLE, repo_id=repo_id, ids=due)
        return Looked(len(due), 0, 0)
    window = await window_of(unit, prefixes_of(repository.was_path or repository.path), settings.window)
    if repository.gone_at is not None:
        # It is emptied as a whole, and may be restored until then.
        later = max(repository.gone_at + window.length, unit.now + settings.lease)
        await unit.run(store.PUT_OFF, repo_id=repo_id, ids=due, due=later)
        return Looked(len(due), 0, 0)
    return await _Look(unit, repository, window, lease_of(settings), request).at(due)


class _Look:
    """One look at due candidates of a locked repository. `lease`: for how long what becomes a candidate is kept."""

    def __init__(self, unit: Unit, repository: store.RepositoryRow, window: Window, lease: int, request: str) -> None:
        self._unit = unit
        self._repository = repository
        self._id = repository.id
        self._around = Around(unit, repository.id, window, unit.now)
        self._later = unit.now + lease
        self._request = request
        self._settled: list[int] = []
        self._put_off: dict[int, int] = {}
        self._asked: set[int] = set()
        self._free: dict[int, FactRow] = {}

    async def at(self, due: Sequence[int]) -> Looked:
        """Decide about `due`, whose rows are locked."""
        await self._sort(due)
        await self._keep()
        if not self._free:
            return Looked(len(self._settled) + len(self._put_off), 0, 0)
        dropped, size = await self._drop()
        return Looked(len(self._settled) + len(self._put_off) + max(dropped, 1), dropped, size)

    async def _sort(self, due: Sequence[int]) -> None:
        facts = await self._around.facts(due)
        subjects = await self._around.subjects(facts.values())
        walks = 0
        for content_id in due:
            fact = facts.get(content_id)
            if fact is None:
                self._settled.append(content_id)
                continue
            until = self._around.rooted_until(fact)
            if until == FOREVER:
                self._settled.append(content_id)
            elif until > self._unit.now:
                self._put_off[content_id] = until
            elif not fact.kept and content_id not in subjects:
                self._free[content_id] = fact
            elif not fact.kind and not fact.keeps:
                self._settled.append(content_id)  # whatever keeps it tells when it goes
            elif walks < MOST_WALKS:
                walks += 1
                await self._walk(fact)

    async def _walk(self, fact: FactRow) -> None:
        """Decide about what has something above it, and may lie above itself."""
        above = await climb(self._around, fact)
        if above.full:
            self._put_off[fact.id] = self._later
        elif above.rooted or not above.circular:
            self._settled.append(fact.id)
        else:
            ids = sorted(above.members)
            rows = await self._unit.all(store.LOCK_CANDIDATES, repo_id=self._id, ids=ids)
            held = {row.content_id: row.due for row in rows}
            if all(held.get(id, FOREVER) <= self._unit.now for id in ids):
                self._free.update(above.members)
            else:
                self._asked.update(id for id in ids if id not in held)
                self._put_off[fact.id] = max(self._later, *held.values())

    async def _keep(self) -> None:
        settled = sorted(id for id in self._settled if id not in self._free)
        if settled:
            await self._unit.run(store.SETTLE, repo_id=self._id, ids=settled)
        times: dict[int, list[int]] = {}
        for id, until in self._put_off.items():
            if id not in self._free:
                times.setdefault(until, []).append(id)
        for until, ids in times.items():
            await self._unit.run(store.PUT_OFF, repo_id=self._id, ids=sorted(ids), due=until)
        for id in sorted(self._asked):
            await self._unit.run(store.NEW_CANDIDATE, repo_id=self._id, content_id=id, due=self._later)

    async def _drop(self) -> tuple[int, int]:
        """Let go of what is free, as far as one unit can; how many links went, and the bytes that they showed."""
        ids, edges = await self._affordable()
        if len(edges) > MOST_EDGES:
            await self._let_go_of_much(ids, edges)
            return 0, 0
        run, free = self._unit.run, self._free
        kept = {edge.kept_id for edge in edges}
        manifests = [id for id in ids if free[id].kind]
        queued = sorted((kept | await self._belonging(manifests)) - set(ids))
        if queued:
            await run(store.QUEUE, repo_id=self._id, ids=queued, due=self._later)
        if kept:
            await run(store.DROP_EDGES, repo_id=self._id, ids=ids)
        tags = await self._end_tags([id for id in ids if free[id].signed])
        size = await self._live_bytes(ids)
        if size or tags:
            await run(USAGE, path=self._repository.path, bytes=-size, repositories=0, tags=-tags)
        await run(store.SETTLE, repo_id=self._id, ids=ids)
        await run(store.DROP_LEASES, repo_id=self._id, ids=ids)
        await run(store.DROP_LINKS, repo_id=self._id, ids=ids)
        subjects = {subject for id in ids if (subject := free[id].subject) is not None}
        await run(store.ORPHANS, ids=sorted(subjects.union(ids)))
        return len(ids), size

    async def _affordable(self) -> tuple[list[int], list[store.EdgeRow]]:
        """What is free and together keeps no more than one unit can let go of (one of them at least), and the edges;
        what goes in a circle is not parted."""
        ids = sorted(self._free)
        if (circle := [id for id in ids if self._free[id].kept]) and len(circle) < len(ids):
            ids = [id for id in ids if not self._free[id].kept]  # the circle comes next
        edges = await self._unit.all(store.BELOW, repo_id=self._id, ids=ids, limit=MOST_EDGES + 1)
        while len(edges) > MOST_EDGES and len(ids) > 1 and not circle:
            ids = ids[: len(ids) // 2]
            edges = await self._unit.all(store.BELOW, repo_id=self._id, ids=ids, limit=MOST_EDGES + 1)
        return ids, edges

    async def _let_go_of_much(self, ids: list[int], edges: list[store.EdgeRow]) -> None:
        """What goes keeps more than one unit can let go of: take it out of sight, let go of some, and come back."""
        size = await self._live_bytes(ids)
        if size:
            await self._unit.run(USAGE, path=self._repository.path, bytes=-size, repositories=0, tags=0)
        await self._unit.run(store.HIDE, repo_id=self._id, ids=ids)
        below: dict[int, list[int]] = {}
        for edge in edges:
            below.setdefault(edge.keeper_id, []).append(edge.kept_id)
        queued = sorted({edge.kept_id for edge in edges} - set(self._free))
        await self._unit.run(store.QUEUE, repo_id=self._id, ids=queued, due=self._later)
        for keeper, kept in sorted(below.items()):
            await self._unit.run(store.DROP_SOME_EDGES, repo_id=self._id, keeper_id=keeper, kept=sorted(kept))

    async def _live_bytes(self, ids: list[int]) -> int:
        row = await self._unit.one(store.LIVE_BYTES, repo_id=self._id, ids=ids)
        return row.bytes if row is not None else 0

    async def _belonging(self, manifests: list[int]) -> set[int]:
        """What carries tags that belong to `manifests`."""
        if not manifests:
            return set()
        rows = await self._unit.all(store.BELONGING, repo_id=self._id, ids=manifests, limit=_MANY)
        return {row.content_id for row in rows}

    async def _end_tags(self, signed: list[int]) -> int:
        """Tags that belonged to what is not here die with what they are on; how many."""
        if not signed:
            return 0
        tags = sorted(await self._unit.all(store.TAGS_ON, repo_id=self._id, ids=signed, limit=_MANY))
        moment = await self._unit.one(store.ADVANCE, id=self._id)
        if not tags or moment is None:
            return 0
        place = Place(moment.id, moment.seq, moment.last_at)
        origin = Origin(self._request)
        for tag in tags:
            event = {"repo_id": place.repo_id, "seq": place.seq, "name": tag.name, "was_id": tag.content_id}
            await self._unit.run(TAG_EVENT, now_id=None, at=place.at, **event)
            data: dict[str, object] = {"tag": tag.name, "reason": "collected with what it belonged to"}
            await record(self._unit, ChangeKind.TAG_DELETED, place, actor="system", origin=origin, data=data)
        await self._unit.run(store.DROP_TAGS, repo_id=self._id, names=[tag.name for tag in tags])
        return len(tags)
