"""Numbers that processes share: nothing counted is lost by a kill, and a successor counts on."""

from __future__ import annotations

import os
import signal
from collections import Counter

import pytest

from holdfast.telemetry.family import Family, Kind, Label
from holdfast.telemetry.meters import Meters
from holdfast.telemetry.pages import SLOTS, Book, Names, Page, Reading, Series

DONE = Family("test_done", "Done.", Kind.COUNTER, (Label("how", ("well", "badly")),))
NOW = Family("test_now", "Now.", Kind.GAUGE)
KINDS = Family("test_kinds", "By kind.", Kind.COUNTER, (Label("kind", most=3),))


def _child(book: Book, work: str) -> int:
    """A process that claims a page, counts, says so, and waits to be killed; `work`: what it counts, a letter each."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            meters = Meters(book.claim())
            for letter in work:
                meters.tally(DONE, "well" if letter == "w" else "badly").add()
            meters.tally(NOW).set(5)
            os.write(write, b".")
            signal.pause()
        finally:
            os._exit(0)
    os.close(write)
    assert os.read(read, 1) == b"."
    os.close(read)
    return pid


def _kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def _sums(readings: list[Reading]) -> Counter[Series]:
    return sum((Counter(each.series) for each in readings), Counter())


def test_what_processes_count_is_seen_by_others_and_outlives_them() -> None:
    book = Book(4)
    one, two = _child(book, "wwb"), _child(book, "w")
    try:
        seen = book.readings()
        assert sorted(each.owner for each in seen) == sorted((one, two))
        assert _sums(seen)[Series(DONE.name, ("well",))] == 3
        _kill(one)
        seen = book.readings()
        assert sorted(each.owner for each in seen) == [0, two]
        assert _sums(seen)[Series(DONE.name, ("well",))] == 3
        three = _child(book, "wwww")
        seen = book.readings()
        assert sorted(each.owner for each in seen) == sorted((two, three)), "it took the page of the dead"
        assert _sums(seen)[Series(DONE.name, ("well",))] == 7
        assert _sums(seen)[Series(DONE.name, ("badly",))] == 1
        assert _sums(seen)[Series(NOW.name, ())] == 10
        _kill(three)
    finally:
        _kill(two)


def test_a_gauge_begins_at_nothing_in_the_next_process() -> None:
    book = Book(1)
    _kill(_child(book, ""))
    page = book.claim()
    assert page.owner == os.getpid()
    assert book.readings()[0].series[Series(NOW.name, ())] == 0


def test_who_finds_no_page_counts_for_himself() -> None:
    book = Book(1)
    one = _child(book, "w")
    try:
        page = book.claim()
        Meters(page).tally(DONE, "well").add(100)
        assert _sums(book.readings())[Series(DONE.name, ("well",))] == 1
    finally:
        _kill(one)


def test_series_that_are_few_are_there_from_the_start() -> None:
    meters = Meters()
    meters.declare(DONE, KINDS)
    reading = meters.page.reading(Names(), owner=1)
    assert reading.series == {Series(DONE.name, ("well",)): 0, Series(DONE.name, ("badly",)): 0}
    assert reading.families == {DONE.name: DONE, KINDS.name: KINDS}


def test_values_beyond_the_bound_are_other() -> None:
    meters = Meters()
    for number in range(1000):
        meters.tally(KINDS, f"kind-{number}").add()
    series = meters.page.reading(Names(), owner=1).series
    assert series[Series(KINDS.name, ("other",))] == 997
    assert len(series) == 4
    meters.tally(DONE, "otherwise").add()
    assert meters.page.reading(Names(), owner=1).series[Series(DONE.name, ("other",))] == 1


def test_a_full_page_counts_what_it_refuses() -> None:
    page = Page.alone()
    page.declare(KINDS)
    for number in range(SLOTS + 10):
        page.values[page.slot(Series(KINDS.name, (str(number),)))] += 1
    reading = page.reading(Names(), owner=1)
    assert reading.refused == 18
    assert set(reading.series.values()) == {1}


def test_a_family_has_one_meaning() -> None:
    meters = Meters()
    meters.declare(DONE)
    with pytest.raises(ValueError, match="declared twice"):
        meters.declare(Family(DONE.name, "Else.", Kind.GAUGE))
