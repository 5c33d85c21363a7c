"""Browser sessions: a random cookie each, of which the database holds a keyed hash.

Promises: a session ends when it was idle too long, at its absolute end, at sign-out, when it is revoked, and with its
account, on every node at the next request, for every request reads its row; a cookie is new at each sign-in. What a
session is good for is the pages alone: `/v2` and the token endpoint read no cookie.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from contextlib import suppress

from msgspec.structs import replace

from holdfast.access.errors import Unknown
from holdfast.access.model import Credential, CredentialKind, Identity, Recognised
from holdfast.access.signin.model import Session
from holdfast.access.signin.sealing import Seal
from holdfast.access.signin.settings import SigninSettings
from holdfast.access.signin.store import (
    ADD_SESSION,
    DROP_ENDED,
    END_SESSION,
    SEE_SESSION,
    SESSION,
    SESSIONS,
    SIGNED_IN,
    SessionRow,
)
from holdfast.access.standing import check_permit
from holdfast.access.store import POLICY_VERSION
from holdfast.db.errors import DatabaseError
from holdfast.db.port import Database, Unit
from holdfast.journal.model import ChangeKind, Origin
from holdfast.journal.service import note

PASSWORD = "password"  # noqa: S105 - the word, not one
_SEEN_EVERY = 60 * 1_000_000
_COOKIE_LIMIT = 128
_SHOWN = 100
_AGENT = 256


Identify = Callable[[Recognised], Awaitable[Identity]]
"""From a credential that was found good to an identity. Raises `Unauthenticated`."""
Look = Callable[[], Awaitable[Recognised]]
"""Looks at a name and a password."""


class Sessions:
    """Begins, finds, lists and ends sessions."""

    def __init__(self, db: Database, seal: Seal, identify: Identify, settings: SigninSettings) -> None:
        self._db = db
        self._seal = seal
        self._identify = identify
        self._settings = settings

    async def begin_with_password(self, look: Look, origin: Origin) -> str:
        """The cookie of a new session of the account whose password `look` finds right.

        Raises `StalePermit` when the account changed since before the password was looked at, which takes its time:
        with one that was replaced meanwhile nobody signs in. Raises what `look` raises, `Unauthenticated`.
        """
        row = await self._db.one(POLICY_VERSION)
        found = await look()
        identity = replace(await self._identify(found), version=row.version if row is not None else 0)

        async def begin(unit: Unit) -> str:
            await check_permit(unit, identity)
            await unit.run(SIGNED_IN, id=found.account_id)
            return await self.begin(unit, found.account_id, identity.subject.actor, PASSWORD, origin)

        return await self._db.write(begin)

    async def begin(self, unit: Unit, account_id: int, actor: str, method: str, origin: Origin) -> str:
        """The cookie of a new session, inside the unit that decided it. `method`: how the person proved it."""
        cookie = secrets.token_urlsafe(32)
        await unit.run(DROP_ENDED)
        await unit.run(
            ADD_SESSION,
            hash=self._hash(cookie),
            account_id=account_id,
            method=method,
            expires_at=unit.now + self._settings.absolute,
            address=origin.address,
            agent=origin.agent[:_AGENT],
        )
        await note(
            unit,
            ChangeKind.SESSION_STARTED,
            actor=actor,
            origin=origin._replace(credential=method),
            data={"method": method},
        )
        return cookie

    async def find(self, cookie: str) -> Session | None:
        """The session of a cookie, None when there is none that is good."""
        if not 0 < len(cookie) <= _COOKIE_LIMIT:
            return None
        now = self._db.now()
        digest = self._hash(cookie)
        row = await self._db.one(SESSION, hash=digest, now=now, idle_since=now - self._settings.idle)
        if row is None:
            return None
        if row.seen_at < now - _SEEN_EVERY:

            async def see(unit: Unit) -> None:
                await unit.run(SEE_SESSION, hash=digest, before=unit.now - _SEEN_EVERY)

            with suppress(DatabaseError):  # seen all the same, and noted another time
                await self._db.write(see)
        return self._session(row)

    async def identity(self, session: Session) -> Identity:
        """Who is behind a session, with the rights of this moment. Raises `Unauthenticated`."""
        return await self._identify(Recognised(session.account_id, Credential(CredentialKind.SESSION), session.until))

    async def of(self, caller: Identity) -> list[Session]:
        """The caller's own sessions, the one used last first."""
        now = self._db.now()
        rows = await self._db.all(
            SESSIONS,
            account_id=caller.subject.id,
            now=now,
            idle_since=now - self._settings.idle,
            limit=_SHOWN,
        )
        return [self._session(row) for row in rows]

    async def end(self, caller: Identity, key: str, *, origin: Origin) -> None:
        """End one session of the caller's own, by its key. Raises `Unknown`."""
        try:
            digest = bytes.fromhex(key)
        except ValueError as error:
            raise Unknown("there is no such session") from error

        async def end(unit: Unit) -> None:
            ended = await unit.one(END_SESSION, hash=digest, account_id=caller.subject.id)
            if ended is None:
                raise Unknown("there is no such session")
            await note(
                unit,
                ChangeKind.SESSION_ENDED,
                actor=caller.subject.actor,
                origin=origin._replace(credential=caller.credential.text),
                data={"method": ended.method},
            )

        await self._db.write(end)

    def _session(self, row: SessionRow) -> Session:
        return Session(
            row.hash.hex(),
            row.account_id,
            row.name,
            row.display or "",
            row.method,
            row.made_at,
            row.seen_at,
            min(row.expires_at, row.seen_at + self._settings.idle),
            row.address or "",
            row.agent or "",
            row.groups_note or "",
            row.provider is not None,
            None if row.unasked_since is None else row.unasked_since + self._settings.key_life,
        )

    def _hash(self, cookie: str) -> bytes:
        return self._seal.hash("session", cookie)
