"""`Beginning`: how far an installation is from one that people rely on."""

from __future__ import annotations

from typing import NamedTuple

from holdfast.access.errors import Denied
from holdfast.access.model import PathPermit
from holdfast.access.policy.model import Action
from holdfast.db.port import Database, Reader
from holdfast.registry.beginning.store import ANY_PUSH, LAST_BACKUP


class Begun(NamedTuple):
    """`pushed`: whether anything was pushed yet; `backed_up_at`: when the last backup was made (microseconds), None:
    never."""

    pushed: bool
    backed_up_at: int | None


class Beginning:
    """What was done with an installation."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def of(self, permit: PathPermit) -> Begun:
        """What was done. For administrators. Raises `Denied`."""
        if not permit.system(Action.ADMINISTER):
            raise Denied("this needs an administrator", action=str(Action.ADMINISTER))

        async def read(reader: Reader) -> Begun:
            backup = await reader.one(LAST_BACKUP)
            return Begun(await reader.one(ANY_PUSH) is not None, backup.at if backup is not None else None)

        return await self._db.snapshot(read)
