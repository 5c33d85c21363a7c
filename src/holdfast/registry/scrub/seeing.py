"""`Damages`: how far the scrub is, and what is marked, for operators.

Marked content is not served and is not listed twice: whoever marked it, the scrub, a pull, `verify` or a compaction, it
stands here until a push brings it again or the collector takes it.
"""

from __future__ import annotations

from typing import NamedTuple

from holdfast.access.model import PathPermit
from holdfast.access.policy.model import Action
from holdfast.access.standing import check_reading
from holdfast.db.port import Database, Reader
from holdfast.registry.scrub import store
from holdfast.registry.scrub.store import RoundRow

MOST_REPOSITORIES = 20


class Damaged(NamedTuple):
    """Content that is marked, and repositories that show it: `MOST_REPOSITORIES` at most."""

    id: int
    digest: str
    size: int
    repositories: list[str]


class Damages:
    """What is marked. One object a process."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def round(self, permit: PathPermit) -> RoundRow:
        """How far the scrub is. Raises `Denied`, `StalePermit`."""
        _require_operator(permit)

        async def read(reader: Reader) -> RoundRow:
            await check_reading(reader, permit)
            row = await reader.one(store.ROUND)
            assert row is not None
            return row

        return await self._db.snapshot(read)

    async def page(self, permit: PathPermit, after: int, limit: int) -> list[Damaged]:
        """Marked content above `after`. Raises `Denied`, `StalePermit`."""
        _require_operator(permit)

        async def read(reader: Reader) -> list[Damaged]:
            await check_reading(reader, permit)
            found = []
            for row in await reader.all(store.DAMAGED, after=after, limit=limit):
                users = await reader.all(store.USERS, content_id=row.id, limit=MOST_REPOSITORIES)
                found.append(Damaged(*row, [user.path for user in users]))
            return found

        return await self._db.snapshot(read)


def _require_operator(permit: PathPermit) -> None:
    if not permit.system(Action.OPERATE):
        raise permit.rights.refuse(Action.OPERATE, "**", None, permit.here)
