"""`Deliveries`: what a webhook was told and what it answered; trying it by hand, and telling it again.

Promises: seeing deliveries needs what seeing the webhook does, and beside that whatever being told of its events needs;
what is delivered again has the id that it had; what is sent by hand is kept as everything that is sent. Raises besides
what is named: `Unknown`, `Denied`, `StalePermit`, `holdfast.db.errors`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

from holdfast.access.errors import Conflict, Invalid, Unknown
from holdfast.access.installation import installation_id
from holdfast.access.master import MasterKey
from holdfast.access.model import PathPermit
from holdfast.access.standing import check_permit
from holdfast.db.port import Database, Unit
from holdfast.jobs.model import NewJob
from holdfast.jobs.schedule import begin
from holdfast.jobs.service import enqueue
from holdfast.journal.model import ChangeKind
from holdfast.journal.reading import Wanted, last_place, oldest
from holdfast.journal.service import note
from holdfast.oci.digest import Digest
from holdfast.registry.events.model import Event
from holdfast.remote.outbound import Outbound
from holdfast.webhooks import delivery_store, model, store
from holdfast.webhooks.delivery_store import AttemptRow, DeliveryRow, LastRow
from holdfast.webhooks.knowing import Known
from holdfast.webhooks.model import CHANNEL, FIRST_PING, PATIENCE, DeliveryState, WebhookState
from holdfast.webhooks.receivers import Receiver, Registry, TooLong, receiver_of
from holdfast.webhooks.recording import Try, attempt_row
from holdfast.webhooks.schedules import DELIVERING, REPLAY
from holdfast.webhooks.sending import Sent, message_id, send
from holdfast.webhooks.service import Webhooks
from holdfast.webhooks.shapes.model import NOTHING_KNOWN, Payload
from holdfast.webhooks.vault import Vault, open_vault

NEWEST = 1 << 62
_MOST_ATTEMPTS = 100
_AT_ONCE = 500
_PATIENCE = 10.0


class Which(StrEnum):
    """Which deliveries a list has: of events, of those the ones that stand so, or tests by hand."""

    ALL = "all"
    WAITING = "waiting"
    GIVEN_UP = "given-up"
    TESTS = "tests"


_OLDER = {
    Which.ALL: delivery_store.NEWEST,
    Which.WAITING: delivery_store.NEWEST_WAITING,
    Which.GIVEN_UP: delivery_store.NEWEST_GIVEN_UP,
    Which.TESTS: delivery_store.NEWEST,
}
_NEWER = {
    Which.ALL: delivery_store.LATER,
    Which.WAITING: delivery_store.WAITING,
    Which.GIVEN_UP: delivery_store.GIVEN_UP,
    Which.TESTS: delivery_store.LATER,
}


class Body(NamedTuple):
    """One of the bodies of an event, as it is sent."""

    id: str
    content_type: str
    text: str


class Delivery(NamedTuple):
    """A delivery with its attempts, the newest first, and what is sent; no bodies: the event is gone."""

    row: DeliveryRow
    attempts: Sequence[AttemptRow]
    bodies: Sequence[Body]


class Told(NamedTuple):
    """A delivery in a list, with the last attempt at it, None: there was none yet."""

    row: DeliveryRow
    last: LastRow | None


class ToldPage(NamedTuple):
    """A page of deliveries, newest first. `next`, `previous`: the place beyond which its neighbours are, None: there is
    none."""

    items: Sequence[Told]
    next: int | None
    previous: int | None


class Span(NamedTuple):
    """A part of the journal: beyond a place, through another; or since a time, until another (microseconds)."""

    after: int | None = None
    through: int | None = None
    since: int | None = None
    until: int | None = None


class Deliveries:
    """What the webhooks of one installation were told. `source`: the registry's URL as clients see it."""

    def __init__(self, db: Database, webhooks: Webhooks, master: MasterKey, targets: Outbound, source: str) -> None:
        self._db = db
        self._webhooks = webhooks
        self._master = master
        self._targets = targets
        self._source = source
        self._opened: tuple[Vault, Registry] | None = None

    async def list(
        self, permit: PathPermit, id: int, state: DeliveryState | None, before: int, limit: int
    ) -> Sequence[DeliveryRow]:
        """Deliveries below a number, newest first."""
        await self._webhooks.row(permit, id, told=True)
        if state in (None, DeliveryState.WAITING, DeliveryState.GIVEN_UP):
            query = delivery_store.NEWEST
            if state is not None:
                waiting = state is DeliveryState.WAITING
                query = delivery_store.NEWEST_WAITING if waiting else delivery_store.NEWEST_GIVEN_UP
            return await self._db.all(query, webhook_id=id, before=before, limit=limit)
        found: list[DeliveryRow] = []
        while len(found) < limit:
            rows = await self._db.all(delivery_store.NEWEST, webhook_id=id, before=before, limit=_AT_ONCE)
            found += [row for row in rows if row.state == state]
            if len(rows) < _AT_ONCE:
                break
            before = rows[-1].pos
        return found[:limit]

    async def page(  # noqa: PLR0917 - which, and where it begins
        self, permit: PathPermit, id: int, wanted: Which, older: int | None, newer: int | None, limit: int
    ) -> ToldPage:
        """Deliveries older than a place, or newer than one; or the newest (None, None). Newest first."""
        await self._webhooks.row(permit, id, told=True)
        rows = await self._beyond(id, wanted, older, newer, limit + 1)
        more = len(rows) > limit
        rows = rows[:limit] if newer is None else rows[:limit][::-1]
        places = sorted(row.pos for row in rows)
        lasts = await self._db.all(delivery_store.LAST_ATTEMPTS, webhook_id=id, places=places) if rows else []
        last = {each.pos: each for each in lasts}
        return ToldPage(
            [Told(row, last.get(row.pos)) for row in rows],
            rows[-1].pos if rows and (more or newer is not None) else None,
            rows[0].pos if rows and (more if newer is not None else older is not None) else None,
        )

    async def _beyond(
        self, id: int, wanted: Which, older: int | None, newer: int | None, limit: int
    ) -> Sequence[DeliveryRow]:
        """Rows beyond a place, those next to it first."""
        low, high = (FIRST_PING, NEWEST) if wanted is Which.TESTS else (0, FIRST_PING)
        within = {"webhook_id": id, "limit": limit}
        if newer is not None:
            query = _NEWER[wanted]
            bound = {"before": high} if query is delivery_store.LATER else {}
            rows = await self._db.all(query, after=newer, **bound, **within)
        else:
            rows = await self._db.all(_OLDER[wanted], before=min(older or high, high), **within)
        return [row for row in rows if low <= row.pos < high]

    async def show(self, permit: PathPermit, id: int, pos: int) -> Delivery:
        """One delivery."""
        webhook = await self._webhooks.row(permit, id, told=True)
        row = await self._row(id, pos)
        attempts = await self._db.all(delivery_store.ATTEMPTS, webhook_id=id, pos=pos, limit=_MOST_ATTEMPTS)
        return Delivery(row, attempts, await self._bodies(webhook, pos))

    async def redeliver(self, permit: PathPermit, id: int, pos: int) -> DeliveryRow:
        """Let one event be told again, or at once where it waits. Raises `Conflict`."""
        await self._enabled(permit, id)
        row = await self._row(id, pos)
        if pos >= FIRST_PING:
            raise Conflict("this was a test: try the webhook again instead")
        await self._again(permit, id, [row.pos])
        return await self._row(id, pos)

    async def redeliver_failed(self, permit: PathPermit, id: int, since: int) -> int:
        """Let everything be told again that was given up since a time (microseconds); how many. Raises `Conflict`."""
        await self._enabled(permit, id)
        after, told = 0, 0
        while rows := await self._db.all(delivery_store.GIVEN_UP, webhook_id=id, after=after, limit=_AT_ONCE):
            after = rows[-1].pos
            places = [row.pos for row in rows if (row.ended_at or 0) >= since]
            if places:
                await self._again(permit, id, places)
            told += len(places)
        return told

    async def replay(self, permit: PathPermit, id: int, span: Span) -> int:
        """Begin to tell the events of a part of the journal; the job. Raises `Conflict`, `Invalid`."""
        webhook = await self._enabled(permit, id)
        after, through, since, until = span
        if since is not None:
            part = await oldest(self._db, Wanted(since=since), lambda _: True, limit=1)
            after = max(after or 0, part.rows[0].pos - 1 if part.rows else await last_place(self._db))
        if after is None:
            raise Invalid("after", "say from where: a place of the journal, or a time")
        last = await last_place(self._db)
        if until is not None:
            part = await oldest(self._db, Wanted(since=until), lambda _: True, limit=1)
            last = min(last, part.rows[0].pos - 1) if part.rows else last
        last = min(last, through if through is not None else last)
        data = {"webhook": id, "after": after, "through": last}

        async def work(unit: Unit) -> int:
            await check_permit(unit, permit)
            job = await enqueue(unit, NewJob(REPLAY, data, account=permit.subject.id))
            await begin(unit, DELIVERING)
            await _note(unit, ChangeKind.WEBHOOK_REDELIVERED, permit, webhook, after=after, through=last)
            return job or 0

        return await self._db.write(work)

    async def test(self, permit: PathPermit, id: int) -> Delivery:
        """Send something to a webhook now, enabled or not, and wait for what it answers."""
        webhook = await self._webhooks.row(permit, id, told=True)
        vault, registry = await self._open()
        receiver = receiver_of(webhook, vault)

        async def begun(unit: Unit) -> int:
            await check_permit(unit, permit)
            await _note(unit, ChangeKind.WEBHOOK_TESTED, permit, webhook)
            return unit.now

        pos = max(await self._db.write(begun), FIRST_PING)
        event, payload = _sample(receiver, registry, pos)
        sent = await send(
            self._targets, receiver, payload, id=message_id(registry, id, pos, 0), now=pos, seconds=_PATIENCE
        )
        state = DeliveryState.DELIVERED if sent.taken else DeliveryState.GIVEN_UP
        row = DeliveryRow(id, pos, event.kind, event.path, int(state), 1, 1, pos, pos, pos, pos)
        await self._db.write(lambda unit: _keep(unit, row, sent))
        attempts = await self._db.all(delivery_store.ATTEMPTS, webhook_id=id, pos=pos, limit=1)
        return Delivery(row, attempts, await self._bodies(webhook, pos))

    async def _again(self, permit: PathPermit, id: int, places: Sequence[int]) -> None:
        async def work(unit: Unit) -> None:
            await check_permit(unit, permit)
            webhook = await unit.one(store.HELD, id=id)
            if webhook is None:
                raise Unknown(f"there is no webhook {id} in your sight")
            count = await unit.run(
                delivery_store.AGAIN, webhook_id=id, places=places, until=unit.now + PATIENCE, ping=FIRST_PING
            )
            await unit.run(store.TOUCH, id=id)
            await begin(unit, DELIVERING)
            await _note(unit, ChangeKind.WEBHOOK_REDELIVERED, permit, webhook, deliveries=count)
            await unit.notify(CHANNEL)

        await self._db.write(work)

    async def _enabled(self, permit: PathPermit, id: int) -> store.WebhookRow:
        row = await self._webhooks.row(permit, id, told=True)
        if row.state != WebhookState.ENABLED:
            raise Conflict(f"webhook {id} is disabled: enable it first")
        return row

    async def _row(self, id: int, pos: int) -> DeliveryRow:
        row = await self._db.one(delivery_store.ONE, webhook_id=id, pos=pos)
        if row is None:
            raise Unknown(f"webhook {id} has no delivery {pos}")
        return row

    async def _bodies(self, webhook: store.WebhookRow, pos: int) -> Sequence[Body]:
        """What is sent for an event, as the webhook is now."""
        vault, registry = await self._open()
        receiver = receiver_of(webhook, vault)
        if pos >= FIRST_PING:
            payloads: Sequence[Payload] = [_sample(receiver, registry, pos)[1]]
        else:
            told = await Known(self._db).about(pos)
            try:
                payloads = receiver.payloads(registry, *told) if told is not None else ()
            except TooLong:
                payloads = ()
        return [
            Body(message_id(registry, webhook.id, pos, part), each.content_type, each.body.decode("utf-8", "replace"))
            for part, each in enumerate(payloads)
        ]

    async def _open(self) -> tuple[Vault, Registry]:
        if self._opened is None:
            vault = await open_vault(self._db, self._master)
            self._opened = vault, Registry(self._source, await installation_id(self._db))
        return self._opened


