"""What kinds of setting a path can carry: how each is written by people, kept, and what holds where no path says it.

Whoever owns a setting makes its kind; they are handed together, as one tuple, to what shows and sets them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import StrEnum
from typing import NamedTuple

from holdfast.access.errors import Invalid
from holdfast.access.policy.model import Action
from holdfast.registry.effective.service import WINDOW

_SECOND = 1_000_000
_UNITS = {"s": _SECOND, "m": 60 * _SECOND, "h": 3600 * _SECOND, "d": 86400 * _SECOND}
_DURATION = re.compile(r"([0-9]{1,9})([smhd])\Z", re.ASCII)
_LONGEST = 36500 * _UNITS["d"]


class Shape(StrEnum):
    """What a form asks for to set it."""

    LINE = "line"
    DURATION = "duration"
    CHOICE = "choice"
    RULES = "rules"


def _same(text: str) -> str:
    return text


class SettingKind(NamedTuple):
    """One setting. `read`: from what people write to the canonical text that is kept, raises `Invalid`; `write`: back.
    `default`: what holds where no path says it, as people write it; `configured`: whether the program's configuration
    says that. `needs`: what must be allowed on the whole of a path to set it there. `set_by`: another command that
    sets it, '' for `holdfast settings set`.

    For people: `title`: what it is called, '' by its name; `shape`: its form, with the `choices` of one; `words`: a
    value as people write it, in words; `page`: the page of a path that sets it, '' the settings'; `root_page`: the
    address of the page that then sets it for everything, '' none."""

    name: str
    about: str
    allowed: str
    read: Callable[[str], str]
    write: Callable[[str], str]
    default: str
    configured: bool = False
    needs: Action = Action.SETTINGS
    set_by: str = ""
    title: str = ""
    shape: Shape = Shape.LINE
    choices: tuple[str, ...] = ()
    words: Callable[[str], str] = _same
    page: str = ""
    root_page: str = ""


def window_kind(default: int, *, configured: bool = False) -> SettingKind:
    """How long history reaches back; `default`: microseconds."""
    return SettingKind(
        WINDOW,
        "How long what lost its tag or was deleted can be pulled by digest, restored and rolled back to.",
        "a number with s, m, h or d, as in 30d; 0 for not at all",
        read_duration,
        write_duration,
        write_duration(str(default)),
        configured,
        title="History window",
        shape=Shape.DURATION,
        words=duration_words,
    )


def switch_kind(name: str, about: str, *, default: bool, configured: bool = False, title: str = "") -> SettingKind:
    """A setting that is on or off."""
    return SettingKind(
        name,
        about,
        "true or false",
        _read_switch,
        str,
        "true" if default else "false",
        configured,
        title=title,
        shape=Shape.CHOICE,
        choices=("true", "false"),
        words=lambda text: "Yes" if text == "true" else "No",
    )


def read_duration(text: str) -> str:
    """Microseconds, of `30d`, `90m`, `0`. Raises `Invalid`."""
    found = _DURATION.match(text.strip())
    if found is None and text.strip() != "0":
        raise Invalid("value", f"{text[:64]!r} is no duration: a number with s, m, h or d, as in 30d")
    value = int(found[1]) * _UNITS[found[2]] if found is not None else 0
    if value > _LONGEST:
        raise Invalid("value", "that is more than a hundred years")
    return str(value)


def write_duration(text: str) -> str:
    """Microseconds as `30d`: in the largest unit that says them exactly, `0s` for none."""
    value = int(text)
    for unit in ("d", "h", "m"):
        if value and value % _UNITS[unit] == 0:
            return f"{value // _UNITS[unit]}{unit}"
    return f"{value // _SECOND}s"


_NAMES = {"s": "second", "m": "minute", "h": "hour", "d": "day"}


def duration_words(text: str) -> str:
    """`30d` as `30 days`; `0s` as `no time`."""
    found = _DURATION.match(text)
    if found is None or not int(found[1]):
        return "no time"
    return f"{int(found[1]):,} {_NAMES[found[2]]}" + ("" if int(found[1]) == 1 else "s")


def _read_switch(text: str) -> str:
    word = text.strip().lower()
    if word in ("true", "yes", "on"):
        return "true"
    if word in ("false", "no", "off"):
        return "false"
    raise Invalid("value", f"{text[:64]!r} is neither true nor false")
