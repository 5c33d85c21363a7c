"""The local store when any one system call fails, or the power: nothing acknowledged is missing, nothing is half."""

import asyncio
import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from tests.blobs.faulty import Failing, NoDirectFailing, PowerCut
from tests.blobs.pushing import (
    PUT,
    SMALL,
    Told,
    check,
    descriptors,
    make_empty,
    opened,
    push,
)

from holdfast.blobs.errors import BlobError, Unavailable
from holdfast.blobs.key import new_key


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty store that has been opened before."""
    return make_empty(tmp_path_factory.mktemp("template"))


@pytest.fixture
def fast(tmp_path: Path) -> Iterator[Path]:
    """A directory in memory where there is one: hundreds of stores are made, and none needs a disk."""
    if not os.access("/dev/shm", os.W_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir="/dev/shm", prefix="holdfast-") as made:
        yield Path(made)


@pytest.mark.parametrize(
    ("kind", "number", "late"),
    [
        (Failing, errno.EIO, False),
        pytest.param(Failing, errno.EIO, True, marks=pytest.mark.slow),
        pytest.param(NoDirectFailing, errno.ENOSPC, False, marks=pytest.mark.slow),
    ],
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
