"""The header `traceparent` (W3C Trace Context, 3.2): what is one, and what is none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.telemetry.traces import Parent, read_traceparent

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
GOOD = f"00-{TRACE}-{SPAN}-01".encode()


@pytest.mark.parametrize(
    ("header", "sampled"),
    [(GOOD, True), (GOOD[:-2] + b"00", False), (GOOD[:-2] + b"fe", False), (b"cc" + GOOD[2:] + b"-more.of-it", True)],
)
def test_a_parent(header: bytes, sampled: bool) -> None:
    assert read_traceparent([header]) == Parent(int(TRACE, 16), int(SPAN, 16), sampled)


@pytest.mark.parametrize(
    "header",
    [
        b"",
        GOOD[:-1],
        GOOD + b"1",
        GOOD + b"-more",
        GOOD.upper(),
        b" " + GOOD,
        GOOD + b"\n",
        b"ff" + GOOD[2:],
        f"00-{'0' * 32}-{SPAN}-01".encode(),
        f"00-{TRACE}-{'0' * 16}-01".encode(),
        b"cc" + GOOD[2:] + b"-" + b"x" * 512,
    ],
)
def test_no_parent(header: bytes) -> None:
    assert read_traceparent([header]) is None


def test_none_and_several_are_none() -> None:
    assert read_traceparent([]) is None
    assert read_traceparent([GOOD, GOOD]) is None


@given(st.lists(st.binary(max_size=600) | st.just(GOOD), max_size=3))
def test_whatever_comes(values: list[bytes]) -> None:
    found = read_traceparent(values)
    assert found is None or (0 < found.trace < 2**128 and 0 < found.span < 2**64)
