"""Small values sealed by a key of the installation: client secrets, refresh tokens, what a call-back needs.

Promises: a value opens only for the purpose that it was sealed for; what was cut or changed does not open.
AES-256-GCM with a random 96-bit nonce, the purpose as associated data. Source: NIST SP 800-38D.
"""

from __future__ import annotations

import hashlib
import hmac
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_NAME = "sign-in"
"""The name of the key among those of the installation (keyring.py)."""
_NONCE = 12


class NotSealed(ValueError):
    """This was not sealed here, or for something else."""


class Seal:
    """Seals, opens and hashes with one 32-byte key; each use has a key of its own derived from it."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(hmac.digest(key, b"holdfast sign-in seal 1", "sha256"))
        self._hash_key = hmac.digest(key, b"holdfast sign-in hash 1", "sha256")

    def seal(self, purpose: str, value: bytes) -> bytes:
        """`value` as it may be kept or handed to a browser."""
        nonce = os.urandom(_NONCE)
        return nonce + self._cipher.encrypt(nonce, value, purpose.encode())

    def open(self, purpose: str, sealed: bytes) -> bytes:
        """What was sealed for `purpose`. Raises `NotSealed`."""
        try:
            return self._cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], purpose.encode())
        except (InvalidTag, ValueError):  # ValueError: so short that it has no nonce
            raise NotSealed from None

    def hash(self, purpose: str, text: str) -> bytes:
        """A keyed hash of 32 bytes, by which a secret is found again without being kept."""
        return hmac.digest(self._hash_key, f"{purpose}\0{text}".encode(), hashlib.sha256)
