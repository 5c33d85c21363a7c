"""The identity of an installation, which its blob store carries as a mark."""

from __future__ import annotations

import uuid

from holdfast.access.store import ADD_INSTALLATION, INSTALLATION
from holdfast.db.port import Database, Unit


async def installation_id(db: Database) -> str:
    """The id of this installation, made on first use."""
    known = await known_installation(db)
    if known is not None:
        return known
    fresh = str(uuid.uuid4())

    async def add(unit: Unit) -> str:
        await unit.run(ADD_INSTALLATION, uuid=fresh)
        made = await unit.one(INSTALLATION)
        return made.uuid if made is not None else fresh

    return await db.write(add)


async def known_installation(db: Database) -> str | None:
    """The id of this installation, None when it has none yet."""
    row = await db.one(INSTALLATION)
    return row.uuid if row is not None else None
