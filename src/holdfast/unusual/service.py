"""Alerts and canaries, for people: seen, closed, taught from; made and removed.

Seeing an alert needs `read-audit` on the whole of its path ('': on everything), closing it `settings` there, too. A
canary repository needs `settings` on it, a canary key `manage-access` on the namespace of its robot; whoever has that,
or `read-audit` there, sees them. What is out of sight is answered as what is not there. Raises besides what is named:
`Unknown`, `Denied`, `StalePermit`, `holdfast.db.errors`.
"""

from __future__ import annotations

import json
from typing import NamedTuple

from holdfast.access.errors import Conflict, Invalid, Unknown
from holdfast.access.keys.suspending import Named, key_of, robot_key
from holdfast.access.model import PathPermit
from holdfast.access.policy.model import Action
from holdfast.access.standing import check_permit, check_reading
from holdfast.db.port import Database, Unit
from holdfast.journal.model import ChangeKind
from holdfast.journal.service import note
from holdfast.registry.effective.service import effective, prefixes_of
from holdfast.registry.namespaces.sight import named
from holdfast.unusual import store
from holdfast.unusual.alerts import read_findings
from holdfast.unusual.model import Finding
from holdfast.unusual.profile import read, write
from holdfast.unusual.written import NOTHING, SETTING, Watching, parse

NEWEST = 2**62
OPEN, ACKNOWLEDGED, EXPECTED = range(3)
STATES = ("open", "acknowledged", "expected")
MOST_CANARIES = 1000
_CHUNKS, _CHUNK = 20, 500


class Alert(NamedTuple):
    """An alert. `subjects`: all of its cause, the first one first."""

    row: store.AlertRow
    findings: list[Finding]
    subjects: list[str]


