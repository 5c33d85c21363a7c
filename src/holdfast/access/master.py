"""The master key: the one key outside the database. It wraps every key inside it, and nothing else.

Promises: a wrapped key opens under its own name only, so rows cannot be exchanged; a key that does not open is said
to be wrong, a source that does not answer is said to be away; neither message shows a key.
AES-256-GCM with a random 96-bit nonce, the name of the key as associated data. Source: NIST SP 800-38D.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from holdfast.access.errors import WrongMasterKey

KEY_BYTES = 32
_NONCE_BYTES = 12
_MARK_CHARACTERS = 16


class MasterKey(Protocol):
    """What wraps the keys of the database. Methods raise `MasterKeyAway` when the source does not answer."""

    async def wrap(self, name: str, key: bytes) -> bytes:
        """The key called `name` (32 bytes) as the database keeps it, under the current master key."""
        ...

    async def unwrap(self, name: str, wrapped: bytes) -> bytes:
        """The key called `name`. Raises `WrongMasterKey`."""
        ...

    async def rewrap(self, name: str, wrapped: bytes) -> bytes:
        """The same key under the current master key. Raises `WrongMasterKey`."""
        ...

    async def mark(self) -> str:
        """What tells the current master key from others and gives nothing of it away: nodes compare it."""
        ...


def parse_master_keys(text: str, source: str = "the master key file") -> tuple[bytes, ...]:
    """The keys of a master key file: lines of base64 of 32 bytes; the first is current, the others only unwrap.

    Raises `WrongMasterKey` naming the line of `source` that is not a key.
    """
    keys = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            key = base64.b64decode(line.strip(), validate=True)
        except (binascii.Error, ValueError):
            key = b""
        if len(key) != KEY_BYTES:
            raise WrongMasterKey(f"line {number} of {source} is not base64 of 32 bytes")
        keys.append(key)
    if not keys:
        raise WrongMasterKey(f"{source} holds no key")
    return tuple(keys)


def new_master_key() -> str:
    """A fresh master key as its file holds it: one line of base64."""
    return base64.b64encode(os.urandom(KEY_BYTES)).decode() + "\n"


class MasterKeys:
    """Master keys that this process holds: the first is current, the others only unwrap."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        self._keys = tuple(keys)

    async def wrap(self, name: str, key: bytes) -> bytes:
        """Wrap under the current key. See MasterKey."""
        return _wrap(self._keys[0], name, key)

    async def unwrap(self, name: str, wrapped: bytes) -> bytes:
        """Unwrap under any of them. See MasterKey."""
        return _unwrap(self._keys, name, wrapped)

    async def rewrap(self, name: str, wrapped: bytes) -> bytes:
        """Wrap anew under the current key. See MasterKey."""
        return await self.wrap(name, await self.unwrap(name, wrapped))

    async def mark(self) -> str:
        """A short digest of the current key. See MasterKey."""
        return hashlib.sha256(b"holdfast master key\0" + self._keys[0]).hexdigest()[:_MARK_CHARACTERS]


class MasterKeyFile:
    """Master keys in the file at `path`, read anew for each use: a key that was put in is used without a restart.

    Raises `WrongMasterKey` when there is none to begin with; one that cannot be read later leaves those read before.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._keys = self._read()
        except OSError as error:
            raise WrongMasterKey(f"the master key file {path} cannot be read: {error.strerror}") from error

    async def wrap(self, name: str, key: bytes) -> bytes:
        """Wrap under the file's first key. See MasterKey."""
        return await self._now().wrap(name, key)

    async def unwrap(self, name: str, wrapped: bytes) -> bytes:
        """Unwrap under any key of the file. See MasterKey."""
        return await self._now().unwrap(name, wrapped)

    async def rewrap(self, name: str, wrapped: bytes) -> bytes:
        """Wrap anew under the file's first key. See MasterKey."""
        return await self._now().rewrap(name, wrapped)

    async def mark(self) -> str:
        """A short digest of the file's first key. See MasterKey."""
        return await self._now().mark()

    def _read(self) -> MasterKeys:
        return MasterKeys(parse_master_keys(self._path.read_text(errors="replace")))

    def _now(self) -> MasterKeys:
        # A file that is being edited, or gone, leaves what was read before.
        with suppress(OSError, WrongMasterKey):
            self._keys = self._read()
        return self._keys


def _wrap(master: bytes, name: str, key: bytes) -> bytes:
    nonce = os.urandom(_NONCE_BYTES)
    return nonce + AESGCM(master).encrypt(nonce, key, name.encode())


def _unwrap(masters: Sequence[bytes], name: str, wrapped: bytes) -> bytes:
    for master in masters:
        try:
            return AESGCM(master).decrypt(wrapped[:_NONCE_BYTES], wrapped[_NONCE_BYTES:], name.encode())
        except (InvalidTag, ValueError):  # ValueError: a row cut so short that it has no nonce
            continue
    raise WrongMasterKey(
        "the master key does not open the keys in the database: put back the key file that belongs to this data"
    )
