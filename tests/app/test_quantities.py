"""Durations and sizes: what is read, what is refused and why, and that showing is the inverse of reading."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.app.quantities import LARGEST, parse_duration, parse_size, show_duration, show_size


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0", 0), ("0s", 0), ("0d", 0), ("90s", 90), ("90m", 5400), ("24h", 86400), ("30d", 2_592_000), ("1.5h", 5400)],
)
def test_durations_are_read(text: str, seconds: int) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("5", "has no unit (did you mean 5s?)"),
        ("5 s", "is not a duration"),
        ("5S", "is not a duration"),
        ("-5s", "is not a duration"),
        ("1h30m", "is not a duration"),
        ("5w", "is not a duration"),
        ("s", "is not a duration"),
        ("", "is not a duration"),
        ("inf", "is not a duration"),
        ("٣s", "is not a duration"),
        ("99999999d", "is longer than a hundred years"),
        ("9" * 40 + "s", "is not a duration"),
    ],
)
def test_what_is_no_duration_is_refused(text: str, reason: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse_duration(text)
    assert str(caught.value) == reason


@pytest.mark.parametrize(
    ("text", "size"),
    [("0", 0), ("1000", 1000), ("16KiB", 16384), ("512MiB", 536_870_912), ("1.5GiB", 1_610_612_736), ("2TiB", 2**41)],
)
def test_sizes_are_read(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("512MB", "has a unit that is not known here (units are powers of 1024: KiB, MiB, GiB, TiB)"),
        ("5k", "has a unit that is not known here (units are powers of 1024: KiB, MiB, GiB, TiB)"),
        ("-1", "is not a size"),
        ("many", "is not a size"),
        ("", "is not a size"),
        ("1.5", "is not a whole number of bytes"),
        ("99999999TiB", "is larger than an exbibyte"),
    ],
)
def test_what_is_no_size_is_refused(text: str, reason: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse_size(text)
    assert str(caught.value) == reason


@given(st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=36_500)))
def test_a_shown_duration_reads_back(value: timedelta) -> None:
    assert parse_duration(show_duration(value)) == value


@given(st.integers(0, LARGEST))
def test_a_shown_size_reads_back(value: int) -> None:
    assert parse_size(show_size(value)) == value


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (timedelta(days=1), "24h"),
        (timedelta(days=30), "30d"),
        (timedelta(minutes=90), "90m"),
        (timedelta(0), "0s"),
        (timedelta(milliseconds=1500), "1.5s"),
    ],
)
def test_durations_are_shown_as_people_write_them(value: timedelta, text: str) -> None:
    assert show_duration(value) == text
