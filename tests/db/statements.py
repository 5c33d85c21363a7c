"""Every SQL constant of the program, found by walking its modules."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterable, Iterator
from types import ModuleType
from typing import Any, NamedTuple

import pytest

import holdfast
from holdfast.db.query import Command, Query


class Constant(NamedTuple):
    """A statement, the module that defines it and its name there."""

    module: str
    name: str
    statement: Query[Any] | Command

    def __str__(self) -> str:
        return f"{self.module.removeprefix('holdfast.')}.{self.name}"


def modules() -> Iterator[ModuleType]:
    """Every module of the program."""
    for found in pkgutil.walk_packages(holdfast.__path__, "holdfast."):
        if not found.name.endswith("__main__"):
            yield importlib.import_module(found.name)


def _imported_from(module: ModuleType) -> bool:
    """Sorts last who can only have imported a statement."""
    return not (module.__name__.endswith("store") or module.__name__.startswith("holdfast.db."))


def constants() -> list[Constant]:
    """Every statement once, where it is defined (stores and db come before those who import from them)."""
    seen: dict[int, Constant] = {}
    for module in sorted(modules(), key=_imported_from):
        for name, value in vars(module).items():
            if isinstance(value, Query | Command):
                seen.setdefault(id(value), Constant(module.__name__, name, value))
    return sorted(seen.values())


def all_hold(rule: Callable[[Constant], object], over: Iterable[Constant]) -> None:
    """Fail with each statement that the rule fails. One test for all: a test for each takes longer than its rule."""
    wrong: list[str] = []
    for constant in over:
        try:
            rule(constant)
        except AssertionError as error:
            wrong.append(f"{constant}: {error}")
    if wrong:
        pytest.fail("\n\n".join(wrong), pytrace=False)
