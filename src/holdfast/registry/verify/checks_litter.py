"""Litter: files of the store that no row knows and that are too old to belong to an upload under way.

The age is in the name, by the database's clock; a file's own time is never asked. Deleting much of a store at once is
refused unless it was forced: it is more likely that the database is not the one that belongs to the store.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from holdfast.blobs.errors import Busy
from holdfast.blobs.key import issued_at
from holdfast.blobs.port import Staging
from holdfast.db.port import Unit
from holdfast.journal.model import ChangeKind
from holdfast.journal.service import Place, record
from holdfast.registry.store import DOOM
from holdfast.registry.verify import store
from holdfast.registry.verify.inspection import ACTOR, PAGE, Inspection
from holdfast.registry.verify.keys import KnownKeys
from holdfast.registry.verify.model import Damage, Finding

_SUSPECTS = 5000
_TOGETHER = 100
_FEW = 100
_SHARE = 20  # one in so many is the 5 % above which a sweep must be forced


async def check_staged(run: Inspection) -> None:
    """Staged files without a session, issued longer ago than the longest upload."""
    staging = run.blobs.staging
    if staging is None:
        return
    names = await staging.staged()
    run.begin("uploads", len(names))
    run.outcome.checked["staged files"] += len(names)
    oldest = _oldest(run)
    for first in range(0, len(names), PAGE):
        page = names[first : first + PAGE]
        held = {row.name for row in await run.db.all(store.HELD, ids=page)}
        for name in page:
            if name not in held and _issued(name) < oldest:
                await _staged(run, staging, name)
        run.step(len(page))


async def _staged(run: Inspection, staging: Staging, name: str) -> None:
    finding = Finding(Damage.LITTER_STAGED, None, name, "no upload session knows this file")
    if run.options.repair:
        try:
            await staging.drop(name)
        except Busy:
            return  # somebody is writing it after all
        await run.db.write(lambda unit: _record(run, unit, [name]))
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
    allowed = run.options.force or litter <= _FEW or litter * _SHARE <= total
    if not allowed:
        run.outcome.notes.append(
            f"{litter} of {total} objects have no row: so many are deleted only with --force. Is this the database "
            "that belongs to this store?"
        )
    async for keys in _litter(run, known):
        if allowed:
            for first in range(0, len(keys), _TOGETHER):
                await _delete(run, keys[first : first + _TOGETHER])
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
    oldest = _oldest(run)
    suspects: list[str] = []
    async for keys in run.blobs.keys():
        suspects += [key for key in keys if issued_at(key) < oldest and key not in known]
        run.step(len(keys))
        if len(suspects) >= _SUSPECTS:
            yield await _confirmed(run, suspects)
            suspects = []
    if suspects:
        yield await _confirmed(run, suspects)


async def _confirmed(run: Inspection, keys: list[str]) -> list[str]:
    """Those that are in the store and in no row now, asked in this order: a row goes before its object does."""
    sizes = []
    for first in range(0, len(keys), _TOGETHER):
        sizes += await asyncio.gather(*map(run.blobs.size, keys[first : first + _TOGETHER]))
    there = [key for key, size in zip(keys, sizes, strict=True) if size is not None]
    referred = {row.name for row in await run.db.all(store.REFERRED, keys=there)}
    return [key for key in there if key not in referred]


async def _delete(run: Inspection, keys: list[str]) -> None:
    """Doom the keys, delete the objects, forget the keys: a crash in between leaves the rest to the sweeper.

    Nothing can come to refer to them meanwhile: a key that old is refused by whoever would finish an upload with it.
    """

    async def doom(unit: Unit) -> None:
        for key in sorted(keys):
            await unit.run(DOOM, key=key, due=unit.now)
        await _record(run, unit, keys)

    await run.db.write(doom)
    await asyncio.gather(*map(run.blobs.delete, keys))
    await run.db.write(lambda unit: unit.run(store.FORGET_DOOMED, keys=keys))


async def _record(run: Inspection, unit: Unit, names: list[str]) -> None:
    data: dict[str, object] = {"names": sorted(names)}
    place = Place(0, 0, unit.now)
    await record(unit, ChangeKind.LITTER_DELETED, place, actor=ACTOR, request=run.request, data=data)


def _oldest(run: Inspection) -> int:
    """Before this moment (microseconds) nothing can have been issued that an upload may still bring."""
    return run.db.now() - run.settings.upload_expire - run.settings.grace


def _issued(name: str) -> int:
    """When a staged file was named by us (microseconds); far in the future for one that was not."""
    try:
        return int(name[:14], 16)
    except ValueError:
        return 1 << 62
