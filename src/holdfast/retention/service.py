"""`Retention`: plans as people make, review and apply them, and the verdict on one tag.

Making and applying a plan needs `settings` on the whole of its path; seeing one needs that, or `list` on the whole of
it, for it names tags and repositories. What is out of sight is answered as what is not there. Raises besides what is
named: `Invalid`, `Denied`, `StalePermit`, `holdfast.db.errors`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

from holdfast.access.errors import Conflict, Invalid, Unknown
from holdfast.access.model import PathPermit
from holdfast.access.policy.model import Action
from holdfast.access.standing import check_permit
from holdfast.db.port import Database, Unit
from holdfast.jobs.service import enqueue
from holdfast.oci.errors import NameInvalid
from holdfast.oci.name import RepositoryName, Tag
from holdfast.registry.effective.service import effective, prefixes_of
from holdfast.registry.errors import ManifestUnknown, RepositoryUnknown
from holdfast.registry.lastuse.tracking import last_pulls, tracked_since
from holdfast.registry.namespaces.sight import require_sight
from holdfast.registry.objects import Objects
from holdfast.registry.settings import RegistrySettings
from holdfast.retention import store
from holdfast.retention.looking import Look, Repository
from holdfast.retention.model import Cause, Item, Outcome, PlanState
from holdfast.retention.planning import owner_of, policy_of
from holdfast.retention.rules import Policy, plain_of
from holdfast.retention.tasks import apply_job, new_plan, plan_job
from holdfast.retention.texts import Writings
from holdfast.retention.verdict import Thing, Verdict

NEWEST = 2**62
Place = tuple[int, str, int]
"""Where an item stands in its plan: repository, name, content."""
_CHUNKS = 20
_CHUNK = 500


class Started(NamedTuple):
    """A plan, and the job that makes it or carries it out (0: one that was there already)."""

    plan: int
    job: int


class Rules(NamedTuple):
    """The rules that hold at a path, and the path that says them; None: no path does."""

    policy: Policy
    set_at: str | None


class Looked(NamedTuple):
    """An item. `pulled`: when it was pulled last, None: never, as far as is known; `referrers`: how many signatures and
    the like go with it."""

    item: Item
    pulled: int | None
    referrers: int


class Tested(NamedTuple):
    """What the rules say of a tag: None: no rule would drop it. `tracked_since`: from when on use is known."""

    thing: Thing
    verdict: Verdict | None
    tracked_since: int | None


class Retention:
    """The plans of one installation."""

    def __init__(self, db: Database, objects: Objects, settings: RegistrySettings) -> None:
        self._db = db
        self._objects = objects
        self._settings = settings

    async def rules(self, permit: PathPermit) -> Rules:
        """The rules at the permit's path. Raises `Unknown`."""
        await require_sight(self._db, permit, _checked(permit.path))
        settings = await effective(self._db, prefixes_of(permit.path))
        return Rules(policy_of(settings), owner_of(settings))

    async def make(self, permit: PathPermit, *, apply: bool = False, tried: Policy | None = None) -> Started:
        """Begin a plan for the permit's path, and with `apply` carry it out as soon as it is made. `tried`: as if these
        rules held there; such a plan is only looked at."""
        path = _checked(permit.path)
        if apply and tried is not None:
            raise Invalid("apply", "rules that are only tried are not applied: set them, and make a plan without them")
        permit.require_all(Action.SETTINGS, path)

        async def begin(unit: Unit) -> Started:
            await check_permit(unit, permit)
            text = json.dumps(plain_of(tried)) if tried is not None else None
            plan = await new_plan(unit, path, None, Cause.ASKED, permit.subject.actor, tried=text)
            job = await enqueue(unit, plan_job(plan, apply=apply, account=permit.subject.id))
            return Started(plan, job or 0)

        return await self._db.write(begin)

    async def apply(self, permit: PathPermit, plan_id: int) -> Started:
        """Carry out a plan that is ready, or go on with one whose carrying out ended early. Raises `Unknown`,
        `Conflict`."""
        plan = await self.plan(permit, plan_id)
        permit.require_all(Action.SETTINGS, plan.path)
        if plan.tried is not None:
            raise Conflict(f"plan {plan_id} only tries rules: set them, and make a plan without them")

        async def begin(unit: Unit) -> Started:
            await check_permit(unit, permit)
            held = await unit.one(store.HELD_PLAN, id=plan_id)
            if held is None:
                raise _unknown(plan_id)
            if held.state in (PlanState.MAKING, PlanState.APPLIED):
                raise Conflict(f"plan {plan_id} is {_words(held.state)}")
            await unit.run(store.BEGIN_APPLYING, id=plan_id, actor=permit.subject.actor)
            job = await enqueue(unit, apply_job(plan_id, permit.subject.id))
            return Started(plan_id, job or 0)

        return await self._db.write(begin)

    async def plan(self, permit: PathPermit, plan_id: int) -> store.PlanRow:
        """One plan. Raises `Unknown`."""
        row = await self._db.one(store.PLAN, id=plan_id)
        if row is None or not _sees(permit, row.path):
            raise _unknown(plan_id)
        return row

    async def plans(
        self, permit: PathPermit, path: str | None, before: int = NEWEST, limit: int = 50
    ) -> list[store.PlanRow]:
        """The newest plans below a number that the caller may see, newest first; of one path, or of all (None)."""
        found: list[store.PlanRow] = []
        seen: dict[str, bool] = {}
        for _ in range(_CHUNKS):
            if path is None:
                rows = await self._db.all(store.PLANS, before=before, limit=_CHUNK)
            else:
                rows = await self._db.all(store.PLANS_OF, path=_checked(path), before=before, limit=_CHUNK)
            for row in rows:
                if row.path not in seen:
                    seen[row.path] = _sees(permit, row.path)
                if seen[row.path]:
                    found.append(row)
                    if len(found) == limit:
                        return found
            if len(rows) < _CHUNK:
                break
            before = rows[-1].id
        return found

    async def items(self, permit: PathPermit, plan_id: int, after: Place, limit: int) -> list[tuple[Place, Item]]:
        """Items of a plan beyond a place, each with its own. Raises `Unknown`."""
        await self.plan(permit, plan_id)
        repo_id, name, content_id = after
        rows = await self._db.all(
            store.ITEMS, plan_id=plan_id, repo_id=repo_id, name=name, content_id=content_id, limit=limit
        )
        return [((row.repo_id, row.name, row.content_id), _item(row)) for row in rows]

    async def shown(
        self, permit: PathPermit, plan_id: int, after: Place, limit: int, *, drop: bool
    ) -> tuple[list[Looked], Place | None]:
        """The items that go (`drop`), or those that stay although a rule would drop them, with what people ask of each
        before they let it go; and where to go on. Raises `Unknown`."""
        found: list[tuple[Place, Item]] = []
        following: Place | None = after
        for _ in range(_CHUNKS):
            rows = await self.items(permit, plan_id, after, _CHUNK)
            found += [(place, item) for place, item in rows if item.drop is drop]
            if len(found) > limit or len(rows) < _CHUNK:
                following = found[limit - 1][0] if len(found) > limit else None
                break
            after = following = rows[-1][0]
        return await self._looked(found[:limit]), following

    async def _looked(self, found: Sequence[tuple[Place, Item]]) -> list[Looked]:
        pulled: dict[Place, int] = {}
        referrers: dict[tuple[int, int], int] = {}
        for repo_id, part in groupby(found, key=lambda each: each[0][0]):
            places = [place for place, _ in part]
            tags = {name: content for _, name, content in places if name}
            by_tag, by_content = await last_pulls(self._db, repo_id, tags, [each[2] for each in places])
            pulled |= {each: by_tag.get(each[1], 0) if each[1] else by_content.get(each[2], 0) for each in places}
            ids = sorted({each[2] for each in places})
            rows = await self._db.all(store.REFERRERS, repo_id=repo_id, ids=ids)
            referrers |= {(repo_id, row.content_id): row.total for row in rows}
        return [
            Looked(item, pulled[place] or None, referrers.get((place[0], place[2]), 0) if item.bytes else 0)
            for place, item in found
        ]

    async def collected(self, path: str) -> int:
        """When at the earliest the bytes are free of what is dropped at a path now, microseconds."""
        settings = await effective(self._db, prefixes_of(_checked(path)))
        return settings.collectable(self._settings, self._db.now())

    async def test(self, permit: PathPermit, name: str, policy: Policy | None = None) -> Tested:
        """What the rules of the permit's repository, or others (`policy`), say of a tag now. Needs `list` or `settings`
        there. Raises `Unknown`."""
        path = _repository(permit.path)
        if permit.tags(Action.LIST, path).nothing and permit.lacks(Action.SETTINGS, path):
            raise RepositoryUnknown("there is no such repository", name=path)
        row = await self._db.one(store.REPOSITORY, path=path)
        if row is None:
            raise RepositoryUnknown("there is no such repository", name=path)
        settings = await effective(self._db, RepositoryName(path).prefixes())
        chosen = policy if policy is not None else policy_of(settings)
        since = await tracked_since(self._db)
        repository = Repository(row.id, path, chosen, settings, since, self._settings.lease)
        look = Look(self._db, repository, Writings(self._objects, chosen.rules))
        found = await look.one(Tag.parse(name), await look.begin())
        if found is None:
            raise ManifestUnknown("this repository has no such tag", reference=name)
        return Tested(found.thing, found.verdict, since)


def _sees(permit: PathPermit, path: str) -> bool:
    return not permit.lacks(Action.SETTINGS, path) or not permit.lacks(Action.LIST, path)


def _unknown(plan_id: int) -> Unknown:
    return Unknown(f"there is no plan {plan_id} in your sight")


def _words(state: int) -> str:
    return "still being made" if state == PlanState.MAKING else "applied already"


def _checked(path: str) -> str:
    return _repository(path) if path else path


def _repository(path: str) -> str:
    try:
        return RepositoryName.parse(path)
    except NameInvalid as error:
        raise Unknown(f"there is no {path[:128]!r} in your sight") from error


def _item(row: store.ShownItem) -> Item:
    return Item(
        row.repository,
        row.name,
        row.digest or "",
        row.at,
        row.verdict == 0,
        row.rule,
        row.reason,
        row.bytes,
        Outcome(row.outcome),
        row.skipped or "",
    )
