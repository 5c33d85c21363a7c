"""What no module of the program does, and what each of them has."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator

import pytest
from tests.architecture.sources import Source, imported, sources

ALL = sources()
FORBIDDEN_MODULES = {"pickle", "cPickle", "shelve", "marshal", "dill", "cloudpickle", "joblib", "yaml", "imp"}
FORBIDDEN_CALLS = {"eval", "exec", "compile", "__import__"}
FORBIDDEN_NAMES = {"utils", "common", "helpers", "base", "core", "manager", "misc"}
INSIDE_FENCES = {"apsw": {"db"}, "granian": {"app"}, "uvloop": {"app"}, "click": {"cli"}, "argon2": {"access"}}


def places(rule: Callable[[Source], Iterable[object]]) -> dict[str, list[object]]:
    """Where a rule finds something, and what. One test for all modules: a test for each takes longer than its rule."""
    found = {source.place: list(rule(source)) for source in ALL}
    return {place: what for place, what in found.items() if what}


def test_a_module_says_what_it_promises() -> None:
    said = {source.place: ast.get_docstring(source.tree) or "" for source in ALL}
    assert {place for place, text in said.items() if len(text) < 20} == set()


def test_public_things_are_described() -> None:
    def silent(source: Source) -> Iterator[str]:
        functions = (node for node in source.tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
        classes = (node for node in ast.walk(source.tree) if isinstance(node, ast.ClassDef))
        for node in (*classes, *functions):
            if not node.name.startswith("_") and not ast.get_docstring(node):
                yield node.name

    assert places(silent) == {}


def test_nothing_is_unpickled_or_evaluated() -> None:
    def unpickled(source: Source) -> set[str]:
        return {name.partition(".")[0] for name in imported(source.tree)} & FORBIDDEN_MODULES

    def evaluated(source: Source) -> Iterator[str]:
        for node in ast.walk(source.tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in FORBIDDEN_CALLS:
                yield node.func.id

    assert places(unpickled) == {}
    assert places(evaluated) == {}


def test_a_module_is_named_after_its_noun() -> None:
    assert places(lambda source: set(source.place.removesuffix(".py").split("/")) & FORBIDDEN_NAMES) == {}


def test_drivers_stay_behind_their_fences() -> None:
    def outside(source: Source) -> Iterator[str]:
        for name in imported(source.tree):
            if source.room not in INSIDE_FENCES.get(name.partition(".")[0], {source.room}):
                yield name

    assert places(outside) == {}


def test_importing_has_no_effect() -> None:
    """At a module's top there are definitions and constants; what is called there only makes values."""

    def lines(source: Source) -> Iterator[int]:
        for node in source.tree.body:
            done = isinstance(node, ast.Expr) and not isinstance(node.value, ast.Constant)
            if done or isinstance(node, ast.While | ast.With | ast.Try | ast.Global | ast.Delete):
                yield node.lineno

    assert places(lines) == {}


def test_no_global_changes() -> None:
    def lines(source: Source) -> Iterator[int]:
        return (node.lineno for node in ast.walk(source.tree) if isinstance(node, ast.Global))

    assert places(lines) == {}


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        pytest.param(test_a_module_says_what_it_promises, "pass", id="silent"),
        pytest.param(test_public_things_are_described, "class Thing:\n    pass", id="class"),
        pytest.param(test_public_things_are_described, "async def thing() -> None:\n    pass", id="function"),
        pytest.param(test_nothing_is_unpickled_or_evaluated, "import pickle", id="pickle"),
        pytest.param(test_nothing_is_unpickled_or_evaluated, "def f():\n    eval('1')", id="eval"),
        pytest.param(test_drivers_stay_behind_their_fences, "from apsw import Connection", id="driver"),
        pytest.param(test_importing_has_no_effect, "print()", id="effect"),
        pytest.param(test_no_global_changes, "def f():\n    global x\n    x = 1", id="global"),
    ],
)
def test_a_rule_finds_what_breaks_it(rule: Callable[[], None], text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{__name__}.ALL", [Source("registry/made.py", ast.parse(text))])
    with pytest.raises(AssertionError, match="made"):
        rule()


def test_sql_stands_in_stores_and_in_db_alone() -> None:
    verbs = ("select ", "insert into ", "update ", "delete from ", "create table ")
    for source in ALL:
        if source.place.endswith("store.py") or source.room == "db":
            continue
        for node in ast.walk(source.tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                text = " ".join(node.value.lower().split())
                found = text.startswith(verbs) and any(
                    word in text for word in (" from ", " set ", " values", " where ")
                )
                assert not found, f"{source.place}:{node.lineno}"
