"""The text of a statement is a constant of its module: no value ever becomes part of SQL."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import holdfast

ROOT = Path(holdfast.__file__).parent
SOURCES = sorted(ROOT.rglob("*.py"))
EXECUTING = {"execute", "executemany"}


_OF_TEXT = {"replace", "join"}


def template_names(tree: ast.Module) -> set[str]:
    """The private functions at the top of a module that do nothing but put texts together."""
    names: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name.startswith("_"):
            calls = [each.func for each in ast.walk(node) if isinstance(each, ast.Call)]
            texts = [isinstance(each, ast.Attribute) and each.attr in _OF_TEXT for each in calls]
            own = [isinstance(each, ast.Name) and each.id in {*names, "range", "str"} for each in calls]
            if all(one or other for one, other in zip(texts, own, strict=True)):
                names.add(node.name)
    return names


def constant_names(tree: ast.Module) -> set[str]:
    """The names that a module binds at its top to constant text, or to a function that puts texts together."""
    names = template_names(tree)
    for node in tree.body:
        if isinstance(node, ast.Assign) and is_constant(node.value, names):
            names.update(target.id for target in node.targets if isinstance(target, ast.Name))
    return names


def of_the_web(tree: ast.Module) -> bool:
    """Whether the `Query` of a module is a field of a URL, which the web framework calls so."""
    return any(
        isinstance(node, ast.ImportFrom) and node.module == "fastapi" and "Query" in {name.name for name in node.names}
        for node in tree.body
    )


def is_constant(node: ast.expr, names: set[str]) -> bool:
    """Whether an expression is text written in the module: a literal, a constant's name, their sum, or what functions
    that only put texts together make of them."""
    if isinstance(node, ast.Constant):
        return isinstance(node.value, str | int)
    if isinstance(node, ast.Name):
        return node.id in names
    if isinstance(node, ast.List | ast.Tuple):
        return all(is_constant(each.value if isinstance(each, ast.Starred) else each, names) for each in node.elts)
    if isinstance(node, ast.Call):
        made = node.func.value if isinstance(node.func, ast.Attribute) and node.func.attr in _OF_TEXT else node.func
        given = (*node.args, *(keyword.value for keyword in node.keywords))
        return is_constant(made, names) and all(is_constant(each, names) for each in given)
    return (
        isinstance(node, ast.BinOp)
        and isinstance(node.op, ast.Add)
        and all(is_constant(side, names) for side in (node.left, node.right))
    )


def made_up(source: str) -> list[int]:
    """The lines where a statement is made of something else than constants."""
    tree = ast.parse(source)
    names = constant_names(tree)
    lines: list[int] = []
    if of_the_web(tree):
        return lines
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("Query", "Command"):
            text = node.args[0] if node.args else next((k.value for k in node.keywords if k.arg == "text"), None)
            if text is None or not is_constant(text, names):
                lines.append(node.lineno)
    return lines


def test_statements_are_constants() -> None:
    found = {str(path.relative_to(ROOT)): made_up(path.read_text()) for path in SOURCES}
    assert {place: lines for place, lines in found.items() if lines} == {}


@pytest.mark.parametrize(
    "text",
    [
        'Query(f"select {x}", Row)',
        'Query("select %s" % x, Row)',
        'Query("select {}".format(x), Row)',
        'Query("select " + x, Row)',
        'Query("select " + str(1), Row)',
        'Query("".join(x), Row)',
        'Query("select x".replace("x", x), Row)',
        'Query(f("select"), Row)',
        'def _f(x):\n    return open(x).read()\nQuery(_f("select"), Row)',
        "def f(x):\n    return Command(x)",
        "Command(text=x)",
        "x = input()\nCommand('delete' + x)",
        'y = f"select {x}"\nQuery(y, Row)',
    ],
)
def test_what_is_not_a_constant_is_found(text: str) -> None:
    assert made_up(text) != []


def test_what_is_a_constant_is_let_through() -> None:
    assert made_up('_A = "select"\n_B = _A + " 1"\nQ = Query(_B + " where " "x", Row)\nC = Command(_A)') == []
    assert made_up('def _f(x):\n    return x.replace("a", "b")\nQ = Query(" ".join([_f("select")]), Row)') == []


def strays(source: str, stem: str, room: str) -> list[int]:
    """The lines where a module makes a statement and is no store, or runs one and is not in the room of databases."""
    tree = ast.parse(source)
    makes = room == "db" or stem.endswith("store") or of_the_web(tree)
    lines: list[int] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            made = isinstance(node.func, ast.Name) and node.func.id in ("Query", "Command")
            run = isinstance(node.func, ast.Attribute) and node.func.attr in EXECUTING
            if (made and not makes) or (run and room != "db"):
                lines.append(node.lineno)
    return lines


def test_statements_are_made_in_stores_and_run_in_db() -> None:
    places = {path.relative_to(ROOT): path for path in SOURCES}
    found = {str(place): strays(path.read_text(), place.stem, place.parts[0]) for place, path in places.items()}
    assert {place: lines for place, lines in found.items() if lines} == {}


@pytest.mark.parametrize("text", ['\nQ = Query("select 1", Row)', "\nconnection.execute(Q)"])
def test_a_stray_is_found(text: str) -> None:
    assert strays(text, "service", "registry") == [2]
