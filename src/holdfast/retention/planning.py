"""Making a plan: every repository of its path under its rules, each tag and untagged manifest that a rule would drop
an item, stored for review.

Promises: nothing but the plan is changed; memory is flat; a run that ended in the middle goes on with the repository
that it was at. The items of a plan are what applying it carries out (applying.py): nothing is decided twice.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import NamedTuple

from holdfast.db.port import Database, Unit
from holdfast.db.query import Command
from holdfast.jobs.run import Run
from holdfast.oci.name import RepositoryName
from holdfast.registry.effective.service import Effective, effective
from holdfast.registry.lastuse.tracking import settle
from holdfast.registry.objects import Objects
from holdfast.registry.reach.spans import EVERYWHERE, Span, below
from holdfast.registry.settings import RegistrySettings
from holdfast.retention import store
from holdfast.retention.frees import Frees
from holdfast.retention.looking import PAGE, Decided, Look, Repository
from holdfast.retention.rules import NOTHING, SETTING, Policy
from holdfast.retention.texts import Writings
from holdfast.retention.verdict import Verdict
from holdfast.retention.written import parse

_AT_ONCE = 500
Told = Callable[[int, int], Awaitable[None]]


class Planner:
    """Makes plans. `objects`: to read what stands in manifests."""

    def __init__(self, db: Database, objects: Objects, settings: RegistrySettings, page: int = PAGE) -> None:
        self._db = db
        self._objects = objects
        self._lease = settings.lease
        self._page = page
        self._since: int | None = None

    async def make(self, run: Run, plan: store.PlanRow) -> None:
        """Bring a plan on, from where an earlier run left off, to its being whole."""
        saved = run.checkpoint or {}
        after, seen = str(saved.get("after", "")), int(saved.get("seen", 0))
        for span in spans_of(plan.path):
            while rows := await self._db.all(store.REPOSITORIES, after=after, low=span.low, high=span.high, limit=50):
                for row in rows:
                    found = await self.repository(plan, row, partial(_tell, run, seen))
                    after, seen = row.path, seen + found.tags
                    await run.write(partial(_count, run=run, plan_id=plan.id, found=found, at=(after, seen)))
                    if run.stopping:
                        await run.save({"after": after, "seen": seen})
        await run.progress(seen, seen)

    async def repository(self, plan: store.PlanRow, row: store.RepositoryRow, told: Told) -> Counts:
        """Make the items of a repository, anew where a run ended within it."""
        settings = await effective(self._db, RepositoryName(row.path).prefixes())
        owner = owner_of(settings)
        policy = policy_of(settings) if plan.tried is None else parse(plan.tried)
        if not policy.rules or (plan.owner is not None and owner != plan.owner):
            return Counts()
        if plan.tried is not None and owner is not None and len(owner) > len(plan.path):
            return Counts()  # it would go on with rules of its own
        await self._forget(plan.id, row.id)
        since = await self._known_since(plan, policy)
        look = Look(
            self._db,
            Repository(row.id, row.path, policy, settings, since, self._lease),
            Writings(self._objects, policy.rules),
            self._page,
        )
        here = await look.begin()
        total = await self._db.one(store.TAG_COUNT, repo_id=row.id)
        counts = Counts(1, total.total if total is not None else 0)
        done = 0
        async for page in look.tags(here):
            counts = counts.more(page)
            await self._note(_tag_items(plan.id, row, page))
            done += len(page)
            await told(done, counts.tags)
        async for page in look.untagged(here):
            counts = counts.more(page)
            await self._note(_manifest_items(plan.id, row, page))
        frees = Frees(self._db, plan.id, row.id)
        return counts._replace(bytes=await frees.count() if counts.drops else 0)

    async def _note(self, items: list[_Items]) -> None:
        async def note(unit: Unit) -> None:
            for each in items:
                await unit.run(each.command, **each.values)

        if items:
            await self._db.write(note)

    async def _known_since(self, plan: store.PlanRow, policy: Policy) -> int | None:
        """Since when use is known, found once for a plan; None where no rule asks."""
        if not any(rule.asks_use for rule in policy.rules):
            return None
        if self._since is None:
            since = self._since = await settle(self._db)
            await self._db.write(lambda unit: unit.run(store.SET_SINCE, id=plan.id, since=since))
        return self._since

    async def _forget(self, plan_id: int, repo_id: int) -> None:
        """Forget what an earlier run made of a repository."""
        await Frees(self._db, plan_id, repo_id).clear()
        while rows := await self._db.all(store.ITEMS_OF, plan_id=plan_id, repo_id=repo_id, limit=_AT_ONCE):
            names = sorted({row.name for row in rows})
            await self._db.write(partial(_drop_items, plan_id=plan_id, repo_id=repo_id, names=names))


class Counts(NamedTuple):
    """What there is of a repository in a plan."""

    repositories: int = 0
    tags: int = 0
    drops: int = 0
    keeps: int = 0
    bytes: int = 0

    def more(self, page: Sequence[Decided]) -> Counts:
        """With the verdicts of a page."""
        drops = sum(each.verdict is not None and each.verdict.drop for each in page)
        keeps = sum(each.verdict is not None and not each.verdict.drop for each in page)
        return self._replace(drops=self.drops + drops, keeps=self.keeps + keeps)


class _Items(NamedTuple):
    """Items to be noted by one statement."""

    command: Command
    values: dict[str, object]


def _tag_items(plan_id: int, row: store.RepositoryRow, page: Sequence[Decided]) -> list[_Items]:
    """Tags that have one verdict are noted together."""
    found: dict[Verdict, list[str]] = {}
    for each in page:
        if each.verdict is not None:
            found.setdefault(each.verdict, []).append(each.thing.name)
    return [
        _Items(
            store.NEW_TAG_ITEMS,
            {"plan_id": plan_id, "repo_id": row.id, "seq": row.seq, "names": names, **_values(verdict)},
        )
        for verdict, names in found.items()
    ]


def _manifest_items(plan_id: int, row: store.RepositoryRow, page: Sequence[Decided]) -> list[_Items]:
    return [
        _Items(
            store.NEW_MANIFEST_ITEM,
            {
                "plan_id": plan_id,
                "repo_id": row.id,
                "content_id": each.thing.content_id,
                "at": each.thing.at,
                **_values(each.verdict),
            },
        )
        for each in page
        if each.verdict is not None
    ]


def _values(verdict: Verdict) -> dict[str, object]:
    return {
        "verdict": 0 if verdict.drop else 1,
        "rule": verdict.rule,
        "reason": verdict.reason,
        "uses": int(verdict.uses),
    }


def policy_of(settings: Effective) -> Policy:
    """The rules that hold in a repository."""
    text = settings.text(SETTING)
    return parse(text) if text is not None else NOTHING


def owner_of(settings: Effective) -> str | None:
    """The path that says the rules, None: no path does."""
    row = settings.row(SETTING)
    return row.path if row is not None else None


def spans_of(path: str) -> tuple[Span, ...]:
    """Where a path and all below it stand among the names of repositories."""
    return below(path) if path else (EVERYWHERE,)


async def _tell(run: Run, before: int, done: int, total: int) -> None:
    await run.progress(before + done, before + total)


async def _count(unit: Unit, run: Run, plan_id: int, found: Counts, at: tuple[str, int]) -> None:
    if found.repositories:
        await unit.run(
            store.COUNT_REPOSITORY,
            id=plan_id,
            tags=found.tags,
            drops=found.drops,
            keeps=found.keeps,
            bytes=found.bytes,
        )
    await run.keep(unit, {"after": at[0], "seen": at[1]})


async def _drop_items(unit: Unit, plan_id: int, repo_id: int, names: list[str]) -> None:
    await unit.run(store.DROP_ITEMS, plan_id=plan_id, repo_id=repo_id, names=names)
