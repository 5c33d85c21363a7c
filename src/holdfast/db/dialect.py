"""Portable SQL text, turned into what SQLite takes; and rows, turned into what the caller declared."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, ForwardRef

_LIST = re.compile(r"\s*=\s*any\(\s*:(\w+)\s*\)")
_LOCK = re.compile(r"\bfor (?:no key update|update|key share|share)(?: of \w+)?(?: skip locked)?")
_NOW = re.compile(r":now\b")


class Prepared:
    """A statement in SQLite's dialect: its text, which parameters are lists, and whether it asks for the clock."""

    __slots__ = ("lists", "make", "needs_now", "text")

    def __init__(self, text: str, make: Callable[[Any], Any] | None) -> None:
        self.lists = tuple(dict.fromkeys(_LIST.findall(text)))
        self.text = _LOCK.sub("", _LIST.sub(r" in (select value from json_each(:\1))", text)).strip()
        self.needs_now = _NOW.search(text) is not None
        self.make = make


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
