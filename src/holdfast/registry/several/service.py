"""`Several`: what a change of several tags would do, letting it be done, and letting it be taken back.

Promises: what is done is what was looked at: the tags that are written down with what they point to, and no tag that
was put since; nothing is changed by looking. Whoever looked at it alone sees it and lets it be done, by a job that asks
for his rights again at each tag (doing.py). Raises besides what is named: `StalePermit`, `holdfast.db.errors`.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from holdfast.access.errors import Conflict, Denied, Invalid, Unknown
from holdfast.access.model import CredentialKind, PathPermit
from holdfast.access.policy.model import Action
from holdfast.access.standing import check_permit
from holdfast.db.port import Database, Unit
from holdfast.jobs.model import NewJob
from holdfast.jobs.service import enqueue
from holdfast.oci import mediatype
from holdfast.oci.errors import NameInvalid
from holdfast.oci.name import RepositoryName
from holdfast.registry.browsing.model import TagFilter
from holdfast.registry.browsing.tags import TagTable
from holdfast.registry.immutability import rules as immutability
from holdfast.registry.immutability.rules import MOST_RULES, SETTING, Rules, blocked
from holdfast.registry.immutability.service import KIND as IMMUTABLE
from holdfast.registry.immutability.service import rules_for
from holdfast.registry.namespaces.settings import SettingsTree
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
    State,
    Wish,
)

JOB = "change-tags"
_PIECE = 500
_MOST_NAME, _MOST_TEXT = 256, 4096
_DOCKER = frozenset({mediatype.DOCKER_MANIFEST, mediatype.DOCKER_LIST})
_BORROWED = frozenset({CredentialKind.KEY, CredentialKind.REFRESH, CredentialKind.FEDERATION})


class Picked(NamedTuple):
    """Which tags: those of `names`, or with None all that pass the filter; put up to `seq` in the history of the
    repository."""

    names: Sequence[str] | None
    wanted: TagFilter
    seq: int


class Protection(NamedTuple):
    """What protecting tags does to the rules of immutable tags: what holds, from which path (None: nowhere), and what
    would hold at the repository, as people write it."""

    held: str
    path: str | None
    then: str


class Several:
    """Changes of several tags. One object a process."""

    def __init__(self, db: Database, objects: Objects) -> None:
        self._db = db
        self._table = TagTable(db, objects)
        self._settings = SettingsTree(db, (IMMUTABLE,))

    async def plan(self, permit: PathPermit, kind: Kind, picked: Picked) -> int:
        """Write down what doing it to these tags of the permit's repository would do; gives the change's number.

        Raises `RepositoryUnknown`, `Denied`, `Invalid`, `Conflict` to who did not sign in himself.
        """
        if not permit.subject.id or permit.credential.kind in _BORROWED:
            raise Conflict("several tags are changed by who signed in: a job does it with all his rights")
        path = RepositoryName.parse(permit.path)
        if kind is Kind.PROTECT:
            permit.require_all(Action.SETTINGS, path)
        found = await self._table.chosen(permit, path, picked.wanted, picked.names, MOST_TAGS)
        rows = [row for row in found.rows if row.seq <= picked.seq]
        if not rows:
            raise Invalid("pick", "none of these tags is there as it was when you looked")
        rules = await rules_for(self._db, path.prefixes())
        if kind is Kind.PROTECT and len(rules.rules) + len(rows) > MOST_RULES:
            left = max(0, MOST_RULES - len(rules.rules))
            raise Invalid("pick", f"a repository has at most {MOST_RULES} rules, room for {left} more: write a pattern")
        verdicts = _Verdicts(permit, path, kind, rules)
        items: list[list[object]] = []
        for first in range(0, len(rows), _PIECE):
            piece = rows[first : first + _PIECE]
            ids = sorted({row.content_id for row in piece})
            facts = {each.id: each for each in await self._db.all(store.FACTS, repo_id=found.repo_id, ids=ids)}
            for row in piece:
                if row.content_id in facts:
                    why = verdicts.why(row.name, facts[row.content_id].media_type or "")
                    outcome = Outcome.STAYS if why else Outcome.WAITS
                    items.append([row.name, facts[row.content_id].digest, None, int(outcome), why or None])
        newer = len(found.rows) - len(rows)

        async def add(unit: Unit) -> int:
            await check_permit(unit, permit)
            made = await unit.one(
                store.ADD,
                account=permit.subject.id,
                repo_id=found.repo_id,
                path=path,
                kind=str(kind),
                wish="{}",
                origin=json.dumps(permit.origin._asdict()),
                seq=picked.seq,
                newer=newer,
                undoes=None,
            )
            assert made is not None
            return made.id

        change = await self._db.write(add)
        for first in range(0, len(items), _PIECE):
            await self._db.write(_adding(change, items[first : first + _PIECE]))
        await self._db.write(lambda unit: unit.run(store.READY, id=change, total=len(items)))
        return change

    async def show(self, permit: PathPermit, id: int) -> Change:
        """A change of the permit's repository. Raises `Unknown`."""
        await check_permit(self._db, permit)
        row = _own(permit, await self._db.all(store.CHANGE, id=id))
        return _change(row, await self._db.all(store.COUNTS, id=id))

    async def items(  # noqa: PLR0917 - where a page of what begins
        self, permit: PathPermit, id: int, outcome: Outcome | None, after: str, before: str, limit: int
    ) -> Page:
        """A page of its tags by name, those of an outcome (None: all). Raises `Unknown`."""
        await check_permit(self._db, permit)
        _own(permit, await self._db.all(store.CHANGE, id=id))
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
        return Page(page, page[-1].name if page and on else "", page[0].name if page and back else "")

    async def protection(self, permit: PathPermit, id: int) -> Protection:
        """What protecting its tags does to the rules. Raises `Unknown`, `Denied`."""
        change = await self.show(permit, id)
        waiting = (await self.items(permit, id, Outcome.WAITS, "", "", MOST_PAGE)).items
        held = await self._settings.show(permit, SETTING)
        then = protected(held.value, [item.name for item in waiting])
        return Protection(held.value, held.origins[0].path if change.path else None, then)

    async def start(self, permit: PathPermit, id: int, wish: Wish) -> int:
        """Let it be done; gives the job's number. Raises `Unknown`, `Invalid`, `Conflict` when it was begun."""
        change = await self.show(permit, id)
        _check(change, wish)
        if not change.counts.get(Outcome.WAITS):
            raise Conflict("none of these tags can be changed")

        async def begin(unit: Unit) -> int:
            await check_permit(unit, permit)
            row = _own(permit, await unit.all(store.HOLD, id=id))
            if row.job is not None or row.total is None:
                raise Conflict("this was begun already" if row.job is not None else "this is still being looked at")
            return await _begin(unit, row, wish._asdict())

        return await self._db.write(begin)

    async def undo(self, permit: PathPermit, id: int) -> int:
        """Let what it did be taken back; gives the number of the change that does it. Raises `Unknown`, `Conflict`."""

        async def begin(unit: Unit) -> int:
            await check_permit(unit, permit)
            row = _own(permit, await unit.all(store.HOLD, id=id))
            if row.undoes is not None or row.undone is not None or row.ended_at is None:
                raise Conflict("this was taken back already, or is not done yet")
            origin = json.dumps(permit.origin._asdict())
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


