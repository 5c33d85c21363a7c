"""A plugin of pytest for mutations.py: notes which tests let which checks refuse, or runs the tests that it is given.

`HOLDFAST_NOTES` is the file that the program under test writes to; `HOLDFAST_REPORT` gets a line of JSON for every
test that passed: its id, its seconds, the checks that refused during its call. `HOLDFAST_TESTS` is a file of ids of
tests, the only ones that are run, in its order.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep what was asked for, in the order asked for."""
    if listed := os.environ.get("HOLDFAST_TESTS"):
        wanted = {name: at for at, name in enumerate(json.loads(Path(listed).read_text()))}
        items[:] = sorted((item for item in items if item.nodeid in wanted), key=lambda item: wanted[item.nodeid])


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Ask which checks refused meanwhile."""
    report = os.environ.get("HOLDFAST_REPORT")
    if report is None:
        yield
        return
    notes = Path(os.environ["HOLDFAST_NOTES"])
    before, began = _size(notes), time.monotonic()
    yield
    with notes.open("rb") if notes.exists() else Path(os.devnull).open("rb") as file:
        file.seek(before)
        refused = sorted({int(line) for line in file.read().split()})
    with Path(report).open("a") as file_of_report:
        line = {"test": item.nodeid, "seconds": round(time.monotonic() - began, 2), "checks": refused}
        file_of_report.write(json.dumps(line) + "\n")


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
