"""The keys that wrap data keys, by generation, and small content sealed for the database.

    wrapped = generation (2 bytes, big-endian), nonce (12), AES-256-GCM(key-encryption key, nonce, data key, binding)
    inline  = nonce (12), AES-256-GCM(key from the data key, nonce, content, binding)

The *binding* is what the content is known by: its digest, or an upload's id before there is one. A wrapped key or an
inline body that was moved to another row opens nothing there. Wrapping uses the newest generation that is known here;
every older one that the database still has opens. Nonces are random, so one generation is good for 2^32 wrappings
(NIST SP 800-38D, 8.3): rotate long before.
"""

import os
import time
from collections.abc import Awaitable, Callable, Mapping

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from holdfast.blobs.errors import Corrupt, Unavailable
from holdfast.blobs.sealed_frames import KEY_BYTES, TAG, derive

_GENERATION = 2
_NONCE = 12
_WRAPPED = _GENERATION + _NONCE + KEY_BYTES + TAG
_INLINE = "holdfast inline 1"
MOST_GENERATIONS = 0xFFFF
TRUSTED = 3600.0
"""Seconds after which keys that were not read anew wrap nothing more. A generation is removed a day at the earliest
after the next one was made, so nothing is wrapped by one that is gone (registry/rotation)."""

Keys = Mapping[int, bytes]


class UnknownGeneration(Unavailable):
    """Wrapped by a generation that is not known here: another node has made it since, or its row is gone."""

    default = "The key that this content is encrypted with is not known to this node."


def generation_of(wrapped: bytes) -> int:
    """Return the generation that wrapped a data key."""
    return int.from_bytes(wrapped[:_GENERATION], "big")


def floor_of(generation: int) -> bytes:
    """Return what every key wrapped by an older generation than `generation` sorts before, and no other."""
    return generation.to_bytes(_GENERATION, "big")


class Envelope:
    """Wraps and unwraps data keys. `keys`: 32 bytes by generation; `load` reads them anew. Without a key nothing can
    be wrapped until another node has made one."""

    def __init__(
        self,
        keys: Keys,
        load: Callable[[], Awaitable[Keys]] | None = None,
        clock: Callable[[], float] = lambda: time.clock_gettime(time.CLOCK_BOOTTIME),
    ) -> None:
        self._load = load
        self._clock = clock
        self._take(keys)

    @property
    def generation(self) -> int:
        """The generation that wraps, 0 while there is none."""
        return self._current

    async def reload(self) -> None:
        """Read the keys anew: another node may have made a new generation. Errors are those of `load`."""
        if self._load is not None:
            began = self._clock()
            self._take(await self._load(), began)

    def new_data_key(self) -> bytes:
        """Return a fresh data key."""
        return os.urandom(KEY_BYTES)

    def wrap(self, data_key: bytes, binding: str) -> bytes:
        """Return `data_key` wrapped and bound to `binding`.

        Raises Unavailable when the keys could not be read anew for long: they may be gone by now.
        """
        if not self._current:
            raise UnknownGeneration
        if self._load is not None and self._clock() - self._read_at > TRUSTED:
            raise Unavailable("The keys of encryption could not be read anew for too long.")
        nonce = os.urandom(_NONCE)
        prefix = floor_of(self._current)
        return prefix + nonce + self._ciphers[self._current].encrypt(nonce, data_key, prefix + binding.encode())

    def unwrap(self, wrapped: bytes, binding: str) -> bytes:
        """Return the data key. Raises UnknownGeneration (`reload`, and try once more), Corrupt."""
        if len(wrapped) != _WRAPPED:
            raise Corrupt("The key of this content is damaged.")
        prefix = wrapped[:_GENERATION]
        cipher = self._ciphers.get(generation_of(wrapped))
        if cipher is None:
            raise UnknownGeneration
        nonce, sealed = wrapped[_GENERATION : _GENERATION + _NONCE], wrapped[_GENERATION + _NONCE :]
        try:
            return cipher.decrypt(nonce, sealed, prefix + binding.encode())
        except InvalidTag:
            raise Corrupt("The key of this content is damaged.") from None

    def seal_inline(self, data_key: bytes, binding: str, data: bytes) -> bytes:
        """Return small content as the database keeps it; the same data key may seal again when it has grown."""
        nonce = os.urandom(_NONCE)
        return nonce + derive(data_key, _INLINE).encrypt(nonce, data, binding.encode())

    def open_inline(self, data_key: bytes, binding: str, sealed: bytes) -> bytes:
        """Return what `seal_inline` was given. Raises Corrupt."""
        try:
            return derive(data_key, _INLINE).decrypt(sealed[:_NONCE], sealed[_NONCE:], binding.encode())
        except (InvalidTag, ValueError):  # ValueError: so short that it has no nonce
            raise Corrupt("This content is not what was written.") from None

    def _take(self, keys: Keys, read_at: float | None = None) -> None:
        if not all(0 < generation <= MOST_GENERATIONS for generation in keys):
            raise ValueError("a generation is a number of two bytes")
        self._ciphers = {generation: AESGCM(key) for generation, key in keys.items()}
        self._current = max(keys, default=0)
        self._read_at = self._clock() if read_at is None else read_at
