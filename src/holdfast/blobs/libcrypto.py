"""SHA-2 with a state that can be saved: libcrypto's own contexts, reached through the library that `hashlib` uses.

`hashlib` cannot save a running hash; libcrypto's `SHA256_CTX` and `SHA512_CTX` are plain structures, so their bytes are
the state. Nothing here is trusted before it has been tried: `load` gives functions only when the symbols exist, the
structures have the expected layout and size, and digests split and resumed at many places equal those of `hashlib`.
Calls release the interpreter lock.
"""

import ctypes
import functools
import hashlib
import sys
from dataclasses import dataclass
from typing import Any

_WORDS = 64
"""A context is kept in this many 64-bit words: aligned, and with room beyond the structure that must stay untouched."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Where a context structure holds what, in bytes: its `size`, its hash's `block` and `digest`, its two counters."""

    name: str
    family: str
    size: int
    block: int
    digest: int
    length_at: int
    length_bytes: int
    fill_at: int


LAYOUTS = {
    "sha256": Layout("sha256", "SHA256", 112, 64, 32, 32, 8, 104),
    "sha384": Layout("sha384", "SHA384", 216, 128, 48, 64, 16, 208),
    "sha512": Layout("sha512", "SHA512", 216, 128, 64, 64, 16, 208),
}

Context = ctypes.Array[ctypes.c_uint64]


class Sha:
    """One algorithm of libcrypto, as functions on contexts."""

    def __init__(self, library: Any, layout: Layout) -> None:
        self.layout = layout
        self.version = int(library.OpenSSL_version_num()) >> 28
        self._init = getattr(library, f"{layout.family}_Init")
        self._update = getattr(library, f"{layout.family}_Update")
        self._final = getattr(library, f"{layout.family}_Final")
        self._init.argtypes = [ctypes.c_void_p]
        self._update.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t]
        self._final.argtypes = [ctypes.c_void_p, ctypes.c_void_p]

    def new(self) -> Context:
        """Return a context that has seen nothing."""
        context = (ctypes.c_uint64 * _WORDS)()
        self._init(context)
        return context

    def update(self, context: Context, address: int | bytes, size: int) -> None:
        """Let `context` see `size` bytes at `address` (a bytes object stands for its own)."""
        self._update(context, address, size)

    def digest(self, context: Context) -> bytes:
        """Return the digest of what `context` has seen; the context stays as it is."""
        copy = type(context).from_buffer_copy(context)
        out = ctypes.create_string_buffer(self.layout.digest)
        self._final(out, copy)
        return out.raw

    def save(self, context: Context) -> bytes:
        """Return the structure's bytes."""
        return bytes(memoryview(context).cast("B")[: self.layout.size])

    def restore(self, saved: bytes) -> Context | None:
        """Return a context made of saved bytes; None if they contradict themselves (and could harm)."""
        if len(saved) != self.layout.size or self._fill(saved) != self.length(saved) % self.layout.block:
            return None
        if int.from_bytes(saved[self.layout.fill_at + 4 :], sys.byteorder) != self.layout.digest:
            return None
        context = (ctypes.c_uint64 * _WORDS)()
        ctypes.memmove(context, saved, len(saved))
        return context

    def length(self, saved: bytes) -> int:
        """Return how many bytes a saved context has seen."""
        at, half = self.layout.length_at, self.layout.length_bytes // 2
        low = int.from_bytes(saved[at : at + half], sys.byteorder)
        high = int.from_bytes(saved[at + half : at + 2 * half], sys.byteorder)
        return (high << (8 * half) | low) >> 3

    def _fill(self, saved: bytes) -> int:
        return int.from_bytes(saved[self.layout.fill_at : self.layout.fill_at + 4], sys.byteorder)


@functools.cache
def load(algorithm: str) -> Sha | None:
    """Return libcrypto's functions for `algorithm`; None where they are not there or fail the trial."""
    try:
        import _hashlib

        # Its dependencies are searched too; where it is built in, the program itself is.
        sha = Sha(ctypes.CDLL(getattr(_hashlib, "__file__", None)), LAYOUTS[algorithm])
    except (ImportError, OSError, AttributeError):
        return None
    return sha if _proves_itself(sha) else None


def _proves_itself(sha: Sha) -> bool:
    block = sha.layout.block
    data = hashlib.shake_128(b"holdfast").digest(5 * block + 7)
    for split in (0, 1, block - 1, block, block + 1, 3 * block - 1, 4 * block, len(data)):
        first = sha.new()
        untouched = b"\xa5" * (8 * _WORDS - sha.layout.size)
        ctypes.memmove(ctypes.addressof(first) + sha.layout.size, untouched, len(untouched))
        sha.update(first, data[:split], split)
        if bytes(memoryview(first).cast("B")[sha.layout.size :]) != untouched:
            return False
        saved = sha.save(first)
        if sha.length(saved) != split or sha.digest(first) != hashlib.new(sha.layout.name, data[:split]).digest():
            return False
        second = sha.restore(saved)
        if second is None:
            return False
        sha.update(second, data[split:], len(data) - split)
        if sha.digest(second) != hashlib.new(sha.layout.name, data).digest():
            return False
    return True
