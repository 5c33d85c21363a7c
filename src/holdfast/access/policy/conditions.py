"""Whether the conditions of a grant hold."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address, IPv6Address, ip_address
from zoneinfo import ZoneInfo

from holdfast.access.policy.globs import text_glob
from holdfast.access.policy.model import Circumstances, Conditions, Effect, Grant, TimeWindow


def hold(grant: Grant, circumstances: Circumstances) -> bool:
    """Whether `grant` counts under these circumstances."""
    if not grant.expires_at and not grant.conditions.any:
        return True
    return fails(grant, circumstances) is None


def fails(grant: Grant, circumstances: Circumstances) -> str | None:
    """Why `grant` does not count under these circumstances, in words; None: it counts. What cannot be known is taken
    against the subject: an allow does not count then, and a deny does."""
    deny = grant.effect is Effect.DENY
    if grant.expires_at and (circumstances.now >= grant.expires_at or not (circumstances.now or deny)):
        return "the grant has expired"
    return failing(grant.conditions, circumstances, unknown=deny) if grant.conditions.any else None


def failing(conditions: Conditions, circumstances: Circumstances, *, unknown: bool = False) -> str | None:
    """The first condition that does not hold, in words; None: all do. `unknown`: whether an address or a time that is
    not known counts as one that the condition names."""
    if conditions.networks and not _inside(conditions, circumstances.address, unknown=unknown):
        return "the request does not come from " + ", ".join(map(str, conditions.networks))
    if conditions.times and not _within(conditions, circumstances.now, unknown=unknown):
        return "it is not the time that the grant names"
    for name, wanted in conditions.claims.items():
        value = circumstances.claims.get(name)
        if value is None and unknown and not circumstances.now:
            continue
        if value is None or not text_glob(wanted)(value):
            return f"the token's claim {name!r} is not {wanted!r}"
    return None


def _inside(conditions: Conditions, address: str, *, unknown: bool) -> bool:
    try:
        parsed: IPv4Address | IPv6Address = ip_address(address)
    except ValueError:
        return unknown
    mapped = getattr(parsed, "ipv4_mapped", None)
    return any((mapped or parsed) in network for network in conditions.networks)


def _within(conditions: Conditions, now: int, *, unknown: bool) -> bool:
    if not now:
        return unknown
    return any(_open(window, now) for window in conditions.times)


def _open(window: TimeWindow, now: int) -> bool:
    if now < window.not_before or (window.not_after and now >= window.not_after):
        return False
    local = datetime.fromtimestamp(now / 1_000_000, UTC).astimezone(ZoneInfo(window.zone))
    minute = local.hour * 60 + local.minute
    day = local
    if window.start != window.end:
        if window.start < window.end:
            if not window.start <= minute < window.end:
                return False
        elif minute < window.end:
            day = local - timedelta(days=1)  # the window began yesterday
        elif minute < window.start:
            return False
    return not window.days or day.weekday() in window.days
