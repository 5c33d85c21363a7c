"""All rows of the wire tables."""

from __future__ import annotations

from tests.wire import rows_lists, rows_reads, rows_tokens, rows_writes
from tests.wire.row import Row

ROWS: list[Row] = [*rows_reads.ROWS, *rows_writes.ROWS, *rows_lists.ROWS, *rows_tokens.ROWS]
