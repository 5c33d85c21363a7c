"""Signed URLs of the store in a bucket: what they give, at which address, and where there are none."""

import asyncio
import os
import urllib.error
import urllib.request
from collections.abc import Callable

import pytest
from tests.blobs.places import KEY, OTHER, write
from tests.buckets import INSTALLATION, Bucket
from tests.faults.proxy import Proxy
from tests.object_servers import azure_bucket, bucket, google_bucket, strict_bucket

from holdfast.blobs.key import new_key
from holdfast.blobs.objects import ObjectBlobs, open_object_store
from holdfast.blobs.port import BLOCK
from holdfast.blobs.sending import PART

DATA = os.urandom(3 * BLOCK + 77)
LARGE = os.urandom(3 * PART)


def fetch(url: str, **headers: str) -> tuple[int, bytes, str | None]:
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=30) as answer:
        return answer.status, answer.read(), answer.headers["content-type"]


@pytest.mark.parametrize("make", [bucket, strict_bucket, azure_bucket, google_bucket])
def test_a_signed_url_gives_the_object(make: Callable[[], Bucket]) -> None:
    async def scenario(store: ObjectBlobs) -> None:
        await store.put(KEY, [DATA[:1000]], "sha256")
        await write(store, OTHER, LARGE)
        for key, data in ((KEY, DATA[:1000]), (OTHER, LARGE)):
            url = store.sign(key, 300)
            assert url is not None
            assert await asyncio.to_thread(fetch, url) == (200, data, "application/octet-stream")
            status, part, _ = await asyncio.to_thread(lambda url=url: fetch(url, Range="bytes=5-9"))  # type: ignore[misc]
            assert (status, part) == (206, data[5:10])
            changed = url.replace(key, new_key(3))
            with pytest.raises(urllib.error.HTTPError):
                await asyncio.to_thread(fetch, changed)

    make().run(scenario)


def test_a_public_endpoint_signs_for_itself() -> None:
    async def main() -> None:
        place = bucket()
        with Proxy(int(place.endpoint.rpartition(":")[2])) as proxy:
            store = place.store(public_endpoint=proxy.endpoint)
            await store.open(INSTALLATION)
            await store.put(KEY, [b"public"], "sha256")
            assert proxy.calls == []
            url = store.sign(KEY, 60)
            assert url is not None
            assert url.startswith(f"{proxy.endpoint}/")
            assert (await asyncio.to_thread(fetch, url))[:2] == (200, b"public")
            await store.close()

    asyncio.run(main())


def test_virtual_hosted_addresses_name_the_bucket_in_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    url = "s3://box/p?endpoint=https://s3.example.com&style=virtual"
    signed = open_object_store(url).sign(KEY, 60)
    assert signed is not None
    assert signed.startswith(f"https://box.s3.example.com/p/objects/{KEY}?")
    signed = open_object_store(url, public_endpoint="https://public.example.com").sign(KEY, 60)
    assert signed is not None
    assert signed.startswith(f"https://box.public.example.com/p/objects/{KEY}?")


@pytest.mark.parametrize(
    "url", ["gs://bucket/p", "az://box/p?account=name"], ids=["by a role in Google Cloud", "by a role in Azure"]
)
def test_where_each_signature_would_be_asked_for_none_is_given(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith(("AZURE_", "GOOGLE_"))]:
        monkeypatch.delenv(name)
    assert open_object_store(url).sign(KEY, 60) is None
