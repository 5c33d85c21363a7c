"""The table of what each client did: a pytest plugin that collects the `cell` marks and prints one line a client.

A test carries `@pytest.mark.cell("crane", "push")`; several tests may share a cell, the worst outcome stands. Columns
are the operations every client is asked for; any other name goes to the last column. `-` is what a client cannot do.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import pytest

COLUMNS = ("login", "push", "pull", "copy", "list", "delete", "referrers", "multi-arch")
WORST = ("ok", "skip", "FAIL")
PROPERTY = "client-cell"


@dataclass(frozen=True, slots=True)
class Cell:
    """One outcome: `ok`, `skip` or `FAIL`, and the reason of the last two."""

    client: str
    operation: str
    outcome: str
    reason: str = ""


def cells(reports: Iterable[pytest.TestReport]) -> list[Cell]:
    """Give the outcomes of the reports that carry a cell, set-up and tear-down failures included."""
    found: list[Cell] = []
    for report in reports:
        for name, value in report.user_properties:
            if name != PROPERTY or not isinstance(value, str):
                continue
            client, operation = value.split("|", 1)
            if report.failed:
                found.append(Cell(client, operation, "FAIL", report.nodeid.rsplit("::", 1)[-1]))
            elif report.skipped:
                where = report.longrepr
                reason = str(where[2]) if isinstance(where, tuple) else str(where)
                found.append(Cell(client, operation, "skip", reason.removeprefix("Skipped: ")))
            elif report.when == "call":
                found.append(Cell(client, operation, "ok"))
    return found


def worst(outcomes: Iterable[Cell]) -> str:
    """Give the text of one cell of the table."""
    known = [cell.outcome for cell in outcomes]
    return max(known, key=WORST.index) if known else "-"


def table(found: list[Cell]) -> list[str]:
    """Give the lines of the table and then a line for every cell that is not `ok`."""
    clients = list(dict.fromkeys(cell.client for cell in found))
    width = max(len(client) for client in clients) + 2
    lines = ["client".ljust(width) + "".join(column.ljust(11) for column in COLUMNS) + "also"]
    for client in clients:
        own = [cell for cell in found if cell.client == client]
        row = "".join(worst(cell for cell in own if cell.operation == column).ljust(11) for column in COLUMNS)
        others = dict.fromkeys(cell.operation for cell in own if cell.operation not in COLUMNS)
        also = [(name, worst(cell for cell in own if cell.operation == name)) for name in others]
        lines.append(client.ljust(width) + row + ", ".join(n if o == "ok" else f"{n} ({o})" for n, o in also))
    notes = dict.fromkeys(cell for cell in found if cell.outcome != "ok")
    return [*lines, *(f"{cell.outcome} {cell.client}, {cell.operation}: {cell.reason}" for cell in notes)]
