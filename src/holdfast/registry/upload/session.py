"""Upload session ids: what a session is before it holds bytes, signed so that no row is needed.

An id carries a random UUID, the time of issue and the digest algorithm; a keyed hash binds them to one repository and
one opener. An id that was made elsewhere, for another repository or for somebody else verifies as nothing.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import struct
from typing import NamedTuple

from holdfast.registry.errors import UploadUnknown

_ALGORITHMS = ("sha256", "sha384", "sha512")
_FIELDS = struct.Struct(">16sQB")
_MAC_BYTES = 16
_TEXT_LIMIT = 64


class Session(NamedTuple):
    """An upload session. `token` stands in its URL; `name` is that of its row and its staged file, and begins with
    the time of issue (`issued`, microseconds)."""

    token: str
    name: str
    issued: int
    algorithm: str


def staged_name(uuid: bytes, issued: int) -> str:
    """The name of a staged upload: when it was issued, and 128 random bits."""
    return f"{issued:014x}-{uuid.hex()}"


class SessionSigner:
    """Issues and checks session ids with a key that every process of the installation shares."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def issue(self, repository: str, opener: int, now: int, algorithm: str) -> Session:
        """A new session; nothing is stored."""
        uuid = os.urandom(16)
        fields = _FIELDS.pack(uuid, now, _ALGORITHMS.index(algorithm))
        token = _text(fields + self._mac(fields, repository, opener))
        return Session(token, staged_name(uuid, now), now, algorithm)

    def check(self, token: str, repository: str, opener: int) -> Session:
        """The session of `token`. Raises `UploadUnknown` unless it was issued for this repository and opener."""
        unknown = UploadUnknown("this upload session is not known: start a new one with POST")
        if len(token) > _TEXT_LIMIT:
            raise unknown
        try:
            raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError) as error:
            raise unknown from error
        fields, mac = raw[: _FIELDS.size], raw[_FIELDS.size :]
        if len(fields) != _FIELDS.size or not hmac.compare_digest(mac, self._mac(fields, repository, opener)):
            raise unknown
        if token != _text(raw):
            raise unknown  # the same bytes written in another way: no id that was ever given
        uuid, issued, algorithm = _FIELDS.unpack(fields)
        return Session(token, staged_name(uuid, issued), issued, _ALGORITHMS[algorithm])

    def _mac(self, fields: bytes, repository: str, opener: int) -> bytes:
        text = fields + struct.pack(">q", opener) + repository.encode()
        return hashlib.blake2b(text, key=self._key, digest_size=_MAC_BYTES).digest()


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
