"""What was deleted, and what came back of it."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Kind(StrEnum):
    """What was deleted."""

    TAG = "tag"
    IMAGE = "image"
    INDEX = "index"
    BLOB = "blob"


class Gone(NamedTuple):
    """Something that was deleted. `tag`: its name; `digest`: of a tag what it pointed to, None when that is gone;
    `until`: when the window over it ends, microseconds."""

    kind: Kind
    tag: str | None
    digest: str | None
    media_type: str | None
    artifact_type: str | None
    size: int | None
    deleted_at: int
    until: int


class Cursor(NamedTuple):
    """A place in the list of what was deleted, newest first; tags before digests of the same time."""

    at: int
    is_tag: bool
    name: str
    id: int


class GonePage(NamedTuple):
    """A page of what was deleted; `next`: where the next page begins, None at the end."""

    found: list[Gone]
    next: Cursor | None


class Restored(NamedTuple):
    """What came back: how many manifests and blobs, of how many bytes, and which tags. `left`: tags that ended with it
    and have been made again since, which stay as they are."""

    digest: str
    restored: int
    bytes: int
    tags: tuple[str, ...]
    left: tuple[str, ...]
