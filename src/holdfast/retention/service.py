"""`Retention`: plans as people make, review and apply them, and the verdict on one tag.

Making and applying a plan needs `settings` on the whole of its path; seeing one needs that, or `list` on the whole of
it, for it names tags and repositories. What is out of sight is answered as what is not there. Raises besides what is
named: `Invalid`, `Denied`, `StalePermit`, `holdfast.db.errors`.
"""

from __future__ import annotations

from typing import NamedTuple

from holdfast.access.errors import Conflict, Unknown
from holdfast.access.model import PathPermit
from holdfast.access.policy.model import Action
from holdfast.access.standing import check_permit
from holdfast.db.port import Database, Unit
from holdfast.jobs.service import enqueue
from holdfast.oci.errors import NameInvalid
from holdfast.oci.name import RepositoryName, Tag
from holdfast.registry.effective.service import effective, prefixes_of
from holdfast.registry.errors import ManifestUnknown, RepositoryUnknown
from holdfast.registry.lastuse.tracking import tracked_since
from holdfast.registry.namespaces.sight import require_sight
from holdfast.registry.objects import Objects
from holdfast.registry.settings import RegistrySettings
from holdfast.retention import store
from holdfast.retention.looking import Look, Repository
from holdfast.retention.model import Cause, Item, Outcome, PlanState
from holdfast.retention.planning import owner_of, policy_of
from holdfast.retention.rules import Policy
from holdfast.retention.tasks import apply_job, new_plan, plan_job
from holdfast.retention.texts import Writings
from holdfast.retention.verdict import Thing, Verdict

NEWEST = 2**62
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

    async def make(self, permit: PathPermit, *, apply: bool = False) -> Started:
        """Begin a plan for the permit's path, and with `apply` carry it out as soon as it is made."""
        path = _checked(permit.path)
        permit.require_all(Action.SETTINGS, path)

        async def begin(unit: Unit) -> Started:
            await check_permit(unit, permit)
            plan = await new_plan(unit, path, None, Cause.ASKED, permit.subject.actor)
            job = await enqueue(unit, plan_job(plan, apply=apply, account=permit.subject.id))
            return Started(plan, job or 0)

        return await self._db.write(begin)

    async def apply(self, permit: PathPermit, plan_id: int) -> Started:
        """Carry out a plan that is ready, or go on with one whose carrying out ended early. Raises `Unknown`,
        `Conflict`."""
        plan = await self.plan(permit, plan_id)
        permit.require_all(Action.SETTINGS, plan.path)

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

    async def items(
        self, permit: PathPermit, plan_id: int, after: tuple[int, str, int], limit: int
    ) -> list[tuple[tuple[int, str, int], Item]]:
        """Items of a plan beyond a place, each with its own. Raises `Unknown`."""
        await self.plan(permit, plan_id)
        repo_id, name, content_id = after
        rows = await self._db.all(
            store.ITEMS, plan_id=plan_id, repo_id=repo_id, name=name, content_id=content_id, limit=limit
        )
        return [((row.repo_id, row.name, row.content_id), _item(row)) for row in rows]

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
