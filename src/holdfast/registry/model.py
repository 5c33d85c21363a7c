"""Values that several use-cases share: the state of content, and what pulls return."""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

from holdfast.oci.digest import Digest


class State(IntEnum):
    """What is known of content: stored, no longer hashing (never served), known only as a subject or child, or purged
    (refused until that is lifted)."""

    STORED = 0
    DAMAGED = 1
    AWAITED = 2
    PURGED = 3


class StoredManifest(NamedTuple):
    """A manifest as it is served: byte for byte, with the media type first stored in its repository."""

    digest: Digest
    media_type: str
    size: int
    data: bytes


class Segment(NamedTuple):
    """One object that holds a part of content, in order. `size` is the part's, in clear."""

    key: str
    size: int


class Stored(NamedTuple):
    """Content that lies in objects. `wrapped`: its data key, None when it is stored in clear; `binding`: what the
    wrapping is bound to, the digest or an upload's name."""

    segments: tuple[Segment, ...]
    wrapped: bytes | None
    binding: str

    @property
    def size(self) -> int:
        """Bytes, in clear."""
        return sum(segment.size for segment in self.segments)

    @property
    def key(self) -> str | None:
        """The key of the object, when it is one."""
        return self.segments[0].key if len(self.segments) == 1 else None


class StoredBlob(NamedTuple):
    """A blob as it is served: inline bytes, or the objects that hold it (neither for HEAD)."""

    content_id: int
    digest: Digest
    size: int
    data: bytes | None
    stored: Stored | None
