"""`/-/access` of a repository or namespace: who may do what, open requests, and forms to give and take grants."""

from __future__ import annotations

from typing import NamedTuple

from holdfast.access.delegating import require_scope
from holdfast.access.errors import Invalid, Unknown
from holdfast.access.grants.listing import tells_use
from holdfast.access.grants.model import Effective, KeptGrant
from holdfast.access.grants.service import Grants
from holdfast.access.grants.sight import manages_path, oversees_path
from holdfast.access.grants.visibility import Visibility
from holdfast.access.policy.delegation import manages
from holdfast.access.policy.globs import RepositoryGlob
from holdfast.access.policy.languages import Scope, is_above
from holdfast.access.policy.model import TAG_ACTIONS
from holdfast.access.requests.service import Requests
from holdfast.console.access.places import governed, number, place_values, seen_place
from holdfast.console.access.sayings import conditions_said
from holdfast.console.where import Where, both
from holdfast.web.caller import Caller
from holdfast.web.frame import Crumb, Frame
from holdfast.web.listing import Listing
from holdfast.web.site import Route
from holdfast.web.visit import Answer, Visit

_WAITING = 5


class GrantsShown(NamedTuple):
    """The services behind these pages."""

    grants: Grants
    visibility: Visibility
    requests: Requests


class GrantPages:
    """The pages of grants."""

    def __init__(self, frame: Frame, shown: GrantsShown) -> None:
        self._frame = frame
        self._shown = shown

    def routes(self) -> list[Route]:
        """Every route of these pages."""
        return [
            *both("GET", "access", self.show),
            *both("GET", "access/grants/{id}/remove", self.confirm),
            *both("POST", "access/grants/{id}/remove", self.remove),
            *both("GET", "access/visibility", self.ask_visibility),
            *both("POST", "access/visibility", self.set_visibility),
        ]

    async def show(self, visit: Visit) -> Answer:
        """The grants that can match something here, as far as the caller may see them."""
        caller = self._frame.signed_in(visit)
        where = seen_place(caller, visit)
        listing = Listing(where.at("access"), visit.query, ("id",), "id", ("subject",))
        permit = caller.at(where.path)
        governs = manages_path(permit, where.path, whole=where.whole)
        found = await self._shown.grants.page(
            caller.who,
            subject=listing.filters["subject"] or None,
            path=where.path,
            after=number(listing.after),
            limit=listing.fetch,
            origin=caller.origin,
        )
        shown = listing.shown(found, lambda kept: kept.id)
        waiting = []
        if permit.rights.grants:
            waiting = await self._shown.requests.page(
                caller.who, path=where.path, limit=_WAITING + 1, origin=caller.origin
            )
        return self._frame.page(
            visit,
            "access.html",
            **place_values(self._frame, visit, where, ""),
            listing=listing,
            grants=shown,
            home=lambda kept: _home(kept, where),
            removable=lambda kept: manages(permit.rights, kept_scope(kept), permit.here),
            conditions=conditions_said,
            counted=lambda kept: not TAG_ACTIONS.isdisjoint(kept.grant.actions),
            told=lambda kept: tells_use(caller.who, kept, permit.here),
            oversees=oversees_path(permit, where.path, whole=where.whole),
            governs=governs,
            waiting=waiting[:_WAITING],
            more_waiting=len(waiting) > _WAITING,
            visibility=await self._visibility(caller, where),
        )

    async def confirm(self, visit: Visit) -> Answer:
        """What removing a grant takes away."""
        caller = self._frame.signed_in(visit)
        where = seen_place(caller, visit)
        kept = await self._shown.grants.get(caller.who, number(visit.named["id"]), origin=caller.origin)
        require_scope(caller.who, kept_scope(kept), caller.at(where.path).here)
        return self._frame.page(
            visit,
            "access-grant-remove.html",
            **place_values(self._frame, visit, where, "", Crumb(f"Remove grant {kept.id}")),
            kept=kept,
            conditions=conditions_said,
        )

    async def remove(self, visit: Visit) -> Answer:
        """Take it back."""
        await self._frame.changes(visit)
        caller = self._frame.signed_in(visit)
        where = seen_place(caller, visit)
        id = number(visit.named["id"])
        await self._shown.grants.remove(caller.who, id, origin=caller.origin)
        return self._frame.done(visit, where.at("access"), f"Grant {id} removed")

    async def ask_visibility(self, visit: Visit) -> Answer:
        """Whether it is open to everyone, and the form that changes that."""
        caller = self._frame.signed_in(visit)
        where = governed(caller, seen_place(caller, visit))
        return self._frame.page(
            visit,
            "access-visibility.html",
            **place_values(self._frame, visit, where, "", Crumb("Visibility")),
            visibility=await self._shown.visibility.get(caller.who, where.path, origin=caller.origin),
        )

    async def set_visibility(self, visit: Visit) -> Answer:
        """Open it, close it, or let it be as what is above it."""
        fields = await self._frame.changes(visit)
        caller = self._frame.signed_in(visit)
        where = seen_place(caller, visit)
        wanted = fields.get("visibility", "")
        if wanted == "inherit":
            now = await self._shown.visibility.reset(caller.who, where.path, origin=caller.origin)
        elif wanted in ("public", "private"):
            public = wanted == "public"
            now = await self._shown.visibility.set(caller.who, where.path, public, origin=caller.origin)
        else:
            raise Invalid("visibility", "choose public, private or inherited")
        return self._frame.done(
            visit, where.at("access"), f"{where.path} is {'open to everyone' if now.public else 'private'}"
        )

    async def _visibility(self, caller: Caller, where: Where) -> Effective | None:
        """Whether it is open to everyone; None: that is not told to the caller."""
        try:
            return await self._shown.visibility.get(caller.who, where.path, origin=caller.origin)
        except Unknown:
            return None


def kept_scope(kept: KeptGrant) -> Scope:
    """Where a grant speaks."""
    return Scope(kept.grant.repository, kept.grant.tag)


def _home(kept: KeptGrant, where: Where) -> str:
    """Where a grant comes from: the path above that it lives at; '' it is of this place or below."""
    from_above = RepositoryGlob.parse(kept.grant.repository).home
    return "" if is_above(where.path, from_above) and from_above else from_above or "the root"
