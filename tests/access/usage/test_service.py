"""Use is read by who may read it, and forgotten in time."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.access.grants.place import ORIGIN, Engine, Place, living

from holdfast.access.errors import Denied
from holdfast.access.policy.model import Action
from holdfast.access.usage import service
from holdfast.access.usage.service import Asked, Usage, last_pulls, lost_since
from holdfast.access.usage.watch import Watch

DAY = 86_400_000_000


@pytest.fixture(params=[Engine.SQLITE, Engine.POSTGRES])
def engine(request: pytest.FixtureRequest) -> Engine:
    found: Engine = request.param
    return found


async def used(place: Place, *wheres: str, name: str = "dora") -> None:
    watch = Watch(place.db)
    who = await place.who(name)
    for where in wheres:
        repository, _, reference = where.partition(":")
        watch.used(who, ORIGIN, Action.PULL, repository, reference)
    await watch.flush()


async def seen(place: Place, asked: Asked, by: str = "admin", limit: int = 100) -> list[str]:
    found: list[str] = []
    after: str | None = ""
    while after is not None:
        part = await Usage(place.db).page(await place.who(by), asked, after=after, limit=limit, origin=ORIGIN)
        found += [f"{use.repository}:{use.reference}" for use in part.uses]
        after = part.next
    return sorted(found)


def test_who_reads_the_audit_of_a_repository_reads_its_use(tmp_path: Path, engine: Engine) -> None:
    async def scenario(place: Place) -> None:
        await used(place, "shop/web:v1", "shop/web:v2", "shop/app:v1", "other:v1")
        await place.give("user:otto", "owner", "shop/**")
        everything = ["other:v1", "shop/app:v1", "shop/web:v1", "shop/web:v2"]
        assert await seen(place, Asked()) == everything
        assert await seen(place, Asked(), limit=1) == everything
        assert await seen(place, Asked(), by="otto") == everything[1:]
        assert await seen(place, Asked("shop", within=True)) == everything[1:]
        assert await seen(place, Asked("shop")) == []
        assert await seen(place, Asked("shop/web", subject="user:dora", action="pull", allowed=True)) == everything[2:]
        assert await seen(place, Asked(allowed=False)) == []
        assert await seen(place, Asked(subject="user:otto")) == []
        for by in ("dora", ""):
            with pytest.raises(Denied):
                await seen(place, Asked(), by=by)

    living(tmp_path, scenario, "dora", "otto", engine=engine)


def test_a_rare_thing_is_found_in_bounded_pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "_CHUNK", 2)
    monkeypatch.setattr(service, "_CHUNKS", 2)

    async def scenario(place: Place) -> None:
        await used(place, *(f"shop/{i}:v1" for i in range(30)))
        assert await seen(place, Asked("shop/7")) == ["shop/7:v1"]
        part = await Usage(place.db).page(await place.who(), Asked("none"), limit=10, origin=ORIGIN)
        assert (part.uses, part.next is None) == ([], False)

    living(tmp_path, scenario, "dora")


def test_old_use_is_forgotten(tmp_path: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "_FORGOTTEN", 3)

    async def scenario(place: Place) -> None:
        await used(place, *(f"old/{i}:v1" for i in range(10)))
        place.now += 5 * DAY
        await used(place, "new:v1")
        usage = Usage(place.db)
        assert await usage.forget(5 * DAY) == 0, "a day is kept until it ended that long ago"
        place.now += DAY
        assert await usage.forget(5 * DAY) == 10
        assert await seen(place, Asked()) == ["new:v1"]
        assert await usage.forget(5 * DAY) == 0

    living(tmp_path, scenario, "dora", engine=engine)


def test_when_a_tag_was_pulled_last(tmp_path: Path, engine: Engine) -> None:
    async def scenario(place: Place) -> None:
        await used(place, "shop/web:v1", "shop/web:v2", "shop/web:")
        place.now += DAY
        await used(place, "shop/web:v1")
        assert dict(await last_pulls(place.db, "shop/web")) == {"v1": place.now, "v2": place.now - DAY}
        assert await lost_since(place.db, 0) == 0
        watch = Watch(place.db, rows=0)
        watch.used(await place.who("dora"), ORIGIN, Action.PULL, "shop/web", "v3")
        await watch.flush()
        assert await lost_since(place.db, place.now) == 1
        part = await Usage(place.db).page(await place.who(), Asked(), limit=10, origin=ORIGIN)
        assert part.lost == 1

    living(tmp_path, scenario, "dora", engine=engine)
