"""The local store when its disk fails: nothing acknowledged is missing, no key shows half an object, nothing leaks."""

import asyncio
import errno
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable, Coroutine
from contextlib import suppress
from pathlib import Path

import pytest
from tests.blobs.faulty import Failing, NoDirectFailing
from tests.blobs.pushing import (
    BIG,
    GONE,
    PUBLISHED,
    PUT,
    RESUMED,
    SMALL,
    Told,
    digest,
    make_empty,
    opened,
    push,
)

from holdfast.blobs.errors import Full, Lost, Missing, Unavailable
from holdfast.blobs.key import new_key
from holdfast.blobs.local import LocalBlobs
from holdfast.blobs.port import Received


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty store that has been opened before."""
    return make_empty(tmp_path_factory.mktemp("template"))


# -- a failed sync --------------------------------------------------------------------------------------------------


def failing_sync(empty: Path, root: Path, name: str, number: int = errno.EIO) -> Failing:
    shutil.copytree(empty, root)
    files = Failing(lambda called, before: called == name, number)
    files.armed = False
    return files


Step = Callable[[LocalBlobs], Coroutine[None, None, object]]


async def _stage(store: LocalBlobs) -> Received:
    async with store.receive("new", "sha256") as receiver:
        await receiver.write(BIG)
        return await receiver.checkpoint()


async def _first_keys(store: LocalBlobs) -> list[str]:
    return await anext(store.keys())


WRITES: dict[str, Step] = {
    "receive": _stage,
    "put": lambda store: store.put(new_key(5), [b"x"], "sha256"),
    "publish": lambda store: store.publish("kept", new_key(6)),
    "drop": lambda store: store.drop("kept"),
    "delete": lambda store: store.delete(PUT),
}


@pytest.mark.parametrize("name", ["fsync", "fsync_dir"])
@pytest.mark.parametrize("write", ["receive", "put", "publish"])
def test_after_a_failed_sync_nothing_is_acknowledged_any_more(
    tmp_path: Path, empty: Path, name: str, write: str
) -> None:
    files = failing_sync(empty, tmp_path / "blobs", name)

    async def main() -> None:
        async with opened(tmp_path / "blobs", files) as store:
            await store.put(PUT, [SMALL], "sha256")
            async with store.receive("kept", "sha256") as receiver:
                await receiver.write(SMALL)
                await receiver.checkpoint()
            async with store.receive("live", "sha256") as live:
                await live.write(BIG)
                files.armed = True
                with pytest.raises(Unavailable):
                    await WRITES[write](store)
                files.armed = False
                for step in WRITES.values():
                    with pytest.raises(Unavailable, match="failed sync"):
                        await step(store)
                with pytest.raises(Unavailable, match="failed sync"):
                    await live.checkpoint()
                with pytest.raises(Unavailable, match="failed sync"):
                    await store.open("installation")
                with pytest.raises(Unavailable, match="failed sync"):
                    store.free()
            assert await store.read(PUT, 0, len(SMALL)) == SMALL
            assert await store.digest(PUT, "sha256") == digest(SMALL)
        # The disk was seen to; a new process begins.
        async with opened(tmp_path / "blobs", files) as store:
            assert (await _stage(store)).digest == digest(BIG)

    asyncio.run(main())
    assert files.failed == [name]


def test_a_descriptor_that_failed_to_sync_is_closed_and_never_synced_again(tmp_path: Path, empty: Path) -> None:
    class Traced(Failing):
        synced: list[int]
        closed: list[int]

        def call(self, name: str, real: Callable[..., object], *args: object) -> object:
            if name in ("fsync", "close"):
                (self.synced if name == "fsync" else self.closed).append(int(str(args[0])))
            return super().call(name, real, *args)

    shutil.copytree(empty, tmp_path / "blobs")
    files = Traced(lambda name, before: name == "fsync", errno.ENOSPC)
    files.armed = False
    files.synced, files.closed = [], []

    async def main() -> None:
        async with opened(tmp_path / "blobs", files) as store:
            async with store.receive("up", "sha256") as receiver:
                await receiver.write(BIG)
                files.armed = True
                files.synced, files.closed = [], []
                for _ in range(3):
                    with pytest.raises(Full):
                        await receiver.checkpoint()
                assert files.synced == files.closed
                assert len(files.synced) == 1
                with pytest.raises(Unavailable):
                    await receiver.rollback()
                files.armed = False
            # Want of space is no broken disk: the store goes on.
            assert await store.staged() == []
            assert (await _stage(store)).digest == digest(BIG)

    asyncio.run(main())


def test_a_failed_write_back_is_a_failed_sync(tmp_path: Path, empty: Path) -> None:
    shutil.copytree(empty, tmp_path / "blobs")
    files = NoDirectFailing(lambda name, before: name == "sync_file_range")

    async def write(store: LocalBlobs) -> None:
        async with store.receive("up", "sha256") as receiver:
            for _ in range(20):
                await receiver.write(BIG)
            pytest.fail("the error went unnoticed")

    async def main() -> None:
        async with opened(tmp_path / "blobs", files) as store:
            with pytest.raises(Unavailable):
                await write(store)
            with pytest.raises(Unavailable, match="failed sync"):
                await _stage(store)

    asyncio.run(main())


def test_a_failed_write_stays_until_rollback(tmp_path: Path, empty: Path) -> None:
    shutil.copytree(empty, tmp_path / "blobs")
    files = Failing(lambda name, before: name in ("pwrite", "pwritev"), errno.ENOSPC)
    files.armed = False

    async def main() -> None:
        async with opened(tmp_path / "blobs", files) as store, store.receive("up", "sha256") as receiver:
            await receiver.write(BIG)
            kept = await receiver.checkpoint()
            files.armed = True
            with suppress(Full):
                await receiver.write(BIG)
            with pytest.raises(Full):
                await receiver.checkpoint()
            files.armed = False
            with pytest.raises(Full):
                await receiver.write(b"x")
            with pytest.raises(Full):
                await receiver.checkpoint()
            with pytest.raises(Full):
                await store.publish("up", PUT)
            await receiver.rollback()
            await receiver.write(BIG)
            assert (await receiver.checkpoint())[:2] == kept[:2]

    asyncio.run(main())


# -- the real thing -------------------------------------------------------------------------------------------------

LIMITED = """
import asyncio, resource, sys
from holdfast.blobs.errors import Full
from holdfast.blobs.key import new_key
from holdfast.blobs.local import LocalBlobs

