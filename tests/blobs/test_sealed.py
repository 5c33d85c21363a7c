"""Encrypted objects: what is stored shows nothing, and what was tampered with never opens."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand
from tests.blobs.places import KEY, LONG, OTHER, whole, write
from tests.blobs.sealing import DATA_KEY, SealedStore, object_file

from holdfast.blobs.errors import Corrupt, Full, Missing, Unavailable
from holdfast.blobs.local import LocalBlobs
from holdfast.blobs.memory import MemoryBlobs, MemoryReceiver
from holdfast.blobs.port import BLOCK
from holdfast.blobs.sealed import SealedBlobs, SealedWriter
from holdfast.blobs.sealed_frames import FRAME, SEALED_FRAME, TAG, Frames, clear_size, derive, frames_of, sealed_size
from holdfast.blobs.writing import StagedWriter

SIZES = [0, 1, FRAME - 1, FRAME, FRAME + 1, 15 * FRAME, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK, 2 * BLOCK + 5]
Tamper = Callable[[list[bytes]], list[bytes]]
THREE = LONG[: 2 * FRAME + 1000]
"""Three frames, the last one short."""


def frames(sealed: bytes) -> list[bytes]:
    return [sealed[at : at + SEALED_FRAME] for at in range(0, len(sealed), SEALED_FRAME)]


def with_store(scenario: Callable[[SealedStore, MemoryBlobs], Awaitable[None]]) -> None:
    async def main() -> None:
        inner = MemoryBlobs()
        await inner.open("test")
        await scenario(SealedStore(inner), inner)

    asyncio.run(main())


async def until(error: type[Exception], view: SealedBlobs, key: str, size: int) -> bytes:
    """What comes before `error` ends a stream."""
    got: list[bytes] = []

    async def read_on() -> None:
        async for piece in view.chunks(key, 0, size):
            got.append(piece)

    with pytest.raises(error):
        await read_on()
    return b"".join(got)


async def stored(store: MemoryBlobs | LocalBlobs, key: str) -> bytes:
    return await whole(store, key)


# -- the form -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("way", ["put", "write"])
def test_what_is_stored_is_frames_and_shows_no_content(size: int, way: str) -> None:
    data = (b"planted marker " * (size // 15 + 1))[:size]

    async def scenario(store: SealedStore, inner: MemoryBlobs) -> None:
        if way == "put":
            await store.put(KEY, [data[:7], data[7:]], "sha256")
        else:
            await write(store, KEY, data, step=100_003)
        sealed = await stored(inner, KEY)
        assert len(sealed) == sealed_size(size) == size + TAG * frames_of(size)
        assert clear_size(len(sealed)) == size
        assert b"planted" not in sealed
        assert await whole(store, KEY) == data

    with_store(scenario)


def test_put_and_writer_store_the_same_bytes() -> None:
    async def scenario(store: SealedStore, inner: MemoryBlobs) -> None:
        await store.put(KEY, [LONG[:BLOCK]], "sha256")
        by_put = await stored(inner, KEY)
        await inner.delete(KEY)
        for step in (1000, FRAME, 300_000, BLOCK):
            await write(store, KEY, LONG[:BLOCK], step=step)
            assert await stored(inner, KEY) == by_put
            await inner.delete(KEY)

    with_store(scenario)


def test_the_same_content_looks_different_under_each_object_key_and_each_data_key() -> None:
    async def scenario(store: SealedStore, inner: MemoryBlobs) -> None:
        await store.put(KEY, [THREE], "sha256")
        await store.put(OTHER, [THREE], "sha256")
        third = OTHER[:-1] + ("0" if OTHER[-1] != "0" else "1")
        await SealedBlobs(inner, bytes(32)).put(third, [THREE], "sha256")
        found = [frames(await stored(inner, key)) for key in (KEY, OTHER, third)]
        assert len({frame for each in found for frame in each}) == 9

    with_store(scenario)


def test_equal_frames_of_an_object_look_different() -> None:
    async def scenario(store: SealedStore, inner: MemoryBlobs) -> None:
        await store.put(KEY, [bytes(5 * FRAME)], "sha256")
        assert len(set(frames(await stored(inner, KEY)))) == 5

    with_store(scenario)


@pytest.mark.parametrize("length", [1, TAG - 1, SEALED_FRAME + 1, SEALED_FRAME + TAG, 2 * SEALED_FRAME + TAG - 1])
def test_no_object_has_such_a_length(length: int) -> None:
    async def scenario(store: SealedStore, inner: MemoryBlobs) -> None:
        await inner.put(KEY, [bytes(length)], "sha256")
        with pytest.raises(Corrupt):
            await store.size(KEY)
        with pytest.raises(Corrupt):
            await store.read(KEY, 0, 1)
        with pytest.raises(Corrupt):
            await store.digest(KEY, "sha256")

    with_store(scenario)


def test_an_empty_object_without_its_frame_is_damaged() -> None:
    async def scenario(store: SealedStore, inner: MemoryBlobs) -> None:
        await inner.put(KEY, [], "sha256")
        with pytest.raises(Corrupt):
            await store.read(KEY, 0, 0)
        await inner.put(OTHER, [bytes(TAG)], "sha256")
        with pytest.raises(Corrupt):
            await store.read(OTHER, 0, 0)

    with_store(scenario)


def test_a_data_key_has_32_bytes() -> None:
    async def scenario(_: SealedStore, inner: MemoryBlobs) -> None:
        with pytest.raises(ValueError, match="32 bytes"):
            await SealedBlobs(inner, bytes(31)).put(KEY, [b"x"], "sha256")

    with_store(scenario)


# -- tampering ------------------------------------------------------------------------------------------------------

TAMPERING: dict[str, Tamper] = {
    "cut at a frame": lambda each: each[:2],
    "cut to one frame": lambda each: each[:1],
    "cut in a frame": lambda each: [each[0], each[1], each[2][:-1]],
    "cut in front": lambda each: each[1:],
    "swapped": lambda each: [each[1], each[0], each[2]],
    "repeated": lambda each: [each[0], each[0], each[2]],
    "one left out": lambda each: [each[0], each[2]],
    "one put in": lambda each: [each[0], each[0], each[1], each[2]],
}
LONGER: dict[str, Tamper] = {
    "last one twice": lambda each: [*each, each[2]],
    "lengthened": lambda each: [*each, bytes(100)],
}


async def tampered(inner: MemoryBlobs, tamper: Tamper) -> None:
    await SealedStore(inner).put(KEY, [THREE], "sha256")
    bad = b"".join(tamper(frames(await stored(inner, KEY))))
    await inner.delete(KEY)
    await inner.put(KEY, [bad], "sha256")


@pytest.mark.parametrize("tamper", TAMPERING.values(), ids=TAMPERING)
@pytest.mark.parametrize("known", [False, True])
def test_frames_that_are_not_as_written_do_not_open(tamper: Tamper, known: bool) -> None:
    async def scenario(store: SealedStore, inner: MemoryBlobs) -> None:
        await tampered(inner, tamper)
        view = SealedBlobs(inner, DATA_KEY, {KEY: len(THREE)} if known else None)
        with pytest.raises(Missing):
            await view.read(KEY, 0, len(THREE))
        assert THREE.startswith(await until(Missing, view, KEY, len(THREE)))
        if not known:
            with pytest.raises(Corrupt):
                await view.digest(KEY, "sha256")

    with_store(scenario)


@pytest.mark.parametrize("tamper", LONGER.values(), ids=LONGER)
def test_what_was_put_behind_the_end_does_not_open(tamper: Tamper) -> None:
    async def scenario(store: SealedStore, inner: MemoryBlobs) -> None:
        await tampered(inner, tamper)
        with pytest.raises(Corrupt):
            await store.read(KEY, 0, len(THREE))
        with pytest.raises(Corrupt):
            await store.digest(KEY, "sha256")
        assert await store.size(KEY) != len(THREE)
        assert await SealedBlobs(inner, DATA_KEY, {KEY: len(THREE)}).read(KEY, 0, len(THREE)) == THREE

    with_store(scenario)


@pytest.mark.parametrize("size", [0, 1, FRAME, 3 * FRAME - 1])
def test_a_flipped_bit_in_any_frame_is_caught(size: int) -> None:
    data = LONG[:size]

    async def scenario(store: SealedStore, inner: MemoryBlobs) -> None:
        await store.put(KEY, [data], "sha256")
        good = await stored(inner, KEY)
        edges = {at + offset for at in range(0, len(good), SEALED_FRAME) for offset in (0, 7, FRAME // 2, FRAME)}
        for at in {*(each for each in edges if each < len(good)), len(good) - TAG, len(good) - 1}:
            for bit in (1, 128):
                bad = bytearray(good)
                bad[at] ^= bit
                await inner.delete(KEY)
                await inner.put(KEY, [bytes(bad)], "sha256")
                with pytest.raises(Corrupt):
                    await store.read(KEY, 0, size)
                broken = at // SEALED_FRAME
                for number in range(frames_of(size) if size else 0):
                    start, end = number * FRAME, min((number + 1) * FRAME, size)
                    if number != broken:
                        assert await store.read(KEY, start, end) == data[start:end]

    with_store(scenario)


def test_frames_of_another_object_do_not_open() -> None:
    async def scenario(store: SealedStore, inner: MemoryBlobs) -> None:
        await store.put(KEY, [THREE], "sha256")
        moved = await stored(inner, KEY)
        await inner.put(OTHER, [moved], "sha256")
        with pytest.raises(Corrupt):
            await store.read(OTHER, 0, len(THREE))
        with pytest.raises(Corrupt):
            await SealedBlobs(inner, bytes(32)).read(KEY, 0, 1)

    with_store(scenario)


@pytest.mark.parametrize("frame", [0, 20, 40])
def test_damage_in_a_long_object_ends_the_stream_before_it(tmp_path: Path, frame: int) -> None:
    data = LONG[: 41 * FRAME]

    async def main() -> None:
        inner = LocalBlobs(str(tmp_path))
        await inner.open("test")
        try:
            store = SealedStore(inner)
            await write(store, KEY, data)
            with object_file(tmp_path, KEY).open("r+b") as file:
                file.seek(frame * SEALED_FRAME + 99)
                byte = file.read(1)
                file.seek(-1, 1)
                file.write(bytes([byte[0] ^ 4]))
            got = await until(Corrupt, store, KEY, len(data))
            assert len(got) <= frame * FRAME
            assert data.startswith(got)
            with pytest.raises(Corrupt):
                await store.digest(KEY, "sha256")
        finally:
            await inner.close()

    asyncio.run(main())


# -- reading only what is needed ------------------------------------------------------------------------------------


class Counting(MemoryBlobs):
    """Notes what is asked of it."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[str, int]] = []

    async def size(self, key: str) -> int | None:
        self.asked.append(("size", 0))
        return await super().size(key)

    async def read(self, key: str, start: int, end: int) -> bytes:
        self.asked.append(("read", end - start))
        return await super().read(key, start, end)


