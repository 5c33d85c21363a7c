"""The jobs of webhooks: delivering, telling events again, and forgetting."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import partial

from holdfast.access.installation import installation_id
from holdfast.access.policy.languages import is_above
from holdfast.db.port import Database, Unit
from holdfast.feature.model import Working
from holdfast.jobs.run import Run, Task
from holdfast.journal.reading import Wanted, oldest
from holdfast.registry.events.model import Event, event_of
from holdfast.webhooks import delivery_store, store
from holdfast.webhooks.deliverer import Deliverer, is_any
from holdfast.webhooks.delivery_store import Place
from holdfast.webhooks.matching import matcher
from holdfast.webhooks.model import CHANNEL, KEPT, MOST_ENDED, MOST_WAITING, PATIENCE, Pace
from holdfast.webhooks.receivers import Registry
from holdfast.webhooks.schedules import DELIVER, FORGET, REPLAY
from holdfast.webhooks.vault import open_vault

_AT_ONCE = 500
_TOLD = 200


def tasks(working: Working, pace: Pace | None = None) -> Mapping[str, Task]:
    """The task of every kind of job of webhooks."""

    async def deliver(run: Run) -> None:
        if not await is_any(run):
            return
        vault = await open_vault(run.db, working.master)
        registry = Registry(working.public, await installation_id(run.db))
        await Deliverer(run, working.targets, vault, registry, pace or Pace()).work()

    async def forget(run: Run) -> None:
        await forget_deliveries(run.db)

    return {DELIVER: deliver, FORGET: forget, REPLAY: replay}


# -- telling again -----------------------------------------------------------------------------------------------------


async def replay(run: Run) -> None:
    """Let a webhook be told of the events between two places of the journal, in their order."""
    id, through = int(run.job.data["webhook"]), int(run.job.data["through"])
    state = run.checkpoint or {"after": int(run.job.data["after"]), "told": 0}
    first = int(run.job.data["after"])
    while state["after"] < through:
        row = await run.db.one(store.ONE, id=id)
        if row is None:
            return
        part = await oldest(run.db, Wanted(), lambda _: True, after=state["after"], limit=_TOLD)
        after = through if part.next is None or part.next <= state["after"] else min(part.next, through)
        asks = matcher(row.filter, row.sights, row.shape)
        events = [event_of(each) for each in part.rows if each.pos <= through]
        asked = [event for event in events if is_above(row.path, event.path) and asks.asks(event)]
        state = {"after": after, "told": state["told"] + len(asked)}
        await run.write(partial(_tell_again, run=run, id=id, events=asked, state=state))
        await run.progress(after - first, through - first)
    await run.finish(lambda unit: run.result(unit, {"webhook": id, "deliveries": state["told"]}))


async def _tell_again(unit: Unit, run: Run, id: int, events: Sequence[Event], state: Mapping[str, int]) -> None:
    rows = [(id, event.pos, event.kind, event.path) for event in events]
    await unit.run(delivery_store.ADD_AGAIN, rows=json.dumps(rows), made_at=unit.now, until_at=unit.now + PATIENCE)
    await unit.run(store.TOUCH, id=id)
    await run.keep(unit, state)
    await unit.notify(CHANNEL)


# -- forgetting --------------------------------------------------------------------------------------------------------


async def forget_deliveries(db: Database) -> None:
    """Give up what waited too long, and forget what ended long ago, or is too much, or whose webhook is gone."""
    for row in await db.all(store.DELETED, limit=_AT_ONCE):
        while places := await db.all(delivery_store.EVERY, webhook_id=row.id, limit=_AT_ONCE):
            await db.write(partial(_drop, id=row.id, places=places))
        await db.write(lambda unit, id=row.id: unit.run(store.FORGET, id=id))  # type: ignore[misc]
    after = 0
    while rows := await db.all(store.ALL_IDS, after=after, limit=_AT_ONCE):
        after = rows[-1].id
        for row in rows:
            await _give_up(db, row.id)
            await _forget(db, row.id)


async def _give_up(db: Database, id: int) -> None:
    """Give up what waited too long: where nothing is tried, for the webhook is disabled or its target takes nothing."""
    while True:
        rows = await db.all(delivery_store.WAITING, webhook_id=id, after=0, limit=_AT_ONCE)
        late = [Place(row.pos) for row in rows if row.until_at < db.now()]
        if not late:
            break
        await db.write(partial(_end, id=id, places=late))
    beyond = await db.one(delivery_store.WAITING_FROM, webhook_id=id, kept=MOST_WAITING)
    while beyond is not None and (
        places := await db.all(delivery_store.OVERDUE, webhook_id=id, through=beyond.pos, limit=_AT_ONCE)
    ):
        await db.write(partial(_end, id=id, places=places))


async def _forget(db: Database, id: int) -> None:
    before = db.now() - KEPT
    while places := await db.all(delivery_store.ENDED_BEFORE, webhook_id=id, before=before, limit=_AT_ONCE):
        await db.write(partial(_drop, id=id, places=places))
    beyond = await db.one(delivery_store.KEPT_FROM, webhook_id=id, kept=MOST_ENDED)
    while beyond is not None and (
        places := await db.all(delivery_store.ENDED, webhook_id=id, through=beyond.pos, limit=_AT_ONCE)
    ):
        await db.write(partial(_drop, id=id, places=places))


async def _end(unit: Unit, id: int, places: Sequence[Place]) -> None:
    await unit.run(delivery_store.GIVE_UP, webhook_id=id, places=[each.pos for each in places])
    await unit.run(store.TOUCH, id=id)
    await unit.notify(CHANNEL)


async def _drop(unit: Unit, id: int, places: Sequence[Place]) -> None:
    chosen = [each.pos for each in places]
    await unit.run(delivery_store.DROP_ATTEMPTS, webhook_id=id, places=chosen)
    await unit.run(delivery_store.DROP, webhook_id=id, places=chosen)
