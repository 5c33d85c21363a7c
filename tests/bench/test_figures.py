"""Percentiles and medians."""

import pytest
from bench.figures import Slice, percentile, summarise


@pytest.mark.parametrize(
    ("values", "percent", "expected"),
    [
        ([], 50, 0.0),
        ([7.0], 50, 7.0),
        ([7.0], 99, 7.0),
        ([1.0, 2.0, 3.0, 4.0], 50, 2.0),
        ([1.0, 2.0, 3.0, 4.0], 100, 4.0),
        ([1.0, 2.0, 3.0, 4.0], 0, 1.0),
        ([float(n) for n in range(1, 101)], 99, 99.0),
        ([float(n) for n in range(1, 1001)], 99, 990.0),
    ],
)
def test_percentile_is_the_nearest_rank(values: list[float], percent: float, expected: float) -> None:
    assert percentile(values, percent) == expected


def _slice(rate: float, growth: int = 0, tail: float = 0.0) -> Slice:
    return Slice(
        operations=10,
        rate=rate,
        bytes_per_second=rate * 1e6,
        p50_ms=rate / 2,
        p99_ms=rate * 2,
        cpu_us=rate,
        client_cpu_us=1.0,
        rss=2 << 20,
        pss=1 << 20,
        growth=growth,
        tail_ms=tail,
    )


def test_summary_takes_medians_and_the_worst_of_limits() -> None:
    found = summarise([_slice(3, 1 << 20, 5), _slice(1, 4 << 20, 2), _slice(100, 0, 1)], "a note")
    assert (found.slices, found.operations) == (3, 30)
    assert (found.rate, found.megabytes, found.p50_ms, found.p99_ms, found.cpu_us) == (3, 3, 1.5, 6, 3)
    assert (found.rss_mib, found.pss_mib) == (2, 1)
    assert (found.growth_mib, found.tail_ms) == (4, 5)
    assert found.note == "a note"


def test_nothing_has_no_summary() -> None:
    with pytest.raises(ValueError, match="no slice"):
        summarise([])
