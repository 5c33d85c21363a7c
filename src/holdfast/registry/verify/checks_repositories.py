"""Repositories: none is behind the last of its own events, or the next push would write its history twice."""

from __future__ import annotations

from holdfast.db.port import Reader, Unit
from holdfast.journal.service import Place
from holdfast.registry.verify import rows, store
from holdfast.registry.verify.inspection import PAGE, Inspection, standing
from holdfast.registry.verify.model import Damage, Finding, Ids


async def check_repositories(run: Inspection) -> None:
    """Walk all repositories."""
    total = await run.db.one(store.REPOSITORY_TOTAL)
    run.begin("repositories", total.total if total is not None else 0)
    after = 0
    while page := await run.db.all(store.REPOSITORIES, after=after, limit=PAGE):
        after = page[-1].id
        run.outcome.checked["repositories"] += len(page)
        await run.settle([RepositorySpot(run, row.id) for row in page if _behind(row)])
        run.step(len(page))


def _last(row: rows.RepositoryRow) -> tuple[int, int]:
    """The sequence and the time that the repository must have reached."""
    seq = max(row.seq, row.event_seq or 0, row.journal_seq or 0)
    return seq, max(row.last_at, row.event_at or 0, row.journal_at or 0)


def _behind(row: rows.RepositoryRow) -> bool:
    return _last(row) != (row.seq, row.last_at)


class RepositorySpot:
    """One repository."""

    def __init__(self, run: Inspection, repo_id: int) -> None:
        self._run = run
        self._id = repo_id

    async def lock(self, unit: Unit) -> None:
        """Lock the repository."""
        await standing(unit, self._id)

    async def examine(self, reader: Reader) -> list[Finding]:
        """Whether it is behind its events."""
        row = await reader.one(store.REPOSITORY, id=self._id)
        if row is None or not _behind(row):
            return []
        seq, last_at = _last(row)
        reason = f"it stands at {row.seq} ({row.last_at} us), its last event at {seq} ({last_at} us)"
        return [Finding(Damage.REPOSITORY_BEHIND, row.path, row.path, reason, Ids(self._id))]

    async def mend(self, unit: Unit, finding: Finding) -> bool:
        """Move it to its last event."""
        row = await unit.one(store.REPOSITORY, id=self._id)
        if row is None:
            return False
        seq, last_at = _last(row)
        await unit.run(store.CATCH_UP, id=self._id, seq=seq, last_at=last_at)
        await self._run.note(unit, Place(self._id, seq, last_at), finding)
        return True
