"""`/deleted`: what was deleted inside the history window, and bringing it back."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from holdfast.access.errors import Invalid
from holdfast.access.service import Access
from holdfast.api.caller import Asking
from holdfast.api.page import Page, Paged
from holdfast.api.routing import Route, Routes, routes
from holdfast.api.shape import Input, Moment, Output
from holdfast.management.history import RepositoryText
from holdfast.oci.name import RepositoryName, parse_image
from holdfast.registry.history.cursors import gone_text, read_gone
from holdfast.registry.history.undelete.model import Gone, Restored
from holdfast.registry.history.undelete.service import Undelete


class GoneView(Output):
    """Something that was deleted. `digest`: of a tag what it pointed to, null when that is gone. `until`: how long it
    can be restored."""

    kind: Literal["tag", "image", "index", "blob"]
    tag: str | None
    digest: str | None
    media_type: str | None
    artifact_type: str | None
    size: int | None
    deleted_at: Moment
    until: Moment


class RestoredView(Output):
    """What came back: how many manifests and blobs, of how many bytes, and which tags. `left`: tags that ended with it
    and have been made again since, which stay as they are."""

    digest: str
    restored: int
    bytes: int
    tags: list[str]
    left: list[str]


class GivenRestore(Input):
    """`tags`: of a digest, with the tags that ended with it."""

    reference: str = Field(max_length=512, description="`REPOSITORY:TAG` or `REPOSITORY@DIGEST`.")
    tags: bool = False


class DeletedHandlers:
    """The operations on what was deleted."""

    def __init__(self, access: Access, undelete: Undelete) -> None:
        self._access = access
        self._undelete = undelete

    async def list_deleted(self, caller: Asking, paging: Paged, repository: RepositoryText) -> Page[GoneView]:
        """The tags, manifests and blobs of a repository that were deleted and can be restored, newest first.

        A page may be shorter than asked for and still have a next one.
        """
        permit = self._access.path(caller.who, "", caller.origin)
        path = RepositoryName.parse(repository)
        found = await self._undelete.deleted(permit, path, read_gone(paging.after_text()), paging.limit)
        return paging.part(found.found, _gone, gone_text(found.next))

    async def restore_deleted(self, caller: Asking, given: GivenRestore) -> RestoredView:
        """Bring back a tag with what it pointed to, or a manifest with its parts and what referred to it, or a blob.

        For a tag this needs the right to make it; for a digest that to push.
        """
        path, reference = parse_image(given.reference)
        if reference is None:
            raise Invalid("reference", "name a tag or a digest: REPOSITORY:TAG, REPOSITORY@DIGEST")
        permit = self._access.path(caller.who, "", caller.origin)
        return _restored(await self._undelete.restore(permit, path, reference, with_tags=given.tags))


def _gone(found: Gone) -> GoneView:
    return GoneView(
        kind=found.kind.value,
        tag=found.tag,
        digest=found.digest,
        media_type=found.media_type,
        artifact_type=found.artifact_type,
        size=found.size,
        deleted_at=found.deleted_at,
        until=found.until,
    )


def _restored(found: Restored) -> RestoredView:
    return RestoredView(
        digest=found.digest,
        restored=found.restored,
        bytes=found.bytes,
        tags=list(found.tags),
        left=list(found.left),
    )


def deleted_routes(access: Access, undelete: Undelete) -> Routes:
    """The routes of `/deleted`."""
    on = DeletedHandlers(access, undelete)
    return routes(
        "/deleted",
        "deleted",
        Route("GET", "", on.list_deleted),
        Route("POST", "/restore", on.restore_deleted),
    )
