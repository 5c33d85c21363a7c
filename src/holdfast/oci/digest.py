"""Digests: the names of content.

A `Digest` that came out of `parse` or `of` is one of a short list of algorithms, of exactly that algorithm's length, in
lower-case hexadecimal. It can stand in a path, a key or a header without a further check, and two digests name the
same content exactly when they are the same text (image-spec, descriptor.md, "Digests").
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from holdfast.oci.errors import DigestInvalid, excerpt

ALGORITHMS: Final[Mapping[str, int]] = MappingProxyType({"sha256": 64, "sha384": 96, "sha512": 128})
"""The accepted algorithms, by the names that `hashlib` shares, with their length in hexadecimal digits."""

# Called directly: `hashlib.new` looks the name up each time, which costs as much as hashing a small manifest.
_HASHES: Final[Mapping[str, Callable[..., Any]]] = {
    "sha256": hashlib.sha256,
    "sha384": hashlib.sha384,
    "sha512": hashlib.sha512,
}
# Every alternative has one fixed length, so a match costs the same for every text of that length.
_DIGEST: Final = re.compile("|".join(f"{name}:[0-9a-f]{{{length}}}" for name, length in ALGORITHMS.items()))


class Digest(str):
    """`<algorithm>:<encoded>`, checked (image-spec, descriptor.md, "Digests", "Registered algorithms")."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Digest:
        """Return `text` as a digest; raise `DigestInvalid` saying which part of it is wrong."""
        if _DIGEST.fullmatch(text) is None:
            raise DigestInvalid(_why_not(text), digest=text)
        return cls(text)

    @classmethod
    def of(cls, data: bytes | bytearray | memoryview, algorithm: str = "sha256") -> Digest:
        """Return the digest of `data`; raise `DigestInvalid` for an algorithm that is not in `ALGORITHMS`."""
        if algorithm not in ALGORITHMS:
            raise DigestInvalid(_unknown(algorithm), algorithm=algorithm)
        return cls(f"{algorithm}:{_HASHES[algorithm](data).hexdigest()}")

    @property
    def algorithm(self) -> str:
        """The part before the colon, one of `ALGORITHMS`."""
        return self.partition(":")[0]

    @property
    def encoded(self) -> str:
        """The part after the colon: the hash in lower-case hexadecimal."""
        return self.partition(":")[2]


def _unknown(algorithm: str) -> str:
    return f"The digest algorithm '{excerpt(algorithm)}' is not one of {', '.join(ALGORITHMS)}."


def _why_not(text: str) -> str:
    algorithm, colon, encoded = text.partition(":")
    if not colon:
        return f"The digest '{excerpt(text)}' is not of the form <algorithm>:<hexadecimal>."
    length = ALGORITHMS.get(algorithm)
    if length is None:
        return _unknown(algorithm)
    if len(encoded) != length:
        return f"A {algorithm} digest has {length} hexadecimal digits after the colon, this one has {len(encoded)}."
    return f"A {algorithm} digest is written in lower-case hexadecimal digits (0-9, a-f) only."
