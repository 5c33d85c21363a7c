"""A push whose connection to PostgreSQL is cut at each of its messages: nothing acknowledged is lost, and the same push
again succeeds."""

from __future__ import annotations

import asyncio
import itertools

import pytest
from tests import backends
from tests.db.cutting import Cutting
from tests.registry.house import SETTINGS, Clock, House, image, pieces
from tests.registry.test_races import sound

from holdfast.blobs.memory import MemoryBlobs
from holdfast.db.errors import Unavailable
from holdfast.oci.digest import Digest
from holdfast.registry.errors import UploadUnknown
from holdfast.registry.upload.intake import Chunk


async def push(house: House, number: int) -> list[str]:
    """An image whose config goes by a session and whose layer in one request; returns what was acknowledged."""
    config, layer = f'{{"n":{number}}}'.encode(), f"{number}".encode() * 30_000
    told: list[str] = []
    try:
        permit = house.may_push()
        token = (await house.uploads.start(permit, "sha256")).token
        await house.uploads.append(permit, token, Chunk(pieces(config)))
        await house.uploads.finish(permit, token, Digest.of(config), Chunk(pieces()))
        told.append(Digest.of(config))
        told.append(await house.blob(layer))
        data = image(config, layer)
        await house.manifest(data, f"v{number}")
        told.append(Digest.of(data))
    except (Unavailable, UploadUnknown):
        return told
    return [*told, f"v{number}"]


async def there(house: House, what: str) -> bool:
    """Whether what was acknowledged is served."""
    if not what.startswith("sha256:"):
        return (await house.get(what)).size > 0
    return await house.pulls.blob(house.may_pull(), Digest.parse(what)) is not None


@pytest.mark.parametrize(
    "delivered",
    [pytest.param(False, id="lost on the way", marks=pytest.mark.slow), pytest.param(True, id="lost on the way back")],
)
def test_a_push_is_cut_at_each_message(delivered: bool) -> None:
    async def main() -> None:
        target, blobs, clock = backends.laid_database_url(), MemoryBlobs(), Clock()
        await blobs.open("tests")
        beside = House(target, blobs, SETTINGS, clock)  # looks at the tables, not through the proxy
        async with Cutting(backends.postgres_server().port) as proxy:
            for block in itertools.count(1):
                house = House(proxy.url(target), blobs, SETTINGS, clock)
                try:
                    proxy.arm(block, delivered=delivered)
                    told = await push(house, block)
                    whole = proxy.seen < block
                    proxy.arm(0)
                    for what in told:
                        assert await there(house, what), f"{what} was acknowledged before block {block} was lost"
                    again = await push(house, block)
                    assert again[-1] == f"v{block}", f"the push after the cut at block {block}"
                    sound(beside)
                finally:
                    await house.close()
                if whole:
                    assert block > 20
                    await beside.close()
                    return

    asyncio.run(main())
