"""The detector on generated traffic that it was not tuned on: what it has to find, and how seldom it may be wrong."""

from __future__ import annotations

import pytest
from bench.unusual.__main__ import REPORTED_ON, TUNED_ON, table
from bench.unusual.attacks import ATTACKS
from bench.unusual.evaluate import judge, run, world

UNSEEN = 101
SURE = ("enumeration", "enumeration (6 an hour)", "bulk", "bulk (bytes)")


@pytest.mark.slow
def test_an_unseen_world_is_judged_within_the_bounds() -> None:
    outcome = judge([run(UNSEEN)])
    assert UNSEEN in REPORTED_ON
    assert UNSEEN not in TUNED_ON
    assert outcome.subject_days > 10_000
    assert outcome.rate <= 1.0, table(outcome)
    found = {each.kind: each for each in outcome.kinds}
    assert set(found) == set(ATTACKS)
    for kind in SURE:
        assert found[kind].found == found[kind].planted, table(outcome)
    total = sum(each.found for each in outcome.kinds)
    assert total >= 0.6 * sum(each.planted for each in outcome.kinds), table(outcome)


def test_a_world_is_the_same_each_time() -> None:
    first, again = (world(5, days=66, of_each=1) for _ in range(2))
    assert first[0].rows == again[0].rows
    assert first[1] == again[1]
