"""`Attention`: what needs the caller, as far as it is his to look after, and what was pushed last in his sight.

Promises: it costs a bounded number of rows, whatever is wrong; what is others' is counted for operators alone.
"""

from __future__ import annotations

from typing import NamedTuple

from holdfast.access.model import PathPermit
from holdfast.access.policy.model import Action
from holdfast.access.standing import check_reading
from holdfast.db.port import Database, Reader
from holdfast.registry.attention import store
from holdfast.registry.attention.store import PushedRow
from holdfast.registry.quotas.managing import Standing, warned
from holdfast.registry.reach.likes import likes
from holdfast.registry.reach.spans import shown
from holdfast.registry.settings import RegistrySettings
from holdfast.registry.upload.looking import STALE

MOST = 100
"""So many of anything are counted."""
_DAY = 86_400_000_000
_FAILED = 7 * _DAY
_HIGHEST = 1 << 62
_PIECES, _FASTER, _LONGEST = 9, 8, 20_000
"""So many pieces of what was pushed are looked through for what he may be told of, each so much longer than the one
before: about 10^5 repositories."""


class Need(NamedTuple):
    """So many (`MOST` at most), and the id of the newest (of uploads: when the last ends)."""

    number: int
    newest: int


class Seen(NamedTuple):
    """What needs the caller, and where something was pushed last. `jobs` that failed within a week; `damage`: contents
    whose bytes are wrong; `uploads` that nothing comes to; `quotas` that are nearly used up."""

    jobs: Need
    damage: Need
    uploads: Need
    quotas: list[Standing]
    recent: list[PushedRow]

    @property
    def calm(self) -> bool:
        """Whether nothing needs anybody."""
        return not (self.jobs.number or self.damage.number or self.uploads.number or self.quotas)


class Attention:
    """What needs people. One object a process."""

    def __init__(self, db: Database, settings: RegistrySettings) -> None:
        self._db = db
        self._settings = settings

    async def look(self, permit: PathPermit, recent: int = 8) -> Seen:
        """Look at everything (the permit is of ''). Raises `StalePermit`."""
        now = self._db.now()
        operator = int(permit.system(Action.OPERATE))

        async def read(reader: Reader) -> Seen:
            await check_reading(reader, permit)
            rows = await reader.all(
                store.NEEDS,
                since=now - _FAILED,
                late=now + self._settings.upload_expire - STALE,
                operator=operator,
                account=permit.subject.id or -1,
                most=MOST,
            )
            needs = {row.what: Need(row.number, row.newest or 0) for row in rows}
            return Seen(
                needs["jobs"],
                needs["damage"],
                needs["uploads"],
                await warned(reader, permit),
                await self._recent(reader, permit, recent),
            )

        return await self._db.snapshot(read)

    @staticmethod
    async def _recent(reader: Reader, permit: PathPermit, most: int) -> list[PushedRow]:
        repositories = permit.rights.shown(permit.here)
        wanted, patterns = shown(repositories), likes(repositories)
        found: list[PushedRow] = []
        if not wanted.spans:
            return found
        at: dict[str, object] = {"pushed_at": _HIGHEST, "path": ""}
        size = most
        for _ in range(_PIECES):
            rows = await reader.all(store.PUSHED, **at, **patterns, limit=size)
            mine = [row for row in rows if not row.reached and wanted.matches(row.path)]
            mine.sort(key=lambda row: (row.pushed_at, row.path), reverse=True)
            found += [PushedRow(row.path, row.pushed_at, row.pulled_at) for row in mine]
            last = next((row for row in rows if row.reached), None)
            if len(found) >= most or last is None:
                break
            at = {"pushed_at": last.pushed_at, "path": last.path}
            size = min(_FASTER * size, _LONGEST)
        return found[:most]
