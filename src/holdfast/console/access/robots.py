"""`/-/access/robots`: the machines of a namespace, and their keys. A secret is shown once, as the answer to the form
that made it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from holdfast.access.accounts.model import Robot
from holdfast.access.accounts.robots import Robots
from holdfast.access.errors import Conflict, Invalid
from holdfast.access.grants.sight import manages_path
from holdfast.access.keys.keychain import KEYS_LIMIT, Keychain
from holdfast.access.keys.model import Asked, NewKey
from holdfast.console.access.places import governed, namespace_of, place_values, seen_place
from holdfast.console.access.sayings import LIVES, bounds_said, ends
from holdfast.console.where import Where, both
from holdfast.web.caller import Caller
from holdfast.web.frame import Crumb, Frame
from holdfast.web.listing import Listing
from holdfast.web.site import Route
from holdfast.web.visit import Answer, Visit

_MAY = {"all": "Everything that the robot may", "writer": "Pull and push", "reader": "Pull only"}
_SECRET = (("cache-control", "no-store, no-transform"),)


class Site(NamedTuple):
    """Who asks, and for which robot of which place."""

    caller: Caller
    where: Where
    robot: Robot

    @property
    def owner(self) -> str:
        """The robot, as the keys name it."""
        return f"robot:{self.robot.name}"

    def at(self, suffix: str = "") -> str:
        """The address of a page of the robot."""
        short = self.robot.name.rpartition("+")[2]
        return self.where.at(f"access/robots/{short}" + (f"/{suffix}" if suffix else ""))


class RobotPages:
    """The pages of robots and their keys."""

    def __init__(self, frame: Frame, robots: Robots, keys: Keychain) -> None:
        self._frame = frame
        self._robots = robots
        self._keys = keys

    def routes(self) -> list[Route]:
        """Every route of these pages."""
        return [
            *both("GET", "access/robots", self.list),
            *both("GET", "access/robots/-/new", self.fresh),
            *both("POST", "access/robots/-/new", self.make),
            *both("GET", "access/robots/{robot}", self.show),
            *both("POST", "access/robots/{robot}/disable", self.disable),
            *both("POST", "access/robots/{robot}/enable", self.enable),
            *both("GET", "access/robots/{robot}/delete", self.confirm),
            *both("POST", "access/robots/{robot}/delete", self.delete),
            *both("POST", "access/robots/{robot}/keys", self.make_key),
        ]

    async def list(self, visit: Visit) -> Answer:
        """The robots of a namespace; of a repository those of the namespace that it is in."""
        caller = self._frame.signed_in(visit)
        where = seen_place(caller, visit)
        namespace = namespace_of(where)
        listing = Listing(where.at("access/robots"), visit.query, ("name",), "name", ())
        found = await self._robots.page(
            caller.who, namespace=namespace, after=listing.after, limit=listing.fetch, origin=caller.origin
        )
        return self._frame.page(
            visit,
            "access-robots.html",
            **place_values(self._frame, visit, where, "robots", Crumb("Robots")),
            listing=listing,
            robots=listing.shown(found, lambda robot: robot.name),
            namespace=namespace,
            governs=manages_path(caller.at(namespace), namespace, whole=True),
        )

    async def fresh(self, visit: Visit) -> Answer:
        """The form of a robot."""
        caller = self._frame.signed_in(visit)
        where = seen_place(caller, visit)
        governed(caller, Where("n", namespace_of(where)))
        return self._form(visit, where, {})

    async def make(self, visit: Visit) -> Answer:
        """Make it."""
        fields = await self._frame.changes(visit)
        caller = self._frame.signed_in(visit)
        where = seen_place(caller, visit)
        try:
            made = await self._robots.create(
                caller.who,
                namespace_of(where),
                fields.get("name", "").strip(),
                description=fields.get("description", "").strip() or None,
                expires_at=ends(fields, self._frame.now()) or None,
                origin=caller.origin,
            )
        except (Invalid, Conflict) as error:
            return self._form(visit, where, fields, said=visit.told(error))
        return self._frame.done(visit, Site(caller, where, made).at(), f"Robot {made.name} made: make it a key")

    async def show(self, visit: Visit) -> Answer:
        """One robot, and its keys."""
        return await self._show(visit, await site_of(self._frame, self._robots, visit))

    async def disable(self, visit: Visit) -> Answer:
        """Refuse it from the next request on."""
        await self._frame.changes(visit)
        at = await site_of(self._frame, self._robots, visit)
        await self._robots.disable(at.caller.who, at.robot.name, origin=at.caller.origin)
        return self._frame.done(visit, at.at(), f"{at.robot.name} is disabled")

    async def enable(self, visit: Visit) -> Answer:
        """Let it in again."""
        await self._frame.changes(visit)
        at = await site_of(self._frame, self._robots, visit)
        await self._robots.enable(at.caller.who, at.robot.name, origin=at.caller.origin)
        return self._frame.done(visit, at.at(), f"{at.robot.name} is enabled")

    async def confirm(self, visit: Visit) -> Answer:
        """What deleting a robot takes away."""
        return self._confirm(visit, await site_of(self._frame, self._robots, visit))

    async def delete(self, visit: Visit) -> Answer:
        """Delete it; its name is typed, for it never comes back."""
        fields = await self._frame.changes(visit)
        at = await site_of(self._frame, self._robots, visit)
        if fields.get("name", "").strip() != at.robot.name:
            unsure = Invalid("name", f"type the name of the robot: {at.robot.name}")
            return self._confirm(visit, at, said=visit.told(unsure))
        await self._robots.delete(at.caller.who, at.robot.name, origin=at.caller.origin)
        return self._frame.done(visit, at.where.at("access/robots"), f"Robot {at.robot.name} deleted")

    async def make_key(self, visit: Visit) -> Answer:
        """A new key, shown this once."""
        fields = await self._frame.changes(visit)
        at = await site_of(self._frame, self._robots, visit)
        may = fields.get("may", "all")
        try:
            if may not in _MAY:
                raise Invalid("may", "choose what the key may")
            made = await self._keys.create(
                at.caller.who,
                fields.get("name", "").strip(),
                owner=at.owner,
                bounds=None if may == "all" else [Asked("**", role=may)],
                expires_at=ends(fields, self._frame.now()) or None,
                origin=at.caller.origin,
            )
        except (Invalid, Conflict) as error:
            return await self._show(visit, at, fields, said=visit.told(error))
        return made_key(self._frame, visit, at, made)

    async def _show(self, visit: Visit, at: Site, fields: Mapping[str, str] | None = None, *, said: str = "") -> Answer:
        given = fields or {}
        keys = await self._keys.page(at.caller.who, owner=at.owner, limit=KEYS_LIMIT, origin=at.caller.origin)
        return self._frame.page(
            visit,
            "access-robot.html",
            status=400 if said else 200,
            **robot_values(self._frame, visit, at),
            keys=keys,
            bounds=bounds_said,
            said=said,
            may=_MAY,
            lives=LIVES,
            tried={name: given.get(name, "")[:512] for name in ("name", "may", "days")},
        )

    def _confirm(self, visit: Visit, at: Site, *, said: str = "") -> Answer:
        return self._frame.page(
            visit,
            "access-robot-delete.html",
            status=400 if said else 200,
            **robot_values(self._frame, visit, at, Crumb("Delete")),
            said=said,
        )

    def _form(self, visit: Visit, where: Where, fields: Mapping[str, str], *, said: str = "") -> Answer:
        return self._frame.page(
            visit,
            "access-robot-new.html",
            status=400 if said else 200,
            **place_values(self._frame, visit, where, "robots", Crumb("New robot")),
            namespace=namespace_of(where),
            tried={name: fields.get(name, "")[:512] for name in ("name", "description", "days")},
            lives=LIVES,
            said=said,
        )


async def site_of(frame: Frame, robots: Robots, visit: Visit) -> Site:
    """The robot that the address names. Raises `Unknown`."""
    caller = frame.signed_in(visit)
    where = seen_place(caller, visit)
    name = f"{namespace_of(where)}+{visit.named['robot']}"
    return Site(caller, where, await robots.get(caller.who, name, origin=caller.origin))


def robot_values(frame: Frame, visit: Visit, at: Site, *more: Crumb) -> dict[str, Any]:
    """What every page of a robot has."""
    crumbs = [Crumb("Robots", at.where.at("access/robots")), Crumb(at.robot.name, at.at()), *more]
    return {**place_values(frame, visit, at.where, "robots", *crumbs), "robot": at.robot, "at": at.at}


def made_key(frame: Frame, visit: Visit, at: Site, made: NewKey) -> Answer:
    """A key with its secret, shown this once."""
    values = robot_values(frame, visit, at, Crumb(made.key.name))
    return frame.page(visit, "access-key-made.html", headers=_SECRET, **values, made=made)
