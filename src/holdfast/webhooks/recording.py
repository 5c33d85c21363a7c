"""Stores what came of attempts, many at once.

Promises: an attempt and what it changes are one unit, which proves that the deliverer is still the one; nothing that
was stored by somebody else meanwhile is overwritten.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import NamedTuple

from holdfast.db.port import Unit
from holdfast.journal.model import ChangeKind, Origin
from holdfast.journal.service import note
from holdfast.webhooks import delivery_store, store
from holdfast.webhooks.delivery_store import DeliveryRow
from holdfast.webhooks.model import SECOND, SENDER, DeliveryState, WebhookState
from holdfast.webhooks.sending import Sent


class Try(NamedTuple):
    """An attempt at one body of an event."""

    part: int
    sent: Sent


class Breaking(NamedTuple):
    """The circuit of a target, after it opened or a probe failed. `fresh`: it opened."""

    fresh: bool
    since: int
    probe_at: int
    probes: int
    failures: int
    why: str


class Outcome(NamedTuple):
    """What came of a delivery. `row`: as it was; `state`, `part`, `due`: as it is. What else changes for its webhook:
    `breaking`, `closes`: since when the circuit was open that closes; `pause`: until when the target wants quiet;
    `gone`: it wants nothing any more."""

    row: DeliveryRow
    tries: Sequence[Try]
    state: DeliveryState
    part: int
    due: int
    breaking: Breaking | None = None
    closes: int | None = None
    pause: int | None = None
    gone: bool = False

    @property
    def attempts(self) -> int:
        """How often it was tried since it was made."""
        return self.row.attempts + len(self.tries)

    def after(self) -> DeliveryRow | None:
        """The delivery as it waits now; None: it ended."""
        if self.state is not DeliveryState.WAITING:
            return None
        return self.row._replace(part=self.part, attempts=self.attempts, due_at=self.due)


async def record(unit: Unit, outcomes: Sequence[Outcome], job: int) -> None:
    """Store outcomes, each of another delivery."""
    attempts = [attempt_row(each.row, each.row.attempts + n, a_try) for each in outcomes for n, a_try in _counted(each)]
    if attempts:
        await unit.run(delivery_store.ADD_ATTEMPTS, rows=json.dumps(attempts))
    settled = [
        (each.row.webhook_id, each.row.pos, int(each.state), each.part, each.attempts, each.due)
        for each in sorted(outcomes, key=lambda each: each.row[:2])
    ]
    await unit.run(delivery_store.SETTLE, rows=json.dumps(settled))
    for each in outcomes:
        if each.breaking or each.gone or each.closes is not None or each.pause is not None:
            await _record_target(unit, each, Origin(f"job-{job}"))


def attempt_row(row: DeliveryRow, n: int, a_try: Try) -> list[object]:
    """An attempt as `ADD_ATTEMPTS` takes it."""
    sent = a_try.sent
    facts = (sent.at, sent.ms, a_try.part, sent.status, sent.error, sent.request, sent.answer, sent.body)
    return [row.webhook_id, row.pos, n, *facts]


def _counted(outcome: Outcome) -> Sequence[tuple[int, Try]]:
    return list(enumerate(outcome.tries, 1))


async def _record_target(unit: Unit, outcome: Outcome, origin: Origin) -> None:
    """What changes for a whole webhook."""
    id = outcome.row.webhook_id
    held = await unit.one(store.HELD, id=id)
    if held is None or held.state != WebhookState.ENABLED:
        return
    facts: dict[str, object] = {"webhook": id, "name": held.name, "path": held.path, "target": held.target}

    async def tell(kind: ChangeKind, **more: object) -> None:
        await note(unit, kind, actor=SENDER, origin=origin, data={**facts, **more}, path=held.path)

    if outcome.gone:
        why = "the target answered 410 Gone"
        await unit.run(store.SET_STATE, id=id, state=int(WebhookState.DISABLED), why=why)
        await tell(ChangeKind.WEBHOOK_DISABLED, why=why)
        return
    if outcome.pause is not None:
        await unit.run(store.PAUSE, id=id, until=outcome.pause)
    broken = outcome.breaking
    if broken is not None:
        await unit.run(store.FAILING, id=id, since=broken.since, probe_at=broken.probe_at, probes=broken.probes)
        if broken.fresh:
            await tell(ChangeKind.WEBHOOK_FAILING, failures=broken.failures, why=broken.why)
    elif outcome.closes is not None:
        await unit.run(store.FAILING, id=id, since=None, probe_at=None, probes=0)
        await tell(ChangeKind.WEBHOOK_RECOVERED, failing_s=(unit.now - outcome.closes) // SECOND)
