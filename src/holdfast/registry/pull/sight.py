"""What a reader is let see, where rights depend on tags.

Promises: whoever may pull everything costs no statement here. What rights alone decide is decided before any look-up;
what is hidden is answered like what is not there, in the same words after the same statements.
"""

from __future__ import annotations

from holdfast.access.model import PullPermit
from holdfast.access.standing import check_permit
from holdfast.db.port import Database
from holdfast.oci.digest import Digest
from holdfast.oci.name import Tag, signed_digest
from holdfast.registry.errors import BlobUnknown, ManifestUnknown
from holdfast.registry.reach.service import Reach, Target
from holdfast.registry.store import check_repository


class Sight:
    """Who may see what. One object a process."""

    def __init__(self, db: Database, window: int) -> None:
        self._db = db
        self._reach = Reach(db, window)

    async def ask_manifest(self, permit: PullPermit, reference: Tag | Digest, *, head: bool) -> None:
        """Raise `Denied` where the permit's tags alone refuse `reference`.

        To someone who may push, HEAD says `ManifestUnknown` instead: clients go on only after a 404.
        """
        tags = permit.tags
        if isinstance(reference, Digest):
            refused = tags.nothing
        elif signed_digest(reference) is not None:  # readable as what it belongs to, unless a deny names it
            refused = tags.nothing or any(glob.matches(reference) for glob in tags.deny)
        else:
            refused = not tags.allows(reference)
        if refused:
            await check_permit(self._db, permit)
            if head and permit.may_push:
                raise no_manifest(permit, reference)
            raise tags.refuse(None if isinstance(reference, Digest) else reference)

    async def ask_blob(self, permit: PullPermit) -> None:
        """Raise `Denied` where the permit's tags alone refuse every blob."""
        if permit.tags.nothing and not permit.may_push:
            await check_permit(self._db, permit)
            raise permit.tags.refuse()

    async def sees_manifest(self, permit: PullPermit, reference: Tag | Digest, target: Target) -> bool:
        """Whether the manifest that `reference` names may be read; `target`: where it was found."""
        if permit.tags.everything:
            return True
        if not isinstance(reference, Digest):
            digest = signed_digest(reference)
            if digest is None:
                return bool(target.content_id)
            target = await self._reach.find(self._db, permit.repository, digest)
        return await self._reach.may_read(self._db, permit, target)

    async def sees_blob(self, permit: PullPermit, target: Target) -> bool:
        """Whether the blob that was found at `target` may be read."""
        return await self._reach.may_read_blob(self._db, permit, target)

    async def check_absent(self, permit: PullPermit) -> None:
        """Before something is said not to be there: raise `StalePermit` when the permit does not hold any more."""
        await check_permit(self._db, permit)
        await check_repository(self._db, permit)


def no_manifest(permit: PullPermit, reference: str) -> ManifestUnknown:
    """What to say of a manifest that is not there, or hidden."""
    return ManifestUnknown(f"this repository has no such manifest{_seen(permit)}", reference=reference)


def no_blob(permit: PullPermit, digest: str) -> BlobUnknown:
    """What to say of a blob that is not there, or hidden."""
    return BlobUnknown(f"this repository has no such blob{_seen(permit)}", digest=digest)


def _seen(permit: PullPermit) -> str:
    return "" if permit.tags.everything else " that you may pull"
