"""Who is told of which kind of event: decided here once, for the cursor API, streams and webhooks. Pure.

Whatever is not named here needs `read-audit` at its path ('': on everything), so that a new kind is told to nobody by
oversight: that is access, keys, log-ins, refusals, and whatever else says something about people.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType

from holdfast.journal.model import ChangeKind


class Sight(Enum):
    """What somebody must be allowed at the path of an event to be told of it; who has `read-audit` there is told of
    all. The value says why."""

    IMAGES = "what is in a repository: whoever may be told of its tags, and of each tag as far as he may see that one"
    PLACE = "what is said of a repository or namespace: whoever may be told that it is there"
    WHOLE = "figures of all that lies below a path: whoever may know all of it"
    RUNNING = "the work of the installation itself: whoever operates it"
    AUDIT = "who may do what, who came and who was refused: auditors"


_SIGHTS: Mapping[str, Sight] = MappingProxyType(
    {
        **dict.fromkeys(
            (
                ChangeKind.MANIFEST_PUSHED,
                ChangeKind.MANIFEST_DELETED,
                ChangeKind.MANIFEST_UNDELETED,
                ChangeKind.TAG_MOVED,
                ChangeKind.TAG_DELETED,
                ChangeKind.TAG_UNDELETED,
                ChangeKind.BLOB_DELETED,
                ChangeKind.BLOB_UNDELETED,
                ChangeKind.IMAGE_PROMOTED,
                ChangeKind.ROLLBACK_APPLIED,
                ChangeKind.CONTENT_PURGED,
            ),
            Sight.IMAGES,
        ),
        **dict.fromkeys(
            (
                ChangeKind.NAMESPACE_CREATED,
                ChangeKind.NAMESPACE_CHANGED,
                ChangeKind.NAMESPACE_DELETED,
                ChangeKind.NAMESPACE_RESTORED,
                ChangeKind.REPOSITORY_CREATED,
                ChangeKind.REPOSITORY_CHANGED,
                ChangeKind.REPOSITORY_DELETED,
                ChangeKind.REPOSITORY_RESTORED,
                ChangeKind.SETTING_CHANGED,
                ChangeKind.QUOTA_CHANGED,
                ChangeKind.HISTORY_CUT,
            ),
            Sight.PLACE,
        ),
        **dict.fromkeys(
            (
                ChangeKind.QUOTA_WARNED,
                ChangeKind.QUOTA_EXCEEDED,
                ChangeKind.RETENTION_APPLIED,
                ChangeKind.INVENTORY_TOLD,
                ChangeKind.INVENTORY_REMOVED,
            ),
            Sight.WHOLE,
        ),
        **dict.fromkeys(
            (
                ChangeKind.CONTENT_DAMAGED,
                ChangeKind.CONTENT_REPAIRED,
                ChangeKind.DAMAGE_REPAIRED,
                ChangeKind.LITTER_DELETED,
                ChangeKind.PURGE_LIFTED,
                ChangeKind.COLLECTION_STARTED,
                ChangeKind.COLLECTION_FINISHED,
                ChangeKind.BACKUP_MADE,
                ChangeKind.INSTALLATION_RESTORED,
            ),
            Sight.RUNNING,
        ),
    }
)


def sight_of(kind: str) -> Sight:
    """What being told of events of this kind needs."""
    return _SIGHTS.get(kind, Sight.AUDIT)
