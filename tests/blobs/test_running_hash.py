"""The running hash: equal to hashlib however it is fed, put aside and resumed; a strange state is never believed."""

import hashlib
import mmap
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.blobs import libcrypto
from holdfast.blobs.running_hash import ALGORITHMS, RunningHash

algorithms = st.sampled_from(ALGORITHMS)
pieces = st.lists(st.binary(max_size=700), max_size=12)


def saveable() -> None:
    if libcrypto.load("sha256") is None:
        pytest.skip("this Python's libcrypto offers no SHA-2 contexts")


def expected(algorithm: str, data: bytes) -> str:
    return f"{algorithm}:{hashlib.new(algorithm, data).hexdigest()}"


@given(algorithms, pieces)
def test_any_pieces_make_the_same_digest(algorithm: str, parts: list[bytes]) -> None:
    running = RunningHash(algorithm)
    seen = b""
    for part in parts:
        running.update(part)
        seen += part
        assert running.digest() == expected(algorithm, seen)
        assert running.length == len(seen)
    assert running.digest() == expected(algorithm, seen)


@given(algorithms, pieces)
def test_put_aside_and_resumed_after_every_piece(algorithm: str, parts: list[bytes]) -> None:
    saveable()
    running = RunningHash(algorithm)
    seen = b""
    for part in parts:
        running.update(part)
        seen += part
        running = RunningHash(algorithm, running.state())
        assert running.length == len(seen)
        assert running.digest() == expected(algorithm, seen)


@given(algorithms, st.binary(max_size=300), st.binary(max_size=300))
def test_a_state_is_a_copy(algorithm: str, first: bytes, more: bytes) -> None:
    saveable()
    running = RunningHash(algorithm)
    running.update(first)
    state = running.state()
    running.update(more)
    resumed = RunningHash(algorithm, state)
    assert resumed.digest() == expected(algorithm, first)
    resumed.update(more)
    assert resumed.digest() == running.digest() == expected(algorithm, first + more)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_every_kind_of_buffer(algorithm: str) -> None:
    data = bytes(range(256)) * 40
    block = mmap.mmap(-1, 4096)
    block[:] = data[:4096]
    running = RunningHash(algorithm)
    for part in (data, bytearray(data), memoryview(data)[7:999], memoryview(bytearray(data))[3:], memoryview(block)):
        running.update(part)
    running.update(bytearray())
    running.update(memoryview(b""))
    running.update(b"")
    everything = data + data + data[7:999] + data[3:] + data[:4096]
    assert running.digest() == expected(algorithm, everything)
    assert running.length == len(everything)


def test_a_buffer_is_let_go() -> None:
    data = bytearray(b"resizable")
    running = RunningHash("sha256")
    running.update(data)
    data.extend(b" again")
    assert running.digest() == expected("sha256", b"resizable")


@given(algorithms, st.binary(min_size=1, max_size=300), st.data())
def test_a_changed_state_is_not_usable(algorithm: str, seen: bytes, data: st.DataObject) -> None:
    saveable()
    running = RunningHash(algorithm)
    running.update(seen)
    state = running.state()
    assert state is not None
    at = data.draw(st.integers(0, len(state) - 1))
    changed = data.draw(
        st.sampled_from(
            [state[:at], state[:at] + bytes([state[at] ^ 1]) + state[at + 1 :], state + b"\0", state[at + 1 :]]
        )
    )
    again = RunningHash(algorithm, changed)
    assert again.length == 0
    assert again.digest() == expected(algorithm, b"")


@given(st.binary(max_size=400))
def test_noise_is_not_usable(noise: bytes) -> None:
    assert RunningHash("sha256", noise).digest() == expected("sha256", b"")


def test_the_state_of_another_algorithm_is_not_usable() -> None:
    saveable()
    for one in ALGORITHMS:
        running = RunningHash(one)
        running.update(b"seen")
        for other in ALGORITHMS:
            assert RunningHash(other, running.state()).length == (4 if one == other else 0)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_context_that_contradicts_itself_is_refused(algorithm: str) -> None:
    saveable()
    sha = libcrypto.load(algorithm)
    assert sha is not None
    context = sha.new()
    sha.update(context, b"x" * 70, 70)
    saved = sha.save(context)
    assert sha.restore(saved) is not None
    fill = sha.layout.fill_at
    assert sha.restore(saved[:fill] + b"\xff\xff\0\0" + saved[fill + 4 :]) is None
    assert sha.restore(saved[: fill + 4] + b"\x40\x01\0\0") is None
    assert sha.restore(saved[:-1]) is None


WITHOUT_LIBCRYPTO = """
import hashlib, sys
state = bytes.fromhex(sys.argv[1])
sys.modules["_hashlib"] = None
from holdfast.blobs.running_hash import RunningHash
running = RunningHash("sha256", state)
running.update(b"seen")
running.update(memoryview(b" more"))
assert running.state() is None
assert running.length == 9
print(running.digest())
"""


def test_without_libcrypto_it_is_hashlib() -> None:
    state = RunningHash("sha256").state() or b""
    ran = subprocess.run(
        [sys.executable, "-c", WITHOUT_LIBCRYPTO, state.hex()], capture_output=True, text=True, check=True, timeout=60
    )
    assert ran.stdout.strip() == expected("sha256", b"seen more")


@pytest.mark.parametrize("algorithm", ["md5", "SHA256", "sha3_256", ""])
def test_other_algorithms_are_refused(algorithm: str) -> None:
    with pytest.raises(ValueError, match="algorithm"):
        RunningHash(algorithm)
