"""A statement is a constant: portable SQL text beside the row type that it returns.

The text is the subset that SQLite and PostgreSQL share: `:name` parameters, `= any(:list)` for lists, `each(:rows)` for
the elements of a JSON array as rows of one column, `value` (so that one statement writes many rows:
`cast(value ->> 0 as bigint)`), row locks (`for update`, dropped where the engine has none), no NUL, no `now()`: `:now`
is bound by the adapter to the engine's clock, in microseconds since the epoch.
"""

from __future__ import annotations

from typing import Any, Generic, TypeVar

Row = TypeVar("Row")


class Query(Generic[Row]):
    """A statement that returns rows. `row` is a NamedTuple class whose fields are the columns in order."""

    __slots__ = ("row", "text")

    def __init__(self, text: str, row: type[Row]) -> None:
        self.text = text
        self.row = row


class Command:
    """A statement that returns the number of rows it changed."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text


Parameters = dict[str, Any]
