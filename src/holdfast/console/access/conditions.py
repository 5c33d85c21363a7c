"""The conditions of a grant as its form asks for them: networks, times and claims, as the API takes them.

A form has the fields of one window, and a line each for further ones: `mon-fri 08:00-18:00 Europe/Berlin`, to which
`from 2026-12-01` and `until 2027-01-01 12:00` may be added; every part of it may be left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from holdfast.access.errors import Invalid
from holdfast.access.policy.written import DAYS, read_conditions
from holdfast.console.access.sayings import instant
from holdfast.web.formats import iso

CONDITION_FIELDS = (
    *("networks", "start", "end", "zone", "not_before", "not_after"),
    *("windows", "claims"),
)
WEEKDAYS = dict(zip(DAYS, ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"), strict=True))
_HOURS = re.compile(r"([0-9]{2}:[0-9]{2})-([0-9]{2}:[0-9]{2})\Z")
_LIMITS = {"from": "not_before", "until": "not_after"}
_SHAPE = "write a window as mon-fri 08:00-18:00 Europe/Berlin, from 2026-12-01 until 2027-01-01"


def asked_conditions(fields: Mapping[str, str], weekdays: Iterable[str]) -> dict[str, object] | None:
    """The conditions that a form asks for, None: none. Raises `Invalid`, with the field of the form."""
    found: dict[str, object] = {}
    networks = fields.get("networks", "").replace(",", " ").split()
    if networks:
        found["networks"] = networks
    windows = [*_first(fields, list(weekdays)), *_further(fields.get("windows", ""))]
    if windows:
        found["times"] = windows
    claims = claims_of(fields.get("claims", ""))
    if claims:
        found["claims"] = claims
    return found or None


def claims_of(text: str) -> dict[str, str]:
    """Claims as a form has them: NAME=VALUE, one a line. Raises `Invalid`."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        if not line.strip():
            continue
        name, equals, value = (part.strip() for part in line.partition("="))
        if not equals or not name or name in found:
            raise Invalid("claims", "write each claim once, as NAME=VALUE on a line of its own")
        found[name] = value
    return found


def _first(fields: Mapping[str, str], weekdays: list[str]) -> list[dict[str, object]]:
    """The window of the fields; none where all of them are empty but the zone."""
    given = {name: fields.get(name, "").strip() for name in ("start", "end", "zone", "not_before", "not_after")}
    if not weekdays and not any(value for name, value in given.items() if name != "zone"):
        if given["zone"]:
            raise Invalid("zone", "say at which times, too")
        return []
    window: dict[str, object] = {"days": weekdays} if weekdays else {}
    if given["start"] or given["end"]:
        window |= {"start": given["start"] or "00:00", "end": given["end"] or "00:00"}
    if given["zone"]:
        window["zone"] = given["zone"]
    for name in _LIMITS.values():
        at = instant(given[name], name)
        if at is not None:
            window[name] = iso(at)
    return [window]


def _further(text: str) -> list[dict[str, object]]:
    found = [_window(line.split()) for line in text.splitlines() if line.strip()]
    try:
        read_conditions({"times": found})
    except Invalid as error:
        raise Invalid("windows", str(error)) from error
    return found


def _window(words: list[str]) -> dict[str, object]:
    """The window of a line. Raises `Invalid`."""
    window: dict[str, object] = {}
    while words and words[0] not in _LIMITS:
        word = words.pop(0)
        hours = _HOURS.match(word)
        days = _days(word)
        if days and not window:
            window["days"] = days
        elif hours is not None and "start" not in window and "zone" not in window:
            window |= {"start": hours[1], "end": hours[2]}
        elif "zone" not in window:
            window["zone"] = word
        else:
            raise Invalid("windows", _SHAPE)
    while words:
        name = _LIMITS.get(words.pop(0), "")
        end = next((at for at, word in enumerate(words) if word in _LIMITS), len(words))
        at = instant(" ".join(words[:end]), "windows")
        if not name or name in window or at is None:
            raise Invalid("windows", _SHAPE)
        window[name] = iso(at)
        del words[:end]
    return window


def _days(text: str) -> list[str]:
    """The days of `mon-fri`, `sat,sun`; none: it is something else."""
    found: list[str] = []
    for part in text.lower().split(","):
        first, dash, last = part.partition("-")
        if first not in DAYS or (dash and last not in DAYS):
            return []
        start = DAYS.index(first)
        span = (DAYS.index(last) - start) % len(DAYS) if dash else 0
        found += [DAYS[(start + day) % len(DAYS)] for day in range(span + 1)]
    return list(dict.fromkeys(found))
