"""Strict JSON: one document in the same bytes for every reader, and bounded."""

from __future__ import annotations

import pytest

from holdfast.oci.document import MAX_DEPTH, MAX_VALUES, decode
from holdfast.oci.errors import ManifestInvalid

FOUR_MIB = 4 * 1024 * 1024


def nested(levels: int, *, closed: bool = True) -> bytes:
    inner = levels - 1
    return b'{"a":' + b"[" * inner + (b"]" * inner + b"}" if closed else b"")


@pytest.mark.parametrize(
    ("data", "document"),
    [
        (b"{}", {}),
        (b' {"a": [1, -2.5, true, null, "x"]}\n', {"a": [1, -2.5, True, None, "x"]}),
        ('{"é": "✓"}'.encode(), {"é": "✓"}),
        (rb'{"a": "\ud83d\ude00"}', {"a": "😀"}),
        (rb'{"a": "\\ud800"}', {"a": r"\ud800"}),
        (b'{"a": "' + b"[{" * 100_000 + b'"}', {"a": "[{" * 100_000}),
        (b'{"a": "' + rb"\"[{,\\" * 100_000 + b'"}', {"a": '"[{,\\' * 100_000}),
        (b'{"a": {"b": 1}, "b": 1}', {"a": {"b": 1}, "b": 1}),
    ],
    ids=lambda value: repr(value)[:32],
)
def test_decoded(data: bytes, document: dict[str, object]) -> None:
    assert decode(data) == document


@pytest.mark.parametrize(
    ("data", "part"),
    [
        (b"", "not valid JSON"),
        (b" ", "not valid JSON"),
        (b"{", "not valid JSON"),
        (b'{"a": 1', "not valid JSON"),
        (b'{"a": 1,}', "not valid JSON"),
        (b"{'a': 1}", "not valid JSON"),
        (b'{"a": 01}', "not valid JSON"),
        (b'{"a": "\n"}', "not valid JSON"),
        (b'{"a": "\\x"}', "not valid JSON"),
        (b"{} {}", "not valid JSON: Extra data (line 1, column 4)"),
        (b"{}\x00", "not valid JSON: Extra data"),
        (b"// x\n{}", "not valid JSON"),
        (b"[]", "not a JSON object"),
        (b"null", "not a JSON object"),
        (b"1", "not a JSON object"),
        (b'"x"', "not a JSON object"),
        (b'{"a": NaN}', "holds NaN"),
        (b'{"a": Infinity}', "holds Infinity"),
        (b'{"a": -Infinity}', "holds -Infinity"),
        (b'{"a": 1e999}', "too large"),
        (b'{"a": -1e999}', "too large"),
        (b'{"a": ' + b"9" * 5000 + b"}", "too many digits"),
        (b'{"a": 1, "b": 2, "a": 1}', "the key 'a' twice"),
        (b'{"x": [{"a": 1, "\\u0061": 2}]}', "the key 'a' twice"),
        (b'{"\\ud800": 1, "\\ud800": 2}', r"the key '\ud800' twice"),
        (rb'{"a": "\ud800"}', "half of a surrogate pair"),
        (rb'{"\uDFFF": 1}', "half of a surrogate pair"),
        (rb'{"a": ["\ude00\ud83d"]}', "half of a surrogate pair"),
        (b"\xef\xbb\xbf{}", "not valid JSON"),
        ("{}".encode("utf-16"), "not UTF-8 text at byte 0"),
        ("{}".encode("utf-16-le"), "not valid JSON"),
        (b'{"a": "\xff"}', "not UTF-8 text at byte 7"),
        (b'{"a": "\xed\xa0\x80"}', "not UTF-8 text at byte 7"),
        (b'{"a": "\xc0\x80"}', "not UTF-8 text at byte 7"),
    ],
    ids=lambda value: repr(value)[:32],
)
def test_refused(data: bytes, part: str) -> None:
    with pytest.raises(ManifestInvalid) as caught:
        decode(data)
    assert part in caught.value.reason


def test_depth() -> None:
    assert decode(nested(MAX_DEPTH))
    with pytest.raises(ManifestInvalid, match="nested deeper than 32 levels"):
        decode(nested(MAX_DEPTH + 1))
    with pytest.raises(ManifestInvalid, match="nested deeper than 32 levels"):
        decode(b'{"a":' * MAX_DEPTH + b"{}" + b"}" * MAX_DEPTH)
    assert decode(b'{"a":' * (MAX_DEPTH - 1) + b"{}" + b"}" * (MAX_DEPTH - 1))


def test_depth_is_not_width() -> None:
    assert decode(b'{"a": [' + b", ".join([b'{"b": [[]]}'] * 1000) + b"]}")


@pytest.mark.parametrize("levels", [33, 500, 5_000, 100_000])
def test_unclosed_depth_is_no_recursion_error(levels: int) -> None:
    with pytest.raises(ManifestInvalid):
        decode(nested(levels, closed=False))


@pytest.mark.parametrize(
    "data",
    [
        b"[" * FOUR_MIB,
        b"{" * FOUR_MIB,
        b"[" * (FOUR_MIB // 2) + b"]" * (FOUR_MIB // 2),
        b'{"a":' * (FOUR_MIB // 5),
        b'{"a":[' * (FOUR_MIB // 6),
        b"[]" * (FOUR_MIB // 2),
        b'"' * FOUR_MIB,
        b"\\" * FOUR_MIB,
        b'\\"' * (FOUR_MIB // 2),
        b'{"a":"' + b"[" * (FOUR_MIB - 6),
        b'{"a":"x\\"' + b"[" * (FOUR_MIB - 9),
        b'{"a":[' + b"1," * (FOUR_MIB // 2 - 4) + b"1]}",
        b'{"a":[' + b'"",' * (FOUR_MIB // 3 - 4) + b"1]}",
        b'{"a":[' + b"{}," * (FOUR_MIB // 3 - 4) + b"1]}",
        b" " * FOUR_MIB,
        b"\x00" * FOUR_MIB,
    ],
    ids=lambda data: repr(data[:8]),
)
def test_bombs_are_refused(data: bytes) -> None:
    with pytest.raises(ManifestInvalid):
        decode(data)


def test_number_of_values() -> None:
    most = b'{"a":[' + b",".join([b"1"] * (MAX_VALUES - 2)) + b"]}"
    assert len(decode(most)["a"]) == MAX_VALUES - 2
    with pytest.raises(ManifestInvalid, match="more than 250000 values"):
        decode(b'{"a":[' + b",".join([b"1"] * (MAX_VALUES + 1)) + b"]}")
