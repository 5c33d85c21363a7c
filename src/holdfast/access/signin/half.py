"""The first step of a sign-in in two: that a password was right, sealed into a cookie that is good for the second step
and for nothing else. Nothing is kept for a sign-in that is not finished."""

from __future__ import annotations

import base64
import json
from typing import NamedTuple

from holdfast.access.signin.sealing import NotSealed, Seal

HALF_SECONDS = 300
"""How long somebody may take to give the code."""
_PURPOSE = "first step of a sign-in"
_LIMIT = 2048


class Half(NamedTuple):
    """Whose password was right, which password it was (`Credential.proof`), and until when that counts
    (microseconds)."""

    account_id: int
    name: str
    proof: str
    until: int


def sealed_half(seal: Seal, half: Half) -> str:
    """The value of the cookie."""
    return base64.urlsafe_b64encode(seal.seal(_PURPOSE, json.dumps(half).encode())).decode().rstrip("=")


def opened_half(seal: Seal, cookie: str, now: int) -> Half | None:
    """What the cookie says, None when it is none of ours, or too old."""
    if not 0 < len(cookie) <= _LIMIT or not cookie.isascii():
        return None
    try:
        sealed = base64.urlsafe_b64decode(cookie + "=" * (-len(cookie) % 4))
        half = Half(*json.loads(seal.open(_PURPOSE, sealed)))
    except (NotSealed, ValueError):
        return None
    return half if half.until > now else None
