"""Every sentence of the blob store's life-cycle (blobs/port.py), held against every backend."""

import asyncio
import errno
import hashlib
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from holdfast.blobs.errors import BlobError, Busy, ForeignStore, Lost, Missing, Unavailable
from holdfast.blobs.files import Files
from holdfast.blobs.key import new_key
from holdfast.blobs.local import LocalBlobs
from holdfast.blobs.memory import MemoryBlobs
from holdfast.blobs.port import BLOCK, BlobStore, Received

INSTALLATION = "0198-contract"
KEY = new_key(1_700_000_000_000_000)
OTHER = new_key(1_700_000_000_000_001)
LONG = bytes(range(251)) * 21_000
"""More than five blocks, of no round size."""


class NoDirect(Files):
    """A file system without O_DIRECT."""

    def set_direct(self, fd: int, direct: bool) -> None:
        raise OSError(errno.EINVAL, "no O_DIRECT here")


class Place:
    """Where a backend keeps its bytes: stores made from it are the same store, opened again."""

    def __init__(self, make: Callable[[], BlobStore]) -> None:
        self.store = make

    def run(self, scenario: Callable[[BlobStore], Awaitable[None]]) -> None:
        """Run `scenario` on an open store."""

        async def main() -> None:
            store = self.store()
            await store.open(INSTALLATION)
            try:
                await scenario(store)
            finally:
                await store.close()

        asyncio.run(main())


