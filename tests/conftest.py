"""What the whole suite has in common: which files start first, and what its summary shows: clients and figures.

Each `record_property("fault", "name: N")` is a line of the summary, in whichever process the test ran.
"""

from __future__ import annotations

import os

import hypothesis
import pytest
from tests.clients.matrix import cells, table

hypothesis.settings.register_profile("same", derandomize=True)
if os.environ.get("HOLDFAST_TEST_SAME"):
    # A run that judges one change tries what it tried before it; everywhere else each run tries something new.
    hypothesis.settings.load_profile("same")

_PROPERTY = "fault"
_LONGEST_FIRST = ("faults", "deploy", "cluster", "moving", "docs", "clients", "blobs", "jobs", "security", "wire")
"""Directories whose files take long: begun first, so that no process is still at one when the others are done."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put files that take long before the others; the order within is kept."""

    def rank(item: pytest.Item) -> int:
        return next((at for at, name in enumerate(_LONGEST_FIRST) if name in item.path.parts), len(_LONGEST_FIRST))

    items.sort(key=rank)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the matrix of clients, and one line a figure, however the tests were run and captured."""
    reports = [report for group in terminalreporter.stats.values() for report in group]
    lines = [
        str(value)
        for report in reports
        if isinstance(report, pytest.TestReport) and report.when in ("call", "setup")
        for name, value in report.user_properties
        if name == _PROPERTY
    ]
    tested = cells(report for report in reports if isinstance(report, pytest.TestReport))
    if tested:
        terminalreporter.section("clients against a real server")
        for line in table(tested):
            terminalreporter.write_line(line)
    if lines:
        terminalreporter.section("faults")
        for line in dict.fromkeys(lines):
            terminalreporter.write_line(line)
