"""Times as they are written for others."""

from __future__ import annotations

from datetime import UTC, datetime


def rfc3339(moment: int) -> str:
    """Microseconds since the epoch as RFC 3339 in UTC."""
    return (
        datetime.fromtimestamp(moment // 1_000_000, UTC)
        .replace(microsecond=moment % 1_000_000)
        .isoformat()
        .replace("+00:00", "Z")
    )
