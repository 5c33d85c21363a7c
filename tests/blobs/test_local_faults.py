"""The local store when its disk fails: nothing acknowledged is missing, no key shows half an object, nothing leaks."""

import asyncio
import errno
import hashlib
import os
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from tests.blobs.faulty import Failing, PowerCut

from holdfast.blobs.errors import BlobError, Full, Lost, Missing, Unavailable
from holdfast.blobs.files import Files
from holdfast.blobs.key import new_key
from holdfast.blobs.local import LocalBlobs
from holdfast.blobs.port import BLOCK, Received

SMALL = b"small" * 1_000
BIG = os.urandom(BLOCK + 4096 + 77)
GONE, PUT, PUBLISHED, RESUMED = (new_key(n) for n in range(4))
CONTENT = {GONE: b"gone", PUT: SMALL, PUBLISHED: BIG + SMALL, RESUMED: SMALL + BIG}


def digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


class Told:
    """What the store has acknowledged."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.uploads: dict[str, bytes] = {}
        self.dropped: set[str] = set()

    def kept(self, name: str, data: bytes, received: Received) -> None:
        assert received.size == len(data)
        assert received.digest in (None, digest(data))
        self.uploads[name] = data


async def push(store: LocalBlobs, told: Told) -> None:
    """Do everything that the store can do; every step may fail, and the next is tried all the same."""
    for step in (_put, _publish_inside, _publish_outside, _leave, _drop, _delete, _read):
        with suppress(BlobError):
            await step(store, told)


async def _put(store: LocalBlobs, told: Told) -> None:
    assert (await store.put(PUT, [SMALL[:10], SMALL[10:]], "sha256"))[:2] == (len(SMALL), digest(SMALL))
    told.objects[PUT] = SMALL


async def _publish_inside(store: LocalBlobs, told: Told) -> None:
    async with store.receive("inside", "sha256") as receiver:
        await receiver.write(BIG)
        told.kept("inside", BIG, await receiver.checkpoint())
        await receiver.write(SMALL)
        told.kept("inside", BIG + SMALL, await receiver.checkpoint())
        del told.uploads["inside"]
        await store.publish("inside", PUBLISHED)
        told.objects[PUBLISHED] = BIG + SMALL


async def _publish_outside(store: LocalBlobs, told: Told) -> None:
    async with store.receive("outside", "sha256") as receiver:
        await receiver.write(SMALL)
        received = await receiver.checkpoint()
        told.kept("outside", SMALL, received)
    async with store.receive("outside", "sha256", at=len(SMALL), state=received.state) as receiver:
        await receiver.write(BIG)
        await receiver.checkpoint()
        await receiver.rollback()
        await receiver.write(BIG)
        told.kept("outside", SMALL + BIG, await receiver.checkpoint())
    del told.uploads["outside"]
    await store.publish("outside", RESUMED)
    told.objects[RESUMED] = SMALL + BIG


async def _leave(store: LocalBlobs, told: Told) -> None:
    async with store.receive("left", "sha256") as receiver:
        await receiver.write(BIG)
        told.kept("left", BIG, await receiver.checkpoint())
        await receiver.write(BIG)
    async with store.receive("left", "sha256", at=len(BIG)) as receiver:
        await receiver.write(BIG)


async def _drop(store: LocalBlobs, told: Told) -> None:
    async with store.receive("dropped", "sha256") as receiver:
        await receiver.checkpoint()
    await store.drop("dropped")
    told.dropped.add("dropped")


async def _delete(store: LocalBlobs, told: Told) -> None:
    await store.put(GONE, [CONTENT[GONE]], "sha256")
    told.objects[GONE] = CONTENT[GONE]
    del told.objects[GONE]
    await store.delete(GONE)
    told.dropped.add(GONE)


async def _read(store: LocalBlobs, told: Told) -> None:
    for key, data in told.objects.items():
        assert await store.size(key) == len(data)
        assert await store.read(key, 5, 500) == data[5:500]
        assert b"".join([chunk async for chunk in store.chunks(key, 0, len(data))]) == data
        assert await store.digest(key, "sha256") == digest(data)
    for name, data in told.uploads.items():
        assert name in await store.staged()
        assert await store.digest_staged(name, "sha256", len(data)) == digest(data)
    assert told.objects.keys() <= {key async for keys in store.keys() for key in keys}  # noqa: SIM118
    assert store.free() > 0


async def check(store: LocalBlobs, told: Told, *, drops_last: bool = True) -> None:
    """Hold what a store shows against what was told."""
    shown = {key async for keys in store.keys() for key in keys}  # noqa: SIM118 -- no mapping
    assert told.objects.keys() <= shown
    for key in shown:
        size = await store.size(key)
        assert size is not None
        assert b"".join([chunk async for chunk in store.chunks(key, 0, size)]) == CONTENT[key], "half an object"
    if drops_last:
        assert not told.dropped & (shown | set(await store.staged()))
    for name, data in told.uploads.items():
        async with store.receive(name, "sha256", at=len(data)) as receiver:
            await receiver.checkpoint()
        assert await store.digest_staged(name, "sha256", len(data)) == digest(data)
    for name in await store.staged():
        await store.drop(name)
    assert await store.staged() == []
    for key in CONTENT.keys() - shown:
        await store.put(key, [b"again"], "sha256")


@asynccontextmanager
async def opened(root: Path, files: Files | None = None) -> AsyncIterator[LocalBlobs]:
    store = LocalBlobs(str(root), files, threads=2)
    try:
        await store.open("installation")
        yield store
    finally:
        await store.close()


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty store that has been opened before."""
    root = tmp_path_factory.mktemp("template") / "blobs"

    async def make() -> None:
        async with opened(root):
            pass

    asyncio.run(make())
    return root


