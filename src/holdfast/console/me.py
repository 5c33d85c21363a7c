"""`/me`: one's own keys and sessions. A key is shown once, as the answer to the form that made it."""

from __future__ import annotations

from datetime import timedelta

from holdfast.access.errors import Conflict, Invalid
from holdfast.access.keys.keychain import Keychain
from holdfast.access.keys.model import Asked, NewKey
from holdfast.access.model import Identity
from holdfast.access.signin.model import Session
from holdfast.db.port import Database
from holdfast.web.site import Frame, Route, redirect
from holdfast.web.visit import Answer, Visit

_LIVES = {"30": "30 days", "90": "90 days", "365": "a year", "0": "until it is revoked"}
_MAY = {"all": "everything that I may", "writer": "pull and push", "reader": "pull only"}
_DAY = timedelta(days=1) // timedelta(microseconds=1)
_KEYS = 100


class MePages:
    """The pages of who is signed in."""

    def __init__(self, frame: Frame, db: Database, keys: Keychain) -> None:
        self._frame = frame
        self._db = db
        self._keys = keys

    def routes(self) -> list[Route]:
        """Every route of these pages."""
        return [
            Route("GET", "/me", self.show),
            Route("POST", "/me/keys", self.make_key),
            Route("POST", "/me/keys/{name}/revoke", self.revoke_key),
            Route("POST", "/me/sessions/{key}/end", self.end_session),
        ]

    async def show(self, visit: Visit) -> Answer:
        """Keys and sessions."""
        if visit.session is None:
            return redirect("/sign-in?next=/me")
        return await self._show(visit, visit.session, await self._frame.sessions.identity(visit.session))

    async def make_key(self, visit: Visit) -> Answer:
        """A new key, shown this once."""
        fields = await self._frame.changes(visit)
        session = visit.signed_in
        caller = await self._frame.sessions.identity(session)
        days, may = fields.get("days", ""), fields.get("may", "")
        try:
            if days not in _LIVES or may not in _MAY:
                raise Invalid("form", "choose how long the key lives and what it may")
            made = await self._keys.create(
                caller,
                fields.get("name", "").strip(),
                bounds=None if may == "all" else [Asked("**", role=may)],
                expires_at=self._db.now() + int(days) * _DAY if int(days) else None,
                origin=visit.origin,
            )
        except (Invalid, Conflict) as error:
            return await self._show(visit, session, caller, status=400, said=str(error), tried=fields)
        caller = await self._frame.sessions.identity(session)
        return await self._show(visit, session, caller, made=made)

    async def revoke_key(self, visit: Visit) -> Answer:
        """End a key at once."""
        await self._frame.changes(visit)
        caller = await self._frame.sessions.identity(visit.signed_in)
        await self._keys.revoke(caller, visit.named["name"], origin=visit.origin)
        return redirect("/me")

    async def end_session(self, visit: Visit) -> Answer:
        """Sign out another browser, or this one."""
        await self._frame.changes(visit)
        caller = await self._frame.sessions.identity(visit.signed_in)
        await self._frame.sessions.end(caller, visit.named["key"], origin=visit.origin)
        return redirect("/me")

    async def _show(
        self,
        visit: Visit,
        session: Session,
        caller: Identity,
        *,
        status: int = 200,
        said: str = "",
        tried: dict[str, str] | None = None,
        made: NewKey | None = None,
    ) -> Answer:
        tried = tried or {}
        return self._frame.page(
            visit,
            "me.html",
            status=status,
            keys=await self._keys.page(caller, limit=_KEYS, origin=visit.origin),
            sessions=await self._frame.sessions.of(caller),
            lives=_LIVES,
            may=_MAY,
            tried={"name": tried.get("name", ""), "days": tried.get("days", "90"), "may": tried.get("may", "all")},
            said=said,
            made=made,
        )
