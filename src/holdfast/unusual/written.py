"""The setting `unusual` of a path: JSON as people write it, read strictly, and the tuning that it says."""

from __future__ import annotations

import json
from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar

from holdfast.access.errors import Invalid
from holdfast.registry.effective.kinds import read_duration, write_duration
from holdfast.unusual.model import Kind
from holdfast.unusual.tuning import DEFAULT, Sensitivity, Tuning

SETTING = "unusual"
DURATIONS = ("learning", "together", "cool_down", "dead_after")
NUMBERS = ("learned_days", "least_pulls", "least_repositories", "least_bytes", "least_refusals", "least_names")
_LONGEST_TEXT = 4096
E = TypeVar("E", bound=StrEnum)


class Action(StrEnum):
    """What is done when an alert begins, beside the event that is always told."""

    EVENT = "event"
    THROTTLE = "throttle"
    SUSPEND = "suspend"


class Watching(NamedTuple):
    """What holds at a path: how finely is looked, and what is done for which kind (`event` where it says nothing)."""

    tuning: Tuning = DEFAULT
    actions: Mapping[Kind, Action] = MappingProxyType({})

    def action(self, kinds: tuple[Kind, ...]) -> Action:
        """What is done for an alert of these kinds: the strongest that one of them asks for."""
        asked = {self.actions.get(kind, Action.EVENT) for kind in kinds}
        return next((each for each in (Action.SUSPEND, Action.THROTTLE) if each in asked), Action.EVENT)


NOTHING = Watching()


def parse(text: str) -> Watching:
    """What `text` (JSON) says; what it leaves out is as usual. Raises `Invalid`."""
    if len(text) > _LONGEST_TEXT:
        raise Invalid("value", f"this is longer than {_LONGEST_TEXT} characters")
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Invalid("value", f"this is not JSON: {error}") from error
    if not isinstance(found, dict):
        raise Invalid("value", "what is unusual is said by an object of JSON")
    known = ("sensitivity", "off", "actions", *DURATIONS, *NUMBERS)
    if unknown := sorted(set(found) - set(known)):
        raise Invalid("value", f"there is nothing called {unknown[0][:64]!r}: known are {', '.join(known)}")
    values: dict[str, Any] = {name: int(read_duration(_text(found[name]))) for name in DURATIONS if name in found}
    values |= {name: _number(name, found[name]) for name in NUMBERS if name in found}
    if "sensitivity" in found:
        values["sensitivity"] = _one(Sensitivity, found["sensitivity"])
    if "off" in found:
        values["off"] = frozenset(_kind(each) for each in _list(found["off"]))
        if Kind.CANARY in values["off"]:
            raise Invalid("off", "canaries are removed, not switched off: holdfast canary remove")
    actions = found.get("actions", {})
    if not isinstance(actions, dict):
        raise Invalid("actions", "actions are an object: a kind, and what is done")
    return Watching(
        DEFAULT._replace(**values),
        MappingProxyType({_kind(kind): _one(Action, action) for kind, action in actions.items()}),
    )


def canonical(text: str) -> str:
    """The text that is kept of what people write; '' and `none`: as usual. Raises `Invalid`."""
    return json.dumps(plain_of(NOTHING if text.strip() in ("", "none") else parse(text)), separators=(",", ":"))


def write(text: str) -> str:
    """What is kept, as people write it."""
    plain = plain_of(parse(text))
    return json.dumps(plain) if plain else "none"


def plain_of(found: Watching) -> dict[str, object]:
    """What differs from the usual."""
    plain: dict[str, object] = {}
    tuning = found.tuning
    if tuning.sensitivity is not DEFAULT.sensitivity:
        plain["sensitivity"] = str(tuning.sensitivity)
    if tuning.off:
        plain["off"] = sorted(tuning.off)
    if found.actions:
        plain["actions"] = {str(kind): str(action) for kind, action in sorted(found.actions.items())}
    for name in (*DURATIONS, *NUMBERS):
        value = getattr(tuning, name)
        if value != getattr(DEFAULT, name):
            plain[name] = write_duration(str(value)) if name in DURATIONS else value
    return plain


def _text(value: object) -> str:
    return value if isinstance(value, str) else str(value)


def _number(name: str, value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value < 2**53:
        raise Invalid(name, "write a whole number above 0")
    return value


def _list(value: object) -> list[object]:
    if not isinstance(value, list):
        raise Invalid("off", "what is off is a list of kinds")
    return value


def _kind(value: object) -> Kind:
    return _one(Kind, value)


def _one(of: type[E], value: object) -> E:
    for each in of:
        if each.value == value:
            return each
    raise Invalid("value", f"{_text(value)[:64]!r} is none of {', '.join(map(str, of))}")
