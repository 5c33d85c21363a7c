"""What no module of the program does, and what each of them has."""

from __future__ import annotations

import ast

import pytest
from tests.architecture.sources import Source, imported, sources

ALL = sources()
FORBIDDEN_MODULES = {"pickle", "cPickle", "shelve", "marshal", "dill", "cloudpickle", "joblib", "yaml", "imp"}
FORBIDDEN_CALLS = {"eval", "exec", "compile", "__import__"}
FORBIDDEN_NAMES = {"utils", "common", "helpers", "base", "core", "manager", "misc"}
INSIDE_FENCES = {"apsw": {"db"}, "granian": {"app"}, "uvloop": {"app"}, "click": {"cli"}, "argon2": {"access"}}


@pytest.mark.parametrize("source", ALL, ids=lambda source: source.place)
def test_a_module_says_what_it_promises(source: Source) -> None:
    text = ast.get_docstring(source.tree)
    if source.place == "__main__.py" and text is None:
        pytest.fail("__main__.py has no docstring")
    assert text, "the module has no docstring"
    assert len(text) >= 20


@pytest.mark.parametrize("source", ALL, ids=lambda source: source.place)
def test_public_things_are_described(source: Source) -> None:
    silent = [
        node.name
        for node in ast.walk(source.tree)
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_") and not ast.get_docstring(node)
    ]
    functions = (node for node in source.tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    silent += [node.name for node in functions if not node.name.startswith("_") and not ast.get_docstring(node)]
    assert silent == []


@pytest.mark.parametrize("source", ALL, ids=lambda source: source.place)
def test_nothing_is_unpickled_or_evaluated(source: Source) -> None:
    assert {name.partition(".")[0] for name in imported(source.tree)} & FORBIDDEN_MODULES == set()
    called = {
        node.func.id for node in ast.walk(source.tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    assert called & FORBIDDEN_CALLS == set()


@pytest.mark.parametrize("source", ALL, ids=lambda source: source.place)
def test_a_module_is_named_after_its_noun(source: Source) -> None:
    assert set(source.place.removesuffix(".py").split("/")) & FORBIDDEN_NAMES == set()


@pytest.mark.parametrize("source", ALL, ids=lambda source: source.place)
def test_drivers_stay_behind_their_fences(source: Source) -> None:
    for name in imported(source.tree):
        library = name.partition(".")[0]
        assert source.room in INSIDE_FENCES.get(library, {source.room}), name


@pytest.mark.parametrize("source", ALL, ids=lambda source: source.place)
def test_importing_has_no_effect(source: Source) -> None:
    """At a module's top there are definitions and constants; what is called there only makes values."""
    for node in source.tree.body:
        if isinstance(node, ast.Expr):
            assert isinstance(node.value, ast.Constant), f"line {node.lineno}"
        assert not isinstance(node, ast.While | ast.With | ast.Try | ast.Global | ast.Delete), f"line {node.lineno}"


@pytest.mark.parametrize("source", ALL, ids=lambda source: source.place)
def test_no_global_changes(source: Source) -> None:
    assert [node.lineno for node in ast.walk(source.tree) if isinstance(node, ast.Global)] == []


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