def test_a_range_costs_the_frames_that_it_touches() -> None:
    async def main() -> None:
        inner = Counting()
        await inner.open("test")
        await write(SealedStore(inner), KEY, LONG)
        store = SealedBlobs(inner, DATA_KEY, {KEY: len(LONG)})
        inner.asked.clear()
        assert await store.read(KEY, 5 * FRAME + 10, 5 * FRAME + 20) == LONG[5 * FRAME + 10 : 5 * FRAME + 20]
        assert await store.read(KEY, 6 * FRAME - 1, 6 * FRAME + 1) == LONG[6 * FRAME - 1 : 6 * FRAME + 1]
        assert await store.read(KEY, len(LONG) - 1, len(LONG)) == LONG[-1:]
        last = sealed_size(len(LONG)) % SEALED_FRAME
        assert inner.asked == [("read", SEALED_FRAME), ("read", 2 * SEALED_FRAME), ("read", last)]
        inner.asked.clear()
        assert await SealedBlobs(inner, DATA_KEY).read(KEY, 0, 1) == LONG[:1]
        assert inner.asked == [("size", 0), ("read", SEALED_FRAME)]

    asyncio.run(main())


# -- writers --------------------------------------------------------------------------------------------------------


def test_a_writer_that_failed_or_finished_takes_nothing_more() -> None:
    async def scenario(store: SealedStore, inner: MemoryBlobs) -> None:
        async with store.create(KEY, "sha256") as writer:
            await writer.write(b"all")
            await writer.finish()
            with pytest.raises(Unavailable):
                await writer.write(b"more")
            with pytest.raises(Unavailable):
                await writer.finish()
        assert await whole(store, KEY) == b"all"
        await inner.close()
        with pytest.raises(Unavailable):
            async with store.create(OTHER, "sha256"):
                pass

    with_store(scenario)


