"""How pages write sizes and times."""

from __future__ import annotations

import pytest

from holdfast.web.formats import count, moment, short_digest, since, size, stated, when

HOUR = 3600 * 1_000_000


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (None, "\u2013"),
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (1_048_523, "1023.9 KiB"),
        (1_048_575, "1.0 MiB"),
        (1_503_238_554, "1.4 GiB"),
        (-2048, "\u22122.0 KiB"),
        (1 << 62, "4.0 EiB"),
    ],
)
def test_sizes(given: int | None, text: str) -> None:
    assert size(given) == text


@pytest.mark.parametrize(
    ("at", "text"),
    [
        (0, "now"),
        (-59_000_000, "59 s ago"),
        (-60_000_000, "1 min ago"),
        (-3 * HOUR, "3 h ago"),
        (-47 * HOUR, "1 d ago"),
        (-24 * 40 * HOUR, "1 mo ago"),
        (-24 * 800 * HOUR, "2 y ago"),
        (2 * HOUR, "in 2 h"),
    ],
)
def test_how_long_ago(at: int, text: str) -> None:
    now = 100_000 * HOUR
    assert since(now + at, now) == text


def test_a_time_says_its_zone() -> None:
    assert moment(0, "Asia/Tokyo") == "1970-01-01 09:00 JST"
    assert moment(0, "No/Where") == "1970-01-01 00:00 UTC"
    assert moment(0, "../../etc/passwd") == "1970-01-01 00:00 UTC"
    marked = when(0, 3 * HOUR)
    assert 'datetime="1970-01-01T00:00:00Z"' in marked
    assert "3 h ago" in marked
    assert "1970-01-01 00:00 UTC" in marked


def test_counts_and_digests() -> None:
    assert count(1234567) == "1,234,567"
    assert short_digest("sha256:" + "4f79c1e02a7b" + "0" * 52) == "sha256:4f79c1e02a7b"


def test_a_time_that_others_wrote_is_written_as_times_are() -> None:
    now = 1_700_003_600 * 1_000_000
    written = stated("2023-11-14T22:13:20.123456789Z", now)
    assert str(written) == str(when(1_700_000_000 * 1_000_000, now))
    assert "1 h ago" in written


@pytest.mark.parametrize("text", ["", "yesterday", "2023-11-14", "0001-01-01T00:00:00Z", "<b>" + "x" * 99])
def test_what_is_no_time_stands_as_it_was_written(text: str) -> None:
    assert "<time" not in stated(text, 0)
    assert "<b>" not in stated(text, 0)
    assert len(stated(text, 0)) < 80
