"""What a promotion is asked for, and what it did."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from holdfast.oci.digest import Digest
from holdfast.oci.name import RepositoryName, Tag

MOST_NODES = 10_000
"""So many manifests and blobs are promoted at once."""
MOST_EDGES = 50_000
"""So many uses of one by another are followed at once."""


class Effect(StrEnum):
    """What becomes of a tag of the target."""

    CREATE = "create"
    MOVE = "move"
    SAME = "same"
    KEEP = "keep"
    """It belongs to a digest, and the target has another: that stays."""


class Wanted(NamedTuple):
    """Promote `reference` of `source` to `target`, as `tag` (None: by its digest alone). `referrers`: with whatever
    refers to any part of it. `instead`: what the tag may point to before, beside the same (none: it is new), None:
    anything."""

    source: RepositoryName
    reference: Tag | Digest
    target: RepositoryName
    tag: Tag | None
    referrers: bool = True
    instead: tuple[str, ...] | None = None


class TagChange(NamedTuple):
    """A tag of the target, and what becomes of it. `was`: the digest that it moves away from, None where it is new, or
    where the caller may not pull it."""

    name: Tag
    effect: Effect
    was: str | None = None


class Promoted(NamedTuple):
    """What was promoted: the digest; manifests (indexes, their children, referrers), blobs and bytes of it in all;
    `referrers`: how many of the manifests refer to another; `added`: bytes that were not in the target, None when the
    caller may not read all of the target; `tags`: the target's, the one that was asked for first."""

    digest: Digest
    manifests: int
    referrers: int
    blobs: int
    bytes: int
    added: int | None
    tags: tuple[TagChange, ...]
