"""Uploads as people see them: their own, those to what they set up, all for operators; what arrives; ending some."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from tests.registry.house import REPO, SETTINGS, House, Place
from tests.registry.paths import WHO, may_manage

from holdfast.access.errors import Unknown
from holdfast.registry.errors import UploadUnknown
from holdfast.registry.upload.arriving import Arrivals
from holdfast.registry.upload.intake import Chunk
from holdfast.registry.upload.looking import STALE, Uploads

LARGE = b"x" * 50_000


async def body(data: bytes) -> AsyncIterator[bytes]:
    yield data


async def begun(house: House, repository: str = REPO, data: bytes = LARGE) -> str:
    """An upload of somebody else that holds bytes; gives its token."""
    permit = house.may_push(repository)
    session = await house.uploads.start(permit, "sha256")
    await house.uploads.append(permit, session.token, Chunk(body(data), None, len(data)))
    return session.token


def test_who_sees_and_ends_what(place: Place) -> None:
    async def scenario(house: House) -> None:
        uploads = Uploads(house.db, house.blobs, SETTINGS)
        token = await begun(house)
        house.clock.move(1000)
        await begun(house, "other/app", b"few")
        found = (await uploads.page(may_manage(""), limit=10)).uploads
        assert [(each.repository, each.received) for each in found] == [("other/app", 3), (REPO, len(LARGE))]
        assert all(each.actor == "anonymous" and not each.own and each.cancels for each in found)
        mine = found[1]
        keeper = may_manage("", "maintainer team/**")
        assert [each.id for each in (await uploads.page(keeper, limit=10)).uploads] == [mine.id]
        assert [each.id for each in (await uploads.page(may_manage(REPO), limit=10)).uploads] == [mine.id]
        for nobody in (may_manage("", "writer team/**"), may_manage("", "auditor **")):
            assert (await uploads.page(nobody, limit=10)).uploads == []
            with pytest.raises(Unknown):
                await uploads.cancel(nobody, [mine.id])
        with pytest.raises(Unknown):
            await uploads.cancel(may_manage("other/app"), [mine.id])
        assert await uploads.cancel(keeper, [mine.id, "not-there"]) == 1
        assert await uploads.cancel(keeper, [mine.id]) == 0
        with pytest.raises(UploadUnknown):
            await house.uploads.status(house.may_push(), token)
        assert len((await uploads.page(may_manage(""), limit=10)).uploads) == 1

    place.run(scenario)


def test_pages_and_what_is_stuck(place: Place) -> None:
    async def scenario(house: House) -> None:
        uploads = Uploads(house.db, house.blobs, SETTINGS)
        for _ in range(3):
            await begun(house)
            house.clock.move(1000)
        first = await uploads.page(may_manage(""), limit=2)
        second = await uploads.page(may_manage(""), after=first.next or "", limit=2)
        seen = [each.id for each in (*first.uploads, *second.uploads)]
        assert len(seen) == 3
        assert seen == sorted(seen, reverse=True)
        assert second.next is None
        assert await uploads.stale(may_manage(""), 10) == []
        house.clock.move(STALE + 10_000)
        assert len(await uploads.stale(may_manage(""), 10)) == 3

    place.run(scenario)


def test_a_body_is_noted_while_it_comes(place: Place) -> None:
    async def scenario(house: House) -> None:
        uploads = Uploads(house.db, house.blobs, SETTINGS)
        arrivals = Arrivals(house.db, every=0.0)
        permit = house.may_push()

        async def pieces() -> AsyncIterator[bytes]:
            for _ in range(3):
                yield LARGE
                await asyncio.sleep(0)

        async with arrivals.of(permit, None, 0, 3 * len(LARGE)) as led:
            came = 0
            async for piece in led(pieces()):
                came += len(piece)
                if came == 3 * len(LARGE):
                    (seen,) = (await uploads.page(may_manage(""), limit=10)).uploads
                    assert (seen.repository, seen.received, seen.total) == (REPO, 2 * len(LARGE), 3 * len(LARGE))
                    assert seen.arriving
                    assert not seen.cancels
        assert (await uploads.page(may_manage(""), limit=10)).uploads == []

        async def broken() -> None:
            async with arrivals.of(permit, None, 0, None) as led:
                async for _ in led(pieces()):
                    continue
                raise ConnectionError

        with pytest.raises(ConnectionError):
            await broken()
        assert house.sql("select id from arriving") == []

    place.run(scenario)


def test_what_nobody_took_away_is_forgotten(place: Place) -> None:
    async def scenario(house: House) -> None:
        house.sql(
            "insert into arriving (id, repository, opener, agent, began, received, made_at, seen_at) "
            f"values ('a', 'team/app', {WHO.id}, '', 0, 1, 1, 1)"
        )
        await house.sweep.run()
        assert house.sql("select id from arriving") == []

    place.run(scenario)
