"""How the pages of access write what grants say, and read what their forms ask."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from holdfast.access.errors import Invalid
from holdfast.access.policy.decide import Bound
from holdfast.access.policy.explain import least_role
from holdfast.access.policy.model import BUILT_IN_ROLES, SYSTEM_ACTIONS, Action, Conditions, TimeWindow
from holdfast.web.formats import moment

SECOND = 1_000_000
DAY = 86_400 * SECOND
ACTIONS = {str(action): str(action) for action in Action}
REPOSITORY_ACTIONS = {str(action): str(action) for action in Action if action not in SYSTEM_ACTIONS}
LIVES = {"0": "Never", "1": "In a day", "7": "In 7 days", "30": "In 30 days", "90": "In 90 days", "365": "In a year"}
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_EARLIEST, _LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)


def ends(fields: Mapping[str, str], now: int, name: str = "days") -> int:
    """When what a form makes ends (microseconds, 0: never), by a field with a number of days. Raises `Invalid`."""
    text = fields.get(name, "0") or "0"
    if text not in LIVES:
        raise Invalid(name, "choose when it ends")
    return now + int(text) * DAY if text != "0" else 0


def conditions_said(conditions: Conditions) -> list[str]:
    """Conditions in words; none: it always holds."""
    said = []
    if conditions.networks:
        said.append("from " + ", ".join(map(str, conditions.networks)))
    said += [_window(window) for window in conditions.times]
    said += [f"with {name}={value}" for name, value in sorted(conditions.claims.items())]
    return said


def _window(window: TimeWindow) -> str:
    days = ", ".join(_DAYS[day] for day in window.days) or "every day"
    hours = "" if window.start == window.end else f" {_clock(window.start)}-{_clock(window.end)}"
    first = f" from {moment(window.not_before)}" if window.not_before else ""
    last = f" until {moment(window.not_after)}" if window.not_after else ""
    return f"{days}{hours} {window.zone}{first}{last}"


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"


def bounds_said(bounds: Iterable[Bound] | None) -> list[str]:
    """What a key may at most, in words; none: all that its owner may."""
    if bounds is None:
        return []
    return [f"{', '.join(sorted(each.actions))} on {_place(each.repository, each.tag)}" for each in bounds]


def _place(repository: str, tag: str | None) -> str:
    return repository if tag is None else f"{repository}:{tag}"


def instant(text: str, field: str = "at") -> int | None:
    """A time of a field (microseconds), None for none; without an offset it is in UTC. Raises `Invalid`."""
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise Invalid(field, "write a time as 2026-12-24 18:00, in UTC, or with its offset") from error
    found = found if found.tzinfo is not None else found.replace(tzinfo=UTC)
    if not _EARLIEST <= found < _LATEST:
        raise Invalid(field, "a time lies between the years 2000 and 9998")
    return round(found.timestamp() * SECOND)


def roles_with(action: Action, known: Mapping[str, frozenset[Action]]) -> dict[str, str]:
    """The roles that have an action, the least one first, as the options of a field."""
    least = least_role(action)
    able = sorted((name for name, actions in known.items() if action in actions), key=lambda name: len(known[name]))
    ordered = [least, *(name for name in able if name != least)]
    return {name: f"{name} (the least that has it)" if name == least else name for name in ordered}


def role_options(names: Iterable[str]) -> dict[str, str]:
    """Roles as the options of a field, the built-in ones first."""
    found = list(names)
    return {
        name: name
        for name in (*(n for n in BUILT_IN_ROLES if n in found), *(n for n in found if n not in BUILT_IN_ROLES))
    }
