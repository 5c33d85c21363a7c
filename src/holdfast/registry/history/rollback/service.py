"""The use-cases of rollback: the dry run, and the rollback itself.

Promises: one transaction, whatever it spans; what is applied is planned anew inside it, under the locks of its
repositories, so that no push comes between; what the dry run showed is what happens, or the rollback is refused naming
what changed. It writes the events that pushes and deletes write, and so is itself undone by another rollback.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import TypeVar

from holdfast.access.errors import Invalid
from holdfast.access.model import PathPermit
from holdfast.access.standing import check_permit
from holdfast.db.port import Database, Unit
from holdfast.journal.model import ChangeKind
from holdfast.journal.service import Place, record
from holdfast.oci.name import signed_digest
from holdfast.oci.version import version_key
from holdfast.registry.errors import ChangedSince, RollbackBlocked
from holdfast.registry.history.closure_store import REVIVE
from holdfast.registry.history.rollback import store
from holdfast.registry.history.rollback.model import Applied, Effect, Item, Part, Plan, Preview, Step, Wish
from holdfast.registry.history.rollback.planning import Planning, fingerprint, make_plan
from holdfast.registry.history.store import RepositoryRow
from holdfast.registry.history.targets import repositories
from holdfast.registry.quotas.model import Counts
from holdfast.registry.quotas.service import grow
from holdfast.registry.settings import RegistrySettings
from holdfast.registry.store import TAG_EVENT

T = TypeVar("T")
_NAMED = 10
_SHOWN = 500
_PIECE = 1000
_TRIES = 3
_DONE = (Effect.CREATE, Effect.MOVE, Effect.DELETE)


class Rollback:
    """Taking tags back to an instant. One object a process."""

    def __init__(self, db: Database, settings: RegistrySettings) -> None:
        self._db = db
        self._settings = settings

    async def preview(self, permit: PathPermit, wish: Wish, after: tuple[str, str], limit: int) -> Preview:
        """A dry run: what would change, in order of repositories and tags, from after the item `after` on.

        Raises `RepositoryUnknown`, `Invalid`, `TooManyChanges`, `ChangedSince` when it changes all the while, `Denied`,
        `StalePermit`.
        """
        self._check(wish)
        for _ in range(_TRIES):
            await check_permit(self._db, permit)
            repos = await repositories(self._db, permit, wish.target, wish.to)
            planning = Planning(self._db, permit, wish, self._settings.window, self._db.now())
            plan = await make_plan(planning, repos)
            if await repositories(self._db, permit, wish.target, wish.to) == repos:
                break
        else:
            raise ChangedSince("pushes change this all the while: try again, or roll back less")
        if wish.fingerprint is not None:
            _require_same(wish.fingerprint, repos)
        rest = (part.item(step) for part in plan.parts for step in part.steps if (_path(part), step.tag) > after)
        items = list(islice(rest, limit + 1))
        page = items[:limit]
        more = (page[-1].repository, page[-1].tag) if len(items) > limit else None
        return Preview(plan.counts, plan.window_from, plan.fingerprint, len(_changed(plan)), page, more)

    async def apply(self, permit: PathPermit, wish: Wish) -> Applied:
        """Roll back.

        Raises `RepositoryUnknown`, `Invalid`, `TooManyChanges`, `RollbackBlocked`, `ChangedSince`, `QuotaExceeded`,
        `Denied`, `StalePermit`.
        """
        self._check(wish)

        async def work(unit: Unit) -> Applied:
            await check_permit(unit, permit)
            seen = await repositories(unit, permit, wish.target, wish.to, alone=False)
            repos = await _locked(unit, seen)
            if wish.fingerprint is not None:
                _require_same(wish.fingerprint, repos)
            planning = Planning(unit, permit, wish, self._settings.window, unit.now, alone=False)
            plan = await make_plan(planning, repos)
            barred = (part.item(step) for part in plan.parts for step in part.steps if step.effect is Effect.BLOCKED)
            blocked = list(islice(barred, _SHOWN))
            if blocked and not wish.skip_blocked:
                raise _refused(blocked, plan.counts[Effect.BLOCKED])
            first, last = await self._write(unit, permit, wish, _changed(plan))
            return Applied(plan.counts, plan.window_from, len(_changed(plan)), blocked, last, first - 1)

        return await self._db.write(work)

    def _check(self, wish: Wish) -> None:
        if wish.to > self._db.now():
            raise Invalid("to", "this instant lies in the future")

    async def _write(self, unit: Unit, permit: PathPermit, wish: Wish, parts: Sequence[Part]) -> tuple[int, int]:
        """Write what is planned in these repositories, which are locked; returns the first time and the last one."""
        if not parts:
            return unit.now, unit.now
        ids = [part.repository.id for part in parts]
        moments = [row for piece in _pieces(ids) for row in await unit.all(store.ADVANCE, ids=piece)]
        places = {row.id: Place(row.id, row.seq, row.last_at) for row in moments}
        await _write_events(unit, parts, places)
        for part in parts:
            await self._keep(unit, part, places[part.repository.id])
        await _write_tags(unit, parts, places)
        for part in parts:
            await _account(unit, permit, wish, part, places[part.repository.id])
        times = [place.at for place in places.values()]
        return min(times), max(times)

    async def _keep(self, unit: Unit, part: Part, place: Place) -> None:
        """Hold what loses a tag for the history window, and a lease beyond it; what gets one is kept by it, and comes
        back if it was deleted. A tag that belongs to a digest keeps nothing. Ends the tags that end."""
        signed = {step.then_id for step in _done(part) if signed_digest(step.tag) is not None}
        lost = sorted(id for id in signed | {step.now_id for step in _done(part)} if id is not None)
        due = part.held.collectable(self._settings, place.at)
        for piece in _pieces(lost):
            await unit.run(store.HELD, repo_id=place.repo_id, ids=piece, due=due)
        tagged = {step.then_id for step in _done(part) if signed_digest(step.tag) is None}
        for piece in _pieces(sorted(id for id in tagged if id is not None)):
            await unit.run(store.SETTLED, repo_id=place.repo_id, ids=piece)
        for piece in _pieces(sorted(part.revived)):
            await unit.run(REVIVE, repo_id=place.repo_id, ids=piece, at=place.at)
        for names in _pieces([step.tag for step in part.steps if step.effect is Effect.DELETE]):
            await unit.run(store.TAGS_ENDED, repo_id=place.repo_id, names=names)


async def _locked(unit: Unit, seen: Sequence[RepositoryRow]) -> list[RepositoryRow]:
    """The repositories under lock, as they are now, in order of their names."""
    ids = sorted(row.id for row in seen)
    rows = [row for piece in _pieces(ids) for row in await unit.all(store.LOCK, ids=piece)]
    return sorted(rows, key=lambda row: row.path)


async def _write_events(unit: Unit, parts: Sequence[Part], places: Mapping[int, Place]) -> None:
    rows = (
        {
            "repo": part.repository.id,
            "seq": places[part.repository.id].seq,
            "name": step.tag,
            "was": step.now_id,
            "now": step.then_id,
            "at": places[part.repository.id].at,
        }
        for part in parts
        for step in _done(part)
    )
    while chunk := list(islice(rows, store.ROWS)):
        if len(chunk) == store.ROWS:
            await unit.run(store.EVENTS, **_numbered(chunk))
            continue
        for row in chunk:
            await unit.run(
                TAG_EVENT,
                repo_id=row["repo"],
                seq=row["seq"],
                name=row["name"],
                was_id=row["was"],
                now_id=row["now"],
                at=row["at"],
            )


async def _write_tags(unit: Unit, parts: Sequence[Part], places: Mapping[int, Place]) -> None:
    rows = (
        {
            "repo": part.repository.id,
            "name": step.tag,
            "content": step.then_id,
            "was": step.now_id,
            "seq": places[part.repository.id].seq,
            "key": version_key(step.tag) if step.effect is Effect.CREATE else "",
        }
        for part in parts
        for step in _done(part)
        if step.then_id is not None
    )
    while chunk := list(islice(rows, store.ROWS)):
        if len(chunk) == store.ROWS:
            await unit.run(store.TAGS_PUT, **_numbered(chunk))
            continue
        for row in chunk:
            await unit.run(store.TAG_PUT, **row)


async def _account(unit: Unit, permit: PathPermit, wish: Wish, part: Part, place: Place) -> None:
    """Count and record what was done in one repository."""
    effects = [step.effect for step in _done(part)]
    created, moved, deleted = (effects.count(effect) for effect in _DONE)
    size = sum(part.revived.values())
    if created != deleted or size:
        await grow(unit, permit, _path(part), Counts(bytes=size, tags=created - deleted), part.held)
    data: dict[str, object] = {
        "target": str(wish.target),
        "to": wish.to,
        "exact": wish.exact,
        "created": created,
        "moved": moved,
        "deleted": deleted,
    }
    if wish.tags is not None:
        data["tags"] = wish.tags
    await record(unit, ChangeKind.ROLLBACK_APPLIED, place, actor=permit.subject.actor, origin=permit.origin, data=data)


def _done(part: Part) -> Iterator[Step]:
    return (step for step in part.steps if step.effect in _DONE)


def _changed(plan: Plan) -> list[Part]:
    """The repositories in which something would change."""
    return [part for part in plan.parts if any(True for _ in _done(part))]


def _path(part: Part) -> str:
    return part.repository.path


def _numbered(rows: Sequence[Mapping[str, object]]) -> dict[str, object]:
    """The parameters of a statement that takes many rows."""
    return {f"{name}{n}": value for n, row in enumerate(rows) for name, value in row.items()}


def _pieces(values: Sequence[T]) -> Iterator[Sequence[T]]:
    return (values[first : first + _PIECE] for first in range(0, len(values), _PIECE))


def _require_same(given: str, repos: Sequence[RepositoryRow]) -> None:
    """Raise `ChangedSince` unless the repositories stand where they stood at the dry run."""
    moment, dot, _ = given.partition(".")
    if not dot or not moment.isdecimal() or len(moment) > 18:
        raise Invalid("fingerprint", "this is no fingerprint of a dry run")
    if fingerprint(int(moment), repos) == given:
        return
    changed = [row.path for row in sorted(repos, key=lambda row: -row.last_at) if row.last_at >= int(moment)]
    named = ", ".join(changed[:_NAMED]) or "a repository that was there is gone, or rights are others"
    raise ChangedSince(f"this has changed since the dry run: {named}; look at it again", repositories=changed[:_NAMED])


def _refused(blocked: Sequence[Item], total: int) -> RollbackBlocked:
    first = "; ".join(f"{item.repository}:{item.tag}: {item.why}" for item in blocked[:3])
    more = f", and {total - 3} more" if total > 3 else ""
    return RollbackBlocked(
        f"{total} of the changes cannot be made ({first}{more}): --skip-blocked leaves those as they are",
        blocked=[f"{item.repository}:{item.tag}" for item in blocked[:_NAMED]],
    )
