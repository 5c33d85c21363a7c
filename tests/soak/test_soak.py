"""A short soak on both pairs, and one whose collector is killed again and again. `make soak` is the long one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.pairs import Pair
from tests.soak.run import Plan, Report, soak

_SECONDS = 12


def held(report: Report, record: Callable[[str, object], None]) -> None:
    """A run that shows something, and nothing wrong."""
    counts = report.tally.counts
    record(
        "fault",
        f"soak of {report.plan}: {counts['pushes']} pushes, {report.contents_deleted} contents and "
        f"{report.objects_deleted} objects deleted, {report.images} images whole",
    )
    assert not report.problems(), "\n".join([report.table(), *report.problems()])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("pair", "workers", "window"),
    [(Pair.EMBEDDED, 2, 0), (Pair.SEALED_CLUSTER, 1, 5)],
    ids=["embedded, 2 workers, no window", "cluster, window"],
)
def test_pushes_under_collection(
    tmp_path: Path, pair: Pair, workers: int, window: int, record_property: Callable[[str, object], None]
) -> None:
    held(soak(tmp_path, Plan(pair, workers, window, _SECONDS)), record_property)


@pytest.mark.slow
def test_a_collector_that_is_killed_again_and_again(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    held(soak(tmp_path, Plan(Pair.EMBEDDED, 1, 0, _SECONDS, kills=True)), record_property)
