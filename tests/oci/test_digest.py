"""Digests: allow-list, exact length, lower-case hexadecimal (rules, Content 1)."""

from __future__ import annotations

import hashlib

import pytest

from holdfast.oci.digest import ALGORITHMS, Digest
from holdfast.oci.errors import DigestInvalid

EMPTY = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def test_algorithms() -> None:
    assert dict(ALGORITHMS) == {"sha256": 64, "sha384": 96, "sha512": 128}
    for name, length in ALGORITHMS.items():
        assert hashlib.new(name).digest_size * 2 == length


@pytest.mark.parametrize("algorithm", sorted(ALGORITHMS))
def test_of_parse_and_parts(algorithm: str) -> None:
    digest = Digest.of(b"hello", algorithm)
    assert digest == f"{algorithm}:{hashlib.new(algorithm, b'hello').hexdigest()}"
    assert Digest.parse(str(digest)) == digest
    assert (digest.algorithm, digest.encoded) == tuple(digest.split(":"))


def test_of_is_sha256_unless_told() -> None:
    assert Digest.of(b"") == EMPTY
    assert Digest.of(bytearray(b"")) == Digest.of(memoryview(b"")) == EMPTY


def test_is_a_text_and_carries_nothing_else() -> None:
    digest = Digest.parse(EMPTY)
    assert isinstance(digest, Digest)
    assert {digest: 1}[Digest(EMPTY)] == {EMPTY: 1}[digest] == 1
    assert not hasattr(digest, "__dict__")


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("", "not of the form"),
        ("latest", "not of the form"),
        ("sha256", "not of the form"),
        (":" + "a" * 64, "is not one of sha256, sha384, sha512"),
        ("sha1:" + "a" * 40, "'sha1' is not one of"),
        ("md5:" + "a" * 32, "'md5' is not one of"),
        ("sha224:" + "a" * 56, "'sha224' is not one of"),
        ("blake3:" + "a" * 64, "'blake3' is not one of"),
        ("SHA256:" + "a" * 64, "'SHA256' is not one of"),
        ("sha256+b64u:" + "a" * 43, "is not one of"),
        ("sha256:", "has 64 hexadecimal digits after the colon, this one has 0"),
        ("sha256:" + "a" * 63, "this one has 63"),
        ("sha256:" + "a" * 65, "this one has 65"),
        ("sha256:" + "a" * 128, "this one has 128"),
        ("sha512:" + "a" * 64, "has 128 hexadecimal digits after the colon, this one has 64"),
        ("sha256:" + "A" * 64, "lower-case"),
        ("sha256:" + "g" * 64, "lower-case"),
        ("sha256:" + "a" * 63 + "\n", "lower-case"),
        ("sha256:" + "a" * 64 + "\n", "this one has 65"),
        ("sha256:" + "\u0661" * 64, "lower-case"),
        ("sha256:../../../../etc/passwd" + "a" * 42, "lower-case"),
        ("sha256:" + "a" * 32 + ":" + "a" * 31, "lower-case"),
        (" " + EMPTY, "is not one of"),
    ],
)
def test_refused(text: str, part: str) -> None:
    with pytest.raises(DigestInvalid) as caught:
        Digest.parse(text)
    assert part in caught.value.reason
    assert "digest" in caught.value.detail


@pytest.mark.parametrize("algorithm", ["md5", "sha1", "", "SHA256", "shake_128"])
def test_of_refuses_other_algorithms(algorithm: str) -> None:
    with pytest.raises(DigestInvalid, match="is not one of"):
        Digest.of(b"", algorithm)
