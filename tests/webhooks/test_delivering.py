"""Delivering, held against a real receiver on every engine: nothing is lost, nothing overtakes, nobody waits for
another's trouble."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import web
from tests.db.engines import ENGINES, Engine, make_engine
from tests.webhooks.place import PACE, House, numbers, run
from tests.webhooks.receiver import Receiver, Request

from holdfast.webhooks.model import DeliveryState, Filter, WebhookState

DELIVERED, GIVEN_UP, WAITING = DeliveryState.DELIVERED, DeliveryState.GIVEN_UP, DeliveryState.WAITING


@pytest.fixture(params=[each for each in ENGINES if each != "pgbouncer"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Engine:
    return make_engine(request.param, tmp_path)


def test_a_push_is_told_signed(engine: Engine) -> None:
    async def scenario(house: House) -> None:
        made = await house.create("team", headers={"X-Room": "secret words"})
        assert made.secret is not None
        async with house.worker():
            await house.push("team/app")
            await house.target.until(lambda: len(house.target.seen) == 1)
            await house.settled(made.webhook.id)
        (request,) = house.target.seen
        assert request.path == "/hook"
        assert request.json["type"] == "holdfast.manifest.pushed"
        assert request.json["data"]["path"] == "team/app"
        assert request.headers["x-room"] == "secret words"
        assert request.signed_by(made.secret)
        assert not request.signed_by("whsec_" + "A" * 43 + "=")
        (row,) = await house.rows(made.webhook.id)
        assert (row.state, row.attempts, row.path) == (DELIVERED, 1, "team/app")
        (attempt,) = await house.attempts(made.webhook.id, row.pos)
        assert (attempt.status, attempt.error, attempt.body) == (200, "", "taken")
        assert "secret words" not in attempt.request
        assert request.headers["webhook-signature"] not in attempt.request

    run(engine, scenario)


def test_only_what_is_asked_for_is_told(engine: Engine) -> None:
    async def scenario(house: House) -> None:
        here = await house.create("team", name="all")
        tagged = await house.create("team", name="tagged", filter=Filter(tags=("v*",)))
        inside = await house.create("", name="inside", filter=Filter(repositories=("team/*/deep",)))
        async with house.worker():
            await house.push("team/app", "other/app", "team/a/deep", "teams", "team")
            await house.push("team/app", tags=("dev",))
            for each in (here, tagged, inside):
                await house.settled(each.webhook.id)
        told = {each.webhook.name: [row.path for row in await house.rows(each.webhook.id)] for each in (here, tagged)}
        assert told == {
            "all": ["team/app", "team/a/deep", "team", "team/app"],
            "tagged": ["team/app", "team/a/deep", "team"],
        }
        assert [row.path for row in await house.rows(inside.webhook.id)] == ["team/a/deep"]

    run(engine, scenario)


def test_repositories_keep_their_order_and_wait_for_no_other(engine: Engine) -> None:
    async def scenario(house: House) -> None:
        failing = {2: 3, 5: 2}

        def behaves(_target: Receiver, request: Request) -> int | None:
            (number,) = numbers([request])
            if failing.get(number, 0):
                failing[number] -= 1
                return 503
            return None

        house.target.behaves = behaves
        made = await house.create("")
        async with house.worker():
            await house.push("a", "b", "a", "b", "c", "a", "b", "c")
            await house.settled(made.webhook.id)
        taken = [request for request in house.target.seen if request.finished]
        assert sorted(numbers(taken)) == list(range(1, 9)), "each once"
        for path in "abc":
            mine = [
                number
                for number, request in zip(numbers(taken), taken, strict=True)
                if request.json["data"]["path"] == path
            ]
            assert mine == sorted(mine)
        ids = [request.id for request in house.target.seen if numbers([request]) == [2]]
        assert len(ids) == 4
        assert len(set(ids)) == 1, "the id is the same in every attempt"
        assert set(await house.states(made.webhook.id)) == {DELIVERED}

    run(engine, scenario)


def test_more_waits_than_is_held(engine: Engine) -> None:
    async def scenario(house: House) -> None:
        house.target.behaves = lambda _target, request: "slow" if request.json["data"]["path"] == "s0" else None
        made = await house.create("", concurrency=32)
        names = [f"r{n % 3}" for n in range(150)] + [f"s{n}" for n in range(300)]
        await house.push(*names)
        async with house.worker():
            await house.settled(made.webhook.id)
        assert sorted(numbers(house.target.seen)) == list(range(1, 451))
        for n in range(3):
            mine = [number for number in numbers(house.target.seen) if number <= 150 and (number - 1) % 3 == n]
            assert mine == sorted(mine)
        assert house.target.most_at_once > 1

    run(engine, scenario)


def test_a_target_that_hangs_delays_nobody_else(engine: Engine) -> None:
    async def scenario(house: House) -> None:
        house.target.behaves = lambda _target, request: "hang" if request.path == "/stuck" else None
        stuck = await house.create("", name="stuck", url=house.target.url + "/stuck", concurrency=32)
        fine = await house.create("", name="fine")
        async with house.worker(replace(PACE, timeout=30.0), grace=0.0):
            await house.push(*(f"r{n}" for n in range(40)))
            await house.settled(fine.webhook.id)
            assert WAITING in await house.states(stuck.webhook.id)
        assert set(await house.states(fine.webhook.id)) == {DELIVERED}

    run(engine, scenario)


@pytest.mark.parametrize(
    ("does", "status", "words"),
    [
        (500, 500, "status 500"),
        ("close", None, "connection broke"),
        ("hang", None, "did not answer within"),
        ("redirect", 302, "redirect (302), which is not followed"),
    ],
)
def test_every_attempt_is_kept(engine: Engine, does: str | int, status: int | None, words: str) -> None:
    async def scenario(house: House) -> None:
        inner = house.target.url + "/inner"

        def behaves(target: Receiver, _request: Request) -> web.StreamResponse | str | int | None:
            if len(target.seen) > 2:
                return None
            return web.Response(status=302, headers={"Location": inner}) if does == "redirect" else does

        house.target.behaves = behaves
        made = await house.create("")
        async with house.worker(replace(PACE, timeout=0.5)):
            await house.push("a")
            await house.settled(made.webhook.id)
        (row,) = await house.rows(made.webhook.id)
        assert row.state == DELIVERED
        attempts = await house.attempts(made.webhook.id, row.pos)
        assert [each.status for each in attempts] == [status, status, 200]
        assert words in attempts[0].error
        assert len(attempts[0].body) <= 1024
        assert "/inner" not in [request.path for request in house.target.seen]

    run(engine, scenario)


def test_what_fails_for_a_day_is_given_up_and_can_be_told_again(engine: Engine) -> None:
    async def scenario(house: House) -> None:
        house.target.behaves = lambda _target, request: 500 if request.json["data"]["path"] == "a" else None
        made = await house.create("")
        id = made.webhook.id
        async with house.worker():
            await house.push("a")
            await house.target.until(lambda: len(house.target.seen) > 1)
            house.clock.forward(24 * 3600 * 1_000_000)
            await house.settled(id)
            assert await house.states(id) == [GIVEN_UP]
            house.target.behaves = None
            (row,) = await house.rows(id)
            first = len(house.target.seen)
            await house.deliveries.redeliver(house.permit(), id, row.pos)
            await house.settled(id)
            assert await house.states(id) == [DELIVERED]
            assert len(set(house.target.ids())) == 1
            assert len(house.target.seen) == first + 1
        assert (await house.told("webhook.redelivered"))[0]["deliveries"] == 1

    run(engine, scenario)


def test_a_target_that_is_gone_disables_the_webhook(engine: Engine) -> None:
    async def scenario(house: House) -> None:
        house.target.behaves = lambda _target, _request: 410
        made = await house.create("")
        id = made.webhook.id
        async with house.worker():
            await house.push("a", "a", "b")

            async def disabled() -> bool:
                return (await house.webhooks.show(house.permit(), id)).state is WebhookState.DISABLED

            await house.until(disabled)
            await house.push("c")
        shown = await house.webhooks.show(house.permit(), id)
        assert shown.why == "the target answered 410 Gone"
        assert len(house.target.seen) <= 2
        assert len(await house.rows(id)) == 3, "a webhook that is disabled is told nothing new"
        house.target.behaves = None
        async with house.worker():
            await house.webhooks.set_enabled(house.permit(), id, enabled=True)
            await house.settled(id)
        assert (await house.journal()).count("webhook.disabled") == 1

    run(engine, scenario)


def test_a_target_that_asks_for_quiet_gets_it(engine: Engine) -> None:
    async def scenario(house: House) -> None:
        def behaves(target: Receiver, _request: Request) -> web.StreamResponse | None:
            if len(target.seen) == 1:
                return web.Response(status=429, headers={"Retry-After": "3600"})
            return None

        house.target.behaves = behaves
        made = await house.create("", concurrency=1)
        async with house.worker():
            await house.push("a", "b", "c")

            async def paused() -> bool:
                return (await house.webhooks.show(house.permit(), made.webhook.id)).paused_until is not None

            await house.until(paused)
            await house.push("d")
        assert len(house.target.seen) == 1
        async with house.worker():
            await house.push("e")
            assert len(house.target.seen) == 1, "the next run keeps it, too"
            house.clock.forward(3600 * 1_000_000)
            await house.settled(made.webhook.id)
        assert sorted(numbers(house.target.seen)) == [1, 1, 2, 3, 4, 5]

    run(engine, scenario)


def test_the_circuit_opens_probes_and_closes(engine: Engine) -> None:
    async def scenario(house: House) -> None:
        house.target.behaves = lambda _target, _request: 500
        made = await house.create("", concurrency=2)
        id = made.webhook.id
        async with house.worker():
            await house.push(*(f"r{n}" for n in range(30)))

            async def failing() -> bool:
                return (await house.webhooks.show(house.permit(), id)).failing_since is not None

            await house.until(failing)
            opened = len(house.target.seen)
            assert PACE.failures <= opened < 30
            await house.target.until(lambda: len(house.target.seen) >= opened + 2)
        async with house.worker():
            house.target.behaves = None
            await house.settled(id)
        assert (await house.webhooks.show(house.permit(), id)).failing_since is None
        assert set(await house.states(id)) == {DELIVERED}
        kinds = await house.journal()
        assert (kinds.count("webhook.failing"), kinds.count("webhook.recovered")) == (1, 1)
        (failing_row,) = await house.told("webhook.failing")
        assert failing_row["why"] == "the answer has status 500"

    run(engine, scenario)


def test_a_name_that_leads_elsewhere_leads_nowhere(engine: Engine) -> None:
    answers = [["127.0.0.1"]]

    async def lookup(_host: str, _port: int) -> list[str]:
        return answers[0]

    async def scenario(house: House) -> None:
        made = await house.create("", url=house.target.url.replace("127.0.0.1", "hooks.example"))
        answers[0] = ["10.0.0.1"]
        async with house.worker():
            await house.push("a")

            async def tried() -> bool:
                rows = await house.rows(made.webhook.id)
                return bool(rows) and rows[0].attempts > 0

            await house.until(tried)
        (row,) = await house.rows(made.webhook.id)
        attempts = await house.attempts(made.webhook.id, row.pos)
        assert "HOLDFAST_ALLOW_PRIVATE_TARGETS would have to name its network" in attempts[0].error
        assert not house.target.seen

    run(engine, scenario, lookup)


def test_a_run_that_was_superseded_stores_nothing(engine: Engine) -> None:
    async def scenario(house: House) -> None:
        house.target.behaves = lambda target, _request: "hang" if len(target.seen) == 1 else None
        made = await house.create("")
        async with house.worker(replace(PACE, timeout=30.0), lease=30.0):
            await house.push("a", "a")
            await house.target.until(lambda: len(house.target.seen) == 1)
            house.clock.forward(31 * 1_000_000)  # its lease is over, by the database's clock
            await house.target.until(lambda: len(house.target.seen) == 3)
            house.target.leaving.set()
            await house.settled(made.webhook.id)
        assert numbers(house.target.seen) == [1, 1, 2]
        assert house.target.seen[0].id == house.target.seen[1].id
        assert [row.attempts for row in await house.rows(made.webhook.id)] == [1, 1]

    run(engine, scenario)


def test_a_target_that_answers_slowly_is_told_everything(engine: Engine) -> None:
    async def scenario(house: House) -> None:
        house.target.behaves = lambda _target, _request: "slow"
        made = await house.create("", concurrency=3)
        async with house.worker():
            await house.push(*(f"r{n % 6}" for n in range(18)))
            await house.settled(made.webhook.id)
        assert sorted(numbers(house.target.seen)) == list(range(1, 19))
        assert house.target.most_at_once == 3

    run(engine, scenario)
