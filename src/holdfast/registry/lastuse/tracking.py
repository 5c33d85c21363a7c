"""Since when use is known without a gap, asked by whoever draws conclusions from what was not used.

Promises: the answer is never earlier than what is true. It waits until every process that serves has stored what it
served before the question; a process that went silent, one that does not answer in time, and a node that tells nothing
of its use (an older program) are gaps: then use is known from that moment on only. A process that stopped in order
leaves no gap.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping

from holdfast.db.nodes import nodes
from holdfast.db.port import Database, Reader, Unit
from holdfast.registry.lastuse import store
from holdfast.registry.lastuse.service import EVERY

SILENT = 60_000_000
"""Microseconds after which a process that told nothing counts as gone."""
PATIENCE = 3 * EVERY
"""Seconds that an answer may wait for."""
_LOOK = 0.5
_DEEP = 4
_SERVE = "serve"

Sleep = Callable[[float], Awaitable[None]]


async def tracked_since(reader: Reader) -> int | None:
    """Since when use is known, as far as is known now (microseconds); None: nothing is."""
    row = await reader.one(store.TRACKED)
    return row.since if row is not None else None


async def settle(db: Database, patience: float = PATIENCE, sleep: Sleep = asyncio.sleep) -> int:
    """Wait until what was used before this call is stored, and give since when use is known without a gap."""
    asked = db.now()
    until = asked + round(patience * 1_000_000)
    while True:
        late = await _late(db, asked)
        if not late or db.now() >= until:
            break
        await sleep(_LOOK)
    await db.write(lambda unit: _forget_silent(unit, asked))
    since = await tracked_since(db)
    return max(since, db.now()) if late and since is not None else (since if since is not None else db.now())


async def _late(db: Database, asked: int) -> bool:
    """Whether a process that serves may know of use from before `asked` that is not stored."""
    processes = await db.all(store.PROCESSES)
    if any(each.at < asked for each in processes):
        return True
    telling = {each.node for each in processes}
    now = db.now()
    return any(node.kind == _SERVE and node.alive(now) and node.id not in telling for node in await nodes(db))


async def _forget_silent(unit: Unit, asked: int) -> None:
    """Take processes off the list that went silent: what they had served is a gap."""
    for each in await unit.all(store.PROCESSES):
        if each.at < asked - SILENT:
            await unit.run(store.LEAVE, id=each.id)
            await unit.run(store.LOSE, at=unit.now)


async def last_pulls(
    reader: Reader, repo_id: int, tags: Mapping[str, int], untagged: Iterable[int] = ()
) -> tuple[dict[str, int], dict[int, int]]:
    """When each of `tags` (name: content) and each manifest of `untagged` was pulled last, as far as it is known: by
    its name, by its digest, or by the digest of a part of it (microseconds)."""
    names = await reader.all(store.TAG_USES, repo_id=repo_id, names=sorted(tags))
    contents = await content_pulls(reader, repo_id, {*tags.values(), *untagged})
    by_name = {row.name: row.last_at for row in names}
    for name, content_id in tags.items():
        if content_id in contents:
            by_name[name] = max(by_name.get(name, 0), contents[content_id])
    return by_name, contents


async def content_pulls(reader: Reader, repo_id: int, ids: set[int]) -> dict[int, int]:
    """When each manifest, or one that an index lists in it, was pulled last by its digest."""
    owners: dict[int, set[int]] = {each: {each} for each in ids}
    found: dict[int, int] = {}
    level = set(ids)
    for _ in range(_DEEP):
        if not level:
            break
        for row in await reader.all(store.CONTENT_USES, repo_id=repo_id, ids=sorted(level)):
            for owner in owners[row.content_id]:
                found[owner] = max(found.get(owner, 0), row.last_at)
        below: set[int] = set()
        for edge in await reader.all(store.MANIFESTS_BELOW, repo_id=repo_id, ids=sorted(level)):
            known = owners.setdefault(edge.kept_id, set())
            if not owners[edge.keeper_id] <= known:
                known |= owners[edge.keeper_id]
                below.add(edge.kept_id)
        level = below
    return found
