"""What the tokens are made with, and what a client gets."""

from __future__ import annotations

from typing import NamedTuple

from holdfast.access.model import ScopeEntry

LONGEST = 300
"""What an access token lives at most, in seconds."""
LEEWAY = 60
"""Seconds that a clock may be wrong by."""


class TokenSettings(NamedTuple):
    """`ttl`: the life of an access token, seconds; `refresh`: that of a refresh token, microseconds; `service`: what
    tokens are made for (`aud`), the same on every node."""

    ttl: int = LONGEST
    refresh: int = 90 * 86_400_000_000
    service: str = "holdfast"


class Issued(NamedTuple):
    """An access token. `granted`: what was asked for, with the actions that the subject has now; `issued_at`:
    microseconds; `expires_in`: seconds; `refresh`: a refresh token, if one was asked for and may be had."""

    token: str
    granted: tuple[ScopeEntry, ...]
    issued_at: int
    expires_in: int
    refresh: str | None = None
