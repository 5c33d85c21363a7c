"""The store in a bucket: whom it believes, what it leaves behind, what it holds in memory, how its process ends."""

import asyncio
import hashlib
import os
import shutil
import subprocess
import sys
import textwrap
import urllib.error
import urllib.request
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from tests.blobs.places import INSTALLATION, KEY, OTHER, digest, listed, whole, write
from tests.buckets import Bucket
from tests.faults.proxy import CutAnswer, Proxy
from tests.object_servers import azure_bucket, bucket, google_bucket, strict_bucket

from holdfast.blobs import sending
from holdfast.blobs.errors import BlobError, ForeignStore, Full, Missing, Unavailable
from holdfast.blobs.key import new_key
from holdfast.blobs.objects import MARKER, ObjectBlobs, open_object_store
from holdfast.blobs.port import BLOCK
from holdfast.blobs.sending import LARGEST, MEMORY, PART, PARTS_MOST, parts_for

DATA = os.urandom(3 * BLOCK + 77)
LARGE = os.urandom(3 * PART)


def run(place: Bucket, scenario: Callable[[ObjectBlobs], Awaitable[None]]) -> None:
    async def main() -> None:
        store = place.store()
        await store.open(INSTALLATION)
        try:
            await scenario(store)
        finally:
            await store.close()

    asyncio.run(main())


def marker(place: Bucket) -> Path:
    assert place.directory is not None
    return place.directory / "some" / "where" / MARKER


# -- a lone 404 is never believed -----------------------------------------------------------------------------------


def remove_marker(place: Bucket) -> None:
    marker(place).unlink()


def foreign_marker(place: Bucket) -> None:
    marker(place).write_text("another\n")


def remove_bucket(place: Bucket) -> None:
    assert place.directory is not None
    shutil.rmtree(place.directory)


@pytest.mark.parametrize("happens", [remove_marker, foreign_marker, remove_bucket])
def test_nothing_is_missing_from_a_store_that_is_not_there(happens: Callable[[Bucket], None]) -> None:
    place = bucket()

    async def scenario(store: ObjectBlobs) -> None:
        await store.put(KEY, [DATA[:1000]], "sha256")
        assert await store.size(OTHER) is None
        happens(place)
        for attempt in (
            lambda: store.size(OTHER),
            lambda: store.read(OTHER, 0, 1),
            lambda: store.read(OTHER, 0, 0),
            lambda: whole(store, OTHER, 0, 10),
            lambda: store.digest(OTHER, "sha256"),
            lambda: listed(store),
        ):
            with pytest.raises(Unavailable):
                await attempt()
        if happens is remove_bucket:
            for writing in (
                lambda: store.delete(KEY),
                lambda: store.put(OTHER, [b"x"], "sha256"),
                lambda: write(store, OTHER, b"x"),
                lambda: write(store, OTHER, LARGE),
                lambda: store.open(INSTALLATION),
            ):
                with pytest.raises(Unavailable):
                    await writing()
        else:
            # What is there is what it is.
            assert await store.read(KEY, 0, 1000) == DATA[:1000]
            with pytest.raises(ForeignStore):
                await store.open(INSTALLATION)

    run(place, scenario)


def test_stores_below_other_prefixes_do_not_see_each_other() -> None:
    place = bucket()
    beside = Bucket(place.url.replace("some/where", "some/where-else"), place.environment, place.directory)
    above = Bucket(place.url.replace("some/where", "some"), place.environment, place.directory)

    async def scenario(store: ObjectBlobs) -> None:
        await store.put(KEY, [b"mine"], "sha256")
        for other in (beside, above):
            neighbour = other.store()
            await neighbour.open("another")
            assert await listed(neighbour) == []
            assert await neighbour.size(KEY) is None
            await neighbour.close()
        assert await listed(store) == [KEY]

    run(place, scenario)


def test_two_installations_at_once_do_not_share_a_bucket() -> None:
    async def main() -> None:
        place = bucket()
        stores = [place.store() for _ in range(8)]
        outcomes = await asyncio.gather(
            *[store.open(f"installation-{n}") for n, store in enumerate(stores)], return_exceptions=True
        )
        marked = marker(place).read_text().strip()
        for n, outcome in enumerate(outcomes):
            assert outcome is None or isinstance(outcome, ForeignStore)
            # Whoever believed too early is refused as soon as it matters.
            if outcome is None and marked != f"installation-{n}":
                with pytest.raises(Unavailable):
                    await stores[n].size(KEY)
        await asyncio.gather(*[store.close() for store in stores])

    asyncio.run(main())


