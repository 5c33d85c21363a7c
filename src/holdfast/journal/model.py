"""What the journal records: one row a state change, with who did it and in which request."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Origin(NamedTuple):
    """The request that caused something: its id, the client's address and agent (bounded), and by which credential
    (`key:12`, `password`, ...; '' for none)."""

    request: str
    address: str = ""
    agent: str = ""
    credential: str = ""


class ChangeKind(StrEnum):
    """The kinds of change. A kind is never renamed: audits, events and webhooks read it."""

    MANIFEST_PUSHED = "manifest.pushed"
    MANIFEST_DELETED = "manifest.deleted"
    TAG_MOVED = "tag.moved"
    IMAGE_PROMOTED = "image.promoted"
    TAG_DELETED = "tag.deleted"
    BLOB_DELETED = "blob.deleted"
    MANIFEST_UNDELETED = "manifest.undeleted"
    TAG_UNDELETED = "tag.undeleted"
    BLOB_UNDELETED = "blob.undeleted"
    ROLLBACK_APPLIED = "rollback.applied"
    CONTENT_DAMAGED = "content.damaged"
    CONTENT_REPAIRED = "content.repaired"
    DAMAGE_REPAIRED = "damage.repaired"
    QUOTA_WARNED = "quota.warned"
    QUOTA_CHANGED = "quota.changed"
    LITTER_DELETED = "litter.deleted"
    USER_CREATED = "user.created"
    USER_CHANGED = "user.changed"
    USER_DISABLED = "user.disabled"
    USER_ENABLED = "user.enabled"
    USER_DELETED = "user.deleted"
    PASSWORD_CHANGED = "password.changed"  # noqa: S105 - a kind of change
    ROBOT_CREATED = "robot.created"
    ROBOT_CHANGED = "robot.changed"
    ROBOT_DISABLED = "robot.disabled"
    ROBOT_ENABLED = "robot.enabled"
    ROBOT_DELETED = "robot.deleted"
    KEY_CREATED = "key.created"
    KEY_ROTATED = "key.rotated"
    KEY_REVOKED = "key.revoked"
    GROUP_CREATED = "group.created"
    GROUP_DELETED = "group.deleted"
    MEMBER_ADDED = "member.added"
    MEMBER_REMOVED = "member.removed"
    ROLE_CREATED = "role.created"
    ROLE_CHANGED = "role.changed"
    ROLE_DELETED = "role.deleted"
    GRANT_ADDED = "grant.added"
    GRANT_REMOVED = "grant.removed"
    NAMESPACE_CREATED = "namespace.created"
    NAMESPACE_CHANGED = "namespace.changed"
    NAMESPACE_DELETED = "namespace.deleted"
    NAMESPACE_RESTORED = "namespace.restored"
    REPOSITORY_CREATED = "repository.created"
    REPOSITORY_CHANGED = "repository.changed"
    REPOSITORY_DELETED = "repository.deleted"
    REPOSITORY_RESTORED = "repository.restored"
    CONTENT_PURGED = "content.purged"
    PURGE_LIFTED = "purge.lifted"
    SETTING_CHANGED = "setting.changed"
    VISIBILITY_CHANGED = "visibility.changed"
    TOKEN_KEY_ROTATED = "token-key.rotated"  # noqa: S105 - a kind of change
    SESSION_STARTED = "session.started"
    SESSION_ENDED = "session.ended"
    ISSUER_ADDED = "issuer.added"
    ISSUER_CHANGED = "issuer.changed"
    ISSUER_REMOVED = "issuer.removed"
    FEDERATION_RULE_ADDED = "federation-rule.added"
    FEDERATION_RULE_REMOVED = "federation-rule.removed"
    PROVIDER_ADDED = "provider.added"
    PROVIDER_CHANGED = "provider.changed"
    PROVIDER_REMOVED = "provider.removed"
    LOGIN_SUCCEEDED = "login.succeeded"
    LOGIN_FAILED = "login.failed"
    ACCESS_DENIED = "access.denied"
    AUDIT_ARCHIVED = "audit.archived"
    BACKUP_MADE = "backup.made"
    INSTALLATION_RESTORED = "installation.restored"