class Filling(StagedWriter):
    """A writer whose second block finds no room."""

    blocks = 0

    async def write(self, chunk: bytes) -> None:
        self.blocks += 1
        if self.blocks == 2:
            raise Full
        await super().write(chunk)


def test_after_a_failed_block_no_later_one_is_written() -> None:
    async def scenario(store: SealedStore, inner: MemoryBlobs) -> None:
        receiver = MemoryReceiver(inner, "up", at=0, hashing=lambda: None)
        filling = Filling(receiver, KEY)
        async with SealedWriter(filling, Frames(DATA_KEY, KEY), None) as writer:
            for _ in range(3):
                await writer.write(LONG[:BLOCK])
            for _ in range(3):
                with pytest.raises(Full):
                    await writer.write(LONG[:BLOCK])
            with pytest.raises(Full):
                await writer.finish()
        assert filling.blocks == 2
        assert await store.size(KEY) is None

    with_store(scenario)


@pytest.mark.parametrize("after", range(6))
def test_a_cancelled_write_has_taken_its_chunk(after: int) -> None:
    async def scenario(store: SealedStore, _inner: MemoryBlobs) -> None:
        async with store.create(KEY, "sha256") as writer:
            await writer.write(LONG[: 2 * BLOCK])
            task = asyncio.ensure_future(writer.write(LONG[2 * BLOCK : 4 * BLOCK]))
            for _ in range(after):
                await asyncio.sleep(0)
            task.cancel()
            begun = after > 0
            await asyncio.gather(task, return_exceptions=True)
            rest = LONG[4 * BLOCK :] if begun else LONG[2 * BLOCK :]
            await writer.write(rest)
            received = await writer.finish()
        assert received.size == len(LONG)
        assert await whole(store, KEY) == LONG
        assert received.digest == await store.digest(KEY, "sha256")

    with_store(scenario)


def test_the_key_of_an_object_is_derived_as_the_standard_says() -> None:
    """RFC 5869, HKDF-Expand with SHA-256: what another implementation derives opens what this one sealed."""
    data_key, purpose, nonce = bytes(range(32)), "holdfast object 1\0key", bytes(12)
    theirs = AESGCM(HKDFExpand(SHA256(), 32, purpose.encode()).derive(data_key))
    assert theirs.decrypt(nonce, derive(data_key, purpose).encrypt(nonce, b"content", None), None) == b"content"
