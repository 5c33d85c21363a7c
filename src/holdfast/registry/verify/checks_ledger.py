"""What is counted is what there is: the totals of the ledger, and what repositories and the paths above them use.

Each comparison is one statement, so what is written beside is never taken for damage.
"""

from __future__ import annotations

from holdfast.db.port import Reader, Unit
from holdfast.journal.service import Place
from holdfast.registry.quotas.model import span
from holdfast.registry.quotas.store import FOLD
from holdfast.registry.store import USAGE
from holdfast.registry.verify import ledger_store as store
from holdfast.registry.verify.inspection import Inspection
from holdfast.registry.verify.model import Damage, Finding

_PAGE = 200


async def check_ledger(run: Inspection) -> None:
    """Compare the totals, then every repository, then every path above one."""
    run.begin("counts", 1)
    run.outcome.checked["totals"] += 1
    await run.settle([TotalsSpot(run)])
    run.step(1)
    await _repositories(run)
    await _sums(run)


async def _repositories(run: Inspection) -> None:
    total = await run.db.one(store.REPOSITORY_TOTAL)
    run.begin("counts of repositories", total.total if total is not None else 0)
    after = 0
    while page := await run.db.all(store.REPOSITORIES, after=after, limit=_PAGE):
        after = page[-1].id
        run.outcome.checked["counts"] += len(page)
        ids = [row.id for row in page]
        wrong = {row.path for row in await run.db.all(store.SHORT, ids=ids) if any(row[1:])}
        if wrong:
            await run.settle([OwnSpot(run, id) for id in ids])
        run.step(len(page))


async def _sums(run: Inspection) -> None:
    after = ""
    while page := await run.db.all(store.COUNTED, after=after, limit=_PAGE):
        after = page[-1].path
        paths = [row.path for row in page]
        stray = await run.db.all(store.STRAY, paths=[path for path in paths if not path.endswith("/")])
        await run.settle([StraySpot(run, row.path) for row in stray if any(row[1:])])
        keys = [path for path in paths if path.endswith("/")]
        run.outcome.checked["counts"] += len(keys)
        await run.settle([SumSpot(run, key.removesuffix("/")) for key in keys])


class TotalsSpot:
    """The totals of the ledger."""

    def __init__(self, run: Inspection) -> None:
        self._run = run

    async def lock(self, unit: Unit) -> None:
        """Nothing: nobody locks the totals."""

    async def examine(self, reader: Reader) -> list[Finding]:
        """Which totals are not what there is."""
        return [
            Finding(Damage.LEDGER_WRONG, None, row.what, f"{row.bytes} bytes and {row.objects} objects are not counted")
            for row in await reader.all(store.TOTALS_SHORT)
        ]

    async def mend(self, unit: Unit, finding: Finding) -> bool:
        """Count what is not counted."""
        for row in await unit.all(store.TOTALS_SHORT):
            if row.what == finding.reference:
                await unit.run(store.CORRECT_TOTAL, **row._asdict())
        await self._run.note(unit, Place(0, 0, unit.now), finding)
        return True


class OwnSpot:
    """What one repository uses."""

    def __init__(self, run: Inspection, repo_id: int) -> None:
        self._run = run
        self._id = repo_id

    async def lock(self, unit: Unit) -> None:
        """Nothing: what is compared is compared in one statement."""

    async def _short(self, reader: Reader) -> list[store.UsageRow]:
        return [row for row in await reader.all(store.SHORT, ids=[self._id]) if any(row[1:])]

    async def examine(self, reader: Reader) -> list[Finding]:
        """Whether it is counted as it is."""
        return [_finding(row, row.path) for row in await self._short(reader)]

    async def mend(self, unit: Unit, finding: Finding) -> bool:
        """Count the difference, as a change like any other."""
        for row in await self._short(unit):
            await unit.run(USAGE, **row._asdict())
        await self._run.note(unit, Place(0, 0, unit.now), finding)
        return True


class StraySpot(OwnSpot):
    """What is counted for a repository that there is not."""

    def __init__(self, run: Inspection, path: str) -> None:
        super().__init__(run, 0)
        self._path = path

    async def _short(self, reader: Reader) -> list[store.UsageRow]:
        return [row for row in await reader.all(store.STRAY, paths=[self._path]) if any(row[1:])]


class SumSpot:
    """What is used at and below a path."""

    def __init__(self, run: Inspection, path: str) -> None:
        self._run = run
        self._span = span(path)

    async def lock(self, unit: Unit) -> None:
        """Nothing: what is compared is compared in one statement."""

    async def examine(self, reader: Reader) -> list[Finding]:
        """Whether the sum is that of the repositories."""
        row = await reader.one(store.SUM, **self._span._asdict())
        return [_finding(row, self._span.key)] if row is not None and any(row[1:]) else []

    async def mend(self, unit: Unit, finding: Finding) -> bool:
        """Add the difference to the sum."""
        row = await unit.one(store.SUM, **self._span._asdict())
        if row is None:
            return False
        await unit.run(FOLD, **row._asdict())
        await self._run.note(unit, Place(0, 0, unit.now), finding)
        return True


def _finding(row: store.UsageRow, reference: str) -> Finding:
    reason = f"{row.bytes} bytes, {row.repositories} repositories and {row.tags} tags are not counted"
    return Finding(Damage.USAGE_WRONG, None, reference, reason)
