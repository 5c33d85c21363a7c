"""Data keys and small content, wrapped: bound to what they belong to, by generations that another node may make."""

import asyncio

import pytest

from holdfast.blobs.envelope import TRUSTED, Envelope, Keys, UnknownGeneration, floor_of, generation_of
from holdfast.blobs.errors import Corrupt, Unavailable

KEYS = {1: b"1" * 32, 2: b"2" * 32}
DIGEST, UPLOAD = "sha256:" + "ab" * 32, "0195-upload"


def test_a_data_key_comes_back_for_its_binding_only() -> None:
    envelope = Envelope(KEYS)
    key = envelope.new_data_key()
    assert len(key) == 32
    assert key != envelope.new_data_key()
    for binding in (DIGEST, UPLOAD):
        wrapped = envelope.wrap(key, binding)
        assert key not in wrapped
        assert wrapped != envelope.wrap(key, binding)
        assert envelope.unwrap(wrapped, binding) == key
        with pytest.raises(Corrupt):
            envelope.unwrap(wrapped, DIGEST[:-1] + "0")


def test_the_newest_generation_wraps_and_all_unwrap() -> None:
    old, both = Envelope({1: KEYS[1]}), Envelope(KEYS)
    key = old.new_data_key()
    wrapped = old.wrap(key, DIGEST)
    assert (old.generation, generation_of(wrapped)) == (1, 1)
    assert both.unwrap(wrapped, DIGEST) == key
    newer = both.wrap(key, DIGEST)
    assert (both.generation, generation_of(newer)) == (2, 2)
    assert wrapped < floor_of(2) <= newer < floor_of(3)


def test_every_bit_of_a_wrapped_key_counts() -> None:
    envelope = Envelope(KEYS)
    wrapped = envelope.wrap(envelope.new_data_key(), DIGEST)
    for at in range(len(wrapped)):
        bad = bytearray(wrapped)
        bad[at] ^= 1
        with pytest.raises((Corrupt, UnknownGeneration)):
            envelope.unwrap(bytes(bad), DIGEST)
    for bad_length in (b"", wrapped[:1], wrapped[:-1], wrapped + b"\0"):
        with pytest.raises(Corrupt):
            envelope.unwrap(bad_length, DIGEST)


def test_a_generation_cannot_be_passed_off_as_another() -> None:
    same = Envelope({1: KEYS[1], 2: KEYS[1]})
    wrapped = same.wrap(same.new_data_key(), DIGEST)
    with pytest.raises(Corrupt):
        same.unwrap(floor_of(1) + wrapped[2:], DIGEST)


@pytest.mark.parametrize("size", [0, 1, 500, 16 << 10])
def test_small_content_is_bound_and_may_grow(size: int) -> None:
    envelope, data = Envelope(KEYS), b"m" * size
    key = envelope.new_data_key()
    sealed = envelope.seal_inline(key, DIGEST, data)
    assert len(sealed) == size + 28
    assert size < 20 or data not in sealed
    assert envelope.open_inline(key, DIGEST, sealed) == data
    grown = envelope.seal_inline(key, DIGEST, data)
    assert grown != sealed
    assert envelope.open_inline(key, DIGEST, grown) == data
    with pytest.raises(Corrupt):
        envelope.open_inline(key, UPLOAD, sealed)
    with pytest.raises(Corrupt):
        envelope.open_inline(envelope.new_data_key(), DIGEST, sealed)
    for bad in (b"", sealed[:11], sealed[:-1], bytes([sealed[0] ^ 1]) + sealed[1:], sealed[:-1] + b"\0\0"):
        with pytest.raises(Corrupt):
            envelope.open_inline(key, DIGEST, bad)


def test_what_another_node_made_is_known_after_reading_anew() -> None:
    database: dict[int, bytes] = {1: KEYS[1]}
    now = [0.0]

    async def load() -> Keys:
        return dict(database)

    envelope = Envelope(dict(database), load, lambda: now[0])
    database[2] = KEYS[2]
    elsewhere = Envelope(database)
    key = elsewhere.new_data_key()
    wrapped = elsewhere.wrap(key, DIGEST)
    with pytest.raises(UnknownGeneration):
        envelope.unwrap(wrapped, DIGEST)
    asyncio.run(envelope.reload())
    assert envelope.unwrap(wrapped, DIGEST) == key
    assert envelope.generation == 2


def test_keys_that_were_not_read_anew_for_long_wrap_nothing() -> None:
    now = [0.0]

    async def load() -> Keys:
        if now[0] > 2 * TRUSTED:
            raise OSError("no database")
        return KEYS

    envelope = Envelope(KEYS, load, lambda: now[0])
    key = envelope.new_data_key()
    wrapped = envelope.wrap(key, DIGEST)
    now[0] = TRUSTED + 1
    with pytest.raises(Unavailable):
        envelope.wrap(key, DIGEST)
    assert envelope.unwrap(wrapped, DIGEST) == key
    asyncio.run(envelope.reload())
    envelope.wrap(key, DIGEST)
    now[0] = 3 * TRUSTED
    with pytest.raises(OSError, match="no database"):
        asyncio.run(envelope.reload())
    with pytest.raises(Unavailable):
        envelope.wrap(key, DIGEST)
    assert envelope.unwrap(wrapped, DIGEST) == key


def test_without_a_key_nothing_is_wrapped_and_nothing_is_damaged() -> None:
    async def load() -> Keys:
        return KEYS

    envelope = Envelope({}, load)
    assert envelope.generation == 0
    key = envelope.new_data_key()
    wrapped = Envelope(KEYS).wrap(key, DIGEST)
    with pytest.raises(UnknownGeneration):
        envelope.wrap(key, DIGEST)
    with pytest.raises(UnknownGeneration):
        envelope.unwrap(wrapped, DIGEST)
    asyncio.run(envelope.reload())
    assert envelope.unwrap(wrapped, DIGEST) == key


@pytest.mark.parametrize("keys", [{0: KEYS[1]}, {1 << 16: KEYS[1]}])
def test_generations_are_numbers_of_two_bytes(keys: Keys) -> None:
    with pytest.raises(ValueError, match="generation"):
        Envelope(keys)
