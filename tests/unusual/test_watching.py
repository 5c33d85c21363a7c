"""From the feed to alerts, on both databases: exactly once, by whichever process; bounded; seen and closed by whom."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from tests.access.grants.place import JOURNAL, ORIGIN, START, Engine, Place, living

from holdfast.access.errors import Conflict, Denied, Unknown
from holdfast.access.keys.suspending import suspend
from holdfast.access.model import PathPermit
from holdfast.access.policy.model import Circumstances
from holdfast.access.usage import feed
from holdfast.access.usage.feed import FedUse
from holdfast.access.usage.watch import Watch
from holdfast.db.port import Unit
from holdfast.db.query import Query
from holdfast.feature.model import Feature, UseHandler
from holdfast.feature.telling import Teller
from holdfast.telemetry.events import make_events
from holdfast.unusual import store, watching
from holdfast.unusual.model import DAY, HOUR, SECOND
from holdfast.unusual.profile import read
from holdfast.unusual.service import OPEN, Alerts, Canaries
from holdfast.unusual.watching import on_use

DIGEST = "sha256:" + "0" * 64
PROFILE = Query("select subject, data from unusual_profile where subject = any(:subjects)", store.ProfileRow)
KEPT = Query("select cast(times as bigint) as number from (select count as times from access_use) u", store.NumberRow)
EVERY_ALERT = Query("select id from unusual_alert", store.IdRow)
ROBOT = FedUse(
    "robot:shop+ci", 7, "key:1", "10.1.2.0/24", "docker", "pull", "shop/app0", "v1", DIGEST, False, True, 1, 100, 0, 0
)
both = pytest.mark.parametrize("engine", Engine)


def use(at: int, **what: object) -> FedUse:
    return ROBOT._replace(first_at=at, last_at=at, **what)  # type: ignore[arg-type]


async def tell(place: Place, *uses: FedUse) -> None:
    """Hand the handler some uses, in a unit of their own."""
    await place.db.write(lambda unit: on_use(unit, uses))


async def live(place: Place, days: int = 30, **what: object) -> int:
    """So many days as always; the morning after them."""
    for day in range(days):
        at = START + day * DAY
        await tell(place, *(use(at + n, repository=f"shop/app{n}", **what) for n in range(4)))
    return START + days * DAY


async def permit(place: Place, name: str, path: str = "") -> PathPermit:
    who = await place.who(name)
    here = Circumstances("10.0.0.7", place.now)
    return PathPermit(who.subject, path, who.version, ORIGIN, who.rights, here, who.credential)


async def bulk(place: Place, at: int, many: int = 60) -> None:
    """A bulk pull, told in batches."""
    uses = [use(at + n * SECOND, repository=f"shop/other{n}") for n in range(many)]
    for first in range(0, many, 20):
        await tell(place, *uses[first : first + 20])


@both
def test_a_bulk_pull_is_one_alert_with_an_event(tmp_path: Path, engine: Engine) -> None:
    async def scenario(place: Place) -> None:
        await bulk(place, await live(place))
        (alert,) = await Alerts(place.db).page(await permit(place, "admin"), OPEN)
        assert alert.row.subject == "robot:shop+ci"
        assert alert.row.path == "shop"
        assert str(alert.findings[0].kind) == "bulk"
        told = [json.loads(row.data) for row in await place.db.all(JOURNAL) if row.kind == "access.unusual"]
        assert [each["alert"] for each in told] == [alert.row.id] * len(told)
        assert len(told) <= 2
        assert told[0]["findings"][0]["usual"].startswith("at most")

    living(tmp_path, scenario, engine=engine)


@both
def test_killed_between_batches_it_counts_once(tmp_path: Path, engine: Engine) -> None:
    class Killed(Exception):
        pass

    async def scenario(place: Place) -> None:
        await live(place)
        await place.db.write(lambda unit: on_use(unit, [use(START + 31 * DAY)]))
        fails = [True]

        async def handle(unit: Unit, uses: list[FedUse]) -> None:
            await on_use(unit, uses)
            if fails.pop() if fails else False:
                raise Killed

        handler = UseHandler(name="unusual", handle=handle)  # type: ignore[arg-type]
        feature = Feature(name="x", uses=(handler,))
        first = Teller(place.db, [feature], make_events("critical"))
        await first.turn()
        at = START + 31 * DAY + HOUR
        await place.db.write(lambda unit: feed.put(unit, [use(at + n, repository=f"shop/app{n}") for n in range(4)]))
        await first.turn()  # killed within the unit
        second = Teller(place.db, [feature], make_events("critical"))
        await asyncio.gather(second.turn(), Teller(place.db, [feature], make_events("critical")).turn())
        (row,) = await place.db.all(PROFILE, subjects=["robot:shop+ci"])
        assert read(row.data).hour.pulls == 4

    living(tmp_path, scenario, engine=engine)


@both
def test_who_sees_and_closes_alerts(tmp_path: Path, engine: Engine) -> None:
    async def scenario(place: Place) -> None:
        alerts = Alerts(place.db)
        at = await live(place)
        await bulk(place, at)
        await place.give("user:auditor", "auditor", "shop/**")
        await place.give("user:owner", "owner", "shop/**")
        await place.give("user:reader", "reader", "**")
        await place.give("user:foreign", "owner", "blue/**")
        (seen,) = await alerts.page(await permit(place, "auditor"), None)
        for name in ("reader", "foreign"):
            assert await alerts.page(await permit(place, name), None) == []
            with pytest.raises(Unknown):
                await alerts.get(await permit(place, name), seen.row.id)
        with pytest.raises(Denied):
            await alerts.close(await permit(place, "auditor"), seen.row.id, "", expected=True)
        closed = await alerts.close(await permit(place, "owner"), seen.row.id, "meant", expected=True)
        assert (closed.row.closed_by, closed.row.note) == ("user:owner", "meant")
        with pytest.raises(Conflict):
            await alerts.close(await permit(place, "owner"), seen.row.id, "", expected=False)
        assert (await place.last())[1] == "alert.closed"
        await bulk(place, at + DAY)
        assert await alerts.page(await permit(place, "admin"), OPEN) == [], "it is usual now"

    living(tmp_path, scenario, "auditor", "owner", "reader", "foreign", engine=engine)


@both
def test_acknowledged_it_comes_again_as_another(tmp_path: Path, engine: Engine) -> None:
    async def scenario(place: Place) -> None:
        alerts = Alerts(place.db)
        at = await live(place)
        thief = {"network": "198.51.100.0/24", "agent": "curl"}
        await tell(place, use(at, **thief))
        (first,) = await alerts.page(await permit(place, "admin"), OPEN)
        await alerts.close(await permit(place, "admin"), first.row.id, "", expected=False)
        await tell(place, use(at + DAY, **thief))
        (second,) = await alerts.page(await permit(place, "admin"), OPEN)
        assert second.row.id != first.row.id

    living(tmp_path, scenario, engine=engine)


@both
def test_a_canary_alarms_whatever_is_tuned(tmp_path: Path, engine: Engine) -> None:
    async def scenario(place: Place) -> None:
        canaries, alerts = Canaries(place.db), Alerts(place.db)
        await place.give("user:owner", "owner", "shop/**")
        await place.give("user:foreign", "owner", "blue/**")
        mine = await canaries.add_repository(await permit(place, "owner", "shop/bait"))
        assert (await canaries.add_repository(await permit(place, "owner", "shop/bait"))).id == mine.id
        with pytest.raises(Denied):
            await canaries.add_repository(await permit(place, "foreign", "shop/bait"))
        assert await canaries.page(await permit(place, "foreign"), 0, 10) == []
        with pytest.raises(Unknown):
            await canaries.remove(await permit(place, "foreign"), mine.id)
        with pytest.raises(Unknown):
            await canaries.add_key(await permit(place, "foreign"), "robot:shop+ci", "k")
        await tell(place, use(START, repository="shop/bait", allowed=False, subject="user:x"))
        await tell(place, use(START, repository="shop/bait", head=True, subject="anonymous", credential=""))
        found = await alerts.page(await permit(place, "owner"), OPEN)
        assert [(each.row.subject, each.row.score) for each in found] == [("anonymous", 100), ("user:x", 100)]
        assert found[1].findings[0].value == "pull of shop/bait, refused: a canary repository"
        await canaries.remove(await permit(place, "owner"), mine.id)
        await tell(place, use(START + DAY, repository="shop/bait", subject="user:y"))
        assert len(await alerts.page(await permit(place, "owner"), None)) == 2

    living(tmp_path, scenario, "owner", "foreign", engine=engine)


@both
def test_hostile_names_fill_no_table(tmp_path: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "MOST_SUBJECTS", 40)
    monkeypatch.setattr(watching, "MOST_CROWDS", 20)
    monkeypatch.setattr(watching, "MOST_PLACES", 50)

    async def scenario(place: Place) -> None:
        await tell(place, *(use(START + n, repository=f"many/{n}") for n in range(60)))
        for n in range(40):
            many = range(n * 25, n * 25 + 25)
            await tell(place, *(use(START + each, subject=f"user:{each}", repository=f"h/{each}") for each in many))
            crowd = [f"{each % 250}.{each // 250}.3.0/24" for each in many]
            await tell(place, *(use(START, subject="anonymous", credential="", network=each) for each in crowd))
        for crowd_of, most in ((0, 40), (1, 20)):
            row = await place.db.one(store.PROFILES_OF, crowd=crowd_of)
            assert row is not None
            assert row.number == most
        places = await place.db.one(store.PLACES_COUNT)
        assert places is not None
        assert places.number == 50
        assert await place.db.all(EVERY_ALERT) == []

    living(tmp_path, scenario, engine=engine)


@both
def test_what_is_various_or_only_bytes_is_nobodys(tmp_path: Path, engine: Engine) -> None:
    async def scenario(place: Place) -> None:
        await tell(place, use(START, subject="various"), use(START, times=0))
        row = await place.db.one(store.PROFILES_OF, crowd=0)
        assert row is not None
        assert row.number == 0

    living(tmp_path, scenario, engine=engine)


@both
def test_a_touch_is_fed_under_its_subject_and_counted_nowhere(tmp_path: Path, engine: Engine) -> None:
    async def scenario(place: Place) -> None:
        watch = Watch(place.db, fed=True)
        watch.touched(await place.who("owner"), ORIGIN, "shop/none")
        await watch.flush()
        await feed.place(place.db)
        ((found,),) = [batch.uses for batch in await feed.batches(place.db, 0, 10)]
        assert (found.subject, found.repository, found.head, found.allowed) == ("user:owner", "shop/none", True, True)
        assert await place.db.all(KEPT) == []

    living(tmp_path, scenario, "owner", engine=engine)


@both
def test_a_key_is_suspended_unless_it_is_the_only_way_in(tmp_path: Path, engine: Engine) -> None:
    async def scenario(place: Place) -> None:
        for at, (name, password) in enumerate((("ops+bait", None), ("owner", None), ("admin", "x")), 1):
            await place.run("update account set password = :password where name = :name", password=password, name=name)
            await place.run(
                "insert into api_key (id, account_id, name, made_at, made_by) values (:at, :id, 'k', 1, 'x')",
                at=at,
                id=place.ids[name],
            )
            await place.run(
                "insert into api_secret (id, key_id, hash, hint, made_at, changed) values (:at, :at, :hash, 'h', 1, 0)",
                at=at,
                hash=bytes([at]) * 32,
            )
        done = []
        for secret in (1, 2, 3, 99):
            done.append(
                await place.db.write(lambda unit, n=secret: suspend(unit, n, by="x", why="y", origin=ORIGIN))  # type: ignore[misc]
            )
        assert done == ["k", "", "k", ""]
        assert await place.db.write(lambda unit: suspend(unit, 1, by="x", why="y", origin=ORIGIN)) == ""
        assert (await place.kinds()).count("key.suspended") == 2

    living(tmp_path, scenario, "owner", "ops+bait", engine=engine)
