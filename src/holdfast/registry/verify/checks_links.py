"""Links and edges: what a repository shows is rooted or waits for the collector, and every edge has both its ends."""

from __future__ import annotations

from holdfast.db.port import Reader, Unit
from holdfast.registry.verify import rows, store
from holdfast.registry.verify.checks_manifests import ManifestSpot
from holdfast.registry.verify.inspection import PAGE, Inspection, Spot, standing
from holdfast.registry.verify.model import Damage, Finding, Ids
from holdfast.registry.verify.repairs_manifests import leave_to_collector, let_go


async def check_links(run: Inspection) -> None:
    """Walk all links, and look at each live manifest among them."""
    total = await run.db.one(store.LINK_TOTAL)
    run.begin("links", total.total if total is not None else 0)
    last = rows.LinkKey(0, 0, manifest=False, rooted=True)
    while page := await run.db.all(store.LINKS, repo_id=last.repo_id, content_id=last.content_id, limit=PAGE):
        last = page[-1]
        run.outcome.checked["links"] += len(page)
        spots: list[Spot] = []
        for row in page:
            if row.manifest:
                spots.append(ManifestSpot(run, row.repo_id, row.content_id))
                run.outcome.checked["manifests"] += 1
            if not row.rooted:
                spots.append(LinkSpot(run, row.repo_id, row.content_id))
        await run.settle(spots)
        run.step(len(page))


async def check_edges(run: Inspection) -> None:
    """Walk all edges."""
    total = await run.db.one(store.EDGE_TOTAL)
    run.begin("edges", total.total if total is not None else 0)
    last = rows.EdgeKey(0, 0, 0, suspect=False)
    while page := await run.db.all(
        store.EDGES, repo_id=last.repo_id, kept_id=last.kept_id, keeper_id=last.keeper_id, limit=PAGE
    ):
        last = page[-1]
        run.outcome.checked["edges"] += len(page)
        await run.settle([EdgeSpot(run, row) for row in page if row.suspect])
        run.step(len(page))


class LinkSpot:
    """One link that nothing seems to root."""

    def __init__(self, run: Inspection, repo_id: int, content_id: int) -> None:
        self._run = run
        self._repo_id = repo_id
        self._id = content_id

    async def lock(self, unit: Unit) -> None:
        """Lock the repository."""
        await standing(unit, self._repo_id)

    async def examine(self, reader: Reader) -> list[Finding]:
        """Whether neither a tag, nor a keeper, nor the collector's list has it."""
        row = await reader.one(store.LINK, repo_id=self._repo_id, content_id=self._id)
        if row is None or row.rooted:
            return []
        reason = "nothing keeps it, and the collector does not know of it: its bytes would stay for ever"
        return [Finding(Damage.CANDIDATE_MISSING, row.path, row.digest, reason, Ids(self._repo_id, self._id))]

    async def mend(self, unit: Unit, finding: Finding) -> bool:
        """Put it on the collector's list."""
        place = await standing(unit, self._repo_id)
        if place is None or not await leave_to_collector(unit, self._run.settings, place, self._id):
            return False
        await self._run.note(unit, place, finding)
        return True


class EdgeSpot:
    """One edge that seems to lack an end."""

    def __init__(self, run: Inspection, key: rows.EdgeKey) -> None:
        self._run = run
        self._key = key

    async def lock(self, unit: Unit) -> None:
        """Lock the repository."""
        await standing(unit, self._key.repo_id)

    async def examine(self, reader: Reader) -> list[Finding]:
        """Whether an end is not there, and nothing else tells of it."""
        key = self._key
        row = await reader.one(store.EDGE, repo_id=key.repo_id, kept_id=key.kept_id, keeper_id=key.keeper_id)
        if row is None:
            return []
        kept, keeper = row.kept or "unknown content", row.keeper or "unknown content"
        reason = f"it is kept by {keeper}, and one of the two is not in this repository"
        return [Finding(Damage.EDGE_EXTRA, row.path, kept, reason, Ids(key.repo_id, key.kept_id, key.keeper_id))]

    async def mend(self, unit: Unit, finding: Finding) -> bool:
        """Remove it."""
        place = await standing(unit, self._key.repo_id)
        if place is None:
            return False
        await let_go(unit, self._run.settings, place, self._key.keeper_id, [self._key.kept_id])
        await self._run.note(unit, place, finding)
        return True
