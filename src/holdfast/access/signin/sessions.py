"""Browser sessions: a random cookie each, of which the database holds a keyed hash.

Promises: a session ends when it was idle too long, at its absolute end, at sign-out, when it is revoked, and with its
account, on every node at the next request, for every request reads its row; a cookie is new at each sign-in. Of whom a
second factor is required, and who has none, has a session that is good for setting it up (`must_enrol`). What any
session is good for is the pages alone: `/v2` and the token endpoint read no cookie.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import NamedTuple

from msgspec.structs import replace

from holdfast.access.errors import StalePermit, Unauthenticated, Unknown
from holdfast.access.model import Credential, CredentialKind, Identity, Recognised
from holdfast.access.signin.half import HALF_SECONDS, Half, opened_half, sealed_half
from holdfast.access.signin.model import Session
from holdfast.access.signin.sealing import Seal
from holdfast.access.signin.second_factor import SecondFactors
from holdfast.access.signin.second_factor_store import FACTOR
from holdfast.access.signin.settings import SigninSettings
from holdfast.access.signin.store import (
    ADD_SESSION,
    DROP_ENDED,
    END_OTHER_SESSIONS,
    END_SESSION,
    END_TOKENS,
    SEE_SESSION,
    SESSION,
    SESSIONS,
    SIGNED_IN,
    SessionRow,
)
from holdfast.access.standing import begin_change, check_permit
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
_ATTEMPTS = 5


Identify = Callable[[Recognised], Awaitable[Identity]]
"""From a credential that was found good to an identity. Raises `Unauthenticated`."""
Look = Callable[[], Awaitable[Recognised]]
"""Looks at a name and a password."""


class Entered(NamedTuple):
    """A cookie for a right password: of a session; or, `half`, of the first step of two."""

    cookie: str
    half: bool = False


class Sessions:
    """Begins, finds, lists and ends sessions."""

    def __init__(self, db: Database, seal: Seal, identify: Identify, settings: SigninSettings) -> None:
        self._db = db
        self._seal = seal
        self._identify = identify
        self._settings = settings

    async def begin_with_password(self, look: Look, origin: Origin) -> Entered:
        """What a browser gets for the name and password that `look` finds right.

        Raises `StalePermit` when the account changed since before the password was looked at, which takes its time:
        with one that was replaced meanwhile nobody signs in. Raises what `look` raises, `Unauthenticated`.
        """
        row = await self._db.one(POLICY_VERSION)
        found = await look()
        identity = replace(await self._identify(found), version=row.version if row is not None else 0)
        me = identity.subject

        async def begin(unit: Unit) -> Entered:
            await check_permit(unit, identity)
            factor = await unit.one(FACTOR, account_id=me.id)
            if factor is not None and factor.confirmed_at is not None:
                until = unit.now + HALF_SECONDS * 1_000_000
                half = Half(me.id, me.name, identity.credential.proof, until)
                return Entered(sealed_half(self._seal, half), half=True)
            await unit.run(SIGNED_IN, id=me.id)
            return Entered(await self.begin(unit, me.id, me.actor, PASSWORD, origin))

        return await self._db.write(begin)

    def half(self, cookie: str) -> Half | None:
        """Who waits for the second step with this cookie, None: nobody (any more)."""
        return opened_half(self._seal, cookie, self._db.now())

    async def begin_with_code(self, half: Half, code: str, factors: SecondFactors, origin: Origin) -> str:
        """The cookie of a new session, of who gave his password before and now gives a code.

        Raises `WrongCode`, `Throttled`; `Unauthenticated` when the account, its password or its second factor changed
        meanwhile.
        """
        found = Recognised(half.account_id, Credential(CredentialKind.PASSWORD, proof=half.proof))
        await self._identify(found)
        used = await factors.prove(half.account_id, half.name, code, origin)
        for _ in range(_ATTEMPTS):
            identity = await self._identify(found)

            async def begin(unit: Unit, identity: Identity = identity) -> str:
                await check_permit(unit, identity)
                await unit.run(SIGNED_IN, id=half.account_id)
                return await self.begin(unit, half.account_id, identity.subject.actor, f"{PASSWORD}+{used}", origin)

            with suppress(StalePermit):  # the code is spent: it is not asked for again because somebody got a grant
                return await self._db.write(begin)
        raise Unauthenticated

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

    def requires_factor(self, who: Identity) -> bool:
        """Whether a second factor is required of somebody, if he signs in by a password."""
        return self._settings.required.of(who.rights, self._db.now())

    def must_enrol(self, session: Session, who: Identity) -> bool:
        """Whether who is behind a session has to set up a second factor before anything else is open to him."""
        return session.bare and self.requires_factor(who)

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
        digest = _digest(key)

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

    async def end_all(
        self, caller: Identity, *, keep: str = "", tokens: bool = False, origin: Origin
    ) -> tuple[int, int]:
        """End every session of the caller's own but that of the key `keep`; with `tokens` also what docker and
        `holdfast login` keep. Keys stay. Returns how many sessions and tokens ended. Raises `Unknown`, `StalePermit`.
        """
        digest = _digest(keep)

        async def end(unit: Unit) -> tuple[int, int]:
            me = caller.subject.id
            version = await begin_change(unit, caller)
            ended = await unit.run(END_OTHER_SESSIONS, account_id=me, hash=digest)
            gone = await unit.run(END_TOKENS, account_id=me, version=version) if tokens else 0
            await note(
                unit,
                ChangeKind.SESSION_ENDED,
                actor=caller.subject.actor,
                origin=origin._replace(credential=caller.credential.text),
                data={"browsers": ended, "tokens": gone},
            )
            return ended, gone

        return await self._db.write(end)

    async def leave(self, cookie: str, origin: Origin) -> None:
        """End the session of a cookie that the browser gives back for another one."""
        session = await self.find(cookie)
        if session is not None:
            with suppress(Unauthenticated, Unknown):
                await self.end(await self.identity(session), session.key, origin=origin)

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
            bool(row.bare) and row.method.partition("+")[0] == PASSWORD,
        )

    def _hash(self, cookie: str) -> bytes:
        return self._seal.hash("session", cookie)


def _digest(key: str) -> bytes:
    """What a session is found by. Raises `Unknown`."""
    try:
        return bytes.fromhex(key)
    except ValueError as error:
        raise Unknown("there is no such session") from error
