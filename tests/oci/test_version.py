"""The order of tags that are versions."""

from __future__ import annotations

import itertools

import pytest

from holdfast.oci.version import MAX_KEY, version_key

LADDERS = [
    # numbers are numbers
    ["v1.9", "v1.10", "v1.100", "v2.0"],
    ["1.2.3", "1.2.9", "1.2.10", "1.10.0", "2.0.0", "10.0.0"],
    ["9.0.0", "99.0.0", "100000000.0.0", "1000000000.0.0", "1" + "0" * 99 + ".0.0"],
    # Semantic Versioning 2.0.0, 11.4
    [
        *("1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta", "1.0.0-beta.2", "1.0.0-beta.11"),
        *("1.0.0-rc.1", "1.0.0"),
    ],
    ["1.1.9", "1.2.0-rc1", "1.2.0-rc2", "1.2.0-rc10", "1.2.0", "1.2.1-rc1"],
    ["1.2.0rc1", "1.2.0"],
    ["1.2.0-RC1", "1.2.0-rc2"],
    ["1.2.3-rc.1", "1.2.3", "1.2.3_build.1", "1.2.3_build.2", "1.2.4-alpha"],
    # a moving tag follows everything that it may stand for
    ["1.2.0-rc1", "1.2.0", "1.2.99", "1.2.99_b", "1.2-alpine", "1.2", "1.3.0-rc1", "1.3.0", "1.3", "1", "2.0.0", "2"],
    ["3.11.1-slim", "3.11.1", "3.11-slim", "3.11", "3.12.0"],
    # a fourth number comes after the version that it refines
    ["1.2.3", "1.2.3.1", "1.2.3.2-rc1", "1.2.3.2", "1.2.4"],
    # no version at all comes first, itself in a natural order
    ["build-9", "build-10", "latest", "main", "sha-0123456", "v", "version-1.2", "x86", "0.0.0-alpha", "0.0.1", "1.0"],
    ["7f3c2e1", "0.1.0", "6.9.9", "7.0.0"],
    ["sha256-" + "9" * 64, "0"],
    # dates and build numbers
    ["2024.01.15", "2024.02.01", "2024.10.01", "2025.01.01"],
    ["2024-01-15", "2024-02-01", "2024-10-01", "2025-01-01"],
    ["20240101", "20241231", "20250101"],
]


@pytest.mark.parametrize("ladder", LADDERS, ids=lambda ladder: ladder[0][:24])
def test_ladder(ladder: list[str]) -> None:
    for lower, higher in itertools.combinations(ladder, 2):
        assert version_key(lower) < version_key(higher), (lower, higher)


@pytest.mark.parametrize(
    ("one", "other"),
    [("v1.2.3", "1.2.3"), ("V1.2", "v1.2"), ("1.02.3", "1.2.3"), ("1.0-RC1", "1.0-rc1"), ("Latest", "latest")],
)
def test_same_place(one: str, other: str) -> None:
    assert version_key(one) == version_key(other)


@pytest.mark.parametrize(
    "tag", ["1" * 128, "a1" * 64, "1." * 63 + "11", "0." + "a1" * 63, "_" * 128, "1-" * 64, "v" + "1" * 127, "0" * 128]
)
def test_bounded_printable_ascii(tag: str) -> None:
    key = version_key(tag)
    assert len(key) <= MAX_KEY
    assert key.isascii()
    assert key.isprintable()


@pytest.mark.parametrize("tag", ["latest", "v", "vv1", "v1a2b3", "1a2b3c4", "a1.2.3", "_1.2", "release-1.2.3"])
def test_no_version(tag: str) -> None:
    assert version_key(tag) < version_key("0")


@pytest.mark.parametrize(
    "tag", ["1", "v1", "1.2", "1-alpine", "1_2", "1.x", "1.2rc1", "1.2.3.4.5", "0.0", "1.2-", "1."]
)
def test_a_version(tag: str) -> None:
    assert version_key(tag) > version_key("zzz")
