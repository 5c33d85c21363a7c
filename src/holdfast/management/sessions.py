"""`/sessions`: the refresh tokens of an account, as docker and `holdfast login` keep them. They show no secret."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query

from holdfast.access.errors import Unknown
from holdfast.access.model import CredentialKind
from holdfast.access.tokens.sessions import Sessions
from holdfast.api.caller import Asking
from holdfast.api.page import Page, Paged
from holdfast.api.routing import Route, Routes, routes
from holdfast.api.shape import Id, Moment, Output

_Account = Annotated[
    str | None, Query(max_length=400, description="The account's name; without it the caller. Others: administrators.")
]


class SessionView(Output):
    """A live refresh token. `client`: what it calls itself; `by_key`: it was given for a key, and ends with it;
    `current`: the caller came by it."""

    id: int
    account: str
    client: str
    service: str
    by_key: bool
    made_at: Moment
    expires_at: Moment
    used_at: Moment | None
    used_from: str | None
    used_agent: str | None
    current: bool


class Ended(Output):
    """How many sessions were ended."""

    ended: int


class SessionHandlers:
    """The operations on sessions."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    async def list_sessions(self, caller: Asking, paging: Paged, account: _Account = None) -> Page[SessionView]:
        """List an account's sessions, the oldest first."""
        found = await self._sessions.list(caller.who, account, after=paging.after_number(), limit=paging.fetch)
        current = _current(caller)
        return paging.page(
            found,
            lambda row: SessionView(
                id=row.id,
                account=row.account,
                client=row.client,
                service=row.service,
                by_key=row.secret_id is not None,
                made_at=row.made_at,
                expires_at=row.expires_at,
                used_at=row.used_at,
                used_from=row.used_from,
                used_agent=row.used_agent,
                current=row.id == current,
            ),
            lambda row: row.id,
        )

    async def end_session(self, caller: Asking, id: Id) -> None:
        """End a session: it is refused from the next request on."""
        await self._sessions.revoke(caller.who, id, origin=caller.origin)

    async def end_current_session(self, caller: Asking) -> None:
        """End the session that the caller came by: log out."""
        current = _current(caller)
        if not current:
            raise Unknown("you did not come by a session")
        await self._sessions.revoke(caller.who, current, origin=caller.origin)

    async def end_sessions(self, caller: Asking, account: _Account = None) -> Ended:
        """End all sessions of an account."""
        return Ended(ended=await self._sessions.revoke_all(caller.who, account, origin=caller.origin))


def _current(caller: Asking) -> int:
    credential = caller.who.credential
    return credential.id if credential.kind is CredentialKind.REFRESH else 0


def session_routes(sessions: Sessions) -> Routes:
    """The routes of `/sessions`."""
    on = SessionHandlers(sessions)
    return routes(
        "/sessions",
        "sessions",
        Route("GET", "", on.list_sessions),
        Route("DELETE", "", on.end_sessions),
        Route("DELETE", "/current", on.end_current_session, 204),
        Route("DELETE", "/{id}", on.end_session, 204),
    )
