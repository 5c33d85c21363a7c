"""The program's own modules, as text and as syntax trees."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import NamedTuple

import holdfast

ROOT = Path(holdfast.__file__).parent


class Source(NamedTuple):
    """One module: its place below the package, and its tree."""

    place: str
    tree: ast.Module

    @property
    def room(self) -> str:
        """The package that it belongs to."""
        return self.place.partition("/")[0]


def sources() -> list[Source]:
    """Every module of the program."""
    return [
        Source(str(path.relative_to(ROOT)), ast.parse(path.read_text(), str(path)))
        for path in sorted(ROOT.rglob("*.py"))
    ]


def imported(tree: ast.Module) -> set[str]:
    """The full names of what a module imports, anywhere in it."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return found
