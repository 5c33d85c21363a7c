"""`/uploads` and `/-/uploads` of a repository: what arrives and what is stuck, and ending it.

Promises: everybody sees his own, who sets up a repository all that goes there (registry/upload/looking.py).
"""

from __future__ import annotations

from holdfast.access.errors import Invalid
from holdfast.access.model import PathPermit
from holdfast.registry.upload.looking import Uploads
from holdfast.web.frame import Crumb, Frame
from holdfast.web.listing import Column, Listing
from holdfast.web.site import Route
from holdfast.web.visit import Answer, Visit

_REPOSITORY = "/r/{repository:name}/-/uploads"
_COLUMNS = (
    Column("Repository"),
    Column("Who"),
    Column("Client"),
    Column("Received", kind="number"),
    Column("Rate", kind="number"),
    Column("Last byte"),
    Column("Expires"),
)
_STALE = 60_000_000
_MOST = 200


class UploadPages:
    """The pages of uploads."""

    def __init__(self, frame: Frame, uploads: Uploads) -> None:
        self._frame = frame
        self._uploads = uploads

    def routes(self) -> list[Route]:
        """Every route of these pages."""
        return [
            Route("GET", "/uploads", self.show),
            Route("POST", "/uploads/cancel", self.cancel),
            Route("GET", _REPOSITORY, self.show),
            Route("POST", f"{_REPOSITORY}/cancel", self.cancel),
        ]

    async def show(self, visit: Visit) -> Answer:
        """Uploads, those that arrive first."""
        path, permit = self._at(visit)
        listing = Listing(visit.path, visit.query, ("began",), "-began", ())
        page = await self._uploads.page(permit, after=listing.after, limit=listing.limit)
        listing.onward(page.next)
        return self._frame.page(
            visit,
            "uploads.html",
            fragment="uploads",
            crumbs=self._frame.crumbs("r", path, Crumb("Uploads")) if path else (),
            tabs=self._frame.tabs(visit, "r", path, "uploads") if path else (),
            path=path,
            base=visit.path,
            listing=listing,
            columns=_COLUMNS[1:] if path else _COLUMNS,
            uploads=page.uploads,
            late=self._frame.now() - _STALE,
            poll=2 if listing.first else 0,
        )

    async def cancel(self, visit: Visit) -> Answer:
        """End those that were picked."""
        fields = await self._frame.changes(visit)
        _, permit = self._at(visit)
        picked = fields.many("pick")
        if not picked or len(picked) > _MOST or not all(len(each) <= 64 and each.isascii() for each in picked):
            raise Invalid("pick", f"pick 1 to {_MOST} uploads")
        ended = await self._uploads.cancel(permit, picked)
        said = "No upload was left to end" if not ended else f"{ended} upload{'s' if ended > 1 else ''} ended"
        return self._frame.done(visit, visit.path.removesuffix("/cancel"), said)

    def _at(self, visit: Visit) -> tuple[str, PathPermit]:
        """The repository ('': all), and the caller's permit there."""
        caller = self._frame.signed_in(visit)
        path = visit.named.get("repository", "")
        return path, caller.at(path)
