"""`/-/deleted`: what was deleted inside the history window, and bringing it back: tags and manifests of a repository,
repositories of a namespace."""

from __future__ import annotations

from typing import Any

from holdfast.access.errors import Conflict, Invalid
from holdfast.console.history.pages import MOVING, reach_of
from holdfast.console.where import Where
from holdfast.oci.name import RepositoryName, parse_image
from holdfast.registry.errors import NotRestorable, RepositoryUnknown
from holdfast.registry.history.cursors import gone_text, read_gone
from holdfast.registry.history.undelete.service import Undelete
from holdfast.registry.namespaces.removal import Removal
from holdfast.registry.namespaces.settings import SettingsTree
from holdfast.web.formats import short_digest
from holdfast.web.frame import Crumb, Frame
from holdfast.web.listing import Listing
from holdfast.web.site import Route
from holdfast.web.visit import Answer, Visit

_REPOSITORY, _NAMESPACE = "/r/{repository:name}/-/deleted", "/n/{namespace:name}/-/deleted"


class DeletedPages:
    """The pages of what was deleted."""

    def __init__(self, frame: Frame, undelete: Undelete, removal: Removal, settings: SettingsTree) -> None:
        self._frame = frame
        self._undelete = undelete
        self._removal = removal
        self._settings = settings

    def routes(self) -> list[Route]:
        """Every route of these pages."""
        return [
            Route("GET", _REPOSITORY, self.contents),
            Route("POST", _REPOSITORY, self.restore_content),
            Route("GET", _NAMESPACE, self.repositories),
            Route("POST", _NAMESPACE, self.restore_repository),
            Route("POST", f"{_NAMESPACE}/all", self.restore_all),
        ]

    async def contents(self, visit: Visit, said: str = "", status: int = 200) -> Answer:
        """Tags, manifests and blobs of a repository that were deleted."""
        where = Where.of(visit)
        query = visit.query if visit.method in ("GET", "HEAD") else {}
        listing = Listing(visit.path, query, ("deleted",), "-deleted", ())
        permit = self._frame.caller(visit).at("")
        found = await self._undelete.deleted(
            permit, RepositoryName.parse(where.path), read_gone(listing.after), listing.limit
        )
        listing.onward(gone_text(found.next))
        may = any(not permit.tags(action, where.path).nothing for action in MOVING)
        return await self._page(
            visit, "deleted.html", where, status, found=found.found, listing=listing, may=may, said=said
        )

    async def restore_content(self, visit: Visit) -> Answer:
        """Bring one of them back."""
        fields = await self._frame.changes(visit)
        where = Where.of(visit)
        path, reference = parse_image(f"{where.path}{fields.get('reference', '')[:256]}")
        if reference is None or path != where.path:
            raise Invalid("reference", "name a tag or a digest")
        permit = self._frame.caller(visit).at("")
        try:
            done = await self._undelete.restore(permit, path, reference, with_tags=bool(fields.get("tags")))
        except (NotRestorable, Conflict) as error:
            return await self.contents(visit, str(error), 409)
        tags = f" with {', '.join(done.tags[:5])}" if done.tags else ""
        return self._frame.done(visit, where.at("deleted"), f"{short_digest(done.digest)} is back{tags}")

    async def repositories(self, visit: Visit, said: str = "", status: int = 200) -> Answer:
        """Repositories of a namespace that were deleted and that the caller may bring back."""
        where = Where.of(visit)
        query = visit.query if visit.method in ("GET", "HEAD") else {}
        listing = Listing(visit.path, query, ("name",), "name", ())
        await reach_of(self._frame, self._settings, visit, where)  # who sees nothing here is told that
        permit = self._frame.caller(visit).at(where.path)
        found = list(await self._removal.gone(permit, listing.after, listing.limit + 1))
        more = len(found) > listing.limit
        found = found[: listing.limit]
        listing.onward(found[-1].name if more else None)
        return await self._page(
            visit, "deleted-repositories.html", where, status, found=found, listing=listing, said=said
        )

    async def restore_repository(self, visit: Visit) -> Answer:
        """Bring a repository back."""
        fields = await self._frame.changes(visit)
        where = Where.of(visit)
        name, id_ = fields.get("name", ""), fields.get("id", "")
        if name != where.path and not name.startswith(where.path + "/"):
            raise Invalid("name", "this repository is of another namespace")
        if not id_.isascii() or not id_.isdecimal() or len(id_) > 18:
            raise Invalid("id", "choose one of the list")
        try:
            done = await self._removal.restore(self._frame.caller(visit).at(name), int(id_))
        except (Conflict, RepositoryUnknown) as error:
            return await self.repositories(visit, str(error), 409)
        what = f"{done.tags:,} {'tag' if done.tags == 1 else 'tags'}"
        return self._frame.done(visit, self._frame.at("r", done.name), f"{done.name} is back, with {what}")

    async def restore_all(self, visit: Visit) -> Answer:
        """Bring everything back, by a job."""
        await self._frame.changes(visit)
        where = Where.of(visit)
        try:
            job = await self._removal.restore_namespace(self._frame.caller(visit).at(where.path))
        except Conflict as error:
            return await self.repositories(visit, str(error), 409)
        return self._frame.done(visit, f"/jobs/{job}", f"What was deleted in {where.path} comes back")

    async def _page(self, visit: Visit, template: str, where: Where, status: int, **values: Any) -> Answer:
        crumbs = self._frame.crumbs(where.scope, where.path, Crumb("History", where.at("history")), Crumb("Deleted"))
        return self._frame.page(
            visit,
            template,
            status=status,
            fragment="rows",
            crumbs=crumbs,
            tabs=self._frame.tabs(visit, where.scope, where.path, "history"),
            where=where,
            reach=await reach_of(self._frame, self._settings, visit, where),
            **values,
        )
