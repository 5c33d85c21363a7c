"""Errors of the vocabulary: sentences, bounded and printable."""

from __future__ import annotations

import pytest

from holdfast.oci.digest import Digest
from holdfast.oci.errors import (
    MAX_EXCERPT,
    MAX_REASON,
    DigestInvalid,
    Invalid,
    ManifestInvalid,
    NameInvalid,
    RangeInvalid,
    TagInvalid,
    excerpt,
)


@pytest.mark.parametrize("error", [DigestInvalid, NameInvalid, TagInvalid, ManifestInvalid, RangeInvalid])
def test_every_error_is_an_invalid_value(error: type[Invalid]) -> None:
    raised = error("It is wrong.", field="layers", count=3)
    assert isinstance(raised, Invalid)
    assert isinstance(raised, ValueError)
    assert raised.reason == str(raised) == "It is wrong."
    assert raised.detail == {"field": "layers", "count": 3}


def test_reason_and_detail_are_bounded() -> None:
    raised = Invalid("x" * 10_000, name="y" * 10_000)
    assert len(raised.reason) == MAX_REASON
    assert raised.detail == {"name": "y" * (MAX_EXCERPT - 1) + "…"}


def test_detail_holds_plain_texts() -> None:
    assert type(Invalid("No.", digest=Digest.of(b"")).detail["digest"]) is str


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain/name", "plain/name"),
        ("", ""),
        ("line\r\nbreak", r"line\r\nbreak"),
        ("\x1b[31mred\x00", r"\x1b[31mred\x00"),
        ("half \ud800", r"half \ud800"),
        ("\u202eright to left", r"\u202eright to left"),
        ("été", "été"),
        ("a" * 128, "a" * 128),
        ("a" * 129, "a" * 127 + "…"),
        ("\n" * 200, (r"\n" * 64)[:127] + "…"),
    ],
)
def test_excerpt(text: str, shown: str) -> None:
    assert excerpt(text) == shown


def test_excerpt_of_a_chosen_length() -> None:
    assert excerpt("abcdef", 4) == "abc…"
