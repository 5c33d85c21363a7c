"""A bucket behind a bad network: for every k, the k-th call of a store's life goes wrong, once or from then on.

After each: what was acknowledged is there and whole, no key shows half of anything, every failure has a meaning, and
when the network is well again the same store works on.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest
from tests.blobs.places import INSTALLATION, digest, listed, whole, write
from tests.buckets import Bucket
from tests.faults.proxy import Answered, Call, CutAnswer, CutRequest, Fault, Proxy, Slow, Swallowed
from tests.object_servers import bucket

from holdfast.blobs.bucket import Patience
from holdfast.blobs.errors import BlobError, Full, Missing, Unavailable
from holdfast.blobs.key import new_key
from holdfast.blobs.port import BLOCK, BlobStore

LITTLE = os.urandom(5_000)
LARGE = os.urandom(9 * BLOCK)
"""Two parts."""
PUT, WRITTEN, SHORT, GONE = (new_key(n) for n in range(4))
CONTENT = {PUT: LITTLE, WRITTEN: LARGE, SHORT: LITTLE, GONE: LITTLE}
FEWEST = 12
PATIENT = Patience(read=30, whole=60, again=60)
WAITING = Patience(read=4, whole=30, again=8)
"""What a busy machine is slow at is no fault of the bucket: more patience than the program has, most of all where it is
not waiting that is tested."""
FAULTS: dict[str, Fault] = {
    "500": Answered(500),
    "503": Answered(503, "SlowDown"),
    "refused": Answered(403, "AccessDenied"),
    "reset before": CutRequest(0),
    "reset within": CutRequest(3_000),
    "reset after": CutAnswer(0),
    "half an answer": CutAnswer(300),
    "time-out after success": Swallowed(),
}


class Life:
    """Everything that a store does, and what it was told of it."""

    def __init__(self, store: BlobStore) -> None:
        self.store = store
        self.told: set[str] = set()
        self.deleted = False
        self.failures: list[BlobError] = []

    async def live(self) -> None:
        """Every step may fail, and the next is tried all the same."""
        for step in (self._put, self._write, self._short, self._delete, self._read, self._list):
            try:
                await step()
            except BlobError as error:
                self.failures.append(error)

    async def _put(self) -> None:
        assert (await self.store.put(PUT, [LITTLE], "sha256")).digest == digest(LITTLE)
        self.told.add(PUT)

    async def _write(self) -> None:
        assert (await write(self.store, WRITTEN, LARGE)).digest == digest(LARGE)
        self.told.add(WRITTEN)

    async def _short(self) -> None:
        await write(self.store, SHORT, LITTLE)
        self.told.add(SHORT)

    async def _delete(self) -> None:
        await self.store.put(GONE, [LITTLE], "sha256")
        self.told.add(GONE)
        await self.store.delete(GONE)
        self.deleted = True

    async def _read(self) -> None:
        for key in self.told & {PUT, WRITTEN}:
            assert await self.store.size(key) == len(CONTENT[key])
            assert await self.store.read(key, 10, 4_000) == CONTENT[key][10:4_000]
            assert await whole(self.store, key) == CONTENT[key]
        if WRITTEN not in self.told:
            assert await self.store.size(WRITTEN) in (None, len(LARGE))

    async def _list(self) -> None:
        found = set(await listed(self.store))
        assert found <= set(CONTENT)
        assert self.told - {GONE} <= found


async def look(place: Bucket, life: Life) -> None:
    """What is left, seen by another store without a proxy."""
    store = place.store(patience=PATIENT)
    await store.open(INSTALLATION)
    there = await listed(store)
    for key in there:
        assert await whole(store, key) == CONTENT[key], "half an object"
    assert life.told - {GONE} <= set(there)
    assert not (life.deleted and GONE in there)
    await store.close()


async def trial(fault: Fault | None, strikes: Callable[[int], bool]) -> tuple[Life, list[Call]]:
    """A life in which `fault` befalls the calls that `strikes` picks, and the look at what is left of it."""
    place = bucket()
    with Proxy(int(place.endpoint.rpartition(":")[2])) as proxy:
        store = place.at(proxy.endpoint).store(patience=WAITING if isinstance(fault, Swallowed) else PATIENT)
        await store.open(INSTALLATION)
        life = Life(store)
        proxy.calls.clear()
        proxy.faults = lambda call: fault if strikes(call.number) else None
        await life.live()
        calls = list(proxy.calls)
        proxy.faults = lambda call: None
        await look(place, life)
        # The network is well again, and so is the store.
        again = new_key(99)
        assert (await write(store, again, LARGE)).digest == digest(LARGE)
        assert await store.digest(again, "sha256") == digest(LARGE)
        await store.close()
    return life, calls


async def in_groups(trials: list[Awaitable[object]], size: int) -> None:
    for at in range(0, len(trials), size):
        await asyncio.gather(*trials[at : at + size])


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(fault, id=name, marks=() if name in ("500", "reset after") else pytest.mark.slow)
        for name, fault in FAULTS.items()
    ],
)
def test_every_call_goes_wrong_once(fault: Fault) -> None:
    async def main() -> None:
        life, calls = await trial(None, lambda number: False)
        assert (life.failures, life.told, life.deleted) == ([], set(CONTENT), True)
        print(f"calls: {len(calls)}")
        assert len(calls) >= FEWEST

        async def once(k: int) -> None:
            life, made = await trial(fault, lambda number: number == k)
            # What a repetition cures is not seen by anybody. A refusal is, and so is what must not be repeated after a
            # time-out: a deletion, and the beginning of an upload in parts.
            assert all(isinstance(error, Unavailable) for error in life.failures), life.failures
            assert len(life.failures) <= 1
            begins = made[k].method == "POST" and "uploads" in made[k].target
            if fault != FAULTS["refused"] and not (begins and isinstance(fault, Swallowed)):
                assert life.told == set(CONTENT), made[k]

        # Most of a time-out is waiting.
        await in_groups([once(k) for k in range(len(calls))], 20 if isinstance(fault, Swallowed) else 5)

    asyncio.run(main())


@pytest.mark.parametrize(
    "name",
    [
        "503",
        *(pytest.param(name, marks=pytest.mark.slow) for name in ("500", "refused", "reset within", "reset after")),
    ],
)
def test_from_one_call_on_everything_goes_wrong(name: str) -> None:
    async def main() -> None:
        _, calls = await trial(None, lambda number: False)

        async def from_there(k: int) -> None:
            life, _ = await trial(FAULTS[name], lambda number: number >= k)
            assert life.failures
            assert all(isinstance(error, Unavailable) for error in life.failures), life.failures

        await in_groups([from_there(k) for k in range(len(calls))], 5)

    asyncio.run(main())


@pytest.mark.slow
def test_a_store_that_hangs_is_given_up() -> None:
    async def main() -> None:
        place = bucket()
        with Proxy(int(place.endpoint.rpartition(":")[2])) as proxy:
            store = place.at(proxy.endpoint).store()
            await store.open(INSTALLATION)
            await store.put(PUT, [LITTLE], "sha256")
            proxy.faults = lambda call: Slow(90)
            outcomes = await asyncio.gather(
                store.size(PUT),
                store.read(PUT, 0, 10),
                store.delete(PUT),
                store.put(GONE, [LITTLE], "sha256"),
                write(store, SHORT, LITTLE),
                write(store, WRITTEN, LARGE),
                listed(store),
                store.open(INSTALLATION),
                return_exceptions=True,
            )
            assert [type(each) for each in outcomes] == [Unavailable] * len(outcomes)
            await store.close()

    asyncio.run(main())


def test_a_store_that_is_down_comes_back() -> None:
    async def main() -> None:
        place = bucket()
        with Proxy(int(place.endpoint.rpartition(":")[2])) as proxy:
            store = place.at(proxy.endpoint).store()
            await store.open(INSTALLATION)
            await write(store, WRITTEN, LARGE)
            chunks = store.chunks(WRITTEN, 0, len(LARGE))
            got = await anext(chunks)
            proxy.down()
            for attempt in (
                lambda: store.size(WRITTEN),
                lambda: store.read(WRITTEN, 0, 10),
                lambda: store.delete(WRITTEN),
                lambda: store.put(PUT, [LITTLE], "sha256"),
                lambda: write(store, SHORT, LARGE),
                lambda: listed(store),
                lambda: store.open(INSTALLATION),
            ):
                with pytest.raises(Unavailable):
                    await attempt()
            proxy.up()
            # A reading that was under way goes on where it was.
            got += b"".join([chunk async for chunk in chunks])
            assert got == LARGE
            assert await listed(store) == [WRITTEN]
            await store.close()

    asyncio.run(main())


def test_a_stream_that_breaks_off_again_and_again_goes_on() -> None:
    async def main() -> None:
        place = bucket()
        with Proxy(int(place.endpoint.rpartition(":")[2])) as proxy:
            store = place.at(proxy.endpoint).store()
            await store.open(INSTALLATION)
            await write(store, WRITTEN, LARGE)
            proxy.faults = lambda call: CutAnswer(2 * BLOCK)
            assert b"".join([chunk async for chunk in store.chunks(WRITTEN, 7, len(LARGE))]) == LARGE[7:]
            proxy.faults = lambda call: CutAnswer(1_000)
            with pytest.raises(Unavailable):
                await store.digest(WRITTEN, "sha256")
            await store.close()

    asyncio.run(main())


@pytest.mark.parametrize(("status", "code"), [(507, "StorageFull"), (403, "QuotaExceeded"), (400, "EntityTooLarge")])
def test_a_bucket_that_takes_no_more_is_full(status: int, code: str) -> None:
    async def main() -> None:
        place = bucket()
        with Proxy(int(place.endpoint.rpartition(":")[2])) as proxy:
            store = place.at(proxy.endpoint).store()
            await store.open(INSTALLATION)
            proxy.faults = lambda call: Answered(status, code)
            with pytest.raises(Full):
                await store.put(PUT, [LITTLE], "sha256")
            with pytest.raises(Full):
                await write(store, SHORT, LITTLE)
            with pytest.raises(Full):
                await write(store, WRITTEN, LARGE)
            # Who reads has nothing to do with that.
            with pytest.raises(Unavailable):
                await store.read(PUT, 0, 10)
            proxy.faults = lambda call: None
            with pytest.raises(Missing):
                await store.read(PUT, 0, 10)
            with suppress(BlobError):
                await store.delete(PUT)
            assert await listed(store) == []
            await store.close()

    asyncio.run(main())
