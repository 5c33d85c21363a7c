"""Alerts: an alarm begins one, or grows the one of its cause. Each that begins, and each new kind in one, is an event.

Promises: one cause is one alert: a subject within its cool-down, or several subjects from one new network; what is kept
of an alert is bounded. What is done beside the event stands in the journal, too.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from holdfast.access.keys.suspending import slow, suspend
from holdfast.db.port import Unit
from holdfast.journal.model import ChangeKind, Origin
from holdfast.journal.service import note
from holdfast.unusual import store
from holdfast.unusual.model import DAY, HOUR, Alarm, Finding, Kind
from holdfast.unusual.profile import common
from holdfast.unusual.written import Action, Watching

ACTIVITY, TOUCH = "activity", "canary"
"""The causes: what a subject does, and that it touched a canary."""
SLOW = HOUR
"""For how long a key is slowed, microseconds."""
_BY = "unusual access"
_ALSO = 50
_KEY = "key:"
_REQUEST = ""


async def raise_alert(unit: Unit, alarm: Alarm, holds: Watching) -> None:
    """Begin an alert for an alarm, or grow one."""
    cause = TOUCH if alarm.findings[0].kind is Kind.CANARY else ACTIVITY
    since = alarm.at - (DAY if cause == TOUCH else holds.tuning.cool_down)
    known = await unit.one(store.OPEN_OF_SUBJECT, subject=alarm.subject, cause=cause, since=since)
    if known is None and Kind.NETWORK in alarm.fresh:
        known = await unit.one(store.OPEN_OF_NETWORK, network=alarm.network, cause=cause, since=since)
    if known is None:
        await _begin(unit, alarm, cause, holds)
    else:
        await _grow(unit, known, alarm, holds)


async def _begin(unit: Unit, alarm: Alarm, cause: str, holds: Watching) -> None:
    row = await unit.one(
        store.ADD_ALERT,
        path=alarm.path,
        subject=alarm.subject,
        credential=alarm.credential,
        network=alarm.network,
        cause=cause,
        score=alarm.score,
        at=alarm.at,
        findings=write_findings(alarm.findings),
        also="[]",
        action="",
    )
    assert row is not None
    await _tell(unit, row.id, alarm, alarm.path, alarm.findings)
    action = await _act(unit, row.id, alarm, holds)
    if action:
        await unit.run(
            store.GROW_ALERT,
            id=row.id,
            path=alarm.path,
            score=alarm.score,
            at=alarm.at,
            findings=write_findings(alarm.findings),
            also="[]",
            action=action,
        )


async def _grow(unit: Unit, known: store.AlertRow, alarm: Alarm, holds: Watching) -> None:
    before = {each.kind: each for each in read_findings(known.findings)}
    merged = dict(before)
    for each in alarm.findings:
        if each.kind not in merged or each.points >= merged[each.kind].points:
            merged[each.kind] = each
    findings = sorted(merged.values(), key=lambda each: (-each.points, each.kind))
    also: list[str] = json.loads(known.also)
    if alarm.subject != known.subject and alarm.subject not in also and len(also) < _ALSO:
        also.append(alarm.subject)
    path = common(known.path, alarm.path)
    fresh = [each for each in findings if each.kind not in before]
    if fresh:
        await _tell(unit, known.id, alarm, path, findings)
    action = known.action
    if fresh or alarm.subject != known.subject:
        action = await _act(unit, known.id, alarm, holds) or action
    await unit.run(
        store.GROW_ALERT,
        id=known.id,
        path=path,
        score=max(known.score, alarm.score, min(sum(each.points for each in findings), 100)),
        at=max(alarm.at, known.last_at),
        findings=write_findings(findings),
        also=json.dumps(also),
        action=action,
    )


async def _tell(unit: Unit, alert: int, alarm: Alarm, path: str, findings: Iterable[Finding]) -> None:
    kind = ChangeKind.CANARY_TOUCHED if alarm.findings[0].kind is Kind.CANARY else ChangeKind.ACCESS_UNUSUAL
    told = list(findings)
    data: dict[str, object] = {
        "alert": alert,
        "score": alarm.score,
        "subject": alarm.subject,
        "findings": [{**each._asdict(), "kind": str(each.kind)} for each in told],
        "text": "; ".join(each.text for each in told)[:1000],
    }
    await note(unit, kind, actor=alarm.subject, origin=_origin(alarm), data=data, path=path)


async def _act(unit: Unit, alert: int, alarm: Alarm, holds: Watching) -> str:
    """Do what the path says beside telling; what was done, '' for nothing."""
    kinds = tuple(each.kind for each in alarm.findings)
    action = holds.action(kinds)
    if action is Action.EVENT or not alarm.credential.startswith(_KEY):
        return ""
    secret = int(alarm.credential.removeprefix(_KEY))
    why = f"unusual access, alert {alert}"  # told to whoever has the key: not what gave him away
    if action is Action.THROTTLE:
        until = unit.now + SLOW
        slowed = await slow(unit, secret, until=until, by=_BY, why=why, origin=_origin(alarm))
        return f"slowed the key {slowed!r} for an hour" if slowed else ""
    done = await suspend(unit, secret, by=_BY, why=why, origin=_origin(alarm))
    return f"suspended the key {done!r}" if done else ""


def _origin(alarm: Alarm) -> Origin:
    return Origin(_REQUEST, alarm.network, "", alarm.credential)


def write_findings(findings: Iterable[Finding]) -> str:
    """Findings as they are kept."""
    return json.dumps([[str(each.kind), each.points, each.value[:400], each.usual[:200]] for each in findings])


def read_findings(text: str) -> list[Finding]:
    """Findings that were kept."""
    return [Finding(Kind(kind), points, value, usual) for kind, points, value, usual in json.loads(text)]
