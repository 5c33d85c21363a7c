"""The settings of the registry core, as values. Times are microseconds, sizes are bytes."""

from __future__ import annotations

from dataclasses import dataclass

SECOND = 1_000_000
HOUR = 3600 * SECOND


@dataclass(frozen=True, slots=True)
class RegistrySettings:
    """What `app.config` hands to the use-cases.

    `lease`: how long content that was reported present is kept for the push that relies on it. `grace`: how long an
    object outlives its last row. `window`: how long history reaches back. `inline_limit`: blobs up to this size stay
    in the database. `reserve`: free space below which pushes are refused.
    """

    lease: int = 24 * HOUR
    grace: int = HOUR
    window: int = 30 * 24 * HOUR
    inline_limit: int = 16384
    reserve: int = 512 << 20
    upload_expire: int = 24 * HOUR
    upload_sessions: int = 1000
    upload_streams: int = 256
    sparse_indexes: bool = False
    page_limit: int = 10_000
