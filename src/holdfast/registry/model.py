"""Values that several use-cases share: the state of content, and what pulls return."""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

from holdfast.oci.digest import Digest


class State(IntEnum):
    """What is known of content: stored, no longer hashing (never served), or known only as a subject or child."""

    STORED = 0
    DAMAGED = 1
    AWAITED = 2


class StoredManifest(NamedTuple):
    """A manifest as it is served: byte for byte, with the media type first stored in its repository."""

    digest: Digest
    media_type: str
    size: int
    data: bytes


class StoredBlob(NamedTuple):
    """A blob as it is served: inline bytes, or the key of its object."""

    content_id: int
    digest: Digest
    size: int
    data: bytes | None
    key: str | None