def test_what_else_lies_in_the_bucket_is_not_listed() -> None:
    place = bucket()

    async def scenario(store: ObjectBlobs) -> None:
        await store.put(KEY, [b"x"], "sha256")
        for name in ("note.txt", "objects/note.txt", f"objects/below/{OTHER}x"):
            path = marker(place).parent / name
            path.parent.mkdir(exist_ok=True)
            path.write_text("of somebody else")
        assert await listed(store) == [KEY]

    run(place, scenario)


# -- addresses for clients ------------------------------------------------------------------------------------------


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

    run(make(), scenario)


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


# -- what is left behind --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [PART - 1, PART, len(LARGE)])
def test_an_upload_that_is_given_up_leaves_no_parts(size: int) -> None:
    place = bucket()

    async def scenario(store: ObjectBlobs) -> None:
        async def failing() -> None:
            async with store.create(KEY, "sha256") as writer:
                await writer.write(LARGE[:size])
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await failing()
        async with store.create(KEY, "sha256") as writer:
            await writer.write(LARGE[:size])
        assert (place.parts(), await listed(store)) == ([], [])

    run(place, scenario)


def test_a_cancelled_upload_leaves_no_parts() -> None:
    place = bucket()

    async def scenario(store: ObjectBlobs) -> None:
        async def endless(key: str) -> None:
            async with store.create(key, "sha256") as writer:
                while True:
                    await writer.write(LARGE[:BLOCK])

        for after in range(3):
            task = asyncio.create_task(endless(new_key(after)))
            for _ in range(10_000):
                await asyncio.sleep(0)
                if len(place.parts()) > after:
                    break
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            # Cancelled once more while it gives up: that goes on all the same, and `close` waits for it.
        assert (place.parts(), await listed(store)) == ([], [])

    run(place, scenario)


def test_an_upload_cancelled_twice_is_given_up_before_the_store_is_closed() -> None:
    place = bucket()

    async def scenario(store: ObjectBlobs) -> None:
        begun = asyncio.Event()

        async def left() -> None:
            async with store.create(KEY, "sha256") as writer:
                await writer.write(LARGE)
                begun.set()

        task = asyncio.create_task(left())
        await begun.wait()
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    run(place, scenario)
    assert place.parts() == []


KILLED = """
import asyncio, os, sys
from holdfast.blobs.objects import open_object_store
async def main():
    store = open_object_store(sys.argv[1])
    await store.open(sys.argv[2])
    async with store.create(sys.argv[3], "sha256") as writer:
        for _ in range(40):
            await writer.write(os.urandom(1 << 20))
        print("written", flush=True)
        sys.stdin.readline()
asyncio.run(main())
"""


def test_of_a_killed_process_nothing_shows() -> None:
    """Its parts stay, and no store that the library knows lists them: a rule of the bucket removes them."""
    place = bucket()

    async def scenario(store: ObjectBlobs) -> None:
        with subprocess.Popen(
            [sys.executable, "-c", KILLED, place.url, INSTALLATION, KEY],
            env=os.environ | place.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        ) as process:
            assert process.stdout is not None
            assert await asyncio.to_thread(process.stdout.readline) == b"written\n"
            process.kill()
        assert place.parts() != []
        assert (await listed(store), await store.size(KEY)) == ([], None)

    run(place, scenario)


# -- bounds ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "size", [None, 0, 1, PART, PARTS_MOST * PART, PARTS_MOST * PART + 1, 1 << 37, 1 << 38, 1 << 39, 1 << 40, LARGEST]
)
def test_parts(size: int | None) -> None:
    part, at_once = parts_for(size)
    assert part >= 5 * BLOCK
    assert at_once >= 1
    assert size is None or part * PARTS_MOST >= size
    # One is being filled while the others are under way.
    assert at_once == 1 or part * (at_once + 1) <= MEMORY


def test_what_no_bucket_takes_is_refused_at_once() -> None:
    with pytest.raises(Full):
        parts_for(LARGEST + 1)


def test_an_object_of_unknown_size_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "PARTS_MOST", 2)
    place = bucket()

    async def scenario(store: ObjectBlobs) -> None:
        assert (await write(store, KEY, LARGE[: 2 * PART], known=False)).digest == digest(LARGE[: 2 * PART])
        with pytest.raises(Full):
            await write(store, OTHER, LARGE[: 2 * PART + 1], known=False)
        assert await listed(store) == [KEY]

    run(place, scenario)
    assert place.parts() == []