def protected(held: str, tags: Sequence[str]) -> str:
    """The rules `held`, as people write them, and one for exactly each of `tags`."""
    rules = list(immutability.read(IMMUTABLE.read(held), "").rules)
    known = set(rules)
    added = [rule for tag in tags if (rule := immutability.Rule(tag)) not in known]
    return IMMUTABLE.write(immutability.canonical([*rules, *added]))


def unprotected(held: str, tags: Sequence[str]) -> str:
    """The rules `held` without those that `protected` adds for `tags`."""
    gone = {immutability.Rule(tag) for tag in tags}
    rules = immutability.read(IMMUTABLE.read(held), "").rules
    return IMMUTABLE.write(immutability.canonical(rule for rule in rules if rule not in gone))


async def forget_changes(db: Database, before: int) -> int:
    """Forget changes made before a time (microseconds), in small units; how many."""
    gone = 0
    while (row := await db.one(store.OLD, before=before)) is not None:
        while items := await db.all(store.ITEMS, id=row.id, after="", limit=_PIECE):
            names = sorted(item.name for item in items)
            await db.write(_dropping(row.id, names))
        await db.write(lambda unit, id=row.id: unit.run(store.DROP, id=id))  # type: ignore[misc]
        gone += 1
    return gone


class _Verdicts:
    """Why a tag would stay as it is, as far as it can be told before."""

    def __init__(self, permit: PathPermit, path: RepositoryName, kind: Kind, rules: Rules) -> None:
        self._kind = kind
        self._rules = rules
        self._moves = immutability.Change.DELETE if kind is Kind.DELETE else immutability.Change.MOVE
        actions = {Kind.DELETE: Action.DELETE_TAG, Kind.LABEL: Action.OVERWRITE, Kind.PROMOTE: Action.PULL}
        self._rights = permit.tags(actions[kind], path) if kind in actions else None
        if self._rights is not None and self._rights.nothing:
            raise self._rights.refuse()

    def why(self, tag: str, media_type: str) -> str:
        """'': nothing is known against it."""
        if self._rights is not None and not self._rights.allows(tag):
            refusal: Denied = self._rights.refuse(tag)
            return str(refusal)
        held = blocked(self._rules, self._moves, tag)
        if self._kind is Kind.PROTECT:
            other = blocked(self._rules, immutability.Change.DELETE, tag)
            return f"it is immutable already: rule '{held.rule}'" if held is not None and other is not None else ""
        if held is not None and self._kind is not Kind.PROMOTE:
            return str(held)
        if self._kind is Kind.LABEL and media_type.lower() in _DOCKER:
            return "manifests of Docker's own type have no annotations"
        return ""


