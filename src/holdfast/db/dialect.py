"""Portable SQL text, turned into what each engine takes; and rows, turned into what the caller declared."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, ForwardRef

_LIST = re.compile(r"\s*=\s*any\(\s*:(\w+)\s*\)")
_EACH = re.compile(r"\beach\(\s*:(\w+)\s*\)")
_LOCK = re.compile(r"\bfor (?:no key update|update|key share|share)(?: of \w+)?(?: skip locked)?")
_NOW = re.compile(r":now\b")
_PARAMETER = re.compile(r"'[^']*'|(?<!:):(\w+)")


class Prepared:
    """A statement in SQLite's dialect: its text, which parameters are lists, and whether it asks for the clock."""

    __slots__ = ("lists", "make", "needs_now", "text")

    def __init__(self, text: str, make: Callable[[Any], Any] | None) -> None:
        self.lists = tuple(dict.fromkeys(_LIST.findall(text)))
        portable = _EACH.sub(r"json_each(:\1)", text)
        self.text = _LOCK.sub("", _LIST.sub(r" in (select value from json_each(:\1))", portable)).strip()
        self.needs_now = _NOW.search(text) is not None
        self.make = make


class Numbered:
    """A statement in PostgreSQL's dialect: its text with `$1`, `$2` ..., and which parameter is which.

    `now_at`: the place of the clock among them, None when the statement does not ask for it. `locks`: keep row locks.
    """

    __slots__ = ("lists", "make", "names", "now_at", "text")

    def __init__(self, text: str, make: Callable[[Any], Any] | None, *, locks: bool = True) -> None:
        names: list[str] = []

        def number(found: re.Match[str]) -> str:
            name = found[1]
            if name is None:
                return found[0]  # quoted text
            if name not in names:
                names.append(name)
            # The clock may stand where nothing else tells its type.
            return f"${names.index(name) + 1}" + ("::bigint" if name == "now" else "")

        lists = set(_LIST.findall(text))
        text = _EACH.sub(r"json_array_elements(cast(:\1 as json))", text)
        self.text = _PARAMETER.sub(number, text if locks else _LOCK.sub("", text)).strip()
        self.names = tuple(names)
        self.lists = tuple(i for i, name in enumerate(names) if name in lists)
        self.now_at = names.index("now") if "now" in names else None
        self.make = make

    def values(self, parameters: dict[str, Any], clock: Callable[[], int]) -> list[Any]:
        """The parameters in their order. Raises KeyError when one is missing."""
        if self.now_at is not None and "now" not in parameters:
            parameters["now"] = clock()
        values = [parameters[name] for name in self.names]
        for i in self.lists:
            values[i] = list(values[i])
        return values


def row_maker(row: type[Any]) -> Callable[[Any], Any]:
    """The function that makes a `row` of the driver's tuple; 0 and 1 become bool where the field says so."""
    hints = row.__annotations__
    flags = [i for i, name in enumerate(row._fields) if hints[name] in (bool, "bool", ForwardRef("bool"))]
    make: Callable[[Any], Any] = row._make
    if not flags:
        return make

    def make_with_flags(values: tuple[Any, ...]) -> Any:
        cells = list(values)
        for i in flags:
            cells[i] = bool(cells[i])
        return make(cells)

    return make_with_flags
