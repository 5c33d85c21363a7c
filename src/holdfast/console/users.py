"""`/admin/users`: the people of the registry: who they are, from where, when they were seen; made, disabled, given
another password, freed of a lost second factor, deleted. For administrators; the last one stays
(access/accounts/users.py)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from holdfast.access.accounts.model import User
from holdfast.access.accounts.users import Users
from holdfast.access.errors import Conflict, Invalid
from holdfast.access.policy.model import Action
from holdfast.access.signin.second_factor import SecondFactors
from holdfast.console.admin_tabs import admin_tabs, require_administrator
from holdfast.web.formats import urlpath
from holdfast.web.frame import Crumb, Frame, redirect
from holdfast.web.listing import Column, Listing
from holdfast.web.site import Route
from holdfast.web.visit import Answer, Visit

_STATES = {"": "Any", "enabled": "Enabled", "disabled": "Disabled"}
_FACTORS = {"": "Any", "on": "On", "missing": "Missing", "required": "Required and missing"}
_COLUMNS = (Column("Name"), Column("Groups"), Column("Signs in by"), Column("Last sign-in"), Column("State"))
_MOST = 200
_PAGES = 20
_EMPTY = {"name": "", "display": "", "description": ""}


class UserPages:
    """The pages of users."""

    def __init__(self, frame: Frame, users: Users, factors: SecondFactors) -> None:
        self._frame = frame
        self._users = users
        self._factors = factors

    def routes(self) -> list[Route]:
        """Every route of these pages."""
        return [
            Route("GET", "/admin", self.begin),
            Route("GET", "/admin/users", self.list),
            Route("POST", "/admin/users", self.make),
            Route("GET", "/admin/users/-/new", self.fresh),
            Route("POST", "/admin/users/-/state", self.states),
            Route("GET", "/admin/users/{name}", self.show),
            Route("POST", "/admin/users/{name}/password", self.password),
            Route("POST", "/admin/users/{name}/second-factor", self.second_factor),
            Route("GET", "/admin/users/{name}/delete", self.confirm),
            Route("POST", "/admin/users/{name}/delete", self.delete),
        ]

    async def begin(self, visit: Visit) -> Answer:
        """On to the first page that one may see."""
        permit = self._frame.signed_in(visit).at("")
        if permit.system(Action.ADMINISTER):
            return redirect("/admin/users")
        if permit.system(Action.OPERATE):
            return redirect("/admin/health")
        raise permit.rights.refuse(Action.ADMINISTER, "**", None, permit.here)

    async def list(self, visit: Visit, said: str = "", status: int = 200) -> Answer:
        """Users by name."""
        caller = require_administrator(self._frame, visit)
        query = visit.query if visit.method in ("GET", "HEAD") else {}
        listing = Listing("/admin/users", query, ("name",), "name", ("q", "state", "factor"))
        if listing.filters["state"] not in _STATES:
            raise Invalid("state", "enabled or disabled")
        if listing.filters["factor"] not in _FACTORS:
            raise Invalid("factor", f"one of {', '.join(filter(None, _FACTORS))}")
        found: list[User] = []
        required: set[int] = set()
        at: str | None = listing.after
        for _ in range(_PAGES):
            rows = await self._users.page(caller.who, after=at or "", limit=500, origin=caller.origin)
            fitting = [user for user in rows if _fits(user, listing.filters)]
            required |= (asked := await self._users.factor_required(fitting))
            if listing.filters["factor"] == "required":
                fitting = [user for user in fitting if user.id in asked]
            found += fitting
            at = rows[-1].name if len(rows) == 500 else None
            if at is None or len(found) > listing.limit:
                break
        following = found[listing.limit - 1].name if len(found) > listing.limit else at
        found = found[: listing.limit]
        listing.onward(following)
        return self._frame.page(
            visit,
            "users.html",
            fragment="rows",
            status=status,
            crumbs=[Crumb("Administration", "/admin"), Crumb("Users")],
            tabs=admin_tabs("users", administers=True),
            listing=listing,
            columns=_COLUMNS,
            users=found,
            groups=await self._users.groups_of(caller.who, found, origin=caller.origin),
            states=_STATES,
            factors=_FACTORS,
            required=required,
            said=said,
            me=caller.who.subject.name,
        )

    async def states(self, visit: Visit) -> Answer:
        """Disable or enable those that were picked."""
        fields = await self._frame.changes(visit)
        caller = require_administrator(self._frame, visit)
        picked, enable = fields.many("pick"), fields.get("do") == "enable"
        if not 0 < len(picked) <= _MOST:
            raise Invalid("pick", f"pick 1 to {_MOST} users")
        done = 0
        for name in picked:
            caller = require_administrator(self._frame, visit)
            change = self._users.enable if enable else self._users.disable
            who = await self._frame.sessions.identity(visit.signed_in)  # each change moves the version of rights
            try:
                await change(who, name, origin=caller.origin)
            except Conflict as error:
                return await self.list(visit, f"{name}: {error}; {done} before it were changed", 409)
            done += 1
        word = "enabled" if enable else "disabled"
        return self._frame.done(visit, "/admin/users", f"{picked[0] if done == 1 else f'{done} users'} {word}")

    async def fresh(self, visit: Visit) -> Answer:
        """The form of a new user."""
        require_administrator(self._frame, visit)
        return self._new(visit, _EMPTY)

    async def make(self, visit: Visit) -> Answer:
        """Make a user."""
        fields = await self._frame.changes(visit)
        caller = require_administrator(self._frame, visit)
        tried = {name: fields.get(name, "").strip() for name in _EMPTY}
        try:
            user = await self._users.create(
                caller.who,
                tried["name"],
                password=fields.get("password") or None,
                description=tried["description"] or None,
                display=tried["display"] or None,
                origin=caller.origin,
            )
        except Invalid as error:
            return self._new(visit, tried, {error.field: str(error)}, 400)
        except Conflict as error:
            return self._new(visit, tried, {"name": str(error)}, 409)
        return self._frame.done(visit, _at(user.name), f"{user.name} is made; grant rights next")

    async def show(self, visit: Visit, errors: Mapping[str, str] | None = None, status: int = 200) -> Answer:
        """One user."""
        caller = require_administrator(self._frame, visit)
        user = await self._users.get(caller.who, visit.named["name"], origin=caller.origin)
        groups = await self._users.groups_of(caller.who, [user], origin=caller.origin)
        return self._frame.page(
            visit,
            "user.html",
            status=status,
            crumbs=[Crumb("Administration", "/admin"), Crumb("Users", "/admin/users"), Crumb(user.name)],
            user=user,
            required=user.id in await self._users.factor_required([user]),
            groups=groups.get(user.id, []),
            errors={"new": "", **(errors or {})},
            at=_at(user.name),
            own=user.name == caller.who.subject.name,
        )

    async def password(self, visit: Visit) -> Answer:
        """Give the user another password."""
        fields = await self._frame.changes(visit)
        caller = require_administrator(self._frame, visit)
        name = visit.named["name"]
        try:
            await self._users.set_password(caller.who, name, fields.get("new", ""), origin=caller.origin)
        except (Invalid, Conflict) as error:
            return await self.show(visit, {"new": str(error)}, 400)
        own = name == caller.who.subject.name
        return self._frame.done(visit, "/sign-in" if own else _at(name), f"{name} has a new password")

    async def second_factor(self, visit: Visit) -> Answer:
        """Take the second factor from who lost it."""
        await self._frame.changes(visit)
        caller = require_administrator(self._frame, visit)
        name = visit.named["name"]
        await self._factors.reset(caller.who, name, origin=caller.origin)
        return self._frame.done(visit, _at(name), f"{name} signs in by password alone, until another one is set up")

    async def confirm(self, visit: Visit, said: str = "", status: int = 200) -> Answer:
        """Ask before a user is deleted."""
        caller = require_administrator(self._frame, visit)
        user = await self._users.get(caller.who, visit.named["name"], origin=caller.origin)
        crumbs = [
            Crumb("Administration", "/admin"),
            Crumb("Users", "/admin/users"),
            Crumb(user.name, _at(user.name)),
            Crumb("Delete"),
        ]
        return self._frame.page(
            visit, "user-delete.html", status=status, crumbs=crumbs, user=user, at=_at(user.name), said=said
        )

    async def delete(self, visit: Visit) -> Answer:
        """Delete a user."""
        fields = await self._frame.changes(visit)
        caller = require_administrator(self._frame, visit)
        name = visit.named["name"]
        if fields.get("name", "").strip() != name:
            return await self.confirm(visit, visit.told(Invalid("name", f"type {name} to delete it")), 400)
        try:
            await self._users.delete(caller.who, name, origin=caller.origin)
        except Conflict as error:
            return await self.confirm(visit, str(error), 409)
        return self._frame.done(visit, "/admin/users", f"{name} is deleted")

    def _new(
        self, visit: Visit, tried: Mapping[str, str], errors: Mapping[str, str] | None = None, status: int = 200
    ) -> Answer:
        known: dict[str, Any] = {**dict.fromkeys((*_EMPTY, "password"), ""), **(errors or {})}
        return self._frame.page(
            visit,
            "user-new.html",
            status=status,
            crumbs=[Crumb("Administration", "/admin"), Crumb("Users", "/admin/users"), Crumb("New user")],
            tried=tried,
            errors=known,
        )


def _fits(user: User, filters: Mapping[str, str]) -> bool:
    text, state = filters["q"].lower(), filters["state"]
    if state and (user.disabled_at is None) != (state == "enabled"):
        return False
    if (factor := filters["factor"]) and (bool(user.second_factor) != (factor == "on") or not user.has_password):
        return False
    return not text or any(text in (part or "").lower() for part in (user.name, user.display, user.description))


def _at(name: str) -> str:
    return f"/admin/users/{urlpath(name)}"
