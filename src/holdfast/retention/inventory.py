"""`Inventories`: what runs in clusters, told from outside, so that it is kept.

Promises: what a source told is believed only when all of it is in; until then, and when it grows stale, rules that ask
what runs keep everything that they speak of. Telling and removing needs `settings` on the whole path that a source
speaks for; seeing needs that or `list` there. Raises besides what is named: `Invalid`, `Denied`, `StalePermit`,
`holdfast.db.errors`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import partial
from typing import NamedTuple

from holdfast.access.errors import Conflict, Invalid, Unknown
from holdfast.access.model import PathPermit
from holdfast.access.policy.model import Action
from holdfast.access.standing import check_permit
from holdfast.db.port import Database, Unit
from holdfast.db.query import Command
from holdfast.journal.model import ChangeKind
from holdfast.journal.service import note
from holdfast.retention import inventory_store as store
from holdfast.retention.references import Image, parse_image

MOST_IMAGES = 10_000
MOST_SOURCES = 200
"""Sources of one path."""
_SOURCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z")
_AT_ONCE = 200
_PAGE = 500


class Inventory(NamedTuple):
    """What a source told of a path, when, and how many images it is. `ignored`: what is no reference (of a telling)."""

    path: str
    source: str
    at: int
    told_by: str
    images: int
    ignored: tuple[str, ...] = ()


class Inventories:
    """What runs, as it is known to one installation."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def tell(self, permit: PathPermit, source: str, references: Sequence[str]) -> Inventory:
        """`source` says that exactly these images run. Raises `Conflict` when there are too many sources."""
        if not _SOURCE.match(source):
            raise Invalid("source", "a source is called by 1 to 64 letters, digits, '.', '_' and '-'")
        if len(references) > MOST_IMAGES:
            raise Invalid("images", f"a source tells of at most {MOST_IMAGES} images")
        permit.require_all(Action.SETTINGS, permit.path)
        images: set[Image] = set()
        ignored: list[str] = []
        for text in references:
            image = parse_image(text)
            images.add(image) if image is not None else ignored.append(text[:128])
        row = await self._db.write(partial(self._begin, permit=permit, source=source))
        before = await self._images(row.id)
        for change, command in ((images - before, store.PUT_IMAGE), (before - images, store.DROP_IMAGE)):
            ordered = sorted(change)
            for first in range(0, len(ordered), _AT_ONCE):
                part = ordered[first : first + _AT_ONCE]
                await self._db.write(partial(_change, permit=permit, command=command, id=row.id, images=part))
        await self._db.write(partial(self._end, permit=permit, row=row, count=len(images)))
        now = await self._db.one(store.ONE, path=permit.path, source=source)
        return Inventory(permit.path, source, now.at if now else 0, permit.subject.actor, len(images), tuple(ignored))

    async def remove(self, permit: PathPermit, source: str) -> None:
        """Believe a source no more: rules that name it keep all that they speak of. Raises `Unknown`."""
        permit.require_all(Action.SETTINGS, permit.path)
        row = await self._db.one(store.ONE, path=permit.path, source=source)
        if row is None:
            raise _unknown(source)
        images = sorted(await self._images(row.id))
        for first in range(0, len(images), _AT_ONCE):
            part = images[first : first + _AT_ONCE]
            await self._db.write(partial(_change, permit=permit, command=store.DROP_IMAGE, id=row.id, images=part))

        async def drop(unit: Unit) -> None:
            await check_permit(unit, permit)
            held = await unit.one(store.ONE, path=permit.path, source=source)
            if held is None:
                raise _unknown(source)
            await unit.run(store.DROP, id=held.id)
            data: dict[str, object] = {"path": permit.path, "source": source}
            await note(unit, ChangeKind.INVENTORY_REMOVED, actor=permit.subject.actor, origin=permit.origin, data=data)

        await self._db.write(drop)

    async def list(self, permit: PathPermit, after: int = 0, limit: int = 100) -> list[tuple[int, Inventory]]:
        """Inventories that the caller may see, each with its place."""
        found: list[tuple[int, Inventory]] = []
        while len(found) < limit:
            rows = await self._db.all(store.PAGE, after=after, limit=_PAGE)
            for row in rows:
                after = row.id
                if permit.lacks(Action.SETTINGS, row.path) and permit.lacks(Action.LIST, row.path):
                    continue
                count = await self._db.one(store.IMAGE_COUNT, id=row.id)
                total = count.total if count is not None else 0
                found.append((row.id, Inventory(row.path, row.source, row.at, row.told_by, total)))
                if len(found) == limit:
                    break
            if len(rows) < _PAGE:
                break
        return found

    async def _images(self, id: int) -> set[Image]:
        found: set[Image] = set()
        last = Image("")
        while True:
            rows = await self._db.all(store.IMAGES, id=id, **last._asdict(), limit=_PAGE)
            found.update(Image(*row) for row in rows)
            if len(rows) < _PAGE:
                return found
            last = Image(*rows[-1])

    async def _begin(self, unit: Unit, permit: PathPermit, source: str) -> store.InventoryRow:
        await check_permit(unit, permit)
        row = await unit.one(store.ONE, path=permit.path, source=source)
        if row is None:
            count = await unit.one(store.COUNT, path=permit.path)
            if count is not None and count.total >= MOST_SOURCES:
                raise Conflict(f"a path has at most {MOST_SOURCES} sources")
            await unit.run(store.NEW, path=permit.path, source=source, actor=permit.subject.actor)
            row = await unit.one(store.ONE, path=permit.path, source=source)
        assert row is not None
        return row

    async def _end(self, unit: Unit, permit: PathPermit, row: store.InventoryRow, count: int) -> None:
        await check_permit(unit, permit)
        await unit.run(store.TOLD, id=row.id, actor=permit.subject.actor)
        data: dict[str, object] = {"path": permit.path, "source": row.source, "images": count}
        await note(unit, ChangeKind.INVENTORY_TOLD, actor=permit.subject.actor, origin=permit.origin, data=data)


async def _change(unit: Unit, permit: PathPermit, command: Command, id: int, images: Iterable[Image]) -> None:
    await check_permit(unit, permit)
    for image in images:
        await unit.run(command, id=id, **image._asdict())


def _unknown(source: str) -> Unknown:
    return Unknown(f"there is no inventory of {source[:64]!r} in your sight")
