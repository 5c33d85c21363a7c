"""What is chosen to be quick is there, so that a name that changes does not make a place slow in silence."""

import ast

import pytest
from tests.quick import CHOSEN, DEAR, EVERY, ROOT


@pytest.mark.parametrize("path", CHOSEN)
def test_what_is_chosen_is_there(path: str) -> None:
    tree = ast.parse((ROOT / path).read_text())
    there = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    assert path.startswith(DEAR)
    assert {name.partition("[")[0] for name in CHOSEN[path] if CHOSEN[path] != EVERY} <= there


def test_a_case_that_is_chosen_by_its_name_is_a_page() -> None:
    pages = [name.partition("[")[2].removesuffix("]") for name in CHOSEN["docs/test_sessions.py"]]
    assert [page for page in pages if page and not (ROOT.parent / page).is_file()] == []
