"""Instants as people write them in a field: a date, a time, or how long ago."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from holdfast.access.errors import Invalid
from holdfast.journal.moments import rfc3339

_SECOND = 1_000_000
_DAY = 86_400 * _SECOND
_UNITS = {"s": _SECOND, "m": 60 * _SECOND, "h": 3600 * _SECOND, "d": _DAY, "w": 7 * _DAY}
_LONG = {"second": "s", "sec": "s", "minute": "m", "min": "m", "hour": "h", "day": "d", "week": "w"}
_AGO = re.compile(r"(a|an|[0-9]{1,6}) ?([a-z]+)(?: ago)?\Z", re.ASCII)
_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
_EXAMPLES = "as 2026-12-24 18:00, yesterday, or 3 h ago"
PRESETS = {"an hour ago": "1 h ago", "yesterday": "yesterday", "a week ago": "a week ago"}
"""What one looks at most: text -> as it is written."""


def read_moment(text: str, now: int, zone: str = "", field: str = "at") -> int:
    """The instant (microseconds) that a text names; without an offset in `zone`, else in UTC. Raises `Invalid`."""
    words = " ".join(text.strip().lower().split())
    if words == "now":
        return now
    if words == "yesterday":
        return now - _DAY
    ago = _AGO.match(words)
    if ago is not None:
        word = ago[2] if ago[2] in _UNITS else _LONG.get(ago[2].removesuffix("s"), "")
        if not word:
            raise Invalid(field, f"{text[:40]!r} is no time: write it {_EXAMPLES}")
        count = 1 if ago[1] in ("a", "an") else int(ago[1])
        return _bounded(now - count * _UNITS[word], now, field)
    try:
        found = datetime.fromisoformat(text.strip().upper().removesuffix(" UTC"))
    except ValueError as error:
        raise Invalid(field, f"{text[:40]!r} is no time: write it {_EXAMPLES}") from error
    if found.tzinfo is None:
        found = found.replace(tzinfo=_zone(zone))
    since = found - datetime(1970, 1, 1, tzinfo=UTC)
    return _bounded((since.days * 86_400 + since.seconds) * _SECOND + since.microseconds, now, field)


def absolute(text: str) -> bool:
    """Whether a text names the same instant tomorrow."""
    return text.endswith("Z") and "T" in text


def write_moment(at: int) -> str:
    """The instant as addresses hold it, exactly."""
    return rfc3339(at)


def exact(at: int, zone: str = "") -> str:
    """The instant to the second, in `zone` or in UTC, which is named."""
    when = datetime.fromtimestamp(at // _SECOND, UTC).astimezone(_zone(zone))
    return f"{when:%Y-%m-%d %H:%M:%S %Z}"


def _bounded(at: int, now: int, field: str) -> int:
    if at > now:
        raise Invalid(field, "this instant lies in the future")
    if at < round(_EARLIEST.timestamp()) * _SECOND:
        raise Invalid(field, "this instant lies before the year 2000")
    return at


def _zone(zone: str) -> ZoneInfo:
    try:
        return ZoneInfo(zone or "UTC")
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo("UTC")
