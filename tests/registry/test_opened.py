"""What was opened lately is given again, and nothing else ever is."""

from __future__ import annotations

import pytest

from holdfast.blobs.envelope import Envelope
from holdfast.blobs.errors import Corrupt
from holdfast.blobs.memory import MemoryBlobs
from holdfast.registry.objects import Objects
from holdfast.registry.opened import LARGEST, Opened


def test_only_the_same_bytes_under_the_same_key_and_binding() -> None:
    known = Opened()
    known.put(b"key", "binding", b"sealed", b"data")
    assert known.get(b"key", "binding", b"sealed") == b"data"
    assert known.get(b"key", "binding", b"other") is None
    assert known.get(b"other", "binding", b"sealed") is None
    assert known.get(b"key", "other", b"sealed") is None


def test_memory_is_bounded() -> None:
    known = Opened(most=100)
    for number in range(50):
        known.put(b"%d" % number, "b", bytes(10), bytes(10))
        known.put(b"%d" % number, "b", bytes(10), bytes(10))
    assert [n for n in range(50) if known.get(b"%d" % n, "b", bytes(10)) is not None] == [45, 46, 47, 48, 49]
    known.put(b"large", "b", bytes(LARGEST), b"x")
    assert known.get(b"large", "b", bytes(LARGEST)) is None


def test_a_row_that_was_changed_is_refused_though_it_was_opened_before() -> None:
    objects = Objects(MemoryBlobs(), Envelope({1: bytes(32)}), sealing=True)
    seal = objects.fresh()
    wrapped, sealed = seal.wrapped("sha256:a"), seal.close("sha256:a", b"manifest")
    for _ in range(2):
        assert objects.open(wrapped, "sha256:a", sealed) == b"manifest"
    with pytest.raises(Corrupt):
        objects.open(wrapped, "sha256:a", sealed[:-1] + bytes([sealed[-1] ^ 1]))
    with pytest.raises(Corrupt):
        objects.open(wrapped, "sha256:b", sealed)