def _sample(receiver: Receiver, registry: Registry, pos: int) -> tuple[Event, Payload]:
    """What a test sends: that it is one; to receivers that have no word for that: a push that never was."""
    row = receiver.row
    tested = Event(
        pos, str(ChangeKind.WEBHOOK_TESTED), row.path, pos, model.SENDER, "", {"webhook": row.id, "name": row.name}, {}
    )
    made = receiver.payloads(registry, tested, NOTHING_KNOWN)
    if made:
        return tested, made[0]
    wanted = next((tag for tag in ("test", "latest") if receiver.wanted is None or receiver.wanted(tag)), "test")
    data = {"digest": str(Digest.of(b"a test")), "tags": [wanted]}
    path = "/".join(part for part in (row.path, "test") if part)
    pushed = Event(pos, str(ChangeKind.MANIFEST_PUSHED), path, pos, model.SENDER, "", data, {})
    open_to_all = Receiver(row, receiver.secrets, receiver.shape, lambda _: True)
    made = open_to_all.payloads(registry, pushed, NOTHING_KNOWN)
    return pushed, made[0] if made else Payload(b"{}", "application/json")


async def _keep(unit: Unit, row: DeliveryRow, sent: Sent) -> None:
    await unit.run(
        delivery_store.ADD_ENDED, webhook_id=row.webhook_id, pos=row.pos, kind=row.kind, path=row.path, state=row.state
    )
    rows = json.dumps([attempt_row(row, 1, Try(0, sent))])
    await unit.run(delivery_store.ADD_ATTEMPTS, rows=rows)


async def _note(unit: Unit, kind: ChangeKind, permit: PathPermit, webhook: store.WebhookRow, **more: object) -> None:
    data: dict[str, object] = {
        "webhook": webhook.id,
        "name": webhook.name,
        "path": webhook.path,
        "target": webhook.target,
        **more,
    }
    await note(unit, kind, actor=permit.subject.actor, origin=permit.origin, data=data, path=webhook.path)
