"""`/-/access/robots/ROBOT/keys/KEY`: a key of a robot is rotated, slowed, suspended, and revoked."""

from __future__ import annotations

from holdfast.access.accounts.robots import Robots
from holdfast.access.errors import Invalid
from holdfast.access.keys.keychain import Keychain
from holdfast.access.keys.model import Key
from holdfast.console.access.robots import Site, made_key, robot_values, site_of
from holdfast.console.access.sayings import SECOND
from holdfast.console.where import both
from holdfast.web.frame import Crumb, Frame
from holdfast.web.site import Route
from holdfast.web.visit import Answer, Visit

SPANS = {"3600": "An hour", "21600": "6 hours", "86400": "A day", "604800": "A week"}
_KEY = "access/robots/{robot}/keys/{key}"


class RobotKeyPages:
    """The pages of one key of a robot."""

    def __init__(self, frame: Frame, robots: Robots, keys: Keychain) -> None:
        self._frame = frame
        self._robots = robots
        self._keys = keys

    def routes(self) -> list[Route]:
        """Every route of these pages."""
        return [
            *both("GET", _KEY, self.show),
            *both("POST", f"{_KEY}/rotate", self.rotate),
            *both("POST", f"{_KEY}/finish", self.finish),
            *both("POST", f"{_KEY}/slow", self.slow),
            *both("POST", f"{_KEY}/suspend", self.suspend),
            *both("POST", f"{_KEY}/resume", self.resume),
            *both("POST", f"{_KEY}/revoke", self.revoke),
        ]

    async def show(self, visit: Visit) -> Answer:
        """One key, and what can be done with it."""
        at = await self._site(visit)
        key = await self._keys.get(at.caller.who, visit.named["key"], owner=at.owner, origin=at.caller.origin)
        slowed = key.slowed_until if (key.slowed_until or 0) > self._frame.now() else None
        return self._frame.page(
            visit,
            "access-key.html",
            **robot_values(self._frame, visit, at, Crumb(key.name)),
            key=key,
            slowed=slowed,
            spans=SPANS,
        )

    async def rotate(self, visit: Visit) -> Answer:
        """A second secret, shown this once; the one until now lives on for a while."""
        await self._frame.changes(visit)
        at = await self._site(visit)
        made = await self._keys.rotate(at.caller.who, visit.named["key"], owner=at.owner, origin=at.caller.origin)
        return made_key(self._frame, visit, at, made)

    async def finish(self, visit: Visit) -> Answer:
        """End the older secret now."""
        await self._frame.changes(visit)
        at = await self._site(visit)
        key = await self._keys.finish(at.caller.who, visit.named["key"], owner=at.owner, origin=at.caller.origin)
        return self._frame.done(visit, at.at(), f"The older secret of {key.name} has ended")

    async def slow(self, visit: Visit) -> Answer:
        """Let it make few requests for a while."""
        fields = await self._frame.changes(visit)
        span = fields.get("span", "")
        if span not in SPANS:
            raise Invalid("span", "choose for how long")
        at = await self._site(visit)
        key = await self._keys.slow(
            at.caller.who,
            visit.named["key"],
            fields.get("reason", "").strip(),
            span=int(span) * SECOND,
            owner=at.owner,
            origin=at.caller.origin,
        )
        return self._done(visit, at, key, "is slowed from the next request on")

    async def suspend(self, visit: Visit) -> Answer:
        """Refuse it until somebody lifts that."""
        fields = await self._frame.changes(visit)
        at = await self._site(visit)
        name, why = visit.named["key"], fields.get("reason", "").strip()
        key = await self._keys.suspend(at.caller.who, name, why, owner=at.owner, origin=at.caller.origin)
        return self._done(visit, at, key, "is refused from the next request on")

    async def resume(self, visit: Visit) -> Answer:
        """Let it be used as before."""
        await self._frame.changes(visit)
        at = await self._site(visit)
        key = await self._keys.resume(at.caller.who, visit.named["key"], owner=at.owner, origin=at.caller.origin)
        return self._done(visit, at, key, "may be used as before")

    async def revoke(self, visit: Visit) -> Answer:
        """End the key."""
        await self._frame.changes(visit)
        at = await self._site(visit)
        name = visit.named["key"]
        await self._keys.revoke(at.caller.who, name, owner=at.owner, origin=at.caller.origin)
        return self._frame.done(visit, at.at(), f"Key {name} revoked")

    async def _site(self, visit: Visit) -> Site:
        return await site_of(self._frame, self._robots, visit)

    def _done(self, visit: Visit, at: Site, key: Key, said: str) -> Answer:
        return self._frame.done(visit, at.at(), f"The key {key.name} {said}")
