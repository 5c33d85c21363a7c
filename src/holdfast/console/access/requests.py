"""Requests for access: asking, the list of one's own and of those to decide, and approving by one click."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from holdfast.access.errors import Conflict, Denied, Invalid, Unknown
from holdfast.access.grants.roles import Roles
from holdfast.access.grants.sight import manages_path
from holdfast.access.policy.explain import least_role
from holdfast.access.requests.model import AccessRequest
from holdfast.access.requests.service import NEWEST, Requests
from holdfast.console.access.places import number, place_values, seen_place
from holdfast.console.access.refused import explain_href
from holdfast.console.access.sayings import LIVES, REPOSITORY_ACTIONS, ends, roles_with
from holdfast.console.where import both
from holdfast.web.caller import Caller
from holdfast.web.frame import Crumb, Frame
from holdfast.web.listing import Listing
from holdfast.web.site import Route
from holdfast.web.visit import Answer, Visit

LIST = "/access-requests"
_ROLES = 200
_ASKED = ("action", "repository", "tag", "note")


class RequestPages:
    """The pages of requests for access."""

    def __init__(self, frame: Frame, requests: Requests, roles: Roles) -> None:
        self._frame = frame
        self._requests = requests
        self._roles = roles

    def routes(self) -> list[Route]:
        """Every route of these pages."""
        return [
            Route("GET", LIST, self.all),
            Route("GET", f"{LIST}/new", self.fresh),
            Route("POST", f"{LIST}/new", self.ask),
            Route("GET", f"{LIST}/{{id}}", self.show),
            Route("POST", f"{LIST}/{{id}}/approve", self.approve),
            Route("POST", f"{LIST}/{{id}}/decline", self.decline),
            Route("POST", f"{LIST}/{{id}}/withdraw", self.withdraw),
            *both("GET", "access/requests", self.here),
        ]

    async def all(self, visit: Visit) -> Answer:
        """One's own requests, and with `?view=decide` those that one may decide."""
        caller = self._frame.signed_in(visit)
        deciding = visit.query.get("view", "") == "decide"
        listing = Listing(LIST, visit.query, ("id",), "-id", ("view", "closed"))
        found = await self._page(caller, listing, own=not deciding)
        return self._frame.page(
            visit,
            "access-requests.html",
            crumbs=[Crumb("Requests for access")],
            listing=listing,
            requests=found,
            deciding=deciding,
            closed=bool(listing.filters["closed"]),
        )

    async def here(self, visit: Visit) -> Answer:
        """The requests about a repository, or about what lies in a namespace, that one may decide."""
        caller = self._frame.signed_in(visit)
        where = seen_place(caller, visit)
        listing = Listing(where.at("access/requests"), visit.query, ("id",), "-id", ("closed",))
        found = await self._page(caller, listing, path=where.path)
        return self._frame.page(
            visit,
            "access-requests-here.html",
            **place_values(self._frame, visit, where, "requests", Crumb("Requests")),
            listing=listing,
            requests=found,
            closed=bool(listing.filters["closed"]),
            governs=manages_path(caller.at(where.path), where.path, whole=where.whole),
        )

    async def fresh(self, visit: Visit) -> Answer:
        """The form that asks, filled in by the query."""
        self._frame.signed_in(visit)
        return self._form(visit, visit.query)

    async def ask(self, visit: Visit) -> Answer:
        """Ask."""
        fields = await self._frame.changes(visit)
        caller = self._frame.signed_in(visit)
        try:
            made = await self._requests.create(
                caller.who,
                fields.get("action", ""),
                fields.get("repository", "").strip(),
                fields.get("tag", "").strip() or None,
                fields.get("note", ""),
                origin=caller.origin,
            )
        except (Invalid, Conflict) as error:
            return self._form(visit, fields, said=visit.told(error))
        return self._frame.done(visit, LIST, f"Request {made.id} made: who manages access there decides")

    async def show(self, visit: Visit) -> Answer:
        """One request, with what may be done about it."""
        caller = self._frame.signed_in(visit)
        found = await self._requests.get(caller.who, _id(visit), origin=caller.origin)
        return await self._show(visit, caller, found, {})

    async def approve(self, visit: Visit) -> Answer:
        """Approve: without fields by the least grant."""
        fields = await self._frame.changes(visit)
        caller = self._frame.signed_in(visit)
        id = _id(visit)
        try:
            done = await self._requests.approve(
                caller.who,
                id,
                role=fields.get("role") or None,
                scope=fields.get("scope", "").strip() or None,
                expires_at=ends(fields, self._frame.now()),
                origin=caller.origin,
            )
        except (Invalid, Conflict, Denied) as error:
            found = await self._requests.get(caller.who, id, origin=caller.origin)
            status = 403 if isinstance(error, Denied) else 400
            return await self._show(visit, caller, found, fields, said=visit.told(error), status=status)
        text = f"Approved: {done.asker} is {done.given}"
        return self._frame.done(visit, _back(fields), f"{text}. {done.notice}" if done.notice else text)

    async def decline(self, visit: Visit) -> Answer:
        """Decline, with a reason."""
        fields = await self._frame.changes(visit)
        caller = self._frame.signed_in(visit)
        id = _id(visit)
        try:
            await self._requests.decline(caller.who, id, fields.get("reason", ""), origin=caller.origin)
        except Invalid as error:
            found = await self._requests.get(caller.who, id, origin=caller.origin)
            return await self._show(visit, caller, found, fields, said=visit.told(error), status=400)
        return self._frame.done(visit, f"{LIST}?view=decide", f"Request {id} declined")

    async def withdraw(self, visit: Visit) -> Answer:
        """Take one's own back."""
        await self._frame.changes(visit)
        caller = self._frame.signed_in(visit)
        id = _id(visit)
        await self._requests.withdraw(caller.who, id, origin=caller.origin)
        return self._frame.done(visit, LIST, f"Request {id} withdrawn")

    async def _page(
        self, caller: Caller, listing: Listing, *, own: bool = False, path: str | None = None
    ) -> Sequence[AccessRequest]:
        found = await self._requests.page(
            caller.who,
            own=own,
            path=path,
            closed=bool(listing.filters["closed"]),
            before=number(listing.after) or NEWEST,
            limit=listing.fetch,
            origin=caller.origin,
        )
        return listing.shown(found, lambda request: request.id)

    def _form(self, visit: Visit, given: Mapping[str, str], *, said: str = "") -> Answer:
        tried = {name: given.get(name, "")[:512] for name in _ASKED}
        return self._frame.page(
            visit,
            "access-request-new.html",
            status=400 if said else 200,
            crumbs=[Crumb("Requests for access", LIST), Crumb("Ask")],
            tried=tried,
            actions=REPOSITORY_ACTIONS,
            explain=explain_href(tried),
            said=said,
        )

    async def _show(
        self,
        visit: Visit,
        caller: Caller,
        found: AccessRequest,
        fields: Mapping[str, str],
        *,
        said: str = "",
        status: int = 200,
    ) -> Answer:
        decides = manages_path(caller.at(found.repository), found.repository, whole=False)
        roles = await self._roles.page(caller.who, limit=_ROLES, origin=caller.origin) if decides else []
        return self._frame.page(
            visit,
            "access-request.html",
            status=status,
            crumbs=[Crumb("Requests for access", f"{LIST}?view=decide" if decides else LIST), Crumb(f"{found.id}")],
            request=found,
            said=said,
            own=found.asker == caller.who.subject.actor,
            decides=decides,
            roles=roles_with(found.action, {role.name: role.actions for role in roles}) if roles else {},
            least=least_role(found.action),
            lives=LIVES,
            tried={name: fields.get(name, "")[:512] for name in ("role", "scope", "days", "reason")},
        )


def _id(visit: Visit) -> int:
    found = number(visit.named["id"])
    if not found:
        raise Unknown("there is no such request in your sight")
    return found


def _back(fields: Mapping[str, str]) -> str:
    """Where one came from: a page of ours, by its path."""
    back = fields.get("back", "")
    ours = back.startswith(("/r/", "/n/")) and back.isascii() and back.isprintable() and "\\" not in back
    return back if ours and len(back) < 512 else f"{LIST}?view=decide"
