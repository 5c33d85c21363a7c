"""The use-case of a mount: a blob of another repository becomes visible here, and no byte moves."""

from __future__ import annotations

from holdfast.access.model import PullPermit, PushPermit
from holdfast.access.standing import check_permit
from holdfast.blobs.port import BlobStore
from holdfast.db.port import Database, Unit
from holdfast.oci.digest import Digest
from holdfast.registry.content import Kept, require_room, show_blob
from holdfast.registry.reach.service import NOTHING, Reach, Target
from holdfast.registry.settings import RegistrySettings
from holdfast.registry.upload import store


class Mount:
    """Mounting blobs. One object a process."""

    def __init__(self, db: Database, blobs: BlobStore, settings: RegistrySettings) -> None:
        self._db = db
        self._blobs = blobs
        self._settings = settings
        self._reach = Reach(db, settings.window)

    async def blob(self, permit: PushPermit, source: PullPermit, digest: Digest) -> bool:
        """Make `digest` of the source repository visible; False when it is not there or hidden, as for one that is
        nowhere.

        Raises `NoRoom`, `Denied`, `StalePermit`.
        """

        async def link(unit: Unit) -> bool:
            await check_permit(unit, permit)
            row = await unit.one(store.MOUNTABLE, path=source.repository, digest=digest)
            if row is None:
                return False
            await show_blob(unit, self._settings, permit, Kept(row.id, row.size))
            return True

        if not await self._is_readable(source, digest):
            await check_permit(self._db, permit)
            return False
        require_room(self._blobs, self._settings)
        return await self._db.write(link)

    async def _is_readable(self, source: PullPermit, digest: Digest) -> bool:
        """Whether the blob is in the source repository, and may be read there."""
        row = await self._db.one(store.MOUNTABLE, path=source.repository, digest=digest)
        if row is not None and source.repository_id not in (0, row.repo_id):
            row = None
        target = Target(row.repo_id, row.id) if row is not None else NOTHING
        return await self._reach.may_read_blob(self._db, source, target) and row is not None
