"""`/me/keys`: one's own keys. A secret is shown once, as the answer to the form that made it."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import quote

from holdfast.access.errors import Conflict, Invalid
from holdfast.access.keys.keychain import Keychain
from holdfast.access.keys.model import Asked, NewKey
from holdfast.console.me.parts import NOT_KEPT, tabs
from holdfast.db.port import Database
from holdfast.web.caller import Caller
from holdfast.web.frame import Crumb, Frame
from holdfast.web.site import Route
from holdfast.web.visit import Answer, Visit

_LIVES = {"30": "30 days", "90": "90 days", "365": "a year", "0": "until it is revoked"}
_MAY = {"all": "everything that I may", "writer": "pull and push", "reader": "pull only"}
_OVERLAPS = {"": "as this registry does", "0": "no longer: it ends now", "1": "a day", "7": "7 days", "30": "30 days"}
_DAY = timedelta(days=1) // timedelta(microseconds=1)
_KEYS = 100


class KeyPages:
    """The keys of who is signed in."""

    def __init__(self, frame: Frame, db: Database, keys: Keychain) -> None:
        self._frame = frame
        self._db = db
        self._keys = keys

    def routes(self) -> list[Route]:
        """Every route of these pages."""
        return [
            Route("GET", "/me/keys", self.show),
            Route("POST", "/me/keys", self.make),
            Route("GET", "/me/keys/{name}/rotate", self.before_rotating),
            Route("POST", "/me/keys/{name}/rotate", self.rotate),
            Route("POST", "/me/keys/{name}/finish", self.finish),
            Route("GET", "/me/keys/{name}/revoke", self.before_revoking),
            Route("POST", "/me/keys/{name}/revoke", self.revoke),
        ]

    async def show(self, visit: Visit) -> Answer:
        """The keys, and the form for another one."""
        return await self._show(visit, self._frame.signed_in(visit))

    async def make(self, visit: Visit) -> Answer:
        """A new key, shown this once."""
        fields = await self._frame.changes(visit)
        caller = self._frame.signed_in(visit)
        days, may, where = (fields.get(name, "").strip() for name in ("days", "may", "where"))
        try:
            if days not in _LIVES or may not in _MAY:
                raise Invalid("form", "choose how long the key lives and what it may")
            made = await self._keys.create(
                caller.who,
                fields.get("name", "").strip(),
                bounds=None if may == "all" and not where else [_asked(may, where)],
                expires_at=self._db.now() + int(days) * _DAY if int(days) else None,
                origin=visit.origin,
            )
        except (Invalid, Conflict) as error:
            said = visit.told(error, {"bounds": "where"})
            return await self._show(visit, caller, status=400, said=said, tried=fields)
        return self._made(visit, made, rotated=False)

    async def before_rotating(self, visit: Visit) -> Answer:
        """What a rotation does, and its form."""
        caller = self._frame.signed_in(visit)
        key = await self._keys.get(caller.who, visit.named["name"], origin=visit.origin)
        return self._frame.page(
            visit, "me-key-rotate.html", crumbs=_crumbs(f"Rotate {key.name}"), key=key, overlaps=_OVERLAPS
        )

    async def rotate(self, visit: Visit) -> Answer:
        """A second secret of a key, shown this once; the one until now lives on for a while."""
        fields = await self._frame.changes(visit)
        caller = self._frame.signed_in(visit)
        overlap = fields.get("overlap", "")
        if overlap not in _OVERLAPS:
            raise Invalid("overlap", "choose how long the old secret lives on")
        made = await self._keys.rotate(
            caller.who,
            visit.named["name"],
            overlap=int(overlap) * _DAY if overlap else None,
            origin=visit.origin,
        )
        return self._made(visit, made, rotated=True)

    async def finish(self, visit: Visit) -> Answer:
        """End the old secret of a key that was rotated."""
        await self._frame.changes(visit)
        caller = self._frame.signed_in(visit)
        key = await self._keys.finish(caller.who, visit.named["name"], origin=visit.origin)
        return self._frame.done(visit, "/me/keys", f"The old secret of {key.name} has ended")

    async def before_revoking(self, visit: Visit) -> Answer:
        """What ends with a key, and the form that ends it."""
        caller = self._frame.signed_in(visit)
        key = await self._keys.get(caller.who, visit.named["name"], origin=visit.origin)
        return self._frame.page(visit, "me-key-revoke.html", crumbs=_crumbs(f"Revoke {key.name}"), key=key)

    async def revoke(self, visit: Visit) -> Answer:
        """End a key at once."""
        await self._frame.changes(visit)
        caller = self._frame.signed_in(visit)
        name = visit.named["name"]
        await self._keys.revoke(caller.who, name, origin=visit.origin)
        return self._frame.done(visit, "/me/keys", f"The key {name} is revoked")

    def _made(self, visit: Visit, made: NewKey, *, rotated: bool) -> Answer:
        return self._frame.page(
            visit,
            "me-key-made.html",
            headers=NOT_KEPT,
            crumbs=_crumbs(made.key.name),
            made=made,
            rotated=rotated,
            old=made.key.secrets[1] if len(made.key.secrets) > 1 else None,
        )

    async def _show(
        self, visit: Visit, caller: Caller, *, status: int = 200, said: str = "", tried: dict[str, str] | None = None
    ) -> Answer:
        tried = tried or {}
        first = {"name": "", "days": "90", "may": "all", "where": ""}
        return self._frame.page(
            visit,
            "me-keys.html",
            status=status,
            tabs=tabs("keys"),
            keys=await self._keys.page(caller.who, limit=_KEYS, origin=visit.origin),
            lives=_LIVES,
            may=_MAY,
            tried={name: tried.get(name, value) for name, value in first.items()},
            said=said,
            quoted=quote,
        )


def _asked(may: str, where: str) -> Asked:
    """What a key is bound to: a role in repositories of a glob, or all actions there."""
    return Asked(where or "**", role="owner" if may == "all" else may)


def _crumbs(text: str) -> list[Crumb]:
    return [Crumb("Your account", "/me"), Crumb("Keys", "/me/keys"), Crumb(text)]