WEIGHED = """
import asyncio, os, sys, threading
from holdfast.blobs.key import new_key
from holdfast.blobs.objects import open_object_store

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")

async def upload(store, key):
    async with store.create(key, "sha256", size=128 << 20) as writer:
        for _ in range(128 * 4):
            await writer.write(os.urandom(256 << 10))
        await writer.finish()

async def main():
    store = open_object_store(sys.argv[1])
    await store.open("weighed")
    await store.put(new_key(0), [b"x"], "sha256")
    before, most, ended = resident(), 0, threading.Event()
    def watch():
        nonlocal most
        while not ended.wait(0.005):
            most = max(most, resident())
    watcher = threading.Thread(target=watch)
    watcher.start()
    await asyncio.gather(*[upload(store, new_key(n)) for n in range(1, 4)])
    ended.set()
    watcher.join()
    print((most - before) // 3)
    await store.close()

asyncio.run(main())
"""


@pytest.mark.slow
def test_an_upload_holds_at_most_48_mebibytes() -> None:
    place = bucket()
    ran = subprocess.run(
        [sys.executable, "-c", WEIGHED, place.url],
        env=os.environ | place.environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    held = int(ran.stdout)
    print(f"held by an upload: {held / BLOCK:.1f} MiB")
    assert held <= MEMORY


# -- the rest -------------------------------------------------------------------------------------------------------


def test_a_reading_goes_on_where_it_broke_off() -> None:
    async def main() -> None:
        place = bucket()
        with Proxy(int(place.endpoint.rpartition(":")[2])) as proxy:
            store = place.at(proxy.endpoint).store()
            await store.open(INSTALLATION)
            await write(store, KEY, LARGE)
            proxy.faults = lambda call: CutAnswer(5 * BLOCK)
            got = hashlib.sha256()
            async for chunk in store.chunks(KEY, 0, len(LARGE)):
                assert 0 < len(chunk) <= BLOCK
                got.update(chunk)
            assert f"sha256:{got.hexdigest()}" == digest(LARGE)
            await store.close()

    asyncio.run(main())


def test_reasons_show_neither_paths_nor_the_library() -> None:
    async def main() -> None:
        place = bucket()
        reasons: list[str] = []
        nowhere = place.at("http://127.0.0.1:1").store()
        gone = Bucket(place.url.replace("bucket-", "no-bucket-"), place.environment).store()
        for store in (nowhere, gone):
            for attempt in (lambda: store.open("x"), lambda: store.size(KEY), lambda: store.read(KEY, 0, 1)):  # noqa: B023
                try:
                    await attempt()
                except BlobError as error:
                    reasons.append(error.reason)
            await store.close()
        assert len(reasons) == 6
        for reason in reasons:
            assert not any(word in reason for word in ("127.0.0.1", "some/where", KEY, "Generic", "Debug", "reqwest"))
            assert len(reason) < 120

    asyncio.run(main())


def test_certificates_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="ca="):
        open_object_store(f"s3://bucket?endpoint=https://127.0.0.1:1&ca={tmp_path}/none.pem")


ENDED = textwrap.dedent(
    """
    import asyncio, os, sys
    from holdfast.blobs.key import new_key
    from holdfast.blobs.objects import open_object_store
    async def main():
        store = open_object_store(sys.argv[1])
        await store.open("ended")
        async with store.create(new_key(1), "sha256") as writer:
            for _ in range(20):
                await writer.write(os.urandom(1 << 20))
            await writer.finish()
        chunks = store.chunks([key async for keys in store.keys() for key in keys][0], 0, 20 << 20)
        await anext(chunks)
        await store.close()
    asyncio.run(main())
    """
)


def test_a_process_that_closed_its_store_ends_well() -> None:
    """Without closing, one in five aborts: the library's threads meet an interpreter that is being taken down."""
    place = bucket()
    for _ in range(8):
        ran = subprocess.run(
            [sys.executable, "-c", ENDED, place.url],
            check=False,
            env=os.environ | place.environment,
            capture_output=True,
            timeout=120,
        )
        assert (ran.returncode, ran.stderr) == (0, b"")


def test_a_missing_object_of_an_open_store_is_missing() -> None:
    async def scenario(store: ObjectBlobs) -> None:
        await store.put(KEY, [b"0123456789"], "sha256")
        for start, end in ((10, 11), (5, 11), (100, 101)):
            with pytest.raises(Missing):
                await store.read(KEY, start, end)
            with pytest.raises(Missing):
                await whole(store, KEY, start, end)

    run(bucket(), scenario)
