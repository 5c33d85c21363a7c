"""Invitations: making, listing and revoking them at a repository or namespace; opening and accepting one.

The code of an invitation stands behind the `#` of its link, which no browser sends, and comes in the body of a form.
"""

from __future__ import annotations

from collections.abc import Mapping

from holdfast.access.errors import Conflict, Denied, Invalid, Unknown
from holdfast.access.grants.roles import Roles
from holdfast.access.grants.sight import manages_path
from holdfast.access.invitations.code import PAGE, link
from holdfast.access.invitations.service import NEWEST, USES_LIMIT, Invitations, Wish
from holdfast.console.access.places import governed, number, place_values, seen_place
from holdfast.console.access.sayings import LIVES, ends, role_options
from holdfast.console.where import Where, both
from holdfast.web.caller import Caller
from holdfast.web.frame import Crumb, Frame
from holdfast.web.listing import Listing
from holdfast.web.site import Route
from holdfast.web.visit import Answer, Visit

_OPEN_FOR = {"1": "A day", "7": "7 days", "30": "30 days"}
_TRIED = ("role", "scope", "open", "days", "uses", "note")
_ROLES = 200
_SECRET = (("cache-control", "no-store, no-transform"),)


class InvitationPages:
    """The pages of invitations."""

    def __init__(self, frame: Frame, invitations: Invitations, roles: Roles) -> None:
        self._frame = frame
        self._invitations = invitations
        self._roles = roles

    def routes(self) -> list[Route]:
        """Every route of these pages."""
        return [
            *both("GET", "access/invitations", self.show),
            *both("GET", "access/invitations/new", self.fresh),
            *both("POST", "access/invitations/new", self.make),
            *both("GET", "access/invitations/{id}/revoke", self.confirm),
            *both("POST", "access/invitations/{id}/revoke", self.revoke),
            Route("GET", PAGE, self.open),
            Route("POST", PAGE, self.look),
            Route("POST", f"{PAGE}/accept", self.accept),
        ]

    async def show(self, visit: Visit) -> Answer:
        """The invitations to a place that one made or may revoke."""
        caller = self._frame.signed_in(visit)
        where = seen_place(caller, visit)
        listing = Listing(where.at("access/invitations"), visit.query, ("id",), "-id", ("closed",))
        found = await self._invitations.page(
            caller.who,
            path=where.path,
            closed=bool(listing.filters["closed"]),
            before=number(listing.after) or NEWEST,
            limit=listing.fetch,
            origin=caller.origin,
        )
        return self._frame.page(
            visit,
            "access-invitations.html",
            **place_values(self._frame, visit, where, "invitations", Crumb("Invitations")),
            listing=listing,
            invitations=listing.shown(found, lambda invitation: invitation.id),
            closed=bool(listing.filters["closed"]),
            governs=manages_path(caller.at(where.path), where.path, whole=where.whole),
        )

    async def fresh(self, visit: Visit) -> Answer:
        """The form of an invitation."""
        caller = self._frame.signed_in(visit)
        where = governed(caller, seen_place(caller, visit))
        return await self._form(visit, caller, where, {})

    async def make(self, visit: Visit) -> Answer:
        """Make it, and show its link this once."""
        fields = await self._frame.changes(visit)
        caller = self._frame.signed_in(visit)
        where = seen_place(caller, visit)
        try:
            made = await self._invitations.create(caller.who, _wish(fields, self._frame.now()), origin=caller.origin)
        except (Invalid, Conflict, Denied) as error:
            return await self._form(visit, caller, where, fields, said=visit.told(error))
        return self._frame.page(
            visit,
            "access-invitation-made.html",
            headers=_SECRET,
            **place_values(self._frame, visit, where, "invitations", Crumb("Invitation made")),
            invitation=made.invitation,
            link=link(self._frame.place.origin, made.code),
        )

    async def confirm(self, visit: Visit) -> Answer:
        """What revoking ends, and what stays."""
        caller = self._frame.signed_in(visit)
        where = seen_place(caller, visit)
        found = await self._invitations.get(caller.who, number(visit.named["id"]), origin=caller.origin)
        return self._frame.page(
            visit,
            "access-invitation-revoke.html",
            **place_values(self._frame, visit, where, "invitations", Crumb(f"Invitation {found.id}")),
            invitation=found,
        )

    async def revoke(self, visit: Visit) -> Answer:
        """Revoke it."""
        await self._frame.changes(visit)
        caller = self._frame.signed_in(visit)
        where = seen_place(caller, visit)
        id = number(visit.named["id"])
        await self._invitations.revoke(caller.who, id, origin=caller.origin)
        return self._frame.done(visit, where.at("access/invitations"), f"Invitation {id} revoked")

    async def open(self, visit: Visit) -> Answer:
        """Where a link leads: the code is behind its `#`, or pasted."""
        return self._code(visit, self._frame.caller(visit))

    async def look(self, visit: Visit) -> Answer:
        """What the invitation of a code gives, and by whom."""
        fields = await self._frame.changes(visit)
        caller = self._frame.signed_in(visit)
        code = fields.get("code", "")
        try:
            offer = await self._invitations.offered(caller.who, code)
        except Unknown as error:
            return self._code(visit, caller, said=visit.told(error, at="code"))
        return self._frame.page(
            visit, "invitation-offer.html", headers=_SECRET, offer=offer, code=code, crumbs=[Crumb("Invitation")]
        )

    async def accept(self, visit: Visit) -> Answer:
        """Accept it."""
        fields = await self._frame.changes(visit)
        caller = self._frame.signed_in(visit)
        try:
            got = await self._invitations.accept(caller.who, fields.get("code", ""), origin=caller.origin)
        except (Unknown, Conflict) as error:
            return self._code(visit, caller, said=visit.told(error, at="code"))
        there = Where("n", got.offer.namespace)
        return self._frame.done(visit, there.at(), f"Accepted: you are {got.offer.role} on {got.offer.scope}")

    def _code(self, visit: Visit, caller: Caller, *, said: str = "") -> Answer:
        return self._frame.page(
            visit,
            "invitation.html",
            status=404 if said else 200,
            crumbs=[Crumb("Invitation")],
            said=said,
            nobody=caller.session is None,
        )

    async def _form(
        self, visit: Visit, caller: Caller, where: Where, fields: Mapping[str, str], *, said: str = ""
    ) -> Answer:
        roles = await self._roles.page(caller.who, limit=_ROLES, origin=caller.origin)
        first = {
            "role": "reader",
            "scope": f"{where.path}/**" if where.whole else where.path,
            "open": "7",
            "days": "0",
            "uses": "1",
        }
        return self._frame.page(
            visit,
            "access-invitation.html",
            status=400 if said else 200,
            **place_values(self._frame, visit, where, "invitations", Crumb("Invite")),
            tried={name: fields.get(name, first.get(name, ""))[:512] for name in _TRIED},
            roles=role_options(role.name for role in roles),
            open_for=_OPEN_FOR,
            lives=LIVES,
            most=USES_LIMIT,
            said=said,
        )


def _wish(fields: Mapping[str, str], now: int) -> Wish:
    """The invitation that a form asks for. Raises `Invalid`."""
    open_for, uses = fields.get("open", "7"), fields.get("uses", "1").strip()
    if open_for not in _OPEN_FOR:
        raise Invalid("open", "choose how long it is open")
    if not (uses.isascii() and uses.isdigit() and len(uses) <= 3):
        raise Invalid("uses", f"an invitation is for 1 to {USES_LIMIT} people")
    return Wish(
        fields.get("scope", "").strip(),
        fields.get("role", ""),
        ends({"days": open_for}, now),
        ends(fields, now),
        int(uses),
        fields.get("note", "").strip(),
    )
