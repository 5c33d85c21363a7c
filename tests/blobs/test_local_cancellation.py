"""Clients that go away: a cancelled call disturbs no thread at work, and everything is let go in the end."""

import asyncio
import errno
import hashlib
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from tests.blobs.faulty import Gated

from holdfast.blobs.errors import Busy, Full, Missing
from holdfast.blobs.files import Files
from holdfast.blobs.key import new_key
from holdfast.blobs.local import LocalBlobs
from holdfast.blobs.port import BLOCK, Received

KEY, OTHER = new_key(1), new_key(2)
DATA = os.urandom(5 * BLOCK + 12_345)


@asynccontextmanager
async def opened(root: Path, files: Files, threads: int = 4) -> AsyncIterator[LocalBlobs]:
    store = LocalBlobs(str(root / "blobs"), files, threads)
    try:
        await store.open("installation")
        yield store
    finally:
        await store.close()


async def stage(store: LocalBlobs, data: bytes, at: int = 0) -> Received:
    async with store.receive("up", "sha256", at=at) as receiver:
        for start in range(0, len(data), BLOCK):
            await receiver.write(data[start : start + BLOCK])
        return await receiver.checkpoint()


async def publish(store: LocalBlobs, data: bytes) -> None:
    async with store.receive("up", "sha256") as receiver:
        await receiver.write(data)
        await receiver.checkpoint()
        await store.publish("up", KEY)


def digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


async def turns() -> None:
    """Let everything run that can."""
    for _ in range(20):
        await asyncio.sleep(0)


async def at_the_gate(files: Gated, name: str, work: Coroutine[Any, Any, Any]) -> "asyncio.Task[Any]":
    """Begin `work` and return it when one of its calls `name` waits at the gate."""
    files.name = name
    files.arrived.clear()
    files.opened.clear()
    task = asyncio.create_task(work)
    assert await asyncio.to_thread(files.arrived.wait, 30)
    await turns()
    return task


async def cancel(task: "asyncio.Task[Any]", times: int = 1) -> None:
    for _ in range(times):
        task.cancel()
        await turns()


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    """Wait for what a thread does when nobody waits for it any more."""
    end = time.monotonic() + 30
    while not await holds():
        assert time.monotonic() < end, "it never came"
        await asyncio.sleep(0)


async def until_closed(before: int) -> None:
    async def closed() -> bool:
        return descriptors() <= before

    await until(closed)


async def until_free(store: LocalBlobs, at: int) -> Received:
    """Take up the upload as soon as its lock is released."""
    taken: list[Received] = []

    async def free() -> bool:
        with suppress(Busy):
            taken.append(await stage(store, b"", at))
        return bool(taken)

    await until(free)
    return taken[0]


async def until_gone(store: LocalBlobs) -> None:
    async def gone() -> bool:
        return await store.staged() == []

    await until(gone)


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


WRITING = [
    ("lock", 0),
    ("pwrite", 0),
    ("fsync", 0),
    ("fsync_dir", 0),
    ("lock", BLOCK + 7),
    ("ftruncate", BLOCK + 7),
    ("pwritev", BLOCK + 7),
    ("fsync", BLOCK + 7),
]


@pytest.mark.parametrize("times", [1, 3])
@pytest.mark.parametrize(("name", "at"), WRITING)
def test_a_receiver_cancelled_at_any_point(tmp_path: Path, name: str, times: int, at: int) -> None:
    """The lock is held while the thread is at work, and then the upload is as it was."""

    async def main() -> None:
        files = Gated()
        async with opened(tmp_path, files) as store:
            base = await stage(store, DATA[: BLOCK + 7])
            before = descriptors()
            more = stage(store, DATA, at)
            if name == "ftruncate":
                await stage(store, b"too much", at)
            task = await at_the_gate(files, name, more)
            await cancel(task, times)
            # Once cancelled, a receiver waits for its thread; cancelled again, it goes and leaves that behind.
            assert task.done() == (times > 1 or name == "lock")
            files.name = ""
            if name != "lock":
                with pytest.raises(Busy):
                    await stage(store, b"mine", at)
            files.opened.set()
            with pytest.raises(asyncio.CancelledError):
                await task
            if at or name == "lock":
                # Whoever only held it has done nothing to it, from wherever he wanted to begin.
                assert (await until_free(store, base.size)).size == base.size
                assert await store.digest_staged("up", "sha256", base.size) == base.digest
            else:
                await until_gone(store)
            await until_closed(before)
            assert (await stage(store, DATA)).digest == digest(DATA)

    asyncio.run(main())


@pytest.mark.parametrize("times", [1, 3])
@pytest.mark.parametrize("name", ["rename", "fsync_dir"])
def test_a_publish_cancelled_is_done_whole_or_not_at_all(tmp_path: Path, name: str, times: int) -> None:
    async def main() -> None:
        files = Gated()
        async with opened(tmp_path, files) as store:
            # The name is durable after the first checkpoint, so that only publishing comes to the gate.
            async with store.receive("up", "sha256") as receiver:
                await receiver.write(DATA)
                await receiver.checkpoint()
                task = await at_the_gate(files, name, store.publish("up", KEY))
                await cancel(task, times)
                with pytest.raises(asyncio.CancelledError):
                    await task
                files.name = ""
                files.opened.set()
            assert await store.staged() == []
            assert await store.digest(KEY, "sha256") == digest(DATA)

    asyncio.run(main())