@pytest.fixture(params=["local", "local without O_DIRECT", "memory"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    root = str(tmp_path / "blobs")
    memory = MemoryBlobs()
    makers: dict[str, Callable[[], BlobStore]] = {
        "local": lambda: LocalBlobs(root, threads=4),
        "local without O_DIRECT": lambda: LocalBlobs(root, NoDirect(), threads=4),
        "memory": lambda: memory,
    }
    return Place(makers[request.param])


def digest(data: bytes, algorithm: str = "sha256") -> str:
    return f"{algorithm}:{hashlib.new(algorithm, data).hexdigest()}"


async def stage(store: BlobStore, name: str, data: bytes, *, at: int = 0, state: bytes | None = None) -> Received:
    async with store.receive(name, "sha256", at=at, state=state) as receiver:
        await receiver.write(data)
        return await receiver.checkpoint()


async def whole(store: BlobStore, key: str, start: int = 0, end: int | None = None) -> bytes:
    size = await store.size(key)
    assert size is not None
    return b"".join([chunk async for chunk in store.chunks(key, start, size if end is None else end)])


async def listed(store: BlobStore) -> list[str]:
    return sorted(key for keys in await lists(store) for key in keys)


async def lists(store: BlobStore) -> list[list[str]]:
    return [keys async for keys in store.keys()]  # noqa: SIM118 -- no mapping


# -- the life of a blob ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", ["sha256", "sha384", "sha512"])
@pytest.mark.parametrize("step", [100_003, BLOCK, 2 * BLOCK, 2 * BLOCK + 1, len(LONG)])
def test_received_hashed_checkpointed_published(place: Place, algorithm: str, step: int) -> None:
    async def scenario(store: BlobStore) -> None:
        async with store.receive("up", algorithm) as receiver:
            assert receiver.offset == 0
            for at in range(0, len(LONG), step):
                await receiver.write(LONG[at : at + step])
                assert receiver.offset == min(at + step, len(LONG))
            received = await receiver.checkpoint()
            assert (received.size, received.digest) == (len(LONG), digest(LONG, algorithm))
            await store.publish("up", KEY)
        assert await store.staged() == []
        assert await listed(store) == [KEY]
        assert await whole(store, KEY) == LONG
        assert await store.size(KEY) == len(LONG)
        assert await store.digest(KEY, algorithm) == received.digest

    place.run(scenario)


@pytest.mark.parametrize("size", [0, 1, 4095, 4096, 4097, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK, 3 * BLOCK + 4096])
def test_sizes_around_the_edges(place: Place, size: int) -> None:
    data = LONG[:size]

    async def scenario(store: BlobStore) -> None:
        assert await stage(store, "up", data) == (size, digest(data), (await stage(store, "same", data)).state)
        await store.publish("up", KEY)
        assert await whole(store, KEY) == data
        assert await store.size(KEY) == size

    place.run(scenario)


def test_many_small_chunks(place: Place) -> None:
    data = LONG[:300_000]

    async def scenario(store: BlobStore) -> None:
        async with store.receive("up", "sha256") as receiver:
            await receiver.write(b"")
            for at in range(0, len(data), 37):
                await receiver.write(data[at : at + 37])
                await receiver.write(b"")
            assert (await receiver.checkpoint())[:2] == (len(data), digest(data))
            await store.publish("up", KEY)
        assert await whole(store, KEY) == data

    place.run(scenario)


def test_small_and_large_chunks_keep_their_order(place: Place) -> None:
    async def scenario(store: BlobStore) -> None:
        at, steps = 0, [1, 70_000, 3, 4, 5, BLOCK, 63 << 10, 64 << 10, 65 << 10, 7, 2 * BLOCK, 9]
        async with store.receive("up", "sha256") as receiver:
            for step in steps:
                await receiver.write(LONG[at : at + step])
                at += step
            assert (await receiver.checkpoint())[:2] == (at, digest(LONG[:at]))
            await store.publish("up", KEY)
        assert await whole(store, KEY) == LONG[:at]

    place.run(scenario)


@pytest.mark.parametrize("sizes", [(0,), (5,), (4096, 3), (BLOCK,)])
def test_put_makes_an_object_in_one_step(place: Place, sizes: tuple[int, ...]) -> None:
    chunks = [LONG[:size] for size in sizes]
    data = b"".join(chunks)

    async def scenario(store: BlobStore) -> None:
        assert await store.put(KEY, chunks, "sha512") == (len(data), digest(data, "sha512"), None)
        assert await store.put(OTHER, [], "sha256") == (0, digest(b""), None)
        assert await store.staged() == []
        assert await listed(store) == sorted([KEY, OTHER])
        assert await store.read(KEY, 0, len(data)) == data

    place.run(scenario)


def test_a_key_is_never_used_twice(place: Place) -> None:
    async def scenario(store: BlobStore) -> None:
        await store.put(KEY, [b"first"], "sha256")
        with pytest.raises(ValueError, match="twice"):
            await store.put(KEY, [b"second"], "sha256")
        await stage(store, "up", b"third")
        with pytest.raises(ValueError, match="twice"):
            await store.publish("up", KEY)
        assert await store.read(KEY, 0, 5) == b"first"
        assert await store.staged() == ["up"]

    place.run(scenario)


def test_objects_and_staged_uploads_outlive_the_process(place: Place) -> None:
    kept: list[Received] = []

    async def before(store: BlobStore) -> None:
        await store.put(KEY, [b"kept"], "sha256")
        kept.append(await stage(store, "up", LONG))

    async def after(store: BlobStore) -> None:
        assert await store.read(KEY, 0, 4) == b"kept"
        assert await store.staged() == ["up"]
        received = await stage(store, "up", b"more", at=kept[0].size, state=kept[0].state)
        assert received[:2] == (len(LONG) + 4, digest(LONG + b"more"))

    place.run(before)
    place.run(after)


# -- one at a time --------------------------------------------------------------------------------------------------


def test_second_receiver_drop_and_publish_are_busy_and_change_nothing(place: Place) -> None:
    async def scenario(store: BlobStore) -> None:
        async with store.receive("up", "sha256") as receiver:
            await receiver.write(LONG)
            with pytest.raises(Busy):
                async with store.receive("up", "sha256"):
                    pytest.fail("two receivers of one upload")
            with pytest.raises(Busy):
                await store.drop("up")
            with pytest.raises(Busy):
                await store.publish("up", KEY)
            assert (await receiver.checkpoint())[:2] == (len(LONG), digest(LONG))
            await receiver.write(b"uncovered")
            with pytest.raises(Busy):
                await store.publish("up", KEY)
        assert await listed(store) == []
        assert await stage(store, "up", b"", at=len(LONG)) == (len(LONG), None, None)
        await store.drop("up")
        assert await store.staged() == []

    place.run(scenario)


def test_other_uploads_are_not_disturbed(place: Place) -> None:
    async def scenario(store: BlobStore) -> None:
        names = [f"up-{n}" for n in range(9)]

        async def one(name: str) -> None:
            async with store.receive(name, "sha256") as receiver:
                for at in range(0, len(LONG), 700_001):
                    await receiver.write(LONG[at : at + 700_001])
                    await receiver.write(name.encode())
                received = await receiver.checkpoint()
                assert received.digest == await store.digest_staged(name, "sha256", received.size)

        await asyncio.gather(*map(one, names))
        assert sorted(await store.staged()) == names

    place.run(scenario)


def test_inside_its_receiver_a_published_upload_is_out_of_reach(place: Place) -> None:
    async def scenario(store: BlobStore) -> None:
        async with store.receive("up", "sha256") as receiver:
            await receiver.write(LONG)
            await receiver.checkpoint()
            await store.publish("up", KEY)
            for attempt in (receiver.checkpoint, receiver.rollback, lambda: receiver.write(b"more")):
                with pytest.raises(BlobError):
                    await attempt()
            # The name is free again, and what takes it is another upload.
            assert (await stage(store, "up", b"new")).digest == digest(b"new")
        assert await whole(store, KEY) == LONG
        assert await store.staged() == ["up"]
        await store.publish("up", OTHER)
        assert await store.read(OTHER, 0, 3) == b"new"

    place.run(scenario)


def test_a_receiver_left_is_of_no_use(place: Place) -> None:
    async def scenario(store: BlobStore) -> None:
        async with store.receive("up", "sha256") as receiver:
            await receiver.write(b"kept")
            await receiver.checkpoint()
        with pytest.raises(BlobError):
            await receiver.write(b"late")
        with pytest.raises(BlobError):
            await receiver.checkpoint()
        assert await store.digest_staged("up", "sha256", 4) == digest(b"kept")

    place.run(scenario)


# -- nothing but checkpoints lasts ----------------------------------------------------------------------------------


def test_without_checkpoint_a_new_upload_is_gone(place: Place) -> None:
    async def scenario(store: BlobStore) -> None:
        async with store.receive("up", "sha256") as receiver:
            await receiver.write(LONG)
            assert await store.staged() == ["up"]
        assert await store.staged() == []

        async def failing() -> None:
            async with store.receive("up", "sha256") as receiver:
                await receiver.write(LONG)
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await failing()
        assert await store.staged() == []

    place.run(scenario)


def test_without_checkpoint_a_resumed_upload_is_as_before(place: Place) -> None:
    async def scenario(store: BlobStore) -> None:
        first = await stage(store, "up", LONG)
        async with store.receive("up", "sha256", at=first.size, state=first.state) as receiver:
            assert receiver.offset == first.size
            await receiver.write(LONG)
        with pytest.raises(Lost):
            await store.digest_staged("up", "sha256", first.size + 1)
        assert await store.digest_staged("up", "sha256", first.size) == first.digest

    place.run(scenario)


def test_what_comes_after_the_last_checkpoint_is_cut_off(place: Place) -> None:
    async def scenario(store: BlobStore) -> None:
        async with store.receive("up", "sha256") as receiver:
            await receiver.write(LONG)
            first = await receiver.checkpoint()
            await receiver.write(LONG[:5_000])
            second = await receiver.checkpoint()
            await receiver.write(LONG)
        assert first[:2] == (len(LONG), digest(LONG))
        assert second[:2] == (len(LONG) + 5_000, digest(LONG + LONG[:5_000]))
        with pytest.raises(Lost):
            await store.digest_staged("up", "sha256", second.size + 1)
        assert await store.digest_staged("up", "sha256", second.size) == second.digest

    place.run(scenario)


def test_an_empty_upload_can_be_checkpointed(place: Place) -> None:
    async def scenario(store: BlobStore) -> None:
        async with store.receive("up", "sha256") as receiver:
            assert (await receiver.checkpoint())[:2] == (0, digest(b""))
        assert await store.staged() == ["up"]
        await store.publish("up", KEY)
        assert await store.size(KEY) == 0

    place.run(scenario)


@pytest.mark.parametrize("at", [0, 1, 4096, BLOCK, BLOCK + 5, len(LONG)])
def test_a_receiver_cuts_to_where_it_begins(place: Place, at: int) -> None:
    async def scenario(store: BlobStore) -> None:
        prefix = await stage(store, "prefix", LONG[:at])
        await stage(store, "up", LONG)
        received = await stage(store, "up", LONG, at=at, state=prefix.state)
        assert received[:2] == (at + len(LONG), digest(LONG[:at] + LONG))
        assert await store.digest_staged("up", "sha256", received.size) == received.digest

    place.run(scenario)


@pytest.mark.parametrize("at", [0, 1, BLOCK])
def test_a_receiver_that_is_left_untouched_leaves_what_lies_beyond(place: Place, at: int) -> None:
    """Somebody was faster: he was told that his bytes are safe, and who comes too late finds out while holding them."""

    async def scenario(store: BlobStore) -> None:
        staged = await stage(store, "up", LONG)
        async with store.receive("up", "sha256", at=at) as receiver:
            assert receiver.offset == at
        assert await store.digest_staged("up", "sha256", len(LONG)) == staged.digest

    place.run(scenario)


@pytest.mark.parametrize("at", [0, 1, BLOCK])
@pytest.mark.parametrize("size", [1, 100_000, 3 * BLOCK])
def test_a_receiver_that_is_left_after_a_write_has_cut(place: Place, at: int, size: int) -> None:
    async def scenario(store: BlobStore) -> None:
        await stage(store, "up", LONG)
        async with store.receive("up", "sha256", at=at) as receiver:
            await receiver.write(LONG[:size])
        assert await store.staged() == (["up"] if at else [])
        with pytest.raises(Lost):
            await store.digest_staged("up", "sha256", at + 1)
        if at:
            assert await store.digest_staged("up", "sha256", at) == digest(LONG[:at])

    place.run(scenario)


def test_a_receiver_cannot_begin_beyond_what_is_there(place: Place) -> None:
    async def scenario(store: BlobStore) -> None:
        await stage(store, "up", b"four")
        for name, at in (("up", 5), ("never", 1)):
            with pytest.raises(Lost):
                async with store.receive(name, "sha256", at=at):
                    pytest.fail("began in nowhere")
        assert await store.staged() == ["up"]
        assert await store.digest_staged("up", "sha256", 4) == digest(b"four")

    place.run(scenario)


@pytest.mark.parametrize("begin", [0, 5, 2 * BLOCK, 2 * BLOCK + 77])
def test_rollback_makes_the_receiver_as_it_was(place: Place, begin: int) -> None:
    async def scenario(store: BlobStore) -> None:
        base = await stage(store, "up", LONG[:begin])
        async with store.receive("up", "sha256", at=begin, state=base.state) as receiver:
            await receiver.rollback()
            await receiver.write(b"x" * 3_000_000)
            await receiver.checkpoint()
            await receiver.write(b"y" * 3_000_000)
            await receiver.rollback()
            assert receiver.offset == begin
            with pytest.raises(Busy):
                await store.publish("up", KEY)
            await receiver.write(LONG)
            received = await receiver.checkpoint()
            assert received[:2] == (begin + len(LONG), digest(LONG[:begin] + LONG))
            assert await store.digest_staged("up", "sha256", received.size) == received.digest
            await receiver.rollback()
        assert await store.staged() == (["up"] if begin else [])
        if begin:
            assert await store.digest_staged("up", "sha256", begin) == base.digest
            with pytest.raises(Lost):
                await store.digest_staged("up", "sha256", begin + 1)

    place.run(scenario)


# -- the hash goes on -----------------------------------------------------------------------------------------------


def test_the_hash_goes_on_over_many_receivers(place: Place) -> None:
    async def scenario(store: BlobStore) -> None:
        received = Received(0, None, None)
        for at in range(0, len(LONG), 777_777):
            received = await stage(store, "up", LONG[at : at + 777_777], at=at, state=received.state)
            assert received.digest == digest(LONG[: at + 777_777])
        assert await store.digest_staged("up", "sha256", len(LONG)) == digest(LONG)

    place.run(scenario)


def test_without_a_usable_state_the_digest_is_unknown(place: Place) -> None:
    async def scenario(store: BlobStore) -> None:
        base = await stage(store, "up", LONG)
        shorter = await stage(store, "other", LONG[:-1])
        assert base.state is not None
        for state in (None, b"", b"garbage", base.state[:-1], base.state + b"x", shorter.state):
            assert await stage(store, "up", b"more", at=base.size, state=state) == (base.size + 4, None, None)
            assert await store.digest_staged("up", "sha256", base.size + 4) == digest(LONG + b"more")
        async with store.receive("up", "sha512", at=base.size, state=base.state) as receiver:
            assert (await receiver.checkpoint()).digest is None

    place.run(scenario)


# -- reading --------------------------------------------------------------------------------------------------------


def test_ranges(place: Place) -> None:
    edges = [0, 1, 4095, 4097, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK, len(LONG) - 1, len(LONG)]

    async def scenario(store: BlobStore) -> None:
        await stage(store, "up", LONG)
        await store.publish("up", KEY)
        for start in edges:
            for end in (edge for edge in edges if edge >= start):
                assert await whole(store, KEY, start, end) == LONG[start:end]
                if end - start <= BLOCK:
                    assert await store.read(KEY, start, end) == LONG[start:end]
        async for chunk in store.chunks(KEY, 5, len(LONG)):
            assert 0 < len(chunk) <= BLOCK

    place.run(scenario)


def test_a_range_past_the_end_is_missing(place: Place) -> None:
    async def scenario(store: BlobStore) -> None:
        await stage(store, "up", LONG)
        await store.publish("up", KEY)
        with pytest.raises(Missing):
            await store.read(KEY, len(LONG) - 1, len(LONG) + 1)
        got: list[bytes] = []

        async def read_on() -> None:
            async for chunk in store.chunks(KEY, 0, len(LONG) + 1):
                got.append(chunk)

        with pytest.raises(Missing):
            await read_on()
        assert LONG.startswith(b"".join(got))

    place.run(scenario)


def test_a_reading_may_be_given_up(place: Place) -> None:
    async def scenario(store: BlobStore) -> None:
        await stage(store, "up", LONG)
        await store.publish("up", KEY)
        chunks = store.chunks(KEY, 0, len(LONG))
        assert await anext(chunks) == LONG[:BLOCK]
        await chunks.aclose()
        with pytest.raises(StopAsyncIteration):
            await anext(chunks)

    place.run(scenario)


def test_a_missing_object(place: Place) -> None:
    async def scenario(store: BlobStore) -> None:
        await store.put(OTHER, [b"there"], "sha256")
        assert await store.size(KEY) is None
        assert store.path(KEY) is None
        with pytest.raises(Missing):
            await store.read(KEY, 0, 1)
        with pytest.raises(Missing):
            await anext(store.chunks(KEY, 0, 1))
        with pytest.raises(Missing):
            await store.digest(KEY, "sha256")
        with pytest.raises(Lost):
            await store.digest_staged("never", "sha256", 0)
        await store.delete(KEY)
        await store.drop("never")

    place.run(scenario)


def test_path_names_the_whole_object(place: Place) -> None:
    async def scenario(store: BlobStore) -> None:
        await store.put(KEY, [b"plain"], "sha256")
        path = store.path(KEY)
        assert path is None or Path(path).read_bytes() == b"plain"

    place.run(scenario)


# -- deleting and listing -------------------------------------------------------------------------------------------


def test_delete(place: Place) -> None:
    async def scenario(store: BlobStore) -> None:
        await store.put(KEY, [b"one"], "sha256")
        await store.put(OTHER, [b"two"], "sha256")
        await store.delete(KEY)
        await store.delete(KEY)
        assert await listed(store) == [OTHER]
        with pytest.raises(Missing):
            await store.read(KEY, 0, 1)

    place.run(scenario)


def test_a_reading_survives_the_deletion(place: Place) -> None:
    async def scenario(store: BlobStore) -> None:
        await stage(store, "up", LONG)
        await store.publish("up", KEY)
        chunks = store.chunks(KEY, 0, len(LONG))
        got = [await anext(chunks)]
        await store.delete(KEY)
        try:
            got += [chunk async for chunk in chunks]
        except Missing:
            # A backend may stop; it may not give other bytes.
            assert LONG.startswith(b"".join(got))
        else:
            assert b"".join(got) == LONG

    place.run(scenario)


def test_every_object_is_listed_once_in_bounded_lists(place: Place) -> None:
    keys = sorted(new_key(n) for n in range(2_345))

    async def scenario(store: BlobStore) -> None:
        assert await lists(store) == []
        for at in range(0, len(keys), 100):
            await asyncio.gather(*[store.put(key, [b"x"], "sha256") for key in keys[at : at + 100]])
        found = await lists(store)
        assert all(1 <= len(part) <= 1_000 for part in found)
        assert sorted(key for part in found for key in part) == keys

    place.run(scenario)


def test_dropped_uploads_are_gone(place: Place) -> None:
    async def scenario(store: BlobStore) -> None:
        for name in ("a", "B-2", "c_3", "d" * 128):
            await stage(store, name, b"x")
        assert sorted(await store.staged()) == sorted(["a", "B-2", "c_3", "d" * 128])
        await store.drop("a")
        await store.drop("a")
        assert sorted(await store.staged()) == sorted(["B-2", "c_3", "d" * 128])
        with pytest.raises(Lost):
            await store.publish("a", KEY)

    place.run(scenario)


def test_free_is_a_number_of_bytes(place: Place) -> None:
    async def scenario(store: BlobStore) -> None:
        assert store.free() > len(LONG)

    place.run(scenario)


# -- opening, closing, and callers' mistakes ------------------------------------------------------------------------


def test_the_store_of_another_installation_is_refused(place: Place) -> None:
    async def scenario(store: BlobStore) -> None:
        await store.put(KEY, [b"mine"], "sha256")

    async def foreign() -> None:
        store = place.store()
        with pytest.raises(ForeignStore):
            await store.open("another")
        with pytest.raises(Unavailable):
            await store.delete(KEY)
        await store.close()

    place.run(scenario)
    asyncio.run(foreign())
    place.run(lambda store: store.delete(KEY))


def test_nothing_is_written_before_opening_and_after_closing(place: Place) -> None:
    async def attempt(store: BlobStore) -> None:
        with pytest.raises(Unavailable):
            await stage(store, "up", b"x")
        with pytest.raises(Unavailable):
            await store.put(OTHER, [b"x"], "sha256")
        with pytest.raises(Unavailable):
            await store.publish("kept", OTHER)
        with pytest.raises(Unavailable):
            await store.drop("kept")
        with pytest.raises(Unavailable):
            await store.delete(KEY)

    async def main() -> None:
        store = place.store()
        await store.open(INSTALLATION)
        await store.put(KEY, [b"x"], "sha256")
        await stage(store, "kept", b"x")
        await store.close()
        await attempt(store)
        store = place.store()
        await attempt(store)
        await store.open(INSTALLATION)
        assert (await listed(store), await store.staged()) == ([KEY], ["kept"])
        await store.close()
        await store.close()

    asyncio.run(main())


def test_a_store_closed_under_a_receiver(place: Place) -> None:
    async def main() -> None:
        store = place.store()
        await store.open(INSTALLATION)
        async with store.receive("up", "sha256") as receiver:
            await receiver.write(LONG)
            await store.close()
            with pytest.raises(Unavailable):
                await receiver.checkpoint()
        store = place.store()
        await store.open(INSTALLATION)
        assert await store.staged() == []
        await store.close()

    asyncio.run(main())


BAD_NAMES = ["", ".", "..", "a/b", "../a", "/a", "a\0", "a\n", "a.b", "-a", "_a", "put.x", "é", "x" * 129]
BAD_KEYS = [
    "",
    "..",
    "../../etc/passwd",
    KEY + "\n",
    KEY.upper(),
    KEY[:-1],
    KEY + "0",
    KEY.replace("-", "/"),
    "\0" * 35,
]


@pytest.mark.parametrize("name", BAD_NAMES)
def test_malformed_names_touch_nothing(place: Place, name: str) -> None:
    async def scenario(store: BlobStore) -> None:
        with pytest.raises(ValueError, match="malformed"):
            store.receive(name, "sha256")
        with pytest.raises(ValueError, match="malformed"):
            await store.publish(name, KEY)
        with pytest.raises(ValueError, match="malformed"):
            await store.drop(name)
        with pytest.raises(ValueError, match="malformed"):
            await store.digest_staged(name, "sha256", 0)

    place.run(scenario)


@pytest.mark.parametrize("key", BAD_KEYS)
def test_malformed_keys_touch_nothing(place: Place, key: str) -> None:
    async def scenario(store: BlobStore) -> None:
        await stage(store, "up", b"x")
        with pytest.raises(ValueError, match="malformed"):
            await store.publish("up", key)
        with pytest.raises(ValueError, match="malformed"):
            await store.put(key, [b"x"], "sha256")
        with pytest.raises(ValueError, match="malformed"):
            await store.read(key, 0, 1)
        with pytest.raises(ValueError, match="malformed"):
            await anext(store.chunks(key, 0, 1))
        with pytest.raises(ValueError, match="malformed"):
            store.path(key)
        with pytest.raises(ValueError, match="malformed"):
            await store.size(key)
        with pytest.raises(ValueError, match="malformed"):
            await store.delete(key)
        with pytest.raises(ValueError, match="malformed"):
            await store.digest(key, "sha256")

    place.run(scenario)


def test_bad_ranges_algorithms_and_installations(place: Place) -> None:
    async def scenario(store: BlobStore) -> None:
        await store.put(KEY, [b"0123456789"], "sha256")
        for start, end in ((-1, 1), (2, 1), (0, BLOCK + 1)):
            with pytest.raises(ValueError, match="range"):
                await store.read(KEY, start, end)
        with pytest.raises(ValueError, match="range"):
            await anext(store.chunks(KEY, 2, 1))
        with pytest.raises(ValueError, match="range"):
            store.receive("up", "sha256", at=-1)
        for algorithm in ("md5", "SHA256", ""):
            with pytest.raises(ValueError, match="algorithm"):
                store.receive("up", algorithm)
            with pytest.raises(ValueError, match="algorithm"):
                await store.put(OTHER, [b"x"], algorithm)
            with pytest.raises(ValueError, match="algorithm"):
                await store.digest(KEY, algorithm)
            with pytest.raises(ValueError, match="algorithm"):
                await store.digest_staged("up", algorithm, 0)
        for installation in ("", "a b", "a\nb", "é", "x" * 129):
            with pytest.raises(ValueError, match="installation"):
                await place.store().open(installation)
        assert await listed(store) == [KEY]

    place.run(scenario)


# -- cancellation ---------------------------------------------------------------------------------------------------


def test_a_cancelled_receiver_leaves_the_upload_as_it_was(place: Place) -> None:
    async def scenario(store: BlobStore) -> None:
        base = await stage(store, "up", LONG)

        async def endless() -> None:
            async with store.receive("up", "sha256", at=base.size, state=base.state) as receiver:
                while True:
                    await receiver.write(LONG)
                    await asyncio.sleep(0)

        for turns in (1, 2, 5, 20, 100):
            task = asyncio.create_task(endless())
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            received = await until_free(store, "up", base)
            assert received[:2] == base[:2]
            assert await store.digest_staged("up", "sha256", base.size) == base.digest

    place.run(scenario)


async def until_free(store: BlobStore, name: str, base: Received) -> Received:
    """Take up an upload that a cancelled receiver may still be letting go of."""
    for _ in range(10_000):
        try:
            return await stage(store, name, b"", at=base.size, state=base.state)
        except Busy:
            await asyncio.sleep(0)
    raise AssertionError("the lock was never released")
