"""`/-/access/group`: who is in a group that something here was given to. Groups belong to the whole registry: who may
give what a group has may say who is in it."""

from __future__ import annotations

from urllib.parse import urlencode

from holdfast.access.errors import Conflict, Denied, Invalid, Unknown
from holdfast.access.grants.groups import Groups
from holdfast.console.access.places import place_values, seen_place
from holdfast.console.where import Where, both
from holdfast.web.caller import Caller
from holdfast.web.frame import Crumb, Frame
from holdfast.web.listing import Listing
from holdfast.web.site import Route
from holdfast.web.visit import Answer, Visit

_FIELDS = {"subject": "member"}
"""The field of the form, which the service calls otherwise."""


class GroupPages:
    """The pages of groups, as seen from a repository or namespace."""

    def __init__(self, frame: Frame, groups: Groups) -> None:
        self._frame = frame
        self._groups = groups

    def routes(self) -> list[Route]:
        """Every route of these pages."""
        return [
            *both("GET", "access/group", self.show),
            *both("POST", "access/group/add", self.add),
            *both("POST", "access/group/remove", self.remove),
        ]

    async def show(self, visit: Visit) -> Answer:
        """A group and its members, as far as the caller may see them."""
        caller = self._frame.signed_in(visit)
        where = seen_place(caller, visit)
        return await self._show(visit, caller, where, visit.query.get("name", ""))

    async def add(self, visit: Visit) -> Answer:
        """Make somebody a member."""
        fields = await self._frame.changes(visit)
        caller = self._frame.signed_in(visit)
        where = seen_place(caller, visit)
        name, member = fields.get("name", ""), fields.get("member", "").strip()
        try:
            await self._groups.add(caller.who, name, member, origin=caller.origin)
        except (Invalid, Conflict, Denied) as error:
            said = visit.told(error, _FIELDS, at="member")
            return await self._show(visit, caller, where, name, said=said, tried=member)
        except Unknown as error:
            if member and member in str(error):
                said = visit.told(error, at="member")
                return await self._show(visit, caller, where, name, said=said, tried=member)
            raise
        return self._frame.done(visit, _href(where, name), f"{member} is in {name} now")

    async def remove(self, visit: Visit) -> Answer:
        """Take somebody out."""
        fields = await self._frame.changes(visit)
        caller = self._frame.signed_in(visit)
        where = seen_place(caller, visit)
        name, member = fields.get("name", ""), fields.get("member", "")
        await self._groups.remove(caller.who, name, member, origin=caller.origin)
        return self._frame.done(visit, _href(where, name), f"{member} is not in {name} any more")

    async def _show(
        self, visit: Visit, caller: Caller, where: Where, name: str, *, said: str = "", tried: str = ""
    ) -> Answer:
        group = await self._groups.get(caller.who, name, origin=caller.origin)
        listing = Listing(where.at("access/group"), visit.query if not said else {}, ("name",), "name", ("name",))
        found = await self._groups.members(
            caller.who, group.name, after=listing.after, limit=listing.fetch, origin=caller.origin
        )
        return self._frame.page(
            visit,
            "access-group.html",
            status=400 if said else 200,
            **place_values(self._frame, visit, where, "", Crumb(f"group:{group.name}")),
            group=group,
            members=listing.shown(found, lambda member: member.name),
            listing=listing,
            said=said,
            tried=tried,
        )


def _href(where: Where, name: str) -> str:
    return f"{where.at('access/group')}?{urlencode({'name': name})}"