class Alerts:
    """The alerts of one installation."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def page(self, permit: PathPermit, state: int | None, before: int = NEWEST, limit: int = 50) -> list[Alert]:
        """The newest alerts below a number that the caller may see, at and below the permit's path, newest first; of
        one state, or all (None)."""
        await check_reading(self._db, permit)
        return await self._seen(permit, state, before, limit, newer=False)

    async def newer(self, permit: PathPermit, state: int | None, after: int, limit: int) -> list[Alert]:
        """The alerts next above a number, otherwise as `page`."""
        await check_reading(self._db, permit)
        return (await self._seen(permit, state, after, limit, newer=True))[::-1]

    async def _seen(self, permit: PathPermit, state: int | None, at: int, limit: int, *, newer: bool) -> list[Alert]:
        """The alerts next to a number, those nearest to it first."""
        found: list[Alert] = []
        within = {} if state is None else {"state": state}
        for _ in range(_CHUNKS):
            if newer:
                query = store.LATER_ALERTS if state is None else store.LATER_ALERTS_IN
                rows = await self._db.all(query, after=at, limit=_CHUNK, **within)
            else:
                query = store.ALERTS if state is None else store.ALERTS_IN
                rows = await self._db.all(query, before=at, limit=_CHUNK, **within)
            found += [_alert(row) for row in rows if _lies(row.path, permit.path) and _sees_alert(permit, row.path)]
            if len(found) >= limit or len(rows) < _CHUNK:
                break
            at = rows[-1].id
        return found[:limit]

    async def get(self, permit: PathPermit, number: int) -> Alert:
        """One alert."""
        await check_reading(self._db, permit)
        row = await self._db.one(store.ALERT, id=number)
        if row is None or permit.lacks(Action.READ_AUDIT, row.path):
            raise _unknown(number)
        return _alert(row)

    async def close(self, permit: PathPermit, number: int, said: str, *, expected: bool) -> Alert:
        """Close an alert: somebody looked at it; or what it tells is `expected`, and usual for its subjects from now
        on. What comes after is another alert. Raises `Conflict` when it is closed."""
        seen = await self.get(permit, number)
        permit.require_all(Action.SETTINGS, seen.row.path)

        async def close(unit: Unit) -> None:
            await check_permit(unit, permit)
            held = await unit.one(store.HELD_ALERT, id=number)
            if held is None:
                raise _unknown(number)
            permit.require_all(Action.SETTINGS, held.path)
            if held.state != OPEN:
                raise Conflict(f"alert {number} is {STATES[held.state]} already")
            state = EXPECTED if expected else ACKNOWLEDGED
            actor = permit.subject.actor
            await unit.run(store.CLOSE_ALERT, id=number, state=state, actor=actor, note=said)
            await _teach(unit, _alert(held).subjects, expected=expected)
            data: dict[str, object] = {"alert": number, "subject": held.subject, "expected": expected, "note": said}
            await note(unit, ChangeKind.ALERT_CLOSED, actor=actor, origin=permit.origin, data=data, path=held.path)

        await self._db.write(close)
        return await self.get(permit, number)


async def key_of_alert(db: Database, alert: Alert) -> Named | None:
    """The key by which the cause of an alert came; None: it came by none, or the key is gone."""
    kind, _, secret = alert.row.credential.partition(":")
    return await key_of(db, int(secret)) if kind == "key" and secret.isdigit() else None


async def holds_at(db: Database, path: str) -> Watching:
    """How finely it is looked at a path, and what is done."""
    said = (await effective(db, prefixes_of(path))).text(SETTING)
    return NOTHING if said is None else parse(said)


class Canaries:
    """The canaries of one installation."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def page(self, permit: PathPermit, after: int, limit: int) -> list[store.CanaryRow]:
        """Canaries beyond a number that the caller may see."""
        await check_reading(self._db, permit)
        rows = await self._db.all(store.CANARIES, after=after, limit=MOST_CANARIES)
        return [row for row in rows if _sees(permit, row)][:limit]

    async def add_repository(self, permit: PathPermit) -> store.CanaryRow:
        """Make the permit's path a canary, whether it is there or not. Raises `Invalid`, `Conflict`."""
        path = str(named(permit.path, "repository"))
        permit.require_all(Action.SETTINGS, path)
        return await self._add(permit, path, 0, path)

    async def add_key(self, permit: PathPermit, owner: str, name: str) -> store.CanaryRow:
        """Make a robot's key a canary. Raises `Invalid`, `Conflict`."""
        kind, _, robot = owner.partition(":")
        if kind != "robot" or not robot:
            raise Invalid("owner", "a canary key is one of a robot: robot:NAMESPACE+NAME")
        found = await robot_key(self._db, robot, name)
        if found is None or permit.lacks(Action.MANAGE_ACCESS, found.namespace):
            raise Unknown(f"there is no key {name[:64]!r} of {owner[:128]!r} in your sight")
        return await self._add(permit, found.namespace, found.id, f"{name} of {owner}")

    async def remove(self, permit: PathPermit, number: int) -> None:
        """Let a canary be an ordinary repository or key again."""

        async def drop(unit: Unit) -> None:
            await check_permit(unit, permit)
            row = await unit.one(store.CANARY_BY_ID, id=number)
            if row is None or not _sees(permit, row):
                raise Unknown(f"there is no canary {number} in your sight")
            permit.require_all(_needs(row), row.path)
            await unit.run(store.DROP_CANARY, id=number)
            await _note(unit, ChangeKind.CANARY_REMOVED, permit, row)

        await self._db.write(drop)

    async def _add(self, permit: PathPermit, path: str, key_id: int, label: str) -> store.CanaryRow:
        async def add(unit: Unit) -> store.CanaryRow:
            await check_permit(unit, permit)
            count = await unit.one(store.CANARY_COUNT)
            if count is not None and count.number >= MOST_CANARIES:
                raise Conflict(f"there are {MOST_CANARIES} canaries: remove some")
            made = await unit.run(store.ADD_CANARY, path=path, key_id=key_id, label=label, made_by=permit.subject.actor)
            row = await unit.one(store.CANARY, path=path, key_id=key_id)
            assert row is not None
            if made:
                await _note(unit, ChangeKind.CANARY_ADDED, permit, row)
            return row

        return await self._db.write(add)


async def _teach(unit: Unit, subjects: list[str], *, expected: bool) -> None:
    """Let what is known of the subjects end the alarm; `expected`: and know it from now on."""
    for row in await unit.all(store.PROFILES, subjects=sorted(subjects)):
        profile = read(row.data)
        if expected:
            profile.expect()
        else:
            profile.found.clear()
            profile.alarm_at = profile.alarm_told = 0
        await unit.run(store.SET_PROFILE, subject=row.subject, data=write(profile), seen_at=unit.now)


async def _note(unit: Unit, kind: ChangeKind, permit: PathPermit, row: store.CanaryRow) -> None:
    data: dict[str, object] = {"label": row.label, "key" if row.key_id else "repository": row.label}
    await note(unit, kind, actor=permit.subject.actor, origin=permit.origin, data=data, path=row.path)


def _needs(row: store.CanaryRow) -> Action:
    return Action.MANAGE_ACCESS if row.key_id else Action.SETTINGS


def _sees(permit: PathPermit, row: store.CanaryRow) -> bool:
    return not permit.lacks(Action.READ_AUDIT, row.path) or not permit.lacks(_needs(row), row.path)


def _lies(path: str, above: str) -> bool:
    """Whether a path is another one, or below it."""
    return not above or path == above or path.startswith(f"{above}/")


def _sees_alert(permit: PathPermit, path: str) -> bool:
    return not permit.lacks(Action.READ_AUDIT, path)


def _alert(row: store.AlertRow) -> Alert:
    return Alert(row, read_findings(row.findings), [row.subject, *json.loads(row.also)])


def _unknown(number: int) -> Unknown:
    return Unknown(f"there is no alert {number} in your sight")
