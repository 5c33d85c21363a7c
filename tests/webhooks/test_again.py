"""Telling again, trying by hand, forgetting; held against every engine."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.db.engines import ENGINES, Engine, make_engine
from tests.webhooks.place import House, numbers, run

from holdfast.access.errors import Conflict, Invalid, Unknown
from holdfast.webhooks import delivery_store, store, tasks
from holdfast.webhooks.deliveries import Span
from holdfast.webhooks.model import DAY, FIRST_PING, DeliveryState, Filter

NEWEST = 1 << 62


@pytest.fixture(params=[each for each in ENGINES if each != "pgbouncer"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Engine:
    return make_engine(request.param, tmp_path)


def test_a_test_is_sent_at_once_and_kept(engine: Engine) -> None:
    async def scenario(house: House) -> None:
        for shape in ("cloudevents", "harbor", "docker-hub", "quay", "slack", "distribution", "acr", "teams"):
            made = await house.create("team", name=shape, shape=shape, filter=Filter((), (), ("v*",)))
            found = await house.deliveries.test(house.permit(), made.webhook.id)
            assert found.row.state == DeliveryState.DELIVERED
            assert found.row.pos >= FIRST_PING
            assert found.bodies[0].text.encode() == house.target.seen[-1].body
            assert found.bodies[0].id == house.target.seen[-1].id
        assert len(house.target.seen) == 8
        house.target.behaves = lambda _target, _request: 500
        failed = await house.deliveries.test(house.permit(), made.webhook.id)
        assert failed.row.state == DeliveryState.GIVEN_UP
        assert failed.attempts[0].status == 500
        with pytest.raises(Conflict):
            await house.deliveries.redeliver(house.permit(), made.webhook.id, failed.row.pos)
        listed = await house.deliveries.list(house.permit(), made.webhook.id, None, NEWEST, 9)
        assert [row.pos for row in listed] == [failed.row.pos, found.row.pos]
        assert (await house.journal()).count("webhook.tested") == 9

    run(engine, scenario)


def test_what_was_given_up_is_told_again(engine: Engine) -> None:
    async def scenario(house: House) -> None:
        made = await house.create("")
        id = made.webhook.id
        await house.push("a", "b", "a")
        house.clock.forward(DAY + 1)
        await tasks.forget_deliveries(house.db)
        assert await house.states(id) == [DeliveryState.GIVEN_UP] * 3
        failed = await house.deliveries.list(house.permit(), id, DeliveryState.GIVEN_UP, NEWEST, 9)
        assert len(failed) == 3
        async with house.worker():
            assert await house.deliveries.redeliver_failed(house.permit(), id, house.clock() + 1_000_000) == 0
            assert await house.deliveries.redeliver_failed(house.permit(), id, 0) == 3
            await house.settled(id)
        assert sorted(numbers(house.target.seen)) == [1, 2, 3]
        delivered = await house.deliveries.list(house.permit(), id, DeliveryState.DELIVERED, NEWEST, 2)
        assert len(delivered) == 2
        await house.webhooks.set_enabled(house.permit(), id, enabled=False)
        with pytest.raises(Conflict, match="enable it first"):
            await house.deliveries.redeliver_failed(house.permit(), id, 0)

    run(engine, scenario)


def test_a_new_webhook_is_told_of_what_was_before_it(engine: Engine) -> None:
    async def scenario(house: House) -> None:
        await house.push(*(f"team/r{n % 3}" for n in range(450)), "other")
        middle = house.clock()
        await house.push("team/r0")
        made = await house.create("team", concurrency=32)
        id = made.webhook.id
        permit = house.permit()
        with pytest.raises(Invalid):
            await house.deliveries.replay(permit, id, Span())
        async with house.worker():
            await house.deliveries.replay(permit, id, Span(after=0))
            await house.until(lambda: _count(house, id, 451))
            await house.settled(id)
            assert sorted(set(numbers(house.target.seen))) == [*range(1, 451), 452]
            mine = [number for number in numbers(house.target.seen) if number <= 450 and number % 3 == 1]
            assert mine == sorted(mine)
            before = len(house.target.seen)
            await house.deliveries.replay(permit, id, Span(since=middle))
            await house.target.until(lambda: len(house.target.seen) > before)
            await house.settled(id)
            assert numbers(house.target.seen)[-1] == 452
            assert house.target.seen[-1].id in house.target.ids()[:-1], "under the id that it had"

    run(engine, scenario)


async def _count(house: House, id: int, count: int) -> bool:
    return len(await house.rows(id)) == count


def test_an_event_of_the_list_shows_its_attempts_and_body(engine: Engine) -> None:
    async def scenario(house: House) -> None:
        made = await house.create("")
        async with house.worker():
            await house.push("a")
            await house.settled(made.webhook.id)
        (row,) = await house.rows(made.webhook.id)
        found = await house.deliveries.show(house.permit(), made.webhook.id, row.pos)
        assert found.bodies[0].text.encode() == house.target.seen[0].body
        assert found.bodies[0].id == house.target.seen[0].id
        assert [each.status for each in found.attempts] == [200]
        with pytest.raises(Unknown):
            await house.deliveries.show(house.permit(), made.webhook.id, row.pos + 1000)

    run(engine, scenario)


def test_what_is_old_or_too_much_is_forgotten(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(house: House) -> None:
        made = await house.create("")
        gone = await house.create("gone", name="gone")
        id = made.webhook.id
        async with house.worker():
            await house.push(*("a" for _ in range(6)), "gone")
            for each in (id, gone.webhook.id):
                await house.settled(each)
        await house.webhooks.delete(house.permit(), gone.webhook.id)
        await tasks.forget_deliveries(house.db)
        assert await house.rows(gone.webhook.id) == []
        assert await house.db.all(store.DELETED, limit=9) == []
        assert len(await house.rows(id)) == 7
        monkeypatch.setattr(tasks, "MOST_ENDED", 4)
        monkeypatch.setattr(tasks, "MOST_WAITING", 2)
        first = (await house.rows(id))[0].pos
        await house.push("b", "b", "b", "b")
        await tasks.forget_deliveries(house.db)
        rows = await house.rows(id)
        assert [DeliveryState(row.state) for row in rows][-2:] == [DeliveryState.WAITING] * 2
        assert sum(row.state != DeliveryState.WAITING for row in rows) <= 4
        assert await house.db.all(delivery_store.ATTEMPTS, webhook_id=id, pos=first, limit=9) == []
        house.clock.forward(31 * DAY)
        await tasks.forget_deliveries(house.db)
        house.clock.forward(31 * DAY)
        await tasks.forget_deliveries(house.db)
        assert await house.rows(id) == []

    run(engine, scenario)
