"""The checks of rights in the program's source, and a copy of the program in which each can be told apart.

A check is an `if` that raises a refusal, or a call of a function that does (`check_permit`, `require...`, `prove`). In
the copy every check tells switch.py when it refuses, and the one that `HOLDFAST_WITHOUT` names is not made.
"""

from __future__ import annotations

import ast
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[3]
SOURCE = ROOT / "src" / "holdfast"
ROOMS = (
    *("access", "registry", "retention", "distribution/surface.py", "api/caller.py", "api/frame.py"),
    *("management", "console"),
)
_NOT_RIGHTS = ("access/master", "access/keyring", "access/installation")
_REFUSALS = re.compile(
    r"refuse|Denied|Unknown(?!Generation)|InsufficientScope|Unauthenticated|BlobsMissing|StalePermit"
)
_CALLS = re.compile(r"_?(check_permit|prove|admit|require(?!_room)(_\w+)?)")
_SWITCH = "mutation_switch"


class Check(NamedTuple):
    """One check. `place`: `access/permits.py:36`; `said`: its source; `function`: the one that makes it."""

    number: int
    place: str
    said: str
    function: str

    @property
    def name(self) -> str:
        """What stays its name when lines move: `access/permits.py pull: if found.tags.nothing`."""
        return f"{self.place.rpartition(':')[0]} {self.function}: {self.said}"


def copied(place: Path) -> list[Check]:
    """Write the copy to `place`, which goes into PYTHONPATH; returns the checks of it."""
    shutil.copytree(SOURCE, place / "holdfast", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(Path(__file__).with_name("switch.py"), place / f"{_SWITCH}.py")
    checks: list[Check] = []
    for path in _paths():
        name = str(path.relative_to(SOURCE))
        marked = _Marked(name, checks)
        tree = marked.visit(ast.parse(path.read_text()))
        if marked.found:
            assert isinstance(tree, ast.Module)
            tree.body.insert(_imports_at(tree), ast.Import([ast.alias(_SWITCH)]))
            (place / "holdfast" / name).write_text(ast.unparse(ast.fix_missing_locations(tree)))
    return checks


def _paths() -> Iterator[Path]:
    for room in ROOMS:
        for path in [SOURCE / room] if room.endswith(".py") else sorted((SOURCE / room).rglob("*.py")):
            if not str(path.relative_to(SOURCE)).startswith(_NOT_RIGHTS):
                yield path


def _imports_at(tree: ast.Module) -> int:
    """Where a module takes an import: after its docstring and what it takes from the future."""
    at = 0
    for number, node in enumerate(tree.body):
        if isinstance(node, ast.ImportFrom) and node.module == "__future__":
            at = number + 1
    return at or 1


class _Marked(ast.NodeTransformer):
    """Puts the switch before every check of one module, and adds the checks to the list."""

    def __init__(self, name: str, checks: list[Check]) -> None:
        self._name = name
        self._checks = checks
        self._within: list[str] = []
        self.found = False

    def visit(self, node: ast.AST) -> ast.AST:
        """Knows the function around what is visited."""
        named = isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
        if named:
            self._within.append(node.name)  # type: ignore[attr-defined]
        changed: ast.AST = super().visit(node)
        if named:
            self._within.pop()
        return changed

    def visit_If(self, node: ast.If) -> ast.AST:
        """`if CONDITION: raise REFUSAL` becomes `if made(N) and (CONDITION) and told(N): raise REFUSAL`."""
        self.generic_visit(node)
        if len(node.body) != 1 or not isinstance(node.body[0], ast.Raise):
            return node
        if _REFUSALS.search(ast.unparse(node.body[0])) is None:
            return node
        number = self._add(node, f"if {ast.unparse(node.test)}")
        node.test = ast.BoolOp(ast.And(), [_switch("made", number), node.test, _switch("told", number)])
        return node

    def visit_Expr(self, node: ast.Expr) -> ast.AST:
        """`check(...)` becomes `if made(N): with telling(N): check(...)`."""
        call = node.value.value if isinstance(node.value, ast.Await) else node.value
        if not isinstance(call, ast.Call) or _CALLS.fullmatch(ast.unparse(call.func).rpartition(".")[2]) is None:
            return node
        number = self._add(node, ast.unparse(call))
        within = ast.With([ast.withitem(_switch("telling", number))], [node])
        return ast.If(_switch("made", number), [within], [])

    def _add(self, node: ast.stmt, said: str) -> int:
        self.found = True
        number = len(self._checks)
        self._checks.append(Check(number, f"{self._name}:{node.lineno}", said, ".".join(self._within)))
        return number


def _switch(name: str, number: int) -> ast.expr:
    return ast.parse(f"{_SWITCH}.{name}({number})", mode="eval").body
