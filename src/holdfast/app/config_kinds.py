"""The kinds of value that a setting can have: how each is read, what is allowed, and how it is shown.

A kind reads what a command line, the environment or a TOML file holds (a string, or TOML's own number, boolean or
array), and either gives the typed value or raises ValueError with a short reason ("is not a port"). It never touches
the clock, the network or another setting; the two kinds of file look whether the file can be read.
`plain` is the inverse, as JSON can hold it; reading that back gives the same value.
"""

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from holdfast.app.quantities import (
    DURATION_FORM,
    SIZE_FORM,
    parse_duration,
    parse_size,
    show_duration,
    show_size,
)


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of value: `read` gives the typed value or raises ValueError, `plain` goes back to a JSON value."""

    metavar: str
    allowed: str
    read: Callable[[object], object]
    plain: Callable[[object], object] = lambda value: value
    is_path: bool = False
    is_list: bool = False


class Secret:
    """Text that no log, error, `repr` or JSON shows; `reveal` is the one way to it."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself."""
        return self._text

    def __repr__(self) -> str:
        return "(hidden)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)


def text_of(value: object) -> str:
    """The text of a value that is to be text, without the blanks around it. Raises ValueError."""
    if not isinstance(value, str):
        raise ValueError(f"is {_toml_noun(value)}, not text")  # noqa: TRY004 - one error class for every bad value
    text = value.strip()
    if not text:
        raise ValueError("is empty")
    if not text.isprintable():
        raise ValueError("has unprintable characters")
    return text


def _toml_noun(value: object) -> str:
    nouns: tuple[tuple[type, str], ...] = (
        (bool, "a boolean"),
        (int, "a number"),
        (float, "a fraction"),
        (list, "an array"),
        (dict, "a table"),
    )
    return next((noun for kind, noun in nouns if isinstance(value, kind)), "a date or time")


def flag() -> Kind:
    """A yes or a no."""
    words = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}

    def read(value: object) -> bool:
        if isinstance(value, bool):
            return value
        found = words.get(text_of(value).lower())
        if found is None:
            raise ValueError("is neither true nor false")
        return found

    return Kind("BOOLEAN", "true or false", read)


def number(least: int, most: int) -> Kind:
    """A whole number within bounds, both included."""

    def read(value: object) -> int:
        if isinstance(value, int) and not isinstance(value, bool):
            found = value
        elif re.fullmatch(r"[0-9]{1,18}", text := text_of(value), re.ASCII):
            found = int(text)
        else:
            raise ValueError("is not a whole number")
        if found < least:
            raise ValueError(f"is less than {least}")
        if found > most:
            raise ValueError(f"is more than {most}")
        return found

    return Kind("NUMBER", f"a whole number from {least} to {most}", read)


def fraction() -> Kind:
    """A part of a whole, as a number from 0 to 1."""

    def read(value: object) -> float:
        if isinstance(value, int | float) and not isinstance(value, bool):
            found = float(value)
        elif re.fullmatch(r"[0-9]{1,3}(\.[0-9]{1,9})?", text := text_of(value), re.ASCII):
            found = float(text)
        else:
            raise ValueError("is not a fraction")
        if not 0 <= found <= 1:
            raise ValueError("is not between 0 and 1")
        return found

    return Kind("FRACTION", "a fraction from 0 to 1, such as 0.05", read)


def choice(*words: str) -> Kind:
    """One word of a list; capitals do not matter."""

    def read(value: object) -> str:
        text = text_of(value).lower()
        if text not in words:
            raise ValueError("is not one of the words allowed")
        return text

    return Kind("WORD", ", ".join(words[:-1]) + " or " + words[-1], read)


def duration(least: timedelta = timedelta(0), most: timedelta | None = None) -> Kind:
    """A length of time, as timedelta."""
    bounds = "" if most is None else f", at most {show_duration(most)}"
    bounds += "" if not least else f", at least {show_duration(least)}"

    def read(value: object) -> timedelta:
        if value == 0 and not isinstance(value, bool | float):
            found = timedelta(0)
        elif isinstance(value, int) and not isinstance(value, bool):
            raise ValueError("has no unit")
        else:
            found = parse_duration(text_of(value))
        if found < least:
            raise ValueError(f"is shorter than {show_duration(least)}")
        if most is not None and found > most:
            raise ValueError(f"is longer than {show_duration(most)}")
        return found

    def plain(value: object) -> str:
        assert isinstance(value, timedelta)
        return show_duration(value)

    return Kind("DURATION", DURATION_FORM + bounds, read, plain)


def size(most: int | None = None) -> Kind:
    """A number of bytes."""
    bounds = "" if most is None else f", at most {show_size(most)}"

    def read(value: object) -> int:
        if isinstance(value, int) and not isinstance(value, bool):
            if value < 0:
                raise ValueError("is less than 0")
            found = value
        else:
            found = parse_size(text_of(value))
        if most is not None and found > most:
            raise ValueError(f"is more than {show_size(most)}")
        return found

    def plain(value: object) -> str:
        assert isinstance(value, int)
        return show_size(value)

    return Kind("SIZE", SIZE_FORM + bounds, read, plain)


def directory() -> Kind:
    """A directory that may not exist yet; made absolute."""

    def read(value: object) -> Path:
        path = Path(text_of(value)).expanduser().absolute()
        if path.exists() and not path.is_dir():
            raise ValueError("is not a directory")
        return path

    return Kind("DIR", "a directory; it is made when it is missing", read, str, is_path=True)


def readable_file() -> Kind:
    """A file that exists and can be read now; made absolute."""
    return Kind("FILE", "a file that this user can read", _read_path, str, is_path=True)


def growing_file() -> Kind:
    """A file that lines are added to; it may not exist yet, its directory does. Made absolute."""

    def read(value: object) -> Path:
        path = Path(text_of(value)).expanduser().absolute()
        if path.exists() and not path.is_file():
            raise ValueError("is not a file")
        if not path.parent.is_dir():
            raise ValueError("lies in no directory")
        return path

    return Kind("FILE", "a file, made when it is missing, in a directory that exists", read, str, is_path=True)


def _read_path(value: object) -> Path:
    path = Path(text_of(value)).expanduser().absolute()
    if not path.exists():
        raise ValueError("does not exist")
    if not path.is_file():
        raise ValueError("is not a file")
    if not os.access(path, os.R_OK):
        raise ValueError("cannot be read by this user")
    return path


def secret() -> Kind:
    """A password; never shown."""

    def read(value: object) -> Secret:
        if not isinstance(value, str) or not value.isprintable():
            raise ValueError("has unprintable characters")
        if not 12 <= len(value) <= 1024:
            raise ValueError(f"has {len(value)} characters")
        return Secret(value)

    return Kind("SECRET", "12 to 1024 printable characters", read, repr)
