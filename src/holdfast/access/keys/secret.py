"""The secret of a key: `hf_`, 30 random letters and digits (178 bits), and a checksum of 6.

The checksum (CRC-32 in base 62) is looked at first, so that what only looks like a key costs no query; scanners of
source code find leaked keys by it.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import string
import zlib

PREFIX = "hf_"
_DIGITS = string.digits + string.ascii_uppercase + string.ascii_lowercase
_RANDOM, _SUM, _HINT = 30, 6, 4
_FORM = re.compile(rf"{PREFIX}[0-9A-Za-z]{{{_RANDOM + _SUM}}}\Z")


def new_secret() -> str:
    """A fresh secret."""
    body = PREFIX + "".join(secrets.choice(_DIGITS) for _ in range(_RANDOM))
    return body + _checksum(body)


def looks_like_key(secret: str) -> bool:
    """Whether a password field holds a key, good or not, so that nothing else may be tried with it."""
    return secret.startswith(PREFIX)


def is_well_formed(secret: str) -> bool:
    """Whether its checksum is right."""
    return _FORM.match(secret) is not None and secret[-_SUM:] == _checksum(secret[:-_SUM])


def keyed_hash(hash_key: bytes, secret: str) -> bytes:
    """The hash that the database holds: enough for a secret of this strength, and of no use without the key."""
    return hmac.digest(hash_key, secret.encode(), hashlib.sha256)


def hint(secret: str) -> str:
    """What tells one's own keys apart: the last four characters."""
    return secret[-_HINT:]


def _checksum(body: str) -> str:
    number = zlib.crc32(body.encode())
    digits = ""
    for _ in range(_SUM):
        number, digit = divmod(number, len(_DIGITS))
        digits = _DIGITS[digit] + digits
    return digits
