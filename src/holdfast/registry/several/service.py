"""`Several`: what a change of several tags, or repositories, would do, letting it be done, and taking it back.

Promises: what is done is what was looked at: the items that are written down with what they were, and nothing that was
put since; nothing is changed by looking. Whoever looked at it alone lets it be done (who else sees it: seeing.py), by a
job that asks for his rights again at each item (doing.py). Raises besides what is named: `StalePermit`,
`holdfast.db.errors`.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Sequence

from holdfast.access.errors import Conflict, Invalid
from holdfast.access.identities import lasting
from holdfast.access.model import PathPermit
from holdfast.access.standing import check_permit
from holdfast.db.port import Database, Unit
from holdfast.jobs.model import NewJob
from holdfast.jobs.service import enqueue
from holdfast.oci.errors import NameInvalid
from holdfast.oci.name import RepositoryName
from holdfast.registry.objects import Objects
from holdfast.registry.several import store
from holdfast.registry.several.model import (
    MOST_PAGE,
    MOST_TAGS,
    Change,
    Item,
    Kind,
    Outcome,
    Page,
    Picked,
    PickedRepositories,
    Planned,
    Wish,
)
from holdfast.registry.several.naming import check_naming
from holdfast.registry.several.planning_repositories import RepositoryPlans
from holdfast.registry.several.planning_tags import PIECE, TagPlans
from holdfast.registry.several.protecting import Protecting, Protection
from holdfast.registry.several.seeing import SeenChanges, change_of, own, require_own, seen

_MOST_NAME, _MOST_TEXT = 256, 4096


class Several:
    """Changes of several tags, or repositories. One object a process."""

    def __init__(self, db: Database, objects: Objects) -> None:
        self._db = db
        self._tags = TagPlans(db, objects)
        self._repositories = RepositoryPlans(db)
        self._protecting = Protecting(db)
        self.seen = SeenChanges(db)

    async def plan(self, permit: PathPermit, kind: Kind, picked: Picked, wish: Wish | None = None) -> int:
        """Write down what doing it to these tags of the permit's repository would do; gives the change's number.
        `wish`: None, it is said when it is started; new names are looked at with it alone.

        Raises `RepositoryUnknown`, `Denied`, `Invalid`, `Conflict` as `lasting` does.
        """
        lasting(permit)
        if wish is not None:
            _check(RepositoryName.parse(permit.path), kind, wish)
        planned = await self._tags.look(permit, kind, picked, wish or Wish())
        return await self._write(permit, kind, planned, wish or Wish())

    async def plan_repositories(self, permit: PathPermit, kind: Kind, picked: PickedRepositories) -> int:
        """Write down what doing it to these repositories, at and below the permit's path, would do; gives the change's
        number. Raises `Unknown`, `Invalid`, `Conflict` as `lasting` does."""
        lasting(permit)
        return await self._write(permit, kind, await self._repositories.look(permit, kind, picked), Wish())

    async def rename(self, permit: PathPermit, id: int, wish: Wish) -> int:
        """Look at the tags of a change again, with these new names; gives the number of a new change. Raises as `plan`,
        `Unknown`, `Conflict` when it was begun."""
        await check_permit(self._db, permit)
        row = own(permit, await self._db.all(store.CHANGE, id=id))
        if row.kind != Kind.RETAG or row.job is not None or row.total is None:
            raise Conflict("these tags are not waiting for new names")
        names = [each.name for each in await self._db.all(store.ITEMS, id=id, after="", limit=MOST_TAGS)]
        return await self.plan(permit, Kind.RETAG, Picked(names, seq=row.seq), wish)

    async def show(self, permit: PathPermit, id: int) -> Change:
        """A change of the permit's repository or namespace ('': of any). Raises `Unknown`."""
        await check_permit(self._db, permit)
        row = seen(permit, await self._db.all(store.CHANGE, id=id))
        return change_of(row, await self._db.all(store.COUNTS, id=id))

    async def items(  # noqa: PLR0917 - where a page of what begins
        self, permit: PathPermit, id: int, outcome: Outcome | None, after: str, before: str, limit: int
    ) -> Page:
        """A page of its items by name, those of an outcome (None: all); of another's change without repositories that
        the caller is not told of. Raises `Unknown`."""
        await check_permit(self._db, permit)
        change = seen(permit, await self._db.all(store.CHANGE, id=id))
        whole = change.account == permit.subject.id or not Kind(change.kind).of_repositories
        limit = min(limit, MOST_PAGE)
        if before:
            statement, where = (store.ITEMS_DOWN, store.ITEMS_OF_DOWN), {"before": before}
        else:
            statement, where = (store.ITEMS, store.ITEMS_OF), {"after": after}
        if outcome is None:
            rows = await self._db.all(statement[0], id=id, limit=limit + 1, **where)
        else:
            rows = await self._db.all(statement[1], id=id, outcome=int(outcome), limit=limit + 1, **where)
        more = len(rows) > limit
        page = [_item(row) for row in rows[:limit]]
        if before:
            page.reverse()
        on, back = (True, more) if before else (more, bool(after))
        told = [item for item in page if whole or permit.shows(item.name)]
        return Page(told, page[-1].name if page and on else "", page[0].name if page and back else "")

    async def protection(self, permit: PathPermit, id: int) -> Protection:
        """What protecting its tags does to the rules. Raises `Unknown`, `Denied`."""
        waiting = (await self.items(permit, id, Outcome.WAITS, "", "", MOST_PAGE)).items
        return await self._protecting.look(permit, [item.name for item in waiting])

    async def start(self, permit: PathPermit, id: int, wish: Wish | None = None) -> int:
        """Let it be done; gives the job's number. `wish`: instead of what was said when it was looked at. Raises
        `Unknown`, `Denied`, `Invalid`, `Conflict` when it was begun."""
        change = await self.show(permit, id)
        require_own(permit, change.account)
        wish = change.wish if wish is None or change.kind is Kind.RETAG else wish
        if not change.kind.of_repositories:
            _check(RepositoryName.parse(change.path), change.kind, wish)
        if not change.counts.get(Outcome.WAITS):
            raise Conflict("none of these can be changed")

        async def begin(unit: Unit) -> int:
            await check_permit(unit, permit)
            row = own(permit, await unit.all(store.HOLD, id=id))
            if row.job is not None or row.total is None:
                raise Conflict("this was begun already" if row.job is not None else "this is still being looked at")
            return await _begin(unit, row, wish._asdict())

        return await self._db.write(begin)

    async def undo(self, permit: PathPermit, id: int) -> int:
        """Let what it did be taken back; gives the number of the change that does it. Raises `Unknown`,
        `Denied`, `Conflict`."""
        origin = json.dumps(lasting(permit)._asdict())

        async def begin(unit: Unit) -> int:
            await check_permit(unit, permit)
            row = own(permit, await unit.all(store.HOLD, id=id))
            if row.undoes is not None or row.undone is not None or row.ended_at is None:
                raise Conflict("this was taken back already, or is not done yet")
            of = {"account": row.account, "repo_id": row.repo_id, "path": row.path, "kind": row.kind, "seq": row.seq}
            made = await unit.one(store.ADD, wish=row.wish, origin=origin, newer=0, undoes=id, **of)
            assert made is not None
            total = await unit.run(store.UNDO_ITEMS, id=made.id, undoes=id)
            if not total:
                raise Conflict("nothing was changed that could be taken back")
            await unit.run(store.READY, id=made.id, total=total)
            again = await unit.one(store.HOLD, id=made.id)
            assert again is not None
            await _begin(unit, again, json.loads(row.wish))
            return made.id

        return await self._db.write(begin)

    async def _write(self, permit: PathPermit, kind: Kind, planned: Planned, wish: Wish) -> int:
        async def add(unit: Unit) -> int:
            await check_permit(unit, permit)
            made = await unit.one(
                store.ADD,
                account=permit.subject.id,
                repo_id=planned.repo_id,
                path=permit.path,
                kind=str(kind),
                wish=json.dumps(wish._asdict()),
                origin=json.dumps(lasting(permit)._asdict()),
                seq=planned.seq,
                newer=planned.newer,
                undoes=None,
            )
            assert made is not None
            return made.id

        change = await self._db.write(add)
        for first in range(0, len(planned.items), PIECE):
            await self._db.write(_adding(change, planned.items[first : first + PIECE]))
        await self._db.write(lambda unit: unit.run(store.READY, id=change, total=len(planned.items)))
        return change


