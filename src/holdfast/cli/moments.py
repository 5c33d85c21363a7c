"""Times on the command line of the client: as people say them, as the API takes them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import click

EXPIRES = "When it ends: 30d, 12h, 2027-01-31, 2027-01-31T18:00:00Z, or never."
_SPAN = re.compile(r"([0-9]{1,6})\s*(min|h|d|w)\Z")
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
