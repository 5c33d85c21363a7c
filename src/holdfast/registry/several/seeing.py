"""`SeenChanges`: changes of several as people see them: one's own, and others' where one runs the registry or owns the
place.

Promises: who looked at a change sees it; who operates the registry sees all, and who may manage access to the whole of
a path those at and below it. Nobody sees a change of the tags of a repository that he is not told of, and of others'
changes no repository that he is not told of.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import NamedTuple

from holdfast.access.errors import Denied, Unknown
from holdfast.access.model import PathPermit
from holdfast.access.policy.model import Action
from holdfast.access.standing import check_permit
from holdfast.access.starters import starters_of
from holdfast.db.port import Database
from holdfast.registry.several import store
from holdfast.registry.several.model import MOST_PAGE, Change, Kind, Outcome, State, Wish

_NEWEST = 2**63 - 1
_STATES = {State.MAKING: 0, State.LOOKED_AT: 1, State.RUNNING: 2, State.ENDED: 3}


class ChangePage(NamedTuple):
    """A page of changes, newest first. `makers`: who looked at them, as actors, by account; `next`, `previous`: the ids
    that the pages beside it are asked with, None: there is none."""

    changes: list[Change]
    makers: dict[int, str]
    next: int | None
    previous: int | None


class SeenChanges:
    """The changes of one installation, as far as a caller may see them."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def look(
        self, permit: PathPermit, state: State | None, *, older: int = 0, newer: int = 0, limit: int
    ) -> ChangePage:
        """The newest changes at and below the permit's path that the caller sees, in a state (None: in any): below the
        id `older`, or above the id `newer` (0: neither). At most `MOST_PAGE`; fewer than `limit` do not mean the end.
        Four statements at most."""
        await check_permit(self._db, permit)
        limit = min(limit, MOST_PAGE)
        account, path = permit.subject.id, permit.path
        alone = not sees_all(permit, path)
        values: dict[str, object] = {
            "states": list(_STATES.values()) if state is None else [_STATES[state]],
            "limit": limit + 1,
        }
        downwards, upwards = store.CHANGES, store.CHANGES_UP
        if path:
            downwards, upwards = store.CHANGES_AT, store.CHANGES_AT_UP
            values |= {"path": path, "low": f"{path}/", "high": f"{path}0"}
            values |= {"least": account if alone else 0, "highest": account if alone else _NEWEST}
        elif alone:
            downwards, upwards = store.CHANGES_BY, store.CHANGES_BY_UP
            values |= {"account": account}
        if newer:
            rows = await self._db.all(upwards, after=newer, **values)
        else:
            rows = await self._db.all(downwards, before=older or _NEWEST, **values)
        more, shown = len(rows) > limit, list(rows[:limit])
        if newer:
            shown.reverse()
        told = [row for row in shown if sees(permit, row)]
        ids = [row.id for row in told]
        counts: dict[int, list[store.CountRow]] = {id: [] for id in ids}
        for each in await self._db.all(store.COUNTS_OF, ids=ids) if ids else []:
            counts[each.change_id].append(store.CountRow(each.outcome, each.total))
        changes = [change_of(row, counts[row.id]) for row in told]
        return ChangePage(
            changes,
            await self.makers(permit, changes),
            shown[-1].id if shown and (more or newer) else None,
            shown[0].id if shown and (more if newer else older) else None,
        )

    async def makers(self, permit: PathPermit, changes: Sequence[Change]) -> dict[int, str]:
        """Who looked at these changes, as actors, by account. At most one statement, none where it was the caller."""
        own = permit.subject
        others = await starters_of(self._db, (each.account for each in changes if each.account != own.id))
        return {own.id: own.actor, **others}


def sees_all(permit: PathPermit, path: str) -> bool:
    """Whether the caller sees others' changes at and below a path."""
    return permit.system(Action.OPERATE) or not permit.lacks(Action.MANAGE_ACCESS, path)


def sees(permit: PathPermit, row: store.ChangeRow) -> bool:
    """Whether the caller sees a change, at the permit's path or anywhere."""
    told = Kind(row.kind).of_repositories or permit.shows(row.path)
    return told and (row.account == permit.subject.id or sees_all(permit, row.path))


def seen(permit: PathPermit, rows: Sequence[store.ChangeRow]) -> store.ChangeRow:
    """The change, if the caller sees it, of exactly the permit's path ('': of any). Raises `Unknown`."""
    for row in rows:
        if permit.path in ("", row.path) and sees(permit, row):
            return row
    raise Unknown("there is no such change in your sight")


def own(permit: PathPermit, rows: Sequence[store.ChangeRow]) -> store.ChangeRow:
    """The change, if the caller looked at it himself. Raises `Unknown`, `Denied` when he sees it as another's."""
    row = seen(permit, rows)
    require_own(permit, row.account)
    return row


def require_own(permit: PathPermit, account: int) -> None:
    """Raise `Denied` unless it was the caller who looked at a change of this account."""
    if account != permit.subject.id:
        raise Denied("only who looked at a change lets it be done, or takes it back")


def change_of(row: store.ChangeRow, counts: Sequence[store.CountRow]) -> Change:
    """The change of a row, with its items by what became of them."""
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
        row.account,
    )
