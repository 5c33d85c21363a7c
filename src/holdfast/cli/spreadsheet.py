"""Comma-separated values for spreadsheets: no cell is one that a spreadsheet takes for a formula."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from holdfast.cli.output import plain
from holdfast.web.spreadsheet import guarded


def csv_lines(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Rows as lines of CSV, with their ends, the names of the columns first."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(columns)
    for row in rows:
        writer.writerow([_cell(row[name]) for name in columns])
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()
    yield buffer.getvalue()


def _cell(value: object) -> object:
    if isinstance(value, int):
        return value
    text = json.dumps(value, sort_keys=True) if isinstance(value, dict) else plain(value)
    return guarded(text)
