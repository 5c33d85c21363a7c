"""What a push needs beside the right to upload, decided inside its unit.

Promises: a tag is made, moved, or kept where it is, only by who may; what refers to a subject is put only by who may
pull and sign the subject; and by no manifest does anybody come to read what he could not read before: what it names
must be readable to the pusher, or uploaded by himself a moment ago. Whoever may do all of it costs no statement here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from holdfast.access.model import PushPermit
from holdfast.db.port import Database, Unit
from holdfast.journal.service import Place
from holdfast.oci.digest import Digest
from holdfast.oci.name import Tag, signed_digest
from holdfast.registry.effective.service import Effective
from holdfast.registry.reach.leases import keep_manifest, own
from holdfast.registry.reach.service import NOTHING, Reach, Target
from holdfast.registry.reach.spans import ANY, allowed
from holdfast.registry.settings import RegistrySettings


class PushRights:
    """The rights of pushes. One object a process."""

    def __init__(self, db: Database, settings: RegistrySettings) -> None:
        self._reach = Reach(db, settings.window)
        self._lease = settings.lease

    async def require_signing(
        self,
        unit: Unit,
        permit: PushPermit,
        place: Place,
        subject: Digest | None,
        tags: Sequence[Tag],
        *,
        held: Effective,
    ) -> None:
        """Raise `Denied` unless what the manifest belongs to, by `subject` or by a tag, may be pulled and signed.

        Of a subject that no tag reaches (yet) it is enough to may sign something here. Pulling comes first: to who may
        not pull everything, a subject that is not there is like one that is hidden.
        """
        if permit.sign.everything and permit.pull.everything:
            return
        belongs = {digest for digest in (subject, *map(signed_digest, tags)) if digest is not None}
        if not belongs:
            return
        ids = await self._reach.ids(unit, belongs)
        await self.require_signing_of(unit, permit, place, held, {digest: ids.get(digest, 0) for digest in belongs})

    async def require_signing_of(
        self, unit: Unit, permit: PushPermit, place: Place, held: Effective, subjects: Mapping[Digest, int]
    ) -> None:
        """The same of each of `subjects`, by their ids (0: there is no such content)."""
        if permit.sign.everything and permit.pull.everything:
            return
        for digest, content_id in sorted(subjects.items()):
            target = Target(place.repo_id, content_id) if content_id else NOTHING
            if digest not in await self.readable(unit, permit, place, held, {digest: target.content_id}):
                raise permit.pull.refuse()
            if not await self._may_sign(unit, permit, held, target):
                raise permit.sign.refuse()

    async def readable(
        self, unit: Unit, permit: PushPermit, place: Place, held: Effective, ids: Mapping[str, int]
    ) -> set[str]:
        """The digests of `ids` (0: there is no such content) that the pusher may read, or holds a lease on."""
        if permit.pull.everything:
            return set(ids)
        found = await own(unit, place.repo_id, permit.subject.id, ids)
        wanted = allowed(permit.pull)
        for digest in sorted(set(ids) - found):
            target = Target(place.repo_id, ids[digest]) if ids[digest] else NOTHING
            if await self._reach.leads(unit, wanted, target, self._reach.since_of(held)):
                found.add(digest)
        return found

    async def keep(self, unit: Unit, permit: PushPermit, place: Place, content_id: int) -> None:
        """Let the pusher name the manifest in an index, or push it again under a tag, though no tag of his reaches
        it."""
        if not permit.pull.everything:
            await keep_manifest(unit, place.repo_id, content_id, permit.subject.id, self._lease)

    async def _may_sign(self, unit: Unit, permit: PushPermit, held: Effective, target: Target) -> bool:
        if permit.sign.everything or permit.sign.nothing:
            return permit.sign.everything
        since = self._reach.since_of(held)
        if await self._reach.leads(unit, allowed(permit.sign), target, since):
            return True
        return not await self._reach.leads(unit, ANY, target, since)


def require_tag(permit: PushPermit, name: Tag, was: int | None, content_id: int) -> None:
    """Raise `Denied` unless the tag may be made, or moved away from `was` (None: it is not there). A tag that belongs
    to a digest is a matter of signing."""
    if signed_digest(name) is not None:
        return
    if was is None:
        good = permit.create.allows(name)
    elif was == content_id:
        good = permit.create.allows(name) or permit.overwrite.allows(name)
    else:
        good = permit.overwrite.allows(name)
    if not good:
        raise (permit.create if was is None else permit.overwrite).refuse(name)
