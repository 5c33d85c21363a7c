"""The local store's own matters: its layout and modes, its marker, direct writes, memory."""

import asyncio
import errno
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.blobs.faulty import Failing, Watched
from tests.blobs.pushing import digest, opened

from holdfast.blobs.errors import ForeignStore
from holdfast.blobs.files import Files
from holdfast.blobs.key import new_key
from holdfast.blobs.local import LocalBlobs
from holdfast.blobs.port import BLOCK, Received

KEY, OTHER = new_key(1), new_key(2)
DATA = os.urandom(3 * BLOCK + 12_345)


async def stage(store: LocalBlobs, name: str, data: bytes, at: int = 0) -> Received:
    async with store.receive(name, "sha256", at=at) as receiver:
        await receiver.write(data)
        return await receiver.checkpoint()


# -- layout and modes -----------------------------------------------------------------------------------------------


def test_layout_and_modes(tmp_path: Path) -> None:
    root = tmp_path / "new" / "blobs"

    async def main() -> None:
        async with opened(root) as store:
            await store.put(KEY, [b"x"], "sha256")
            await stage(store, "up", DATA)

    before = os.umask(0)
    try:
        asyncio.run(main())
    finally:
        os.umask(before)
    assert sorted(os.listdir(root)) == [".holdfast-store", "objects", "uploads"]
    assert (root / ".holdfast-store").read_text() == "installation\n"
    assert sorted(os.listdir(root / "objects")) == [f"{n:02x}" for n in range(256)]
    assert (root / "objects" / KEY[-2:] / KEY).read_bytes() == b"x"
    assert (root / "uploads" / "up").read_bytes() == DATA
    for path in (root.parent, root, *root.rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


def test_a_symbolic_link_is_not_followed(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")

    async def main() -> None:
        async with opened(tmp_path / "blobs") as store:
            (tmp_path / "blobs" / "uploads" / "up").symlink_to(secret)
            (tmp_path / "blobs" / "objects" / KEY[-2:] / KEY).symlink_to(secret)
            with pytest.raises(Exception, match="does not answer"):
                await stage(store, "up", b"overwritten")
            with pytest.raises(Exception, match="does not answer"):
                await store.read(KEY, 0, 6)

    asyncio.run(main())
    assert secret.read_text() == "secret"


def test_strangers_are_not_listed(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path / "blobs") as store:
            await store.put(KEY, [b"x"], "sha256")
            for stranger in ("objects/00/lost+found", "uploads/.nfs0001", "uploads/a.b"):
                (tmp_path / "blobs" / stranger).write_text("?")
            assert [keys async for keys in store.keys()] == [[KEY]]  # noqa: SIM118 -- no mapping
            assert await store.staged() == []

    asyncio.run(main())


# -- the marker -----------------------------------------------------------------------------------------------------


def test_objects_without_marker_are_nobodys(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path / "blobs") as store:
            await store.put(KEY, [b"x"], "sha256")
        (tmp_path / "blobs" / ".holdfast-store").unlink()
        with pytest.raises(ForeignStore, match="no marker"):
            async with opened(tmp_path / "blobs"):
                pytest.fail("opened")
        assert not (tmp_path / "blobs" / ".holdfast-store").exists()

    asyncio.run(main())


def test_a_marker_that_was_cut_short_is_foreign(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path / "blobs"):
            pass
        (tmp_path / "blobs" / ".holdfast-store").write_text("")
        with pytest.raises(ForeignStore):
            async with opened(tmp_path / "blobs"):
                pytest.fail("opened")

    asyncio.run(main())


def test_many_open_a_new_store_at_once(tmp_path: Path) -> None:
    async def one(n: int) -> None:
        store = LocalBlobs(str(tmp_path / "blobs"), threads=1)
        try:
            await store.open("same" if n % 2 else f"other-{n}")
        finally:
            await store.close()

    async def main() -> list[BaseException | None]:
        return await asyncio.gather(*[one(n) for n in range(12)], return_exceptions=True)

    outcomes = asyncio.run(main())
    marked = (tmp_path / "blobs" / ".holdfast-store").read_text().strip()
    mine = [n for n in range(12) if ("same" if n % 2 else f"other-{n}") == marked]
    assert [n for n, outcome in enumerate(outcomes) if outcome is None] == mine
    assert all(isinstance(outcome, ForeignStore) for n, outcome in enumerate(outcomes) if n not in mine)


def test_opening_clears_what_put_left_behind_unless_it_is_held(tmp_path: Path) -> None:
    uploads = tmp_path / "blobs" / "uploads"

    async def main() -> None:
        async with opened(tmp_path / "blobs") as store:
            await stage(store, "up", b"kept")
        (uploads / f"put.{KEY}").write_text("dead")
        (uploads / f"put.{OTHER}").write_text("alive")
        files = Files()
        held = files.open(str(uploads / f"put.{OTHER}"), os.O_RDWR)
        files.lock(held)
        async with opened(tmp_path / "blobs") as store:
            assert sorted(os.listdir(uploads)) == [f"put.{OTHER}", "up"]
            assert await store.staged() == ["up"]
        os.close(held)
        async with opened(tmp_path / "blobs") as store:
            assert os.listdir(uploads) == ["up"]

    asyncio.run(main())


# -- direct writes and memory ---------------------------------------------------------------------------------------


class Directness(Watched):
    """Notes which writes went past the page cache."""

    def __init__(self) -> None:
        self.direct = False
        self.written = {True: 0, False: 0}

    def call(self, name: str, real: Callable[..., object], *args: object) -> object:
        result = real(*args)
        if name == "set_direct":
            self.direct = bool(args[1])
        if name in ("pwrite", "pwritev"):
            self.written[self.direct] += int(str(result))
        return result


def test_long_uploads_go_past_the_page_cache_but_for_their_tail(tmp_path: Path) -> None:
    files = Directness()

    async def main() -> None:
        async with opened(tmp_path / "blobs", files) as store:
            files.written = {True: 0, False: 0}
            async with store.receive("up", "sha256") as receiver:
                for at in range(0, len(DATA), 300_001):
                    await receiver.write(DATA[at : at + 300_001])
                received = await receiver.checkpoint()
                assert received.digest == digest(DATA)
                if not files.written[True]:
                    pytest.skip("the file system of the temporary directory has no O_DIRECT")
                assert files.written[True] >= 2 * BLOCK
                assert files.written[True] % 4096 == 0
                # What comes after an unaligned tail stays in the page cache.
                direct = files.written[True]
                await receiver.write(DATA)
                assert (await receiver.checkpoint()).digest == digest(DATA + DATA)
                assert files.written[True] == direct
            # Resumed at an aligned offset it goes direct again, at an unaligned one it does not.
            for at in (BLOCK, BLOCK + 1):
                files.written = {True: 0, False: 0}
                before = (tmp_path / "blobs" / "uploads" / "up").read_bytes()[:at]
                await stage(store, "up", DATA, at=at)
                assert (files.written[True] > 0) == (at == BLOCK)
                assert (tmp_path / "blobs" / "uploads" / "up").read_bytes() == before + DATA

    asyncio.run(main())


@pytest.mark.parametrize(("name", "times"), [("set_direct", 1), ("pwrite", 4)])
def test_einval_falls_back_to_the_page_cache(tmp_path: Path, name: str, times: int) -> None:
    """EINVAL comes when O_DIRECT is switched on, or at the first write, or at a later one."""
    for first in range(times):
        root = tmp_path / str(first)
        failed: list[int] = []

        def when(called: str, before: int, first: int = first, failed: list[int] = failed) -> bool:
            if called != name:
                return False
            failed.append(before)
            return len(failed) == first + 1

        async def main(root: Path, files: Files) -> None:
            async with opened(root, files) as store:
                async with store.receive("up", "sha256") as receiver:
                    for at in range(0, len(DATA), 1_500_000):
                        await receiver.write(DATA[at : at + 1_500_000])
                    assert (await receiver.checkpoint()).digest == digest(DATA)
                    await store.publish("up", KEY)
                assert await store.digest(KEY, "sha256") == digest(DATA)

        asyncio.run(main(root, Failing(when, errno.EINVAL)))


class ShortWrites(Files):
    """Writes less than asked for, as Linux may."""

    def pwrite(self, fd: int, data: bytes | bytearray | memoryview, offset: int) -> int:
        return super().pwrite(fd, memoryview(data)[: max(4096, len(data) // 3)], offset)

    def pwritev(self, fd: int, buffers: object, offset: int) -> int:
        assert isinstance(buffers, list)
        return super().pwrite(fd, memoryview(buffers[0])[:50_001], offset)


def test_short_writes_are_continued(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path / "blobs", ShortWrites()) as store:
            for size in (5, 60_000, BLOCK, len(DATA)):
                assert (await stage(store, "up", DATA[:size])).digest == digest(DATA[:size])
                assert await store.digest_staged("up", "sha256", size) == digest(DATA[:size])
            await store.put(KEY, [DATA[:100_000], b"", DATA[100_000:300_000]], "sha256")
            assert await store.digest(KEY, "sha256") == digest(DATA[:300_000])

    asyncio.run(main())


@pytest.mark.skipif(not os.access("/dev/shm", os.W_OK), reason="there is no /dev/shm to write to")
def test_a_store_in_memory_backed_files(tmp_path: Path) -> None:
    root = Path("/dev/shm") / f"holdfast-{os.getpid()}-{KEY}"

    async def main() -> None:
        async with opened(root) as store:
            await stage(store, "up", DATA)
            await store.publish("up", KEY)
            assert await store.read(KEY, 7, 99) == DATA[7:99]
            assert b"".join([chunk async for chunk in store.chunks(KEY, 0, len(DATA))]) == DATA
            await store.delete(KEY)

    try:
        asyncio.run(main())
    finally:
        subprocess.run(["rm", "-rf", str(root)], check=True)


UPLOADS_AND_MEMORY = """
import asyncio, sys
from holdfast.blobs.files import Files
from holdfast.blobs.local import LocalBlobs

class Nowhere(Files):
    def pwrite(self, fd, data, offset):
        return len(data)
    def pwritev(self, fd, buffers, offset):
        return sum(map(len, buffers))

def resident():
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * 4096

async def main():
    store = LocalBlobs(sys.argv[1], Nowhere())
    await store.open("installation")
    async def receive(name, count, size):
        async with store.receive(name, "sha256") as receiver:
            for _ in range(count):
                await receiver.write(bytes(size))
    await receive("first", 4, 2 << 20)
    before = resident()
    await receive("long", 400, 2 << 20)
    print("one long", (resident() - before) >> 20)
    await asyncio.gather(*[receive(f"slow-{n}", 15, 64 << 10) for n in range(400)])
    print("many slow", (resident() - before) >> 20)
    await store.close()

asyncio.run(main())
"""


def test_memory_does_not_grow_with_uploads(tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", UPLOADS_AND_MEMORY, str(tmp_path / "blobs")],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    grown = dict(line.rsplit(" ", 1) for line in ran.stdout.splitlines())
    print(ran.stdout)
    assert int(grown["one long"]) <= 16
    assert int(grown["many slow"]) <= 160
