"""What the registry refuses or cannot do, by meaning. Each surface turns them into a status in one table."""

from __future__ import annotations

from collections.abc import Sequence


class RegistryError(Exception):
    """Base. `str()` is a sentence for the client; `detail` is what a program can use."""

    def __init__(self, message: str, **detail: object) -> None:
        super().__init__(message)
        self.detail = detail


class RepositoryUnknown(RegistryError):
    """There is no such repository."""


class ManifestUnknown(RegistryError):
    """The repository has no such manifest or tag."""


class BlobUnknown(RegistryError):
    """The repository has no such blob."""


class UploadUnknown(RegistryError):
    """There is no such upload session for this subject in this repository."""


class UploadOutOfOrder(RegistryError):
    """A chunk does not start where the upload stands, or another chunk is being written. `received`: bytes so far."""

    def __init__(self, message: str, received: int) -> None:
        super().__init__(message, received=received)
        self.received = received


class DigestMismatch(RegistryError):
    """The bytes do not hash to the digest that the client gave."""


class SizeMismatch(RegistryError):
    """The body is not as long as the client said."""


class TooLarge(RegistryError):
    """The body is larger than the registry takes."""


class BlobsMissing(RegistryError):
    """A manifest names content that the repository does not have."""

    def __init__(self, digests: Sequence[str]) -> None:
        super().__init__("the manifest references content that is not in this repository: push it first")
        self.digests = tuple(digests)


class InUse(RegistryError):
    """What should be deleted is still used by manifests of the repository."""


class Immutable(RegistryError):
    """A tag may not move, or not be deleted, by a rule of the repository or of a path above it."""


class Purged(RegistryError):
    """The content was purged from the registry, and its digest is refused until that is lifted."""


class TooManyParts(RegistryError):
    """More belongs to an image than is worked on at once."""


class TooManyChanges(RegistryError):
    """More would change than one transaction takes; the text says what is smaller."""


class RollbackBlocked(RegistryError):
    """Some of what a rollback would change cannot be changed; the text names the first of it."""


class ChangedSince(RegistryError):
    """Repositories have changed since the dry run that was looked at; the text names some."""


class NotRestorable(RegistryError):
    """What was deleted cannot come back; the text says why."""


class TooManyUploads(RegistryError):
    """The subject holds too many upload sessions, or the process runs too many streams."""


class QuotaExceeded(RegistryError):
    """The quota of a path on the way down is used up. The sentence says how much, and what makes room."""


class NoRoom(RegistryError):
    """Free space is below the reserve, or the disk is full."""


class ContentUnavailable(RegistryError):
    """The store does not answer now."""


class EventsArchived(RegistryError):
    """Events that were asked for were archived and are not here any more."""
