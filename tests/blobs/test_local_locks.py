"""The local store's locks: across processes, after a kill, and in the gap between an open and its lock."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from tests.blobs.faulty import Watched
from tests.blobs.pushing import digest, opened

from holdfast.blobs.errors import Busy, Lost
from holdfast.blobs.key import new_key
from holdfast.blobs.local import LocalBlobs
from holdfast.blobs.port import BLOCK, Received

KEY, OTHER = new_key(1), new_key(2)
DATA = os.urandom(3 * BLOCK + 12_345)


async def stage(store: LocalBlobs, name: str, data: bytes, at: int = 0) -> Received:
    async with store.receive(name, "sha256", at=at) as receiver:
        await receiver.write(data)
        return await receiver.checkpoint()


HOLDER = """
import asyncio, sys
from holdfast.blobs.local import LocalBlobs

async def main():
    store = LocalBlobs(sys.argv[1])
    await store.open("installation")
    async with store.receive("up", "sha256", at=4) as receiver:
        await receiver.write(b"x" * 3000000)
        print("held", flush=True)
        sys.stdin.readline()
        await receiver.checkpoint()
    print("left", flush=True)
    sys.stdin.readline()

asyncio.run(main())
"""


@asynccontextmanager
async def holder(root: Path) -> AsyncIterator["subprocess.Popen[str]"]:
    """Another process that has a receiver of `up`."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(root)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "held\n"
            yield process
        finally:
            process.kill()


async def assert_busy(store: LocalBlobs) -> None:
    with pytest.raises(Busy):
        await stage(store, "up", b"mine", at=4)
    with pytest.raises(Busy):
        await store.drop("up")
    with pytest.raises(Busy):
        await store.publish("up", KEY)


def test_the_lock_holds_across_processes(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path / "blobs") as store:
            await stage(store, "up", b"base")
            async with holder(tmp_path / "blobs") as process:
                await assert_busy(store)
                assert process.stdin is not None
                assert process.stdout is not None
                process.stdin.write("\n")
                process.stdin.flush()
                assert process.stdout.readline() == "left\n"
                assert (await stage(store, "up", b"", at=3_000_004)).size == 3_000_004

    asyncio.run(main())


def test_the_lock_of_a_killed_process_is_released_and_its_bytes_cut(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path / "blobs") as store:
            await stage(store, "up", b"base")
            async with holder(tmp_path / "blobs") as process:
                await assert_busy(store)
                process.kill()
                process.wait()
                assert (await stage(store, "up", b"mine", at=4)).size == 8
            assert (tmp_path / "blobs" / "uploads" / "up").read_bytes() == b"basemine"

    asyncio.run(main())


class Meddling(Watched):
    """Lets somebody else act between an open and its lock."""

    def __init__(self, meddle: Callable[[], None], times: int = 1) -> None:
        self.left = 0
        self._meddle = meddle
        self._times = times

    def arm(self) -> None:
        self.left = self._times

    def call(self, name: str, real: Callable[..., object], *args: object) -> object:
        if name == "lock" and self.left:
            self.left -= 1
            self._meddle()
        return real(*args)


def test_an_upload_published_between_open_and_lock_is_not_touched(tmp_path: Path) -> None:
    root = tmp_path / "blobs"
    target = root / "objects" / KEY[-2:] / KEY
    files = Meddling(lambda: os.rename(root / "uploads" / "up", target))

    async def main() -> None:
        async with opened(root, files) as store:
            await stage(store, "up", DATA)
            files.arm()
            assert (await stage(store, "up", b"new")).digest == digest(b"new")
            assert target.read_bytes() == DATA
            target.unlink()
            files.arm()
            with pytest.raises(Lost):
                await stage(store, "up", b"more", at=3)
            assert target.read_bytes() == b"new"

    asyncio.run(main())


def test_an_upload_dropped_between_open_and_lock_is_made_again(tmp_path: Path) -> None:
    path = tmp_path / "blobs" / "uploads" / "up"
    files = Meddling(path.unlink)

    async def main() -> None:
        async with opened(tmp_path / "blobs", files) as store:
            files.arm()
            await stage(store, "up", DATA)
            assert path.read_bytes() == DATA
            files.arm()
            await store.drop("up")
            assert await store.staged() == []

    asyncio.run(main())


def test_an_upload_that_never_stays_is_busy(tmp_path: Path) -> None:
    path = tmp_path / "blobs" / "uploads" / "up"
    files = Meddling(path.unlink, times=1_000)

    async def main() -> None:
        async with opened(tmp_path / "blobs", files) as store:
            files.arm()
            with pytest.raises(Busy):
                await stage(store, "up", DATA)

    asyncio.run(main())


def test_many_take_up_one_name_at_once(tmp_path: Path) -> None:
    """Receivers, drops and publishes race for one name: what is published is exactly what somebody checkpointed."""

    async def main() -> None:
        async with opened(tmp_path / "blobs", threads=8) as store:
            published: dict[str, bytes] = {}

            async def one(n: int) -> None:
                data = bytes([n]) * (n * 700)
                for turn in range(20):
                    try:
                        if (n + turn) % 5 == 0:
                            await store.drop("up")
                            continue
                        async with store.receive("up", "sha256") as receiver:
                            await receiver.write(data)
                            assert (await receiver.checkpoint()).digest == digest(data)
                            key = new_key(turn)
                            await store.publish("up", key)
                            published[key] = data
                    except Busy:
                        await asyncio.sleep(0)

            await asyncio.gather(*[one(n) for n in range(8)])
            assert len(published) > 5
            for key, data in published.items():
                assert await store.digest(key, "sha256") == digest(data)
            assert {key async for keys in store.keys() for key in keys} == published.keys()  # noqa: SIM118

    asyncio.run(main())
