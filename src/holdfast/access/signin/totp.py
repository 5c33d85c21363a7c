"""Codes of the time (RFC 6238): six digits of HMAC-SHA-1 over the half minute, as every authenticator app makes them.

Pure: times are microseconds since the epoch, secrets are bytes.
"""

from __future__ import annotations

import base64
import hmac
import os
from urllib.parse import quote

PERIOD = 30
DIGITS = 6
_SECRET_BYTES = 20
_SLACK = 1
"""How many intervals a phone's clock may be off, either way (RFC 6238, 5.2)."""
_GROUP = 4


def new_secret() -> bytes:
    """A fresh secret of the length of the hash (RFC 4226, 4, R6)."""
    return os.urandom(_SECRET_BYTES)


def step_at(now: int) -> int:
    """The number of the interval that `now` is in."""
    return now // (PERIOD * 1_000_000)


def code_of(secret: bytes, step: int) -> str:
    """The code of an interval (RFC 4226, 5.3)."""
    digest = hmac.digest(secret, step.to_bytes(8), "sha1")
    at = digest[-1] & 0xF
    number = int.from_bytes(digest[at : at + 4]) & 0x7FFFFFFF
    return f"{number % 10**DIGITS:0{DIGITS}}"


def matching_step(secret: bytes, code: str, now: int, after: int) -> int | None:
    """The interval around `now`, and later than `after`, whose code this is; None: of none.

    Every interval is looked at, whichever matches, so that the time tells nothing.
    """
    current, found = step_at(now), None
    for step in range(current - _SLACK, current + _SLACK + 1):
        if hmac.compare_digest(code_of(secret, step).encode(), code.encode("utf-8", "replace")) and step > after:
            found = step
    return found


def text_of(secret: bytes) -> str:
    """The secret as apps take it: base32 without padding."""
    return base64.b32encode(secret).decode().rstrip("=")


def grouped(text: str) -> str:
    """The secret as people type it: in groups of four."""
    return " ".join(text[at : at + _GROUP] for at in range(0, len(text), _GROUP))


def uri_of(secret: bytes, host: str, name: str) -> str:
    """What a QR code holds: the secret, whose account it is, and where (Key URI Format of Google Authenticator)."""
    label = f"{quote(host, safe='')}:{quote(name, safe='')}"
    return f"otpauth://totp/{label}?secret={text_of(secret)}&issuer={quote(host, safe='')}"
