"""What the whole suite has in common: what is quick, who runs what and first, and what its summary shows.

Each `record_property("fault", "name: N")` is a line of the summary, in whichever process the test ran; so is what a
page costs, as "page".
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from tests.clients.matrix import cells, table
from tests.quick import mark_slow
from xdist.scheduler import LoadFileScheduling

hypothesis.settings.register_profile("same", derandomize=True)
if os.environ.get("HOLDFAST_TEST_SAME"):
    # A run that judges one change tries what it tried before it; everywhere else each run tries something new.
    hypothesis.settings.load_profile("same")

_SECTIONS = {"fault": "faults", "page": "pages"}
_ROOT = Path(__file__).parent
_LONGEST_FIRST = (
    "soak",
    "browser/test_routes.py",
    "faults/test_workers.py",
    "cluster/test_agreement.py",
    "deploy/test_scale_page.py",
    "docs/test_sessions.py",
    "browser",
    "deploy/test_doctor_url.py",
    "moving/test_refusals.py",
    "deploy/test_container.py",
    "cli/test_client_verbs.py",
    "faults/test_cluster",
    "access/tokens/test_ends.py",
    "security/test_throttling.py",
    "security/test_encryption.py",
    "registry/collect/test_pauses.py",
    "registry/verify/test_stores.py",
    "registry/verify/test_cluster.py",
    "property",
    "faults",
    "deploy",
    "cluster",
    "moving",
    "clients",
    "blobs",
    "jobs",
    "security",
    "wire",
    "cli",
    "registry/verify",
)
"""Files whose tests take long, as measured: begun first, so that no process is at one when the others are done."""
_ONE_BY_ONE = ("tests/docs/test_sessions.py", "tests/moving/")
"""Files whose tests share nothing that is made for the file: any process takes the next of them."""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> Any:
    """Where processes are given files, give them the tests of `_ONE_BY_ONE` one by one."""
    if config.getoption("dist") != "loadfile":
        return None
    scheduling = LoadFileScheduling(config, log)
    scheduling._split_scope = _shared
    return scheduling


def _shared(test: str) -> str:
    """What the tests have in common that one process runs: their file, or nothing."""
    return test if test.startswith(_ONE_BY_ONE) else test.partition("::")[0]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is slow, and put files that take long before the others; the order within is kept."""
    mark_slow(items)

    def rank(item: pytest.Item) -> int:
        path = item.path.relative_to(_ROOT).as_posix()
        return next((at for at, name in enumerate(_LONGEST_FIRST) if path.startswith(name)), len(_LONGEST_FIRST))

    items.sort(key=rank)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the matrix of clients, and one line a figure, however the tests were run and captured."""
    reports = [report for group in terminalreporter.stats.values() for report in group]
    tested = cells(report for report in reports if isinstance(report, pytest.TestReport))
    if tested:
        terminalreporter.section("clients against a real server")
        for line in table(tested):
            terminalreporter.write_line(line)
    for property_, title in _SECTIONS.items():
        lines = [
            str(value)
            for report in reports
            if isinstance(report, pytest.TestReport) and report.when in ("call", "setup")
            for name, value in report.user_properties
            if name == property_
        ]
        if lines:
            terminalreporter.section(title)
            for line in dict.fromkeys(lines):
                terminalreporter.write_line(line)
