"""Conditions as they are written: in a request, in a policy file, in the row of a grant.

    {"networks": ["10.0.0.0/8"],
     "times": [{"days": ["mon", "fri"], "start": "08:00", "end": "18:00", "zone": "Europe/Berlin",
                "not_before": "2026-01-01T00:00:00Z", "not_after": "2027-01-01T00:00:00Z"}],
     "claims": {"ref": "refs/heads/release-*"}}

Every field may be left out; what is not known is refused (`Invalid`, with the field that is wrong).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any, cast
from zoneinfo import ZoneInfo

from holdfast.access.errors import Invalid
from holdfast.access.policy.model import Conditions, TimeWindow

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MOST_NETWORKS, MOST_TIMES, MOST_CLAIMS, MOST_TEXT = 64, 16, 16, 512
_CLOCK = re.compile(r"([01]\d|2[0-3]):([0-5]\d)\Z", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MAPPED = ip_network("::ffff:0:0/96")


def read_conditions(value: object) -> Conditions:
    """The conditions that parsed JSON says; None: none. Raises `Invalid`."""
    if value is None:
        return Conditions()
    given = _object(value, "conditions", ("networks", "times", "claims"))
    return Conditions(
        tuple(map(_network, _items(given.get("networks"), "networks", MOST_NETWORKS))),
        tuple(map(_window, _items(given.get("times"), "times", MOST_TIMES))),
        _claims(given.get("claims")),
    )


def write_conditions(conditions: Conditions) -> dict[str, object]:
    """The JSON that `read_conditions` reads; only what there is."""
    written: dict[str, object] = {}
    if conditions.networks:
        written["networks"] = [str(network) for network in conditions.networks]
    if conditions.times:
        written["times"] = [_written(window) for window in conditions.times]
    if conditions.claims:
        written["claims"] = dict(sorted(conditions.claims.items()))
    return written


def _network(value: object) -> IPv4Network | IPv6Network:
    try:
        found = ip_network(_text(value, "networks"))
    except ValueError as error:
        raise Invalid("networks", f"{str(value)[:64]!r} is no network: 10.0.0.0/8, 2001:db8::/32") from error
    if isinstance(found, IPv6Network) and found.subnet_of(cast(IPv6Network, _MAPPED)):
        return IPv4Network((int(found.network_address) & 0xFFFFFFFF, found.prefixlen - 96))
    return found


def _window(value: object) -> TimeWindow:
    given = _object(value, "times", ("days", "start", "end", "zone", "not_before", "not_after"))
    days = []
    for day in _items(given.get("days"), "times.days", len(DAYS)):
        if day not in DAYS:
            raise Invalid("times.days", f"a day is one of {', '.join(DAYS)}")
        days.append(DAYS.index(str(day)))
    zone = _text(given.get("zone") or "UTC", "times.zone")
    try:
        ZoneInfo(zone)
    except (ValueError, OSError, LookupError) as error:
        raise Invalid("times.zone", f"{zone[:64]!r} is no time zone: Europe/Berlin, UTC") from error
    window = TimeWindow(
        tuple(sorted(set(days))),
        _minutes(given.get("start"), "times.start"),
        _minutes(given.get("end"), "times.end"),
        zone,
        _moment(given.get("not_before"), "times.not_before"),
        _moment(given.get("not_after"), "times.not_after"),
    )
    if window.not_after and window.not_after <= window.not_before:
        raise Invalid("times.not_after", "not_after comes after not_before")
    return window


def _claims(value: object) -> Mapping[str, str]:
    if value is None:
        return {}
    if not isinstance(value, dict) or len(value) > MOST_CLAIMS:
        raise Invalid("claims", f"claims are an object of at most {MOST_CLAIMS} names, each with a text")
    return {_text(name, "claims"): _text(wanted, "claims") for name, wanted in value.items()}


def _object(value: object, field: str, names: Sequence[str]) -> dict[str, Any]:
    if not isinstance(value, dict) or not set(value) <= set(names):
        raise Invalid(field, f"{field}: an object of {', '.join(names)}")
    return value


def _items(value: object, field: str, most: int) -> list[object]:
    if value is None:
        return []
    if not isinstance(value, list) or len(value) > most:
        raise Invalid(field, f"{field}: a list of at most {most}")
    return value


def _text(value: object, field: str) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= MOST_TEXT or not value.isprintable():
        raise Invalid(field, f"{field}: a text of 1 to {MOST_TEXT} printable characters")
    return value


def _minutes(value: object, field: str) -> int:
    if value is None:
        return 0
    found = _CLOCK.match(value) if isinstance(value, str) else None
    if found is None:
        raise Invalid(field, f"{field}: a time of day is written 08:00")
    return int(found[1]) * 60 + int(found[2])


def _moment(value: object, field: str) -> int:
    if value is None:
        return 0
    try:
        found = datetime.fromisoformat(_text(value, field))
        return (found - _EPOCH) // timedelta(microseconds=1)
    except (ValueError, TypeError, OverflowError) as error:
        raise Invalid(field, f"{field}: a time is written 2026-12-24T18:00:00Z") from error


def _written(window: TimeWindow) -> dict[str, object]:
    found: dict[str, object] = {}
    if window.days:
        found["days"] = [DAYS[day] for day in window.days]
    if window.start != window.end:
        found["start"], found["end"] = _clock(window.start), _clock(window.end)
    if window.zone != "UTC":
        found["zone"] = window.zone
    for name, moment in (("not_before", window.not_before), ("not_after", window.not_after)):
        if moment:
            found[name] = (_EPOCH + timedelta(microseconds=moment)).isoformat().replace("+00:00", "Z")
    return found


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"
