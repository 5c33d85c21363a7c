"""Instants as people write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.access.errors import Invalid
from holdfast.console.moments import absolute, exact, read_moment, write_moment

NOW = 1_795_330_000_123_456
SECOND, HOUR, DAY = 1_000_000, 3_600_000_000, 86_400_000_000


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("now", NOW),
        ("yesterday", NOW - DAY),
        ("a week ago", NOW - 7 * DAY),
        ("an hour ago", NOW - HOUR),
        ("3 h ago", NOW - 3 * HOUR),
        ("90m", NOW - 90 * 60 * SECOND),
        (" 2  Days Ago ", NOW - 2 * DAY),
        ("2026-11-22", 1_795_305_600 * SECOND),
        ("2026-11-22 06:00", 1_795_327_200 * SECOND),
        ("2026-11-22 06:00 UTC", 1_795_327_200 * SECOND),
        ("2026-11-22T06:00:00.5Z", 1_795_327_200 * SECOND + 500_000),
        ("2026-11-22T08:00+02:00", 1_795_327_200 * SECOND),
    ],
)
def test_an_instant_is_read(text: str, at: int) -> None:
    assert read_moment(text, NOW) == at


def test_without_an_offset_it_is_of_the_profiles_zone() -> None:
    assert read_moment("2026-11-22 07:00", NOW, "Europe/Berlin") == read_moment("2026-11-22 06:00", NOW)
    assert exact(read_moment("2026-11-22 06:00", NOW), "Europe/Berlin") == "2026-11-22 07:00:00 CET"
    assert exact(NOW, "No/Where").endswith("UTC")


@pytest.mark.parametrize(
    "text", ["", "soon", "3 parsecs ago", "2026-13-01", "in 3 h", "1999-12-31", "tomorrow", "9999999 d"]
)
def test_what_is_none_is_refused(text: str) -> None:
    with pytest.raises(Invalid) as refused:
        read_moment(text, NOW, field="since")
    assert refused.value.field == "since"


def test_the_future_has_not_been() -> None:
    with pytest.raises(Invalid, match="future"):
        read_moment("2027-01-01", NOW)


@given(st.integers(946_684_800_000_000, NOW))
def test_what_is_written_is_read_again(at: int) -> None:
    assert absolute(write_moment(at))
    assert read_moment(write_moment(at), NOW) == at
