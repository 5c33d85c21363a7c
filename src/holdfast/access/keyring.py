"""The keys of the installation: one master key outside the database, every other key in it, wrapped.

AES-256-GCM with a random 96-bit nonce; the name of a key is bound to its wrapping, so that rows cannot be exchanged.
Source: NIST SP 800-38D.
"""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from holdfast.access.errors import WrongMasterKey
from holdfast.access.store import ADD_SECRET, SECRET
from holdfast.db.port import Database, Unit

_KEY_BYTES = 32
_NONCE_BYTES = 12


def parse_master_keys(text: str) -> tuple[bytes, ...]:
    """The keys of a master key file: lines of base64 of 32 bytes; the first is current, the others only unwrap.

    Raises `WrongMasterKey` naming the line that is not a key.
    """
    keys = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            key = base64.b64decode(line.strip(), validate=True)
        except (binascii.Error, ValueError):
            key = b""
        if len(key) != _KEY_BYTES:
            raise WrongMasterKey(f"line {number} of the master key file is not base64 of 32 bytes")
        keys.append(key)
    if not keys:
        raise WrongMasterKey("the master key file holds no key")
    return tuple(keys)


def new_master_key() -> str:
    """A fresh master key as its file holds it: one line of base64."""
    return base64.b64encode(os.urandom(_KEY_BYTES)).decode() + "\n"


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


async def load_key(db: Database, masters: Sequence[bytes], name: str) -> bytes:
    """The 32-byte key called `name`, made and stored on first use. Raises `WrongMasterKey`."""
    row = await db.one(SECRET, name=name)
    if row is None:
        fresh = _wrap(masters[0], name, os.urandom(_KEY_BYTES))

        async def add(unit: Unit) -> None:
            await unit.run(ADD_SECRET, name=name, wrapped=fresh)

        await db.write(add)
        row = await db.one(SECRET, name=name)
    if row is None:
        raise WrongMasterKey("the database did not keep a key that it was given")
    return _unwrap(masters, name, row.wrapped)
