"""Tags: each points to a manifest that can be pulled, and its history ends where it points."""

from __future__ import annotations

from holdfast.db.port import Reader, Unit
from holdfast.registry.store import ADVANCE
from holdfast.registry.verify import rows, store
from holdfast.registry.verify.inspection import PAGE, Inspection, standing
from holdfast.registry.verify.model import Damage, Finding, Ids
from holdfast.registry.verify.repairs_tags import mend_dangling, mend_history


async def check_tags(run: Inspection) -> None:
    """Walk all tags, then all histories in search of tags that were lost."""
    total = await run.db.one(store.TAG_TOTAL)
    run.begin("tags", total.total if total is not None else 0)
    repo_id, name = 0, ""
    while page := await run.db.all(store.TAGS, repo_id=repo_id, name=name, limit=PAGE):
        repo_id, name = page[-1].repo_id, page[-1].name
        run.outcome.checked["tags"] += len(page)
        await run.settle([TagSpot(run, row.repo_id, row.name) for row in page if row.suspect])
        run.step(len(page))
    await _check_histories(run)


async def _check_histories(run: Inspection) -> None:
    total = await run.db.one(store.EVENT_TOTAL)
    run.begin("tag events", total.total if total is not None else 0)
    last = rows.EventKey(0, "", 0, lost=False)
    while page := await run.db.all(store.EVENTS, repo_id=last.repo_id, name=last.name, seq=last.seq, limit=PAGE):
        run.outcome.checked["tag events"] += len(page)
        # The last event of a name is the one before another name: only there may a tag be lost.
        pairs = zip([last, *page[:-1]], page, strict=True)
        ends = [was for was, now in pairs if (was.repo_id, was.name) != (now.repo_id, now.name)]
        await run.settle([TagSpot(run, row.repo_id, row.name) for row in ends if row.lost])
        last = page[-1]
        run.step(len(page))
    if last.lost:
        await run.settle([TagSpot(run, last.repo_id, last.name)])


class TagSpot:
    """One tag, there or not."""

    def __init__(self, run: Inspection, repo_id: int, name: str) -> None:
        self._run = run
        self._repo_id = repo_id
        self._name = name

    async def lock(self, unit: Unit) -> None:
        """Lock the repository."""
        await standing(unit, self._repo_id)

    async def examine(self, reader: Reader) -> list[Finding]:
        """Where it points, and what its last event says."""
        row = await reader.one(store.TAG, repo_id=self._repo_id, name=self._name)
        if row is None:
            return []
        event = await reader.one(store.LAST_EVENT, repo_id=self._repo_id, name=self._name)
        damage, reason = _judge(row, event)
        if damage is None:
            return []
        target = row.content_id or (event.now_id if event is not None else 0) or 0
        return [Finding(damage, row.path, self._name, reason, Ids(self._repo_id, target))]

    async def mend(self, unit: Unit, finding: Finding) -> bool:
        """Repair the tag or its history, in the repository's next place."""
        row = await unit.one(store.TAG, repo_id=self._repo_id, name=self._name)
        moment = await unit.one(ADVANCE, path=finding.repository)
        if row is None or moment is None:
            return False
        if finding.damage is Damage.TAG_DANGLING:
            await mend_dangling(self._run, unit, moment, row, finding)
        else:
            await mend_history(self._run, unit, moment, row, finding)
        return True


def _judge(row: rows.TagRow, event: rows.EventRow | None) -> tuple[Damage | None, str]:
    if row.content_id is None:
        if event is None or event.now_id is None:
            return None, ""
        return Damage.TAG_HISTORY, "its last event says that it is there, and it is not"
    named = row.digest or "content that is not there"
    if row.kind is None:
        return Damage.TAG_DANGLING, f"it points to {named}, which this repository does not have"
    if row.gone_at is not None:
        return Damage.TAG_DANGLING, f"it points to {named}, which was deleted"
    if row.kind == 0:
        return Damage.TAG_DANGLING, f"it points to {named}, which is no manifest here"
    if event is None:
        return Damage.TAG_HISTORY, f"it points to {named}, and no event tells of it"
    if event.now_id != row.content_id:
        return Damage.TAG_HISTORY, f"it points to {named}, and its last event says otherwise"
    if event.seq != row.seq:
        return Damage.TAG_HISTORY, "it names another event than its last one"
    return None, ""
