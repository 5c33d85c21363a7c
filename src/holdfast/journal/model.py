"""What the journal records: one row a state change, with who did it and in which request."""

from __future__ import annotations

from enum import StrEnum


class ChangeKind(StrEnum):
    """The kinds of change. A kind is never renamed: audits, events and webhooks read it."""

    MANIFEST_PUSHED = "manifest.pushed"
    MANIFEST_DELETED = "manifest.deleted"
    TAG_MOVED = "tag.moved"
    TAG_DELETED = "tag.deleted"
    BLOB_DELETED = "blob.deleted"
    CONTENT_DAMAGED = "content.damaged"
    CONTENT_REPAIRED = "content.repaired"
    DAMAGE_REPAIRED = "damage.repaired"
    LITTER_DELETED = "litter.deleted"