async def main():
    store = LocalBlobs(sys.argv[1])
    await store.open("installation")
    resource.setrlimit(resource.RLIMIT_FSIZE, (3 << 20, 3 << 20))
    for size in (4 << 20, 3 << 20):
        try:
            async with store.receive("up", "sha256") as receiver:
                for _ in range(size >> 16):
                    await receiver.write(bytes(1 << 16))
                await receiver.checkpoint()
            print("received", size)
        except Full as full:
            print(full.reason)
    print(await store.staged())
    await store.close()

asyncio.run(main())
"""


def test_a_file_that_may_not_grow_is_full(tmp_path: Path) -> None:
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[1] in (-1, resource.RLIM_INFINITY)
    ran = subprocess.run(
        [sys.executable, "-c", LIMITED, str(tmp_path / "blobs")], capture_output=True, text=True, timeout=60, check=True
    )
    assert ran.stdout.splitlines() == [Full.default, f"received {3 << 20}", "['up']"]


def test_an_unmounted_volume_is_unavailable_and_not_empty(tmp_path: Path, empty: Path) -> None:
    shutil.copytree(empty, tmp_path / "blobs")

    async def main() -> None:
        async with opened(tmp_path / "blobs") as store:
            await store.put(PUT, [SMALL], "sha256")
            with pytest.raises(Missing):
                await store.read(GONE, 0, 1)
            (tmp_path / "blobs").rename(tmp_path / "elsewhere")
            for hidden in (False, True):
                if hidden:
                    # Another volume, or the bare mount point of a store that was once made there.
                    shutil.copytree(empty, tmp_path / "blobs")
                    (tmp_path / "blobs" / ".holdfast-store").write_text("another\n")
                attempts: list[Step] = [
                    lambda store: store.read(PUT, 0, 1),
                    lambda store: anext(store.chunks(PUT, 0, 1)),
                    lambda store: store.digest(PUT, "sha256"),
                    lambda store: store.digest_staged("up", "sha256", 1),
                    lambda store: store.size(PUT),
                    lambda store: store.delete(PUT),
                    lambda store: store.drop("up"),
                    lambda store: store.publish("up", GONE),
                    _first_keys,
                    lambda store: store.staged(),
                ]
                for attempt in attempts:
                    with pytest.raises(Unavailable):
                        await attempt(store)
                with pytest.raises(Unavailable):
                    async with store.receive("up", "sha256", at=1):
                        pytest.fail("went on with nothing")
            shutil.rmtree(tmp_path / "blobs")
            (tmp_path / "elsewhere").rename(tmp_path / "blobs")
            assert await store.read(PUT, 0, len(SMALL)) == SMALL
            with pytest.raises(Lost):
                await store.publish("up", GONE)

    asyncio.run(main())


@pytest.mark.parametrize("call", ["open_cached", "preadv_cached"])
def test_what_memory_does_not_hold_is_read_in_a_thread(tmp_path: Path, empty: Path, call: str) -> None:
    shutil.copytree(empty, tmp_path / "blobs")
    files = Failing(lambda name, before: name == call, errno.EAGAIN)

    async def main() -> None:
        async with opened(tmp_path / "blobs", files) as store:
            told = Told()
            await push(store, told)
            assert told.objects.keys() == {PUT, PUBLISHED, RESUMED}
            with pytest.raises(Missing):
                await store.read(PUT, len(SMALL), len(SMALL) + 1)
            with pytest.raises(Missing):
                await anext(store.chunks(GONE, 0, 1))
        assert call in files.failed

    asyncio.run(main())


def test_a_damaged_disk_under_a_reading_is_unavailable(tmp_path: Path, empty: Path) -> None:
    shutil.copytree(empty, tmp_path / "blobs")
    files = Failing(lambda name, before: name in ("pread", "preadv_cached"))
    files.armed = False

    async def main() -> None:
        async with opened(tmp_path / "blobs", files) as store:
            await store.put(PUT, [SMALL], "sha256")
            files.armed = True
            with pytest.raises(Unavailable) as caught:
                await store.read(PUT, 0, 10)
            assert str(tmp_path) not in caught.value.reason
            with pytest.raises(Unavailable):
                await store.digest(PUT, "sha256")
            files.armed = False
            # Only a failed sync makes the store stop.
            await store.put(PUBLISHED, [SMALL], "sha256")

    asyncio.run(main())
