"""Text for spreadsheets: no cell is one that a spreadsheet takes for a formula."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

_FORMULAS = frozenset("=+-@\t\r\n|%")


def guarded(text: str) -> str:
    """`text` as a cell that is text."""
    return f"'{text}" if text[:1] in _FORMULAS else text


def csv_of(columns: Sequence[str], rows: Iterable[Sequence[str | int]]) -> str:
    """Rows as comma-separated values (RFC 4180), the names of the columns first."""
    return csv_rows([columns, *rows])


def csv_rows(rows: Iterable[Sequence[str | int]]) -> str:
    """Rows as comma-separated values, by themselves."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    for row in rows:
        writer.writerow([guarded(each) if isinstance(each, str) else each for each in row])
    return buffer.getvalue()
