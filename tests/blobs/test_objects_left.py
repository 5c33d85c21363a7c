"""The store in a bucket: what an upload leaves behind, what it holds in memory, and how its process ends."""

import asyncio
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable

import pytest
from tests.blobs.places import INSTALLATION, KEY, OTHER, digest, listed, write
from tests.buckets import Bucket
from tests.object_servers import azure_bucket, bucket, google_bucket, strict_bucket

from holdfast.blobs import broken_uploads, sending
from holdfast.blobs.broken_uploads import BrokenUploads
from holdfast.blobs.errors import Full
from holdfast.blobs.key import issued_at, new_key
from holdfast.blobs.object_url import parse_bucket_url
from holdfast.blobs.objects import ObjectBlobs
from holdfast.blobs.port import BLOCK
from holdfast.blobs.sending import LARGEST, MEMORY, PART, PARTS_MOST, parts_for

LARGE = os.urandom(3 * PART)


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

    place.run(scenario)


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

    place.run(scenario)


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

    place.run(scenario)
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


@pytest.mark.parametrize("make", [bucket, strict_bucket])
def test_of_a_killed_process_nothing_shows_and_its_parts_are_cleared(make: Callable[[], Bucket]) -> None:
    place = make()
    at = issued_at(KEY)

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
        assert place.directory is None or place.parts() != []
        assert (await listed(store), await store.size(KEY)) == ([], None)
        await store.put(OTHER, [b"whole"], "sha256")
        assert await store.clear(at) == 0
        for _ in range(1_000):
            # The server may still be at the last part that it was sent.
            if await store.clear(at + 1):
                break
        assert await store.clear(at + 1) == 0
        assert place.directory is None or place.parts() == []
        assert await listed(store) == [OTHER]

    place.run(scenario)


def test_of_many_killed_processes_all_parts_are_cleared(monkeypatch: pytest.MonkeyPatch) -> None:
    """More than a page of them, begun one by one as the library does."""
    place = bucket()
    beside = Bucket(place.url.replace("some/where", "some/where-else"), place.environment, place.directory)
    for name, value in place.environment.items():
        monkeypatch.setenv(name, value)
    broken = BrokenUploads(parse_bucket_url(place.url))
    for n in range(7):
        for path in (f"some/where/objects/{new_key(n)}", f"some/where-else/objects/{new_key(n)}"):
            assert broken._ask("POST", path, {"uploads": ""})[0] == 200
    assert broken._ask("POST", "some/where/objects/of-somebody-else", {"uploads": ""})[0] == 200
    monkeypatch.setattr(broken_uploads, "PAGE", 3)

    async def scenario(store: ObjectBlobs) -> None:
        assert await store.clear(5) == 5
        assert await store.clear(100) == 2

    place.run(scenario)
    assert len([*broken.under("some/where/objects/")]) == 1

    async def neighbour(store: ObjectBlobs) -> None:
        assert await store.clear(100) == 7

    beside.run(neighbour)


@pytest.mark.parametrize("make", [azure_bucket, google_bucket])
def test_elsewhere_a_rule_of_the_bucket_clears(make: Callable[[], Bucket]) -> None:
    async def scenario(store: ObjectBlobs) -> None:
        assert await store.clear(1 << 55) == 0

    make().run(scenario)


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

    place.run(scenario)
    assert place.parts() == []


WEIGHED = """
import asyncio, os, sys, threading
from holdfast.blobs.key import issued_at, new_key
from holdfast.blobs.object_url import parse_bucket_url
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
