"""Ranges: every header is answered, as a slice of the content would be."""

from __future__ import annotations

from hypothesis import example, given, settings
from hypothesis import strategies as st

from holdfast.oci.errors import RangeInvalid
from holdfast.oci.httprange import MAX_HEADER, MAX_POSITION, parse_content_range, parse_range

sizes = st.integers(0, 64)
positions = st.integers(0, 80)


@given(positions, st.none() | positions, sizes)
@settings(deadline=None)
def test_a_range_is_a_slice(first: int, last: int | None, size: int) -> None:
    content = bytes(range(size))
    header = f"bytes={first}-{'' if last is None else last}"
    try:
        answer = parse_range(header, size)
    except RangeInvalid:
        assert first >= size > 0
        return
    if answer is None:
        assert size == 0 or (last is not None and last < first)
        return
    start, end = answer
    assert 0 <= start < end <= size
    assert content[start:end] == content[first : None if last is None else last + 1]


@given(positions, sizes)
@settings(deadline=None)
def test_a_suffix_is_a_slice(length: int, size: int) -> None:
    content = bytes(range(size))
    try:
        answer = parse_range(f"bytes=-{length}", size)
    except RangeInvalid:
        assert length == 0 < size
        return
    if answer is None:
        assert size == 0
        return
    assert content[slice(*answer)] == content[-length:]


@given(st.text(alphabet="bytes=0123456789-, \t", max_size=200) | st.text(max_size=200), st.integers(0, MAX_POSITION))
@example("bytes=" + "0-," * 3_000_000, 10)
@example("bytes=" + " " * 8_000_000 + "0-1", 10)
@example("bytes=" + "9" * 8_000_000 + "-", 10)
@settings(deadline=None)
def test_every_header_is_answered(header: str, size: int) -> None:
    try:
        answer = parse_range(header, size)
    except RangeInvalid:
        assert len(header) <= MAX_HEADER
        assert size > 0
        return
    if answer is not None:
        assert len(header) <= MAX_HEADER
        assert 0 <= answer[0] < answer[1] <= size


@given(st.lists(st.tuples(positions, positions), min_size=2, max_size=20), sizes)
@settings(deadline=None)
def test_several_ranges_are_answered_whole(ranges: list[tuple[int, int]], size: int) -> None:
    assert parse_range("bytes=" + ",".join(f"{first}-{last}" for first, last in ranges), size) is None


@given(st.integers(0, MAX_POSITION), st.integers(0, MAX_POSITION))
@settings(deadline=None)
def test_content_ranges_round_trip(one: int, other: int) -> None:
    start, end = sorted((one, other))
    for form in ("{}-{}", "bytes {}-{}/*", "bytes {}-{}", "bytes={}-{}"):
        assert parse_content_range(form.format(start, end)) == (start, end)
    assert parse_content_range(f"bytes {start}-{end}/{end + 1}") == (start, end)


@given(st.text(alphabet="bytes= 0123456789-/*", max_size=200) | st.text(max_size=200))
@settings(deadline=None)
def test_every_content_range_is_answered(text: str) -> None:
    try:
        start, end = parse_content_range(text)
    except RangeInvalid as error:
        reason = error.reason
    else:
        reason = ""
        assert 0 <= start <= end <= MAX_POSITION
        assert len(text) <= MAX_HEADER
    assert len(reason) <= 300
