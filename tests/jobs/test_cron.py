"""Cron expressions: what they mean, and what is none."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.jobs.cron import Cron

SECOND = 1_000_000


def us(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * SECOND


@pytest.mark.parametrize(
    ("cron", "after", "then"),
    [
        ("* * * * *", "2026-11-21 10:00:00", "2026-11-21 10:01:00"),
        ("* * * * *", "2026-11-21 10:00:59", "2026-11-21 10:01:00"),
        ("*/15 * * * *", "2026-11-21 10:44:00", "2026-11-21 10:45:00"),
        ("*/15 * * * *", "2026-11-21 10:45:00", "2026-11-21 11:00:00"),
        ("5/20 * * * *", "2026-11-21 10:26:00", "2026-11-21 10:45:00"),
        ("0 3 * * *", "2026-12-31 03:00:00", "2027-01-01 03:00:00"),
        ("30 1-3,22 * * *", "2026-11-21 03:30:00", "2026-11-21 22:30:00"),
        ("0 0 31 * *", "2026-11-01 00:00:00", "2026-12-31 00:00:00"),
        ("0 0 29 2 *", "2026-11-01 00:00:00", "2028-02-29 00:00:00"),
        ("0 0 29 2 *", "2096-03-01 00:00:00", "2104-02-29 00:00:00"),
        ("0 9 * * mon-fri", "2026-11-20 09:00:00", "2026-11-23 09:00:00"),
        ("0 9 * * 7", "2026-11-20 09:00:00", "2026-11-22 09:00:00"),
        ("0 9 * * 0", "2026-11-20 09:00:00", "2026-11-22 09:00:00"),
        ("0 0 13 * fri", "2026-11-20 00:00:00", "2026-11-27 00:00:00"),
        ("0 0 13 * fri", "2026-11-28 00:00:00", "2026-12-04 00:00:00"),
        ("0 0 */2 * mon", "2026-11-21 00:00:00", "2026-11-23 00:00:00"),
        ("0 0 1 JAN,Jul *", "2026-11-21 00:00:00", "2027-01-01 00:00:00"),
        ("0 0 29 2 */7", "2088-02-29 00:00:00", "2128-02-29 00:00:00"),
        ("59 23 31 12 *", "2026-12-31 23:59:00", "2027-12-31 23:59:00"),
    ],
)
def test_the_next_time(cron: str, after: str, then: str) -> None:
    assert Cron.parse(cron).after(us(after)) == us(then)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "* * * *",
        "* * * * * *",
        "60 * * * *",
        "* 24 * * *",
        "* * 0 * *",
        "* * * 13 *",
        "* * * * 8",
        "5-1 * * * *",
        "*/0 * * * *",
        "-1 * * * *",
        "a * * * *",
        "1,,2 * * * *",
        "1- * * * *",
        "*/ * * * *",
        "² * * * *",
        "mon * * * *",
        "0 0 30 2 *",
        "0 0 31 4,6,9,11 *",
        "@daily",
        "99999999999999999999 * * * *",
    ],
)
def test_what_is_none(text: str) -> None:
    with pytest.raises(ValueError):
        Cron.parse(text)


_PART = st.sampled_from(["*", "*/7", "3", "1-5", "2,4", "1-6/2"])


@given(st.tuples(_PART, _PART, _PART, _PART, _PART), st.integers(0, 4_000_000_000))
def test_the_next_time_fits_and_none_is_left_out(parts: tuple[str, ...], seconds: int) -> None:
    cron = Cron.parse(" ".join(parts))
    found = datetime.fromtimestamp(cron.after(seconds * SECOND) / SECOND, UTC)
    assert found.timestamp() > seconds
    assert (found.second, found.microsecond) == (0, 0)
    assert found.minute in cron.minutes
    assert found.hour in cron.hours
    assert found.month in cron.months
    by_month, by_week = found.day in cron.days, found.isoweekday() % 7 in cron.weekdays
    assert (by_month or by_week) if cron.either_day else (by_month and by_week)
    assert cron.after(round(found.timestamp()) * SECOND - 1) == round(found.timestamp()) * SECOND
