"""`/admin/groups`: groups and who is in them. Those of a provider (`PROVIDER/NAME`) change when its people sign in."""

from __future__ import annotations

from collections.abc import Mapping

from holdfast.access.errors import Conflict, Invalid, Unknown
from holdfast.access.grants.groups import Groups
from holdfast.console.admin_tabs import admin_tabs, require_administrator
from holdfast.web.formats import urlpath
from holdfast.web.frame import Crumb, Frame
from holdfast.web.listing import Column, Listing
from holdfast.web.site import Route
from holdfast.web.visit import Answer, Visit

_COLUMNS = (Column("Name"), Column("Description"), Column("Whose"), Column("Made"))


class GroupPages:
    """The pages of groups."""

    def __init__(self, frame: Frame, groups: Groups) -> None:
        self._frame = frame
        self._groups = groups

    def routes(self) -> list[Route]:
        """Every route of these pages."""
        return [
            Route("GET", "/admin/groups", self.list),
            Route("POST", "/admin/groups", self.make),
            Route("GET", "/admin/groups/{group:name}", self.show),
            Route("POST", "/admin/groups/{group:name}/-/members", self.add),
            Route("POST", "/admin/groups/{group:name}/-/remove", self.remove),
            Route("GET", "/admin/groups/{group:name}/-/delete", self.confirm),
            Route("POST", "/admin/groups/{group:name}/-/delete", self.delete),
        ]

    async def list(
        self, visit: Visit, said: str = "", tried: Mapping[str, str] | None = None, status: int = 200
    ) -> Answer:
        """Groups by name."""
        caller = require_administrator(self._frame, visit)
        query = visit.query if visit.method in ("GET", "HEAD") else {}
        listing = Listing("/admin/groups", query, ("name",), "name", ())
        found = await self._groups.page(caller.who, after=listing.after, limit=listing.fetch, origin=caller.origin)
        return self._frame.page(
            visit,
            "groups.html",
            fragment="rows",
            status=status,
            crumbs=[Crumb("Administration", "/admin"), Crumb("Groups")],
            tabs=admin_tabs("groups", administers=True),
            listing=listing,
            columns=_COLUMNS,
            groups=listing.shown(found, lambda group: group.name),
            said=said,
            tried={name: (tried or {}).get(name, "") for name in ("name", "description")},
        )

    async def make(self, visit: Visit) -> Answer:
        """Make a group."""
        fields = await self._frame.changes(visit)
        caller = require_administrator(self._frame, visit)
        name = fields.get("name", "").strip()
        try:
            await self._groups.create(
                caller.who, name, fields.get("description", "").strip() or None, origin=caller.origin
            )
        except (Invalid, Conflict) as error:
            return await self.list(visit, visit.told(error, at="name"), fields, 400)
        return self._frame.done(visit, _at(name), f"The group {name} is made")

    async def show(self, visit: Visit, said: str = "", tried: str = "", status: int = 200) -> Answer:
        """A group and its members."""
        caller = require_administrator(self._frame, visit)
        name = visit.named["group"]
        group = await self._groups.get(caller.who, name, origin=caller.origin)
        query = visit.query if visit.method in ("GET", "HEAD") else {}
        listing = Listing(_at(name), query, ("name",), "name", ())
        members = await self._groups.members(
            caller.who, name, after=listing.after, limit=listing.fetch, origin=caller.origin
        )
        return self._frame.page(
            visit,
            "group.html",
            status=status,
            crumbs=[Crumb("Administration", "/admin"), Crumb("Groups", "/admin/groups"), Crumb(name)],
            group=group,
            members=listing.shown(members, lambda member: member.name),
            listing=listing,
            at=_at(name),
            said=said,
            tried=tried,
        )

    async def add(self, visit: Visit) -> Answer:
        """Make somebody a member."""
        fields = await self._frame.changes(visit)
        caller = require_administrator(self._frame, visit)
        name, member = visit.named["group"], fields.get("member", "").strip()
        try:
            whole = member if ":" in member else f"user:{member}"
            await self._groups.add(caller.who, name, whole, origin=caller.origin)
        except (Invalid, Conflict, Unknown) as error:
            return await self.show(visit, visit.told(error, {"subject": "member"}, at="member"), member, 400)
        return self._frame.done(visit, _at(name), f"{member} is in {name}")

    async def remove(self, visit: Visit) -> Answer:
        """Take somebody out."""
        fields = await self._frame.changes(visit)
        caller = require_administrator(self._frame, visit)
        name, member = visit.named["group"], fields.get("member", "")
        try:
            await self._groups.remove(caller.who, name, member, origin=caller.origin)
        except (Invalid, Conflict) as error:
            return await self.show(visit, str(error), "", 409)
        return self._frame.done(visit, _at(name), f"{member} is in {name} no more")

    async def confirm(self, visit: Visit, said: str = "", status: int = 200) -> Answer:
        """Ask before a group is deleted."""
        caller = require_administrator(self._frame, visit)
        name = visit.named["group"]
        group = await self._groups.get(caller.who, name, origin=caller.origin)
        return self._frame.page(
            visit,
            "group-delete.html",
            status=status,
            crumbs=[
                Crumb("Administration", "/admin"),
                Crumb("Groups", "/admin/groups"),
                Crumb(name, _at(name)),
                Crumb("Delete"),
            ],
            group=group,
            at=_at(name),
            said=said,
        )

    async def delete(self, visit: Visit) -> Answer:
        """Delete a group."""
        fields = await self._frame.changes(visit)
        caller = require_administrator(self._frame, visit)
        name = visit.named["group"]
        if fields.get("name", "").strip() != name:
            return await self.confirm(visit, visit.told(Invalid("name", f"type {name} to delete it")), 400)
        try:
            await self._groups.delete(caller.who, name, origin=caller.origin)
        except Conflict as error:
            return await self.confirm(visit, str(error), 409)
        return self._frame.done(visit, "/admin/groups", f"The group {name} is deleted")


def _at(name: str) -> str:
    return f"/admin/groups/{urlpath(name)}"
