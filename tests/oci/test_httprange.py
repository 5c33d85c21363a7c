"""Ranges in headers: RFC 9110, 14, and the distribution specification's chunks."""

from __future__ import annotations

import pytest

from holdfast.oci.errors import RangeInvalid
from holdfast.oci.httprange import parse_content_range, parse_range


@pytest.mark.parametrize(
    ("header", "size", "answer"),
    [
        ("bytes=0-", 10, (0, 10)),
        ("bytes=0-0", 10, (0, 1)),
        ("bytes=0-9", 10, (0, 10)),
        ("bytes=0-10", 10, (0, 10)),
        ("bytes=0-99999999999999999999999999", 10, (0, 10)),
        ("bytes=9-", 10, (9, 10)),
        ("bytes=9-9", 10, (9, 10)),
        ("bytes=3-5", 10, (3, 6)),
        ("bytes=003-0005", 10, (3, 6)),
        ("bytes=-1", 10, (9, 10)),
        ("bytes=-10", 10, (0, 10)),
        ("bytes=-11", 10, (0, 10)),
        ("bytes=-99999999999999999999999999", 10, (0, 10)),
        ("Bytes=1-2", 10, (1, 3)),
        ("bytes= 1-2 ", 10, (1, 3)),
        (f"bytes={2**62}-", 2**63, (2**62, 2**63)),
    ],
)
def test_one_range(header: str, size: int, answer: tuple[int, int]) -> None:
    assert parse_range(header, size) == answer


@pytest.mark.parametrize(
    "header",
    [
        "",
        "bytes",
        "bytes=",
        "bytes=-",
        "bytes=a-b",
        "bytes=1",
        "bytes=1-a",
        "bytes=--1",
        "bytes=-1-",
        "bytes=+1-2",
        "bytes=1 - 2",
        "bytes=5-3",
        "bytes=0x1-2",
        "bytes=\u0661-\u0662",
        "bytes:0-1",
        "0-1",
        "items=0-1",
        "seconds=0-1",
        "bytes=0-1,2-3",
        "bytes=0-1, 100-200",
        "bytes=0-,0-,0-,0-",
        "bytes=,0-1",
        "bytes=0-1\n",
        "bytes=" + "9" * 1000 + "-",
        "bytes=0-" + " " * 1_000_000,
        "bytes=" + "0-0," * 1_000_000,
        "bytes=" + "-" * 1_000_000,
    ],
    ids=lambda text: ascii(text)[:40],
)
def test_served_whole(header: str) -> None:
    assert parse_range(header, 10) is None


@pytest.mark.parametrize("header", ["bytes=0-", "bytes=0-0", "bytes=-1", "bytes=5-", "bytes=-0", ""])
def test_empty_content_is_served_whole(header: str) -> None:
    assert parse_range(header, 0) is None


@pytest.mark.parametrize(
    "header", ["bytes=10-", "bytes=10-10", "bytes=11-20", "bytes=-0", "bytes=-000", "bytes=99999999999-"]
)
def test_not_satisfiable(header: str) -> None:
    with pytest.raises(RangeInvalid) as caught:
        parse_range(header, 10)
    assert caught.value.detail == {"range": header, "size": 10}
    assert caught.value.reason == f"The range '{header}' asks for nothing of 10 bytes."


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("0-0", (0, 0)),
        ("0-99", (0, 99)),
        ("100-199", (100, 199)),
        ("bytes 0-99/100", (0, 99)),
        ("bytes 0-99/200", (0, 99)),
        ("bytes 0-99/*", (0, 99)),
        ("bytes 0-99", (0, 99)),
        ("bytes=0-99", (0, 99)),
        ("Bytes  0-99/100", (0, 99)),
        ("0-99/100", (0, 99)),
        (f"0-{2**63 - 1}", (0, 2**63 - 1)),
    ],
)
def test_content_range(text: str, answer: tuple[int, int]) -> None:
    assert parse_content_range(text) == answer


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-",
        "0-",
        "-1",
        "1",
        "a-b",
        "0 - 99",
        " 0-99",
        "0-99 ",
        "0-99\n",
        "99-0",
        "bytes",
        "bytes */100",
        "bytes 0-99/99",
        "bytes 0-99/",
        "bytes 0-99/x",
        "items 0-99/100",
        "0-1,2-3",
        "\u0661-\u0662",
        f"0-{2**63}",
        "0-" + "9" * 1_000_000,
        "bytes " + " " * 1_000_000,
    ],
    ids=lambda text: ascii(text)[:40],
)
def test_content_range_refused(text: str) -> None:
    with pytest.raises(RangeInvalid) as caught:
        parse_content_range(text)
    assert "Content-Range" in caught.value.reason
    assert len(caught.value.reason) < 300
