"""Carrying out a plan: its items and nothing else, unit by unit.

Promises: what changed since the plan was made is skipped, and the item says why; so is what was pulled meanwhile where
the verdict rested on its not being used, and what runs by now where the rules protect that. Two who apply one plan drop
everything once; who was killed in the middle goes on where he was.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from itertools import groupby
from typing import NamedTuple

from holdfast.db.port import Database, Reader, Unit
from holdfast.journal.model import Origin
from holdfast.oci.name import RepositoryName
from holdfast.registry.deletion.dropping import (
    MOST,
    NO_REPOSITORY,
    By,
    ChosenManifest,
    ChosenTag,
    drop_manifests,
    drop_tags,
    lock,
)
from holdfast.registry.effective.service import effective
from holdfast.registry.lastuse.tracking import last_pulls
from holdfast.registry.settings import RegistrySettings
from holdfast.retention import store
from holdfast.retention.planning import policy_of
from holdfast.retention.rules import NOTHING, Policy, Verb
from holdfast.retention.running import Running, running
from holdfast.retention.verdict import Thing, selects

PULLED = "it was pulled since the plan was made"
RUNS = "it runs by now"
Told = Callable[[int, int], Awaitable[None]]
_Kept = dict[store.ItemRow, str]


class _Outcomes(NamedTuple):
    """What became of the items of a unit."""

    dropped: int = 0
    skipped: int = 0


class Applier:
    """Carries out plans."""

    def __init__(self, db: Database, settings: RegistrySettings, page: int = MOST) -> None:
        self._db = db
        self._settings = settings
        self._page = min(page, MOST)

    async def apply(self, plan: store.PlanRow, told: Told, request: str) -> None:
        """Carry out every item that waits. `request`: the id that the journal keeps beside each change."""
        by = By(
            plan.applied_by or "",
            Origin(request),
            {"plan": plan.id},
        )
        done = plan.dropped + plan.skipped
        at: tuple[int, str, int] = (0, "", 0)
        guard: _Guard | None = None
        while rows := await self._db.all(
            store.WAITING, plan_id=plan.id, repo_id=at[0], name=at[1], content_id=at[2], limit=self._page
        ):
            for repo_id, group in groupby(rows, key=lambda row: row.repo_id):
                items = list(group)
                if guard is None or guard.repo_id != repo_id:
                    guard = await self._guard(plan, repo_id)
                kept = await guard.kept(self._db, items)
                outcomes = await self._db.write(
                    partial(self._unit, of={"plan_id": plan.id, "repo_id": repo_id}, items=items, kept=kept, by=by)
                )
                done += outcomes.dropped + outcomes.skipped
            at = (rows[-1].repo_id, rows[-1].name, rows[-1].content_id)
            await told(done, plan.drops)

    async def _unit(
        self, unit: Unit, of: dict[str, int], items: Sequence[store.ItemRow], kept: _Kept, by: By
    ) -> _Outcomes:
        where = await lock(unit, of["repo_id"])
        tags = await unit.all(store.STILL_TAGS, names=sorted(each.name for each in items if each.name), **of)
        bare = sorted(each.content_id for each in items if not each.name)
        manifests = await unit.all(store.STILL_MANIFESTS, ids=bare, **of) if bare else []
        if where is None:
            stay_tags = {each.name: NO_REPOSITORY for each in tags}
            stay_manifests = {each.content_id: NO_REPOSITORY for each in manifests}
        else:
            stay_tags = {each.name: kept[each] for each in tags if each in kept}
            chosen = [ChosenTag(each.name, each.content_id, each.seq) for each in tags if each.name not in stay_tags]
            if chosen:
                stay_tags |= await drop_tags(unit, self._settings, where, chosen, by)
            stay_manifests = {each.content_id: kept[each] for each in manifests if each in kept}
            left = [
                ChosenManifest(each.content_id, each.at) for each in manifests if each.content_id not in stay_manifests
            ]
            if left:
                stay_manifests |= await drop_manifests(unit, self._settings, where, left, by)
        return await self._end(unit, of, tags, manifests, stay_tags, stay_manifests)

    async def _end(  # noqa: PLR0917 - what became of what
        self,
        unit: Unit,
        of: dict[str, int],
        tags: Sequence[store.ItemRow],
        manifests: Sequence[store.ItemRow],
        stay_tags: dict[str, str],
        stay_manifests: dict[int, str],
    ) -> _Outcomes:
        """Note what became of each item."""
        gone = sorted(each.name for each in tags if each.name not in stay_tags)
        buried = sorted(each.content_id for each in manifests if each.content_id not in stay_manifests)
        freed = 0
        if gone:
            await unit.run(store.END_TAGS, names=gone, outcome=1, why=None, **of)
            row = await unit.one(store.TAG_BYTES, names=gone, **of)
            freed += row.total if row is not None else 0
        if buried:
            await unit.run(store.END_MANIFESTS, ids=buried, outcome=1, why=None, **of)
            row = await unit.one(store.MANIFEST_BYTES, ids=buried, **of)
            freed += row.total if row is not None else 0
        for why in sorted({*stay_tags.values(), *stay_manifests.values()}):
            names = sorted(name for name, said in stay_tags.items() if said == why)
            ids = sorted(each for each, said in stay_manifests.items() if said == why)
            if names:
                await unit.run(store.END_TAGS, names=names, outcome=2, why=why, **of)
            if ids:
                await unit.run(store.END_MANIFESTS, ids=ids, outcome=2, why=why, **of)
        found = _Outcomes(len(gone) + len(buried), len(stay_tags) + len(stay_manifests))
        await unit.run(
            store.COUNT_OUTCOMES, id=of["plan_id"], dropped=found.dropped, skipped=found.skipped, freed=freed
        )
        return found

    async def _guard(self, plan: store.PlanRow, repo_id: int) -> _Guard:
        row = await self._db.one(store.REPOSITORY_OF, id=repo_id)
        if row is None:
            return _Guard(plan.made_at, repo_id, "", NOTHING, Running({}, {}, {}))
        policy = policy_of(await effective(self._db, RepositoryName(row.path).prefixes()))
        runs = await running(self._db, policy, repo_id, row.path, self._db.now())
        return _Guard(plan.made_at, repo_id, row.path, policy, runs)


class _Guard(NamedTuple):
    """What keeps items of a repository that are in use by now, though they were not when the plan was made."""

    made_at: int
    repo_id: int
    path: str
    policy: Policy
    runs: Running

    async def kept(self, reader: Reader, items: Sequence[store.ItemRow]) -> _Kept:
        """Those of `items` that stay, and why."""
        found: _Kept = {}
        asking = [each for each in items if each.uses]
        if asking:
            names, contents = await last_pulls(
                reader,
                self.repo_id,
                {each.name: each.content_id for each in asking if each.name},
                [each.content_id for each in asking],
            )
            for each in asking:
                last = names.get(each.name, 0) if each.name else contents.get(each.content_id, 0)
                if last >= self.made_at:
                    found[each] = PULLED
        for each in items:
            thing = Thing(each.name, each.content_id, each.seq, "", each.at)
            for rule in self.policy.rules:
                if (
                    rule.verb is Verb.KEEP
                    and rule.in_use is not None
                    and selects(rule, self.path, each.name)
                    and self.runs.has(rule, thing) is True
                ):
                    found.setdefault(each, RUNS)
        return found
