"""Litter: files of the store that no row knows and that are too old to belong to an upload under way.

The age is in the name, by the database's clock; a file's own time is never asked. Deleting much of a store at once is
refused unless it was forced: it is more likely that the database is not the one that belongs to the store.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from holdfast.blobs.errors import Busy
from holdfast.blobs.key import issued_at
from holdfast.blobs.port import Staging
from holdfast.registry.sweep.litter import TOGETHER, TooMuch, many, oldest_upload
from holdfast.registry.verify import store
from holdfast.registry.verify.inspection import PAGE, Inspection
from holdfast.registry.verify.keys import KnownKeys
from holdfast.registry.verify.model import Damage, Finding

_SUSPECTS = 5000


async def check_staged(run: Inspection) -> None:
    """Staged files without a session, issued longer ago than the longest upload."""
    staging = run.blobs.staging
    if staging is None:
        return
    names = await staging.staged()
    run.begin("uploads", len(names))
    run.outcome.checked["staged files"] += len(names)
    oldest = oldest_upload(run.db, run.settings)
    for first in range(0, len(names), PAGE):
        page = names[first : first + PAGE]
        held = {row.name for row in await run.db.all(store.HELD, ids=page)}
        for name in page:
            if name not in held and _issued(name) < oldest:
                await _staged(run, staging, name)
        run.step(len(page))


async def _staged(run: Inspection, staging: Staging, name: str) -> None:
    finding = Finding(Damage.LITTER_STAGED, None, name, "no upload session knows this file")
    if run.options.repair and await run.may_delete():
        try:
            await staging.drop(name)
        except Busy:
            return  # somebody is writing it after all
        await run.db.write(lambda unit: run.litter.note(unit, [name]))
        finding = finding._replace(repaired=True)
    run.outcome.add(finding)


async def check_objects(run: Inspection, known: KnownKeys) -> None:
    """Objects without a row. `known`: the keys of all content, collected before."""
    await _learn_other_keys(run, known)
    total = await _count(run, known)
    litter = 0
    async for keys in _litter(run, known):
        litter += len(keys)
        if not run.options.repair:
            _report(run, keys, repaired=False)
    if not run.options.repair or not litter:
        return
    allowed = run.options.force or not many(litter, total)
    if not allowed:
        run.outcome.notes.append(str(TooMuch(litter, total)))
    elif not await run.may_delete():
        allowed = False
    async for keys in _litter(run, known):
        if allowed:
            for first in range(0, len(keys), TOGETHER):
                await run.litter.delete(keys[first : first + TOGETHER])
        _report(run, keys, repaired=allowed)


def _report(run: Inspection, keys: list[str], *, repaired: bool) -> None:
    for key in keys:
        finding = Finding(Damage.LITTER_OBJECT, None, key, "no row knows this object, and no upload is so old")
        run.outcome.add(finding._replace(repaired=repaired))


async def _learn_other_keys(run: Inspection, known: KnownKeys) -> None:
    after = ""
    while page := await run.db.all(store.OTHER_KEYS, after=after, limit=PAGE):
        after = page[-1].name
        for row in page:
            known.add(row.name)


async def _count(run: Inspection, known: KnownKeys) -> int:
    """How many objects the store holds."""
    total = 0
    async for keys in run.blobs.keys():
        total += len(keys)
    run.begin("objects", total)
    run.outcome.checked["objects in the store"] += total
    return total


async def _litter(run: Inspection, known: KnownKeys) -> AsyncIterator[list[str]]:
    """Keys of old objects that no row knows, asked for once more just before they are given."""
    oldest = oldest_upload(run.db, run.settings)
    suspects: list[str] = []
    async for keys in run.blobs.keys():
        suspects += [key for key in keys if issued_at(key) < oldest and key not in known]
        run.step(len(keys))
        if len(suspects) >= _SUSPECTS:
            yield await run.litter.confirmed(suspects)
            suspects = []
    if suspects:
        yield await run.litter.confirmed(suspects)


def _issued(name: str) -> int:
    """When a staged file was named by us (microseconds); far in the future for one that was not."""
    try:
        return int(name[:14], 16)
    except ValueError:
        return 1 << 62