@pytest.mark.parametrize("name", ["pwritev", "fsync", "rename", "fsync_dir"])
def test_a_put_cancelled_is_done_whole_or_not_at_all(tmp_path: Path, name: str) -> None:
    async def main() -> None:
        files = Gated()
        async with opened(tmp_path, files) as store:
            before = descriptors()
            task = await at_the_gate(files, name, store.put(KEY, [DATA], "sha256"))
            await cancel(task)
            with pytest.raises(asyncio.CancelledError):
                await task
            with suppress(Missing):
                assert await store.digest(KEY, "sha256") == digest(DATA)
            files.opened.set()
            await store.close()
            assert descriptors() <= before
        async with opened(tmp_path, Files()) as store:
            with suppress(Missing):
                assert await store.digest(KEY, "sha256") == digest(DATA)
            assert os.listdir(tmp_path / "blobs" / "uploads") == []

    asyncio.run(main())


def test_a_write_cancelled_has_taken_its_chunk(tmp_path: Path) -> None:
    async def main() -> None:
        files = Gated()
        async with opened(tmp_path, files) as store, store.receive("up", "sha256") as receiver:
            await receiver.write(DATA)
            task = await at_the_gate(files, "pwrite", receiver.write(DATA))
            await cancel(task)
            assert task.cancelled()
            files.opened.set()
            assert receiver.offset == 2 * len(DATA)
            await receiver.write(b"end")
            assert (await receiver.checkpoint())[:2] == (2 * len(DATA) + 3, digest(DATA + DATA + b"end"))

    asyncio.run(main())


def test_a_checkpoint_cancelled_counts_as_none(tmp_path: Path) -> None:
    async def main() -> None:
        files = Gated()
        async with opened(tmp_path, files) as store:
            async with store.receive("up", "sha256") as receiver:
                await receiver.write(DATA)
                await receiver.checkpoint()
                await receiver.write(DATA)
                task = await at_the_gate(files, "fsync", receiver.checkpoint())
                await cancel(task)
                assert task.cancelled()
                files.opened.set()
                with pytest.raises(Busy):
                    await store.publish("up", KEY)
            assert (tmp_path / "blobs" / "uploads" / "up").stat().st_size == len(DATA)

    asyncio.run(main())


def test_a_failure_that_nobody_waited_for_is_not_forgotten(tmp_path: Path) -> None:
    async def main() -> None:
        files = Gated(number=errno.ENOSPC)
        async with opened(tmp_path, files) as store, store.receive("up", "sha256") as receiver:
            await receiver.write(DATA)
            task = await at_the_gate(files, "pwrite", receiver.write(DATA))
            # The loop learns in one turn that the job has failed and that its waiter is cancelled.
            files.opened.set()
            while ("pwrite", "failed") not in files.done:
                time.sleep(0)
            task.cancel()
            await turns()
            assert task.cancelled()
            files.name = ""
            with pytest.raises(Full):
                await receiver.checkpoint()

    asyncio.run(main())


@pytest.mark.parametrize("what", ["chunks", "digest", "read"])
def test_a_reading_cancelled_closes_its_descriptor_after_its_thread(tmp_path: Path, what: str) -> None:
    async def drain(store: LocalBlobs) -> None:
        async for _ in store.chunks(KEY, 0, len(DATA)):
            pass

    async def main() -> None:
        files = Gated(cold=True)
        async with opened(tmp_path, files) as store:
            await publish(store, DATA)
            before = descriptors()
            work: dict[str, Coroutine[Any, Any, Any]] = {
                "chunks": drain(store),
                "digest": store.digest(KEY, "sha256"),
                "read": store.read(KEY, 0, 10),
            }
            reading = work.pop(what)
            for other in work.values():
                other.close()
            task = await at_the_gate(files, "pread", reading)
            files.done.clear()
            await cancel(task)
            with pytest.raises(asyncio.CancelledError):
                await task
            assert "close" not in dict(files.done)
            assert descriptors() == before + 1
            files.opened.set()
            await until_closed(before)
            await store.close()
            # The thread read to the end of its job, and then the descriptor was closed, once.
            assert [name for name, _ in files.done if name == "close"] == ["close"]
            assert files.done[-1][0] == "close"

    asyncio.run(main())


def test_an_opening_for_reading_cancelled_leaves_no_descriptor(tmp_path: Path) -> None:
    class Cold(Gated):
        def open_cached(self, path: str) -> int:
            raise BlockingIOError(errno.EAGAIN, "nothing in memory")

    async def main() -> None:
        files = Cold()
        async with opened(tmp_path, files) as store:
            await publish(store, DATA)
            before = descriptors()
            task = await at_the_gate(files, "open", store.digest(KEY, "sha256"))
            await cancel(task)
            with pytest.raises(asyncio.CancelledError):
                await task
            files.opened.set()
            await store.close()
            assert descriptors() <= before

    asyncio.run(main())


def test_the_loop_may_end_while_a_thread_is_at_work(tmp_path: Path) -> None:
    files = Gated()
    store = LocalBlobs(str(tmp_path / "blobs"), files, threads=2)

    async def main() -> None:
        await store.open("installation")
        task = await at_the_gate(files, "pwrite", stage(store, DATA))
        await cancel(task, 3)
        assert task.done()

    async def after() -> None:
        await store.close()
        async with opened(tmp_path, Files()) as again:
            assert await again.staged() == []
            assert (await stage(again, DATA)).digest == digest(DATA)

    before = descriptors()
    asyncio.run(main())
    files.opened.set()
    asyncio.run(after())
    assert descriptors() == before