def _adding(change: int, items: Sequence[list[object]]) -> Callable[[Unit], Awaitable[None]]:
    rows = json.dumps(items)

    async def add(unit: Unit) -> None:
        await unit.run(store.ADD_ITEMS, id=change, rows=rows)

    return add


def _dropping(change: int, names: Sequence[str]) -> Callable[[Unit], Awaitable[None]]:
    async def drop(unit: Unit) -> None:
        await unit.run(store.DROP_ITEMS, id=change, names=names)

    return drop


async def _begin(unit: Unit, row: store.ChangeRow, wish: dict[str, object]) -> int:
    data = {"change": row.id, "repository": row.path, "what": row.kind, "undoes": row.undoes or 0}
    job = await enqueue(unit, NewJob(JOB, data, dedupe=f"{JOB}:{row.id}", account=row.account))
    assert job is not None, "a change has one job"
    await unit.run(store.BEGIN, id=row.id, job=job, wish=json.dumps(wish))
    return job


def _own(permit: PathPermit, rows: Sequence[store.ChangeRow]) -> store.ChangeRow:
    """The change, if the caller made it, in the permit's repository. Raises `Unknown`."""
    for row in rows:
        if row.account == permit.subject.id and row.path == permit.path and permit.shows(row.path):
            return row
    raise Unknown("there is no such change in your sight")


def _change(row: store.ChangeRow, counts: Sequence[store.CountRow]) -> Change:
    state = State.LOOKED_AT
    if row.total is None:
        state = State.MAKING
    elif row.job is not None:
        state = State.RUNNING if row.ended_at is None else State.ENDED
    return Change(
        row.id,
        row.path,
        Kind(row.kind),
        Wish(**json.loads(row.wish)),
        state,
        {Outcome(each.outcome): each.total for each in counts},
        row.newer,
        row.undoes or 0,
        row.undone or 0,
        row.job or 0,
        row.made_at,
        row.ended_at or 0,
    )


def _item(row: store.ItemRow) -> Item:
    return Item(row.name, row.was, row.now, row.before, Outcome(row.outcome), row.why or "")


def _check(change: Change, wish: Wish) -> None:
    """Raise `Invalid` unless the wish says what the kind needs."""
    if change.kind is Kind.PROMOTE:
        try:
            target = RepositoryName.parse(wish.target)
        except NameInvalid as error:
            raise Invalid("target", str(error)) from error
        if target == change.path:
            raise Invalid("target", "name another repository")
    elif change.kind is Kind.LABEL:
        if not wish.name or len(wish.name) > _MOST_NAME or not wish.name.isprintable():
            raise Invalid("name", f"a label has a name of at most {_MOST_NAME} printable characters")
        if len(wish.text) > _MOST_TEXT or "\0" in wish.text:
            raise Invalid("text", f"a label has a value of at most {_MOST_TEXT} characters")
