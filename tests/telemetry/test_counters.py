"""Counters and request ids."""

from __future__ import annotations

import re

from holdfast.telemetry.counters import Counters
from holdfast.telemetry.request_id import RequestIds


def test_counters_add_up() -> None:
    counters = Counters()
    for status in (200, 200, 404):
        counters.count("manifest", status, 10, 3)
    counters.count("blob", 200, 1, 0)
    assert counters.requests == {("manifest", 200): 2, ("manifest", 404): 1, ("blob", 200): 1}
    assert (counters.received, counters.sent) == (31, 9)


def test_ids_are_unique_over_processes_and_plain() -> None:
    one, two = RequestIds(), RequestIds()
    made = [ids.next() for _ in range(1000) for ids in (one, two)]
    assert len(set(made)) == 2000
    assert all(re.fullmatch(r"[0-9a-f]{12}-[0-9a-f]{1,17}", each) for each in made)
