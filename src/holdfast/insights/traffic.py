"""`Traffic`: pulls and pushes of the last days, of everything that somebody may know as a whole.

Promises: a namespace counts for who may know what is used at and below it together, and once, however many grants
lead there; what was pulled in a repository that is gone since stays in the sum. Nothing here names a person or an
image. Pulls are those of who runs images: no scanners, no mirrors.
"""

from __future__ import annotations

from typing import NamedTuple

from holdfast.access.model import PathPermit
from holdfast.access.policy.globs import RepositoryGlob
from holdfast.access.policy.model import Effect
from holdfast.access.standing import check_reading
from holdfast.access.usage.classes import SubjectClass
from holdfast.db.port import Database, Reader
from holdfast.insights import ranking_store, reading_store
from holdfast.insights.model import NOTHING, RECENT, Counts, day_of
from holdfast.registry.quotas.managing import checked, knows_all

_GRANTS = 500
_MOST = int(SubjectClass.ANONYMOUS)


class Moved(NamedTuple):
    """Pulls and pushes of `paths` ('' everything) from the day `first` on, days without any left out; `counted_since`:
    the first day on which anything was counted at all, None: nothing was."""

    paths: tuple[str, ...]
    first: int
    days: list[tuple[int, Counts]]
    counted_since: int | None

    @property
    def total(self) -> Counts:
        """All days together."""
        found = NOTHING
        for _, counts in self.days:
            found = found.plus(counts)
        return found


class Traffic:
    """The traffic of one installation."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def recent(self, permit: PathPermit) -> Moved | None:
        """The last `RECENT` days of the permit's path, or where that is '' of all that the caller may know; None: that
        is nothing. Raises `Invalid`, `StalePermit`."""
        path = checked(permit.path)
        if knows_all(permit, path):
            paths: tuple[str, ...] = (path,)
        else:
            paths = () if path else _known(permit)
        if not paths:
            return None
        first = day_of(self._db.now()) - RECENT + 1

        async def read(reader: Reader) -> Moved:
            await check_reading(reader, permit)
            keys = [f"{each}/" for each in paths]
            rows = await reader.all(ranking_store.TRAFFIC, paths=keys, since=first, most=_MOST)
            days = [(row.day, Counts(pulls=row.pulls, pushes=row.pushes)) for row in rows]
            known = await reader.one(reading_store.FIRST_DAY)
            return Moved(paths, first, days, known.day if known is not None else None)

        return await self._db.snapshot(read)


def _known(permit: PathPermit) -> tuple[str, ...]:
    """The namespaces that grants name and that the caller may know as a whole, without those inside another one."""
    allowing = [grant for grant in permit.rights.grants[:_GRANTS] if grant.effect is Effect.ALLOW]
    named = {RepositoryGlob.parse(grant.repository).home for grant in allowing}
    found: list[str] = []
    for path in sorted(named - {""}):
        if knows_all(permit, path) and not any(path.startswith(f"{each}/") for each in found):
            found.append(path)
    return tuple(found)
