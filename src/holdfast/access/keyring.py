"""The keys of the installation that stand in its database, each wrapped by the master key under its own name.

Promises: a key under a name never changes, only its wrapping does, so what was unwrapped once is never asked for again;
a key is made once, whoever is first. Content keys are numbered generations, `content-1`, `content-2`, ...; the newest
wraps the data keys of content.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import NamedTuple

from holdfast.access.errors import MasterKeyAway, WrongMasterKey
from holdfast.access.master import KEY_BYTES, MasterKey
from holdfast.access.store import ADD_SECRET, DROP_SECRET, REWRAP_SECRET, SECRET, SECRETS
from holdfast.blobs.errors import Unavailable
from holdfast.db.port import Database, Reader, Unit

_CONTENT = "content-"


class WrappedKey(NamedTuple):
    """A key as the database holds it. `made_at`: microseconds since the epoch, None for one of an older program."""

    name: str
    wrapped: bytes
    made_at: int | None

    @property
    def generation(self) -> int | None:
        """The number of a content key, None for another one."""
        number = self.name.removeprefix(_CONTENT)
        return int(number) if self.name.startswith(_CONTENT) and number.isdecimal() else None


async def wrapped_keys(reader: Reader) -> list[WrappedKey]:
    """Every key of the installation, by name."""
    return [WrappedKey(*row) for row in await reader.all(SECRETS)]


async def load_key(db: Database, master: MasterKey, name: str) -> bytes:
    """The 32-byte key called `name`, made and stored on first use. Raises `WrongMasterKey`, `MasterKeyAway`."""
    row = await db.one(SECRET, name=name)
    if row is None:
        fresh = await master.wrap(name, new_key())

        async def add(unit: Unit) -> None:
            await unit.run(ADD_SECRET, name=name, wrapped=fresh)

        await db.write(add)
        row = await db.one(SECRET, name=name)
    if row is None:
        raise WrongMasterKey("the database did not keep a key that it was given")
    return await _opened(master, name, row.wrapped)


async def _opened(master: MasterKey, name: str, wrapped: bytes) -> bytes:
    key = await master.unwrap(name, wrapped)
    if len(key) != KEY_BYTES:
        raise WrongMasterKey(f"the key {name} in the database is damaged")
    return key


def new_key() -> bytes:
    """A fresh key."""
    return os.urandom(KEY_BYTES)


def content_key_name(generation: int) -> str:
    """The name of the content key of `generation`."""
    return f"{_CONTENT}{generation}"


async def add_key(unit: Unit, name: str, wrapped: bytes) -> bool:
    """Store a key that is wrapped already, unless there is one of that name; tells whether it was stored."""
    return await unit.run(ADD_SECRET, name=name, wrapped=wrapped) > 0


async def replace_wrapping(unit: Unit, name: str, was: bytes, wrapped: bytes) -> bool:
    """Store another wrapping of the key called `name`, unless somebody did since `was` was read."""
    return await unit.run(REWRAP_SECRET, name=name, was=was, wrapped=wrapped) > 0


async def remove_key(unit: Unit, name: str) -> None:
    """Remove a key that nothing needs any more."""
    await unit.run(DROP_SECRET, name=name)


class ContentKeys:
    """The content keys, unwrapped, by generation."""

    def __init__(self, db: Database, master: MasterKey) -> None:
        self._db = db
        self._master = master
        self._known: dict[int, bytes] = {}

    async def make_first(self) -> None:
        """Make the first generation if there is none."""
        if not any(row.generation for row in await wrapped_keys(self._db)):
            await load_key(self._db, self._master, content_key_name(1))

    async def load(self) -> Mapping[int, bytes]:
        """Every generation that there is; only those not met before are unwrapped. Raises `WrongMasterKey`,
        `MasterKeyAway`."""
        rows = [row for row in await wrapped_keys(self._db) if row.generation]
        found = {}
        for row in rows:
            generation = row.generation or 0
            known = self._known.get(generation)
            found[generation] = known or await _opened(self._master, row.name, row.wrapped)
        self._known = found
        return dict(found)

    async def load_again(self) -> Mapping[int, bytes]:
        """Like `load`, while serving: a key that does not open is an outage of this node, not damage of content.

        Raises `holdfast.blobs.errors.Unavailable`.
        """
        try:
            return await self.load()
        except (WrongMasterKey, MasterKeyAway) as error:
            raise Unavailable(f"This node cannot open a new key of encryption: {error}.") from error
