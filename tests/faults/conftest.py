"""What the fault tests did, in figures: each `record_property("fault", "name: N")` is a line of the summary."""

from __future__ import annotations

import pytest

_PROPERTY = "fault"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print one line a figure, however the tests were run and captured."""
    reports = [report for group in terminalreporter.stats.values() for report in group]
    lines = [
        str(value)
        for report in reports
        if isinstance(report, pytest.TestReport) and report.when in ("call", "setup")
        for name, value in report.user_properties
        if name == _PROPERTY
    ]
    if lines:
        terminalreporter.section("faults")
        for line in dict.fromkeys(lines):
            terminalreporter.write_line(line)
