"""DELETE of tags, manifests and blobs (distribution specification, "Content Management")."""

from __future__ import annotations

from holdfast.access.model import DeletePermit
from holdfast.distribution.answer import Answer, AnyAnswer
from holdfast.oci.digest import Digest
from holdfast.oci.name import parse_reference
from holdfast.registry.deletion.service import Deletion


class DeleteHandlers:
    """The handlers of deletes."""

    def __init__(self, deletion: Deletion) -> None:
        self._deletion = deletion

    async def manifest(self, permit: DeletePermit, reference: str) -> AnyAnswer:
        """DELETE of a tag or, by digest, of a manifest with every tag on it."""
        parsed = parse_reference(reference)
        if isinstance(parsed, Digest):
            await self._deletion.manifest(permit, parsed)
        else:
            await self._deletion.tag(permit, parsed)
        return Answer(202, [])

    async def blob(self, permit: DeletePermit, reference: str) -> AnyAnswer:
        """DELETE of a blob."""
        await self._deletion.blob(permit, Digest.parse(reference))
        return Answer(202, [])