async def forget_changes(db: Database, before: int) -> int:
    """Forget changes made before a time (microseconds), in small units; how many."""
    gone = 0
    while (row := await db.one(store.OLD, before=before)) is not None:
        while items := await db.all(store.ITEMS, id=row.id, after="", limit=PIECE):
            names = sorted(item.name for item in items)
            await db.write(_dropping(row.id, names))
        await db.write(lambda unit, id=row.id: unit.run(store.DROP, id=id))  # type: ignore[misc]
        gone += 1
    return gone


def _adding(change: int, items: Sequence[Item]) -> Callable[[Unit], Awaitable[None]]:
    rows = json.dumps(
        [
            [each.name, each.was, each.before, int(each.outcome), each.why or None, each.renamed or None]
            for each in items
        ]
    )

    async def add(unit: Unit) -> None:
        await unit.run(store.ADD_ITEMS, id=change, rows=rows)

    return add


def _dropping(change: int, names: Sequence[str]) -> Callable[[Unit], Awaitable[None]]:
    async def drop(unit: Unit) -> None:
        await unit.run(store.DROP_ITEMS, id=change, names=names)

    return drop


async def _begin(unit: Unit, row: store.ChangeRow, wish: dict[str, object]) -> int:
    kind = Kind(row.kind)
    where = "path" if kind.of_repositories else "repository"
    data = {"change": row.id, where: row.path, "what": row.kind, "undoes": row.undoes or 0}
    job = await enqueue(unit, NewJob(kind.job, data, dedupe=f"{kind.job}:{row.id}", account=row.account))
    assert job is not None, "a change has one job"
    await unit.run(store.BEGIN, id=row.id, job=job, wish=json.dumps(wish))
    return job


def _item(row: store.ItemRow) -> Item:
    outcome = Outcome(row.outcome)
    return Item(row.name, row.was, row.now, row.before, outcome, row.why or "", row.renamed or "")


def _check(path: RepositoryName, kind: Kind, wish: Wish) -> None:
    """Raise `Invalid` unless the wish says what the kind needs."""
    target = path
    if kind is Kind.PROMOTE or (kind is Kind.RETAG and wish.target):
        try:
            target = RepositoryName.parse(wish.target)
        except NameInvalid as error:
            raise Invalid("target", str(error)) from error
    if kind is Kind.PROMOTE and target == path:
        raise Invalid("target", "name another repository")
    if kind is Kind.RETAG:
        check_naming(wish)
    elif kind is Kind.LABEL:
        if not wish.name or len(wish.name) > _MOST_NAME or not wish.name.isprintable():
            raise Invalid("name", f"a label has a name of at most {_MOST_NAME} printable characters")
        if len(wish.text) > _MOST_TEXT or "\0" in wish.text:
            raise Invalid("text", f"a label has a value of at most {_MOST_TEXT} characters")
