"""The table of problems, and its documentation."""

from __future__ import annotations

import inspect

from tests.docs.pages import REFERENCE, code, table

from holdfast.access import errors as access
from holdfast.api import framing
from holdfast.api.problem import FAULT, METHOD, NO_ROUTE, TABLE, refusal_of
from holdfast.db import errors as db

_NEVER_HERE = {access.WrongMasterKey, access.MasterKeyAway, access.WrongCode}
"""What a start is refused with, and what pages alone are: no request of the API."""


def test_every_problem_is_documented_as_it_is() -> None:
    rows = table(REFERENCE / "errors.md", "problem")
    shown = {code(row["problem"])[0]: row["status"] for row in rows}
    assert len(shown) == len(rows)
    wanted = {f"/problems/{each.slug}": str(each.status) for each in (*TABLE.values(), NO_ROUTE, METHOD, FAULT)}
    assert shown == wanted
    assert all(row["when"] for row in rows)
    assert list(shown) == sorted(shown)


def test_a_type_has_one_status_and_one_title() -> None:
    seen: dict[str, tuple[int, str]] = {}
    for refusal in (*TABLE.values(), NO_ROUTE, METHOD, FAULT):
        assert seen.setdefault(refusal.slug, (refusal.status, refusal.title)) == (refusal.status, refusal.title)


def test_every_refusal_of_the_floors_below_has_a_row() -> None:
    for module in (access, framing, db):
        for kind in vars(module).values():
            if inspect.isclass(kind) and issubclass(kind, Exception) and kind.__module__ == module.__name__:
                if kind in _NEVER_HERE or kind is db.StatementFailed:
                    continue
                assert any(base in TABLE for base in kind.__mro__), kind


def test_what_nobody_foresaw_is_a_fault() -> None:
    assert refusal_of(RuntimeError()) is FAULT
    assert refusal_of(db.StatementFailed()) is FAULT
