"""The page about verify names every class of damage and every way it ends."""

from __future__ import annotations

from tests.docs.pages import HOW_TO, code, table

from holdfast.registry.verify.model import REPAIRS, Damage


def test_the_page_lists_every_class_once() -> None:
    listed = [code(row["class"])[0] for row in table(HOW_TO / "verify.md", "class")]
    assert sorted(listed) == sorted(Damage)
    assert set(REPAIRS) == set(Damage)
