"""Portable SQL text and what SQLite gets of it."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from holdfast.db.dialect import Prepared, row_maker

TABLE = [
    ("select 1", "select 1", (), False),
    ("  select 1\n", "select 1", (), False),
    ("select :a", "select :a", (), False),
    ("select :now", "select :now", (), True),
    ("select :now, :now_and_then", "select :now, :now_and_then", (), True),
    ("select :nowhere, :known", "select :nowhere, :known", (), False),
    ("select ':nowhere'", "select ':nowhere'", (), False),
    ("a = any(:list)", "a in (select value from json_each(:list))", ("list",), False),
    ("a=any( :list )", "a in (select value from json_each(:list))", ("list",), False),
    (
        "a = any(:x) or b = any(:y) or c = any(:x)",
        "a in (select value from json_each(:x)) or b in (select value from json_each(:y)) "
        "or c in (select value from json_each(:x))",
        ("x", "y"),
        False,
    ),
    ("select value ->> 0 from each(:rows)", "select value ->> 0 from json_each(:rows)", (), False),
    ("select 1 for update", "select 1", (), False),
    ("select 1 for update of t", "select 1", (), False),
    ("select 1 for update skip locked", "select 1", (), False),
    ("select 1 for update of t skip locked", "select 1", (), False),
    ("select 1 for no key update", "select 1", (), False),
    ("select 1 for key share of c", "select 1", (), False),
    ("select 1 for share", "select 1", (), False),
    ("(select 1 for share) union select 2", "(select 1 ) union select 2", (), False),
    ("update t set before = 1", "update t set before = 1", (), False),
]


@pytest.mark.parametrize(("text", "wanted", "lists", "needs_now"), TABLE, ids=[row[0] for row in TABLE])
def test_translation(text: str, wanted: str, lists: tuple[str, ...], needs_now: bool) -> None:
    prepared = Prepared(text, None)
    assert (prepared.text, prepared.lists, prepared.needs_now) == (wanted, lists, needs_now)


class Plain(NamedTuple):
    a: int
    b: str | None


class Flags(NamedTuple):
    a: bool
    b: int
    c: bool


def test_rows() -> None:
    made = row_maker(Plain)((1, None))
    assert made == Plain(1, None)
    assert isinstance(made, Plain)
    made = row_maker(Flags)((1, 1, 0))
    assert [type(cell) for cell in made] == [bool, int, bool]
    assert made == Flags(True, 1, False)
