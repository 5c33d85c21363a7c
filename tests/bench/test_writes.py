"""The database alone: every number of writers is measured both ways."""

from pathlib import Path

from bench.writes import measure


def test_both_ways_are_measured(tmp_path: Path) -> None:
    found = measure(tmp_path, (1, 3), 0.02, 1)
    assert [one.writers for one in found] == [1, 3]
    assert all(one.together > 0 and one.one_by_one > 0 for one in found)
