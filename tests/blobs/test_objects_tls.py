"""The way to the bucket is encrypted: with whose certificate, and with whose not."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.blobs.places import KEY, digest, whole, write
from tests.buckets import Bucket
from tests.object_servers import VersityServer

from holdfast.app.tls import issue, parse_hosts
from holdfast.blobs.errors import Unavailable
from holdfast.blobs.objects import ObjectBlobs
from holdfast.blobs.port import BLOCK

DATA = bytes(range(256)) * (9 * BLOCK // 256)


@pytest.fixture
def secure(tmp_path: Path) -> Iterator[VersityServer]:
    """A server whose certificate is of a private authority."""
    issued = issue(parse_hosts(("127.0.0.1",)), tmp_path / "tls", datetime.now(UTC))
    server = VersityServer((issued.certificate, issued.key))
    try:
        yield server.start()
    finally:
        server.remove()


def test_a_private_authority_is_named(secure: VersityServer, tmp_path: Path) -> None:
    place = secure.bucket()
    trusting = Bucket(f"{place.url}&ca={tmp_path}/tls/ca.crt", place.environment)

    async def scenario(store: ObjectBlobs) -> None:
        assert (await write(store, KEY, DATA)).digest == digest(DATA)
        assert await whole(store, KEY) == DATA
        url = store.sign(KEY, 60)
        assert url is not None
        assert url.startswith("https://")

    trusting.run(scenario)


def test_a_strange_authority_is_not_believed(secure: VersityServer, tmp_path: Path) -> None:
    place = secure.bucket()
    other = issue(parse_hosts(("127.0.0.1",)), tmp_path / "other", datetime.now(UTC))

    async def main() -> None:
        for url in (place.url, f"{place.url}&ca={other.authority}"):
            store = Bucket(url, place.environment).store()
            with pytest.raises(Unavailable):
                await store.open("0198-tls")
            await store.close()

    asyncio.run(main())


def test_nothing_is_said_in_clear_unless_the_address_says_so(secure: VersityServer) -> None:
    place = secure.bucket()

    async def main() -> None:
        store = place.at(place.endpoint.replace("https://", "http://")).store()
        with pytest.raises(Unavailable):
            await store.open("0198-tls")
        await store.close()

    asyncio.run(main())
