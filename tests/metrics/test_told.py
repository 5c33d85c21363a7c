"""How numbers of several processes become one, and jobs are counted."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any, cast

import pytest

from holdfast.app.metrics.exposition import expose
from holdfast.app.metrics.runs import LAST, RUNS, SECONDS, counted
from holdfast.app.metrics.told import Told, merge, one
from holdfast.db.errors import Unavailable
from holdfast.jobs.model import Cancelled, Later, Superseded
from holdfast.jobs.run import Run
from holdfast.telemetry.family import MICROS, Family, Kind, Label
from holdfast.telemetry.meters import Meters
from holdfast.telemetry.pages import Names

DONE = Family("test_done", "Done.", Kind.COUNTER, (Label("how", most=5),))
NOW = Family("test_now", "Now.", Kind.GAUGE)
PEAK = Family("test_peak_seconds", "The largest.", Kind.PEAK, (), MICROS)
TIME = Family("test_seconds", "Took.", Kind.HISTOGRAM, (), MICROS)


def _process(done: int, now: int, seconds: float) -> Meters:
    meters = Meters()
    meters.tally(DONE, "well").add(done)
    meters.tally(NOW).set(now)
    meters.tally(PEAK).set(now * 1_000_000)
    meters.durations(TIME).add(seconds)
    return meters


def _merged(*processes: tuple[Meters, int]) -> dict[str, Told]:
    return {each.family.name: each for each in merge(m.page.reading(Names(), owner=pid) for m, pid in processes)}


def test_counters_are_of_all_and_gauges_of_the_living() -> None:
    found = _merged((_process(3, 2, 0.001), 10), (_process(4, 5, 0.2), 11), (_process(100, 9, 99.0), 0))
    assert found["test_done"].numbers == {("well",): 107}
    assert found["test_now"].numbers == {(): 7}
    assert found["test_peak_seconds"].numbers == {(): 5.0}
    counts, total = found["test_seconds"].histograms[()]
    assert (counts, round(total, 6)) == ((1, 0, 0, 1, 0, 0, 0, 1), 99.201)


def test_a_page_is_written_in_the_order_of_names_with_help() -> None:
    text = expose([*merge([_process(3, 2, 0.001).page.reading(Names(), owner=1)]), one(NOW, 1)], "").body.decode()
    assert '# TYPE test_done_total counter\ntest_done_total{how="well"} 3.0\n' in text
    assert 'test_seconds_bucket{le="+Inf"} 1.0\ntest_seconds_count 1.0\ntest_seconds_sum 0.001\n' in text
    assert text.endswith("# HELP test_now Now.\n# TYPE test_now gauge\ntest_now 1.0\n")


def test_values_are_escaped() -> None:
    told = Told(DONE, {('a"b\\c\nd',): 1})
    assert 'how="a\\"b\\\\c\\nd"' in expose([told], "").body.decode()


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (None, "done"),
        (RuntimeError("a mistake"), "failed"),
        (Later("the store is away"), "put-off"),
        (Unavailable("the database is away"), "put-off"),
        (Cancelled("by somebody"), "given-up"),
        (Superseded("by another run"), "given-up"),
        (asyncio.CancelledError(), "given-up"),
    ],
)
def test_runs_are_counted_by_how_they_ended(error: BaseException | None, outcome: str) -> None:
    async def task(_run: Run) -> None:
        if error is not None:
            raise error

    meters = Meters()
    run = counted({"sweep": task}, meters, clock=lambda: 1234.5)["sweep"]
    with contextlib.nullcontext() if error is None else pytest.raises(type(error)):
        asyncio.run(cast(Any, run(cast(Run, None))))
    found = _merged((meters, 1))
    assert {values[1]: number for values, number in found[RUNS.name].numbers.items() if number} == {outcome: 1}
    assert sum(found[SECONDS.name].histograms[("sweep",)].counts) == 1
    assert found[LAST.name].numbers == ({("sweep",): 1234} if error is None else {})
