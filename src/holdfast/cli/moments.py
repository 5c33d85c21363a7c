"""Times on the command line of the client: as people say them, as the API takes them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import click

EXPIRES = "When it ends: 30d, 12h, 2027-01-31, 2027-01-31T18:00:00Z, or never."
INSTANT = "2h (ago), 7d, a day as in 2027-01-31, or 2027-01-31T18:00:00Z."
_AGO = re.compile(r"([0-9]{1,6})\s*(s|m|min|h|d|w)(?: ago)?\Z")
_AGO_UNITS = {"s": "seconds", "m": "minutes", "min": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_SPAN = re.compile(r"([0-9]{1,6})\s*(min|h|d|w)\Z")
_WINDOW = re.compile(r"(?:([a-z,-]+) )?([0-9]{2}:[0-9]{2})-([0-9]{2}:[0-9]{2})(?: ([A-Za-z0-9_+/-]+))?\Z")
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_UNITS = {"min": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def moment(text: str | None) -> str | None:
    """A time for the API, None for none and `never`. A span counts from now, by this machine's clock; a day ends.

    Raises `click.BadParameter`.
    """
    if text is None or text == "never":
        return None
    span = _SPAN.match(text)
    try:
        if span is not None:
            found = datetime.now(UTC) + timedelta(**{_UNITS[span[2]]: int(span[1])})
        elif len(text) == len("2027-01-31"):
            found = datetime.fromisoformat(text).replace(tzinfo=UTC) + timedelta(days=1)
        else:
            found = datetime.fromisoformat(text)
    except (ValueError, OverflowError) as error:
        raise click.BadParameter(
            f"{text!r} is no time: 30d, 12h, 2027-01-31, 2027-01-31T18:00:00Z, or never"
        ) from error
    if found.tzinfo is None:
        raise click.BadParameter(f"{text!r} names no offset: 2027-01-31T18:00:00Z")
    return found.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def instant(text: str | None) -> str | None:
    """An instant in the past for the API, None for none and `now`: so long ago (`2h`, `90s ago`), the beginning of a
    day, or a time. Raises `click.BadParameter`."""
    if text is None or text == "now":
        return None
    ago = _AGO.match(text)
    try:
        if ago is not None:
            found = datetime.now(UTC) - timedelta(**{_AGO_UNITS[ago[2]]: int(ago[1])})
        elif len(text) == len("2027-01-31"):
            found = datetime.fromisoformat(text).replace(tzinfo=UTC)
        else:
            found = datetime.fromisoformat(text)
    except (ValueError, OverflowError) as error:
        raise click.BadParameter(f"{text!r} is no time: 2h, 7d, 2027-01-31, 2027-01-31T18:00:00Z") from error
    if found.tzinfo is None:
        raise click.BadParameter(f"{text!r} names no offset: 2027-01-31T18:00:00Z")
    return found.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def seconds(text: str | None) -> int | None:
    """A span in seconds, None for none. Raises `click.BadParameter`."""
    if text is None:
        return None
    if text == "0":
        return 0
    span = _SPAN.match(text)
    if span is None:
        raise click.BadParameter(f"{text!r} is no span of time: 30min, 12h, 7d, or 0")
    return int(timedelta(**{_UNITS[span[2]]: int(span[1])}).total_seconds())


def window(text: str) -> dict[str, Any]:
    """A time window for the API: `[DAYS] HH:MM-HH:MM [ZONE]`, as in `mon-fri 08:00-18:00 Europe/Berlin`.

    Raises `click.BadParameter`.
    """
    found = _WINDOW.match(text)
    if found is None:
        raise click.BadParameter(f"{text!r} is no time window: 'mon-fri 08:00-18:00 Europe/Berlin', '22:00-06:00'")
    said: dict[str, Any] = {"start": found[2], "end": found[3]}
    if found[1]:
        said["days"] = _days(found[1])
    if found[4]:
        said["zone"] = found[4]
    return said


def _days(text: str) -> list[str]:
    days: list[str] = []
    for part in text.split(","):
        first, dash, last = part.partition("-")
        if first not in _DAYS or (dash and last not in _DAYS):
            raise click.BadParameter(f"{part!r} is no day: {', '.join(_DAYS)}, or a span as mon-fri")
        start, end = _DAYS.index(first), _DAYS.index(last) if dash else _DAYS.index(first)
        days += [_DAYS[day % 7] for day in range(start, (end if end >= start else end + 7) + 1)]
    return list(dict.fromkeys(days))
