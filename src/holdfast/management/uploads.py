"""`/uploads`: what arrives and what is stuck, and ending it."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query

from holdfast.access.errors import Unknown
from holdfast.access.service import Access
from holdfast.api.caller import Asking
from holdfast.api.page import Page, Paged
from holdfast.api.routing import Route, Routes, routes
from holdfast.api.shape import Moment, Output, Segment
from holdfast.registry.upload.looking import SeenUpload, Uploads


class UploadView(Output):
    """An upload that has not ended. `id` null: its bytes come in one request, with which it ends; `total` null: nobody
    said; `rate`: bytes a second, null: not known yet; `expires_at` null: with its request; `arriving`: bytes come
    now."""

    id: str | None
    repository: str
    actor: str
    client: str
    received: int
    total: int | None
    rate: float | None
    began_at: Moment
    last_at: Moment
    expires_at: Moment | None
    arriving: bool


class UploadHandlers:
    """The operations on uploads."""

    def __init__(self, access: Access, uploads: Uploads) -> None:
        self._access = access
        self._uploads = uploads

    async def list_uploads(
        self,
        caller: Asking,
        paging: Paged,
        repository: Annotated[str, Query(max_length=255, description="Only uploads to this repository.")] = "",
    ) -> Page[UploadView]:
        """Uploads that have not ended, those that arrive now first, then the newest: one's own, all to repositories
        whose settings one may change, and all for who operates the registry."""
        permit = self._access.path(caller.who, repository, caller.origin)
        found = await self._uploads.page(permit, after=paging.after_text(), limit=paging.limit)
        return paging.part(found.uploads, _view, found.next)

    async def cancel_upload(self, caller: Asking, id: Segment) -> None:
        """End an upload; its client is told at its next request. What it holds is freed."""
        permit = self._access.path(caller.who, "", caller.origin)
        if not await self._uploads.cancel(permit, [id]):
            raise Unknown("there is no such upload in your sight")


def _view(each: SeenUpload) -> UploadView:
    return UploadView(
        id=each.id or None,
        repository=each.repository,
        actor=each.actor,
        client=each.agent,
        received=each.received,
        total=each.total,
        rate=each.rate,
        began_at=each.began_at,
        last_at=each.last_at,
        expires_at=each.expires or None,
        arriving=each.arriving,
    )


def upload_routes(access: Access, uploads: Uploads) -> Routes:
    """The routes of `/uploads`."""
    on = UploadHandlers(access, uploads)
    return routes(
        "/uploads",
        "uploads",
        Route("GET", "", on.list_uploads),
        Route("DELETE", "/{id}", on.cancel_upload, 204),
    )
