"""Counters of requests, and request ids."""

from __future__ import annotations

import re

import pytest

from holdfast.telemetry.counters import RECEIVED, REQUESTS, SECONDS, SENT, Counters
from holdfast.telemetry.meters import SUM, Meters
from holdfast.telemetry.pages import Names, Series
from holdfast.telemetry.request_id import RequestIds


def _series(meters: Meters) -> dict[Series, int]:
    return {key: value for key, value in meters.page.reading(Names(), owner=1).series.items() if value}


def test_counters_add_up() -> None:
    meters = Meters()
    counters = Counters(meters)
    for status in (200, 200, 404):
        counters.count("manifest", "GET", status, 10, 3, 0.001)
    counters.count("blob", "GET", 200, 1, 0, 31.0)
    assert _series(meters) == {
        Series(REQUESTS.name, ("manifest", "GET", "200")): 2,
        Series(REQUESTS.name, ("manifest", "GET", "404")): 1,
        Series(REQUESTS.name, ("blob", "GET", "200")): 1,
        Series(SECONDS.name, ("manifest", "GET"), "0"): 3,
        Series(SECONDS.name, ("manifest", "GET"), SUM): 3000,
        Series(SECONDS.name, ("blob", "GET"), "7"): 1,
        Series(SECONDS.name, ("blob", "GET"), SUM): 31_000_000,
        Series(RECEIVED.name, ("manifest",)): 30,
        Series(RECEIVED.name, ("blob",)): 1,
        Series(SENT.name, ("manifest",)): 9,
    }


@pytest.mark.parametrize("endpoint", ["unrouted", "api:unrouted"])
def test_what_is_no_route_or_method_is_other(endpoint: str) -> None:
    meters = Meters()
    counters = Counters(meters)
    for number in range(10_000):
        counters.count(endpoint, f"BREW{number}\n", 404, 0, 0, 0.0)
    found = _series(meters)
    assert found[Series(REQUESTS.name, ("other", "other", "404"))] == 10_000
    assert len(found) == 2
    assert len(counters._known) == 1


def test_operations_of_the_api_share_a_histogram() -> None:
    meters = Meters()
    counters = Counters(meters)
    counters.count("api:listUsers", "GET", 200, 0, 9, 0.2)
    counters.count("api:listGroups", "GET", 200, 0, 9, 0.2)
    assert _series(meters)[Series(SECONDS.name, ("api", "GET"), "3")] == 2
    assert _series(meters)[Series(REQUESTS.name, ("api:listUsers", "GET", "200"))] == 1


def test_ids_are_unique_over_processes_and_plain() -> None:
    one, two = RequestIds(), RequestIds()
    made = [ids.next() for _ in range(1000) for ids in (one, two)]
    assert len(set(made)) == 2000
    assert all(re.fullmatch(r"[0-9a-f]{12}-[0-9a-f]{1,17}", each) for each in made)
