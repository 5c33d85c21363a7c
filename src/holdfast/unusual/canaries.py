"""Canaries: repositories and keys that nobody has reason to touch. A touch is an alert at once, at the full score.

Promises: whatever the learning or the tuning of a path, a touch that the feed of use or the journal tells is an alert;
a canary looks like any other repository or key to whoever may not see canaries.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from holdfast.access.keys.suspending import keys_of
from holdfast.access.usage.feed import FedUse
from holdfast.access.usage.model import network_of
from holdfast.db.port import Unit
from holdfast.journal.chain import SealedRow
from holdfast.registry.effective.service import effective, prefixes_of
from holdfast.unusual import store
from holdfast.unusual.alerts import raise_alert
from holdfast.unusual.model import Alarm, Finding, Kind
from holdfast.unusual.written import NOTHING, SETTING, parse

FULL = 100
_KEY = "key:"


async def on_use(unit: Unit, uses: Sequence[FedUse]) -> None:
    """Raise an alert for each touch among what was used or refused."""
    if not await _any(unit):
        return
    paths = sorted({use.repository for use in uses if use.repository})
    repositories = {row.path: row for row in await unit.all(store.CANARIES_AT, paths=paths)}
    keys = await _keys(unit, {use.credential for use in uses})
    touched: dict[tuple[str, str], tuple[FedUse, str, str]] = {}
    for use in uses:
        what = f"{use.action or 'request without a credential'} of {use.repository or 'everything'}"
        what += "" if use.allowed else ", refused"
        if use.repository in repositories:
            touched[use.subject, use.repository] = (use, f"{what}: a canary repository", use.repository)
        if (row := keys.get(use.credential)) is not None:
            touched[use.subject, f"{_KEY}{row.key_id}"] = (use, f"{what}, by the canary key {row.label}", row.path)
    for use, value, path in touched.values():
        await _touched(unit, use.subject, use.credential, use.network, use.last_at, value, path)


async def on_change(unit: Unit, rows: Sequence[SealedRow]) -> None:
    """Raise an alert for each log-in by a canary key, and for each refusal of one or at one."""
    if not await _any(unit):
        return
    origins = [json.loads(row.origin) if row.origin else {} for row in rows]
    keys = await _keys(unit, {str(origin.get("credential", "")) for origin in origins})
    told = [json.loads(row.data) for row in rows]
    paths = sorted({str(data.get("repository", "")) for data in told} - {""})
    repositories = {row.path for row in await unit.all(store.CANARIES_AT, paths=paths)}
    for row, origin, data in zip(rows, origins, told, strict=True):
        credential, network = str(origin.get("credential", "")), network_of(str(origin.get("address", "")))
        repository = str(data.get("repository", ""))
        if repository in repositories:
            value = f"{data.get('action', 'request')} of {repository}, refused: a canary repository"
            await _touched(unit, row.actor, credential, network, row.at, value, repository)
        if (key := keys.get(credential)) is not None:
            value = f"{row.kind} by the canary key {key.label}"
            await _touched(unit, row.actor, credential, network, row.at, value, key.path)


async def _touched(  # noqa: PLR0917 - what a touch is made of
    unit: Unit, subject: str, credential: str, network: str, at: int, value: str, path: str
) -> None:
    finding = Finding(Kind.CANARY, FULL, value, "nobody has reason to touch it")
    alarm = Alarm(subject, credential, network, path, at, FULL, (finding,), (Kind.CANARY,))
    said = (await effective(unit, prefixes_of(path))).text(SETTING)
    await raise_alert(unit, alarm, NOTHING if said is None else parse(said))


async def _any(unit: Unit) -> bool:
    row = await unit.one(store.CANARY_COUNT)
    return row is not None and row.number > 0


async def _keys(unit: Unit, credentials: set[str]) -> dict[str, store.CanaryRow]:
    """The canaries among the keys that these credentials are of."""
    secrets = sorted(int(each.removeprefix(_KEY)) for each in credentials if each.startswith(_KEY))
    if not secrets:
        return {}
    of = await keys_of(unit, secrets)
    found = {row.key_id: row for row in await unit.all(store.CANARIES_BY, key_ids=sorted(set(of.values())))}
    return {f"{_KEY}{secret}": found[key] for secret, key in of.items() if key in found}