@pytest.fixture
def fast(tmp_path: Path) -> Iterator[Path]:
    """A directory in memory where there is one: hundreds of stores are made, and none needs a disk."""
    if not os.access("/dev/shm", os.W_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir="/dev/shm", prefix="holdfast-") as made:
        yield Path(made)


class NoDirectFailing(Failing):
    """Fails as told, on a file system without O_DIRECT."""

    def set_direct(self, fd: int, direct: bool) -> None:
        raise OSError(errno.EINVAL, "no O_DIRECT here")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "number", "late"),
    [(Failing, errno.EIO, False), (Failing, errno.EIO, True), (NoDirectFailing, errno.ENOSPC, False)],
    ids=["EIO", "EIO after the work", "ENOSPC without O_DIRECT"],
)
def test_every_call_of_a_push_fails_once(fast: Path, empty: Path, kind: type[Failing], number: int, late: bool) -> None:
    """For every k: the k-th call fails, before or after its work; the store is looked at by the next process."""

    async def once(root: Path, k: int) -> list[str]:
        shutil.copytree(empty, root)
        files = kind(lambda name, before: before == k, number, late=late)
        files.armed = False
        told = Told()
        async with opened(root, files) as store:
            files.armed = True
            await push(store, told)
            failed_sync = number == errno.EIO and bool({"fsync", "fsync_dir"} & set(files.failed))
            if failed_sync:
                with pytest.raises(Unavailable, match="failed sync"):
                    await store.put(new_key(9), [b"x"], "sha256")
                assert files.calls.count("fsync") + files.calls.count("fsync_dir") < 20
            files.armed = False
        async with opened(root) as store:
            await check(store, told)
        shutil.rmtree(root)
        return files.calls

    async def every() -> int:
        calls = await once(fast / "none", -1)
        # Listing 256 directories is one case, tried at some of them.
        tried = [k for k, name in enumerate(calls) if name != "listdir" or k % 50 == 0]
        before = descriptors()
        for k in tried:
            await once(fast / str(k), k)
        assert descriptors() == before, "descriptors leaked"
        return len(tried)

    tried = asyncio.run(every())
    print(f"calls made to fail: {tried}")
    assert tried > 100


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC], ids=["EIO", "ENOSPC"])
def test_every_call_of_an_opening_fails_once(fast: Path, number: int) -> None:
    async def once(root: Path, k: int) -> int:
        files = Failing(lambda name, before: before == k and name not in ("stat", "close"), number)
        with suppress(BlobError):
            async with opened(root, files) as store:
                await store.put(PUT, [SMALL], "sha256")
        calls = len(files.calls)
        async with opened(root) as store:
            assert len(os.listdir(root / "objects")) == 256
            for keys in [keys async for keys in store.keys()]:  # noqa: SIM118 -- no mapping
                assert keys == [PUT]
                assert await store.read(PUT, 0, len(SMALL)) == SMALL
        shutil.rmtree(root)
        return calls

    async def every() -> None:
        calls = await once(fast / "none" / "blobs", -1)
        # Making the 256 directories is one case, tried at some of them.
        for k in [*range(20), *range(20, calls - 40, 23), *range(calls - 40, calls)]:
            await once(fast / str(k) / "blobs", k)

    asyncio.run(every())


@pytest.mark.slow
def test_power_cut_at_every_call(fast: Path) -> None:
    """Power fails before every call in turn: what had been acknowledged is in what strictly was on the disk."""

    async def once(at: int) -> tuple[list[str], int]:
        here = fast / str(at)
        here.mkdir()
        files = PowerCut(here / "blobs", at)
        told = Told()
        with suppress(BlobError):
            async with opened(here / "blobs", files) as store:
                await push(store, told)
        files.left(here / "left")
        async with opened(here / "left") as store:
            # A removal may be undone by the cut; nothing else may.
            await check(store, told, drops_last=False)
        shutil.rmtree(here)
        return files.calls, len(told.objects)

    async def every() -> int:
        calls, acknowledged = await once(10_000)
        assert acknowledged == 3
        cuts = [k for k, name in enumerate(calls) if name not in ("mkdir", "listdir") or k % 50 == 0]
        for at in cuts:
            await once(at)
        return len(cuts)

    cuts = asyncio.run(every())
    print(f"power cuts: {cuts}")
    assert cuts > 100


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
