"""A short soak on both pairs, and one whose collector is killed again and again. `make soak` is the long one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.pairs import Pair
from tests.soak.run import Plan, Report, soak

_SECONDS, _SHORT = 12, 4


def held(report: Report, record: Callable[[str, object], None]) -> None:
    """A run that shows something, and nothing wrong."""
    counts = report.tally.counts
    record(
        "fault",
        f"soak of {report.plan}: {counts['pushes']} pushes, {report.contents_deleted} contents and "
        f"{report.objects_deleted} objects deleted, {report.images} images whole",
    )
    assert not report.problems(), "\n".join([report.table(), *report.problems()])


@pytest.mark.parametrize(
    ("pair", "workers", "window", "seconds"),
    [
        pytest.param(Pair.EMBEDDED, 2, 0, _SHORT, id="embedded, 2 workers, no window, short"),
        pytest.param(Pair.EMBEDDED, 2, 0, _SECONDS, id="embedded, 2 workers, no window", marks=pytest.mark.slow),
        pytest.param(Pair.SEALED_CLUSTER, 1, 5, _SECONDS, id="cluster, window", marks=pytest.mark.slow),
    ],
)
def test_pushes_under_collection(
    tmp_path: Path, pair: Pair, workers: int, window: int, seconds: int, record_property: Callable[[str, object], None]
) -> None:
    held(soak(tmp_path, Plan(pair, workers, window, seconds)), record_property)


@pytest.mark.slow
def test_a_collector_that_is_killed_again_and_again(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    held(soak(tmp_path, Plan(Pair.EMBEDDED, 1, 0, _SECONDS, kills=True)), record_property)
