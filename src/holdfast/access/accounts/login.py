"""The log-in by password: throttled, checked beside the loop, the same for names that exist and names that do not.

What argon2 found is remembered under a keyed hash of the name, the secret and the verifier that it was held against, so
it is forgotten by itself when the password changes: a secret is worked on once, right or wrong, however often it comes,
and at once however many come together.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import NamedTuple

from holdfast.access.accounts.store import LOGIN, MOVE_VERIFIER, Login
from holdfast.access.errors import Busy, SecondFactorNeeded, Unauthenticated
from holdfast.access.model import Credential, CredentialKind, Recognised, SubjectKind
from holdfast.access.names import may_exist
from holdfast.access.password import PasswordChecker, is_outdated
from holdfast.access.throttle import Bounded, Hold, Throttle, Told, network_block
from holdfast.db.errors import DatabaseError
from holdfast.db.port import Database, Unit
from holdfast.journal.model import Origin

_REMEMBERED = 4096
_ALIVE = 60 * 1_000_000
"""A node that gave a sign of life within these microseconds may serve."""


class _Attempt(NamedTuple):
    """One secret for one name from one place. `account` None: nobody has this name, or may use a password."""

    name: str
    account: Login | None
    secret: str
    origin: Origin
    print: bytes


class PasswordLogin:
    """Recognises people by name and password. `told`: hears of every log-in that argon2 worked for, and of every new
    failure."""

    def __init__(
        self,
        db: Database,
        throttle: Throttle,
        passwords: PasswordChecker,
        hold: Hold,
        told: Told | None = None,
    ) -> None:
        self._db = db
        self._throttle = throttle
        self._passwords = passwords
        self._told = told
        self._hold = hold
        self._good: Bounded[bytes, bool] = Bounded(_REMEMBERED)
        self._under_way: dict[str, dict[bytes, asyncio.Task[bool]]] = {}

    async def recognise(self, name: str, secret: str, origin: Origin) -> Recognised:
        """Whose name and password these are. Raises `Unauthenticated`, `SecondFactorNeeded` where a password does not
        suffice, `Throttled`, `Busy`."""
        found, account = await self._recognised(name, secret, origin)
        if account.factor is not None:
            raise SecondFactorNeeded
        return found

    async def first_step(self, name: str, secret: str, origin: Origin) -> Recognised:
        """The same, for who asks for the second factor himself where there is one."""
        return (await self._recognised(name, secret, origin))[0]

    async def _recognised(self, name: str, secret: str, origin: Origin) -> tuple[Recognised, Login]:
        account: Login | None = None
        if may_exist(name):
            account = await self._db.one(LOGIN, name=name)
        usable = account if account is not None and self._usable(account) else None
        verifier = (usable.verifier if usable is not None else None) or ""
        attempt = _Attempt(name, usable, secret, origin, self._throttle.fingerprint(name, secret, verifier))
        if self._throttle.was_wrong(attempt.print):
            self._throttle.failed(name, origin, attempt.print)
            raise Unauthenticated
        if usable is not None and self._good.get(attempt.print):
            self._throttle.succeeded(name, origin)
        elif not await self._checked(attempt):
            raise Unauthenticated
        assert usable is not None
        return Recognised(usable.id, Credential(CredentialKind.PASSWORD), usable.expires_at or 0), usable

    def _usable(self, account: Login) -> bool:
        return (
            account.kind == SubjectKind.PERSON
            and account.verifier is not None
            and account.disabled_at is None
            and (account.expires_at is None or account.expires_at > self._db.now())
        )

    async def _checked(self, attempt: _Attempt) -> bool:
        """Ask argon2, unless this has to wait; equal attempts at once ask together."""
        block = network_block(attempt.origin.address)
        place = f"{block} {attempt.name}"
        others = self._under_way.get(place, {})
        running = others.get(attempt.print)
        if running is None:
            trusted = self._throttle.trusts(attempt.name, attempt.origin)
            wait = self._throttle.wait(attempt.name, attempt.origin, len(others))
            if wait and not trusted:
                raise await self._hold.refusal(wait)
            running = asyncio.create_task(self._ask(attempt, block, favoured=trusted))
            self._under_way.setdefault(place, {})[attempt.print] = running
            running.add_done_callback(lambda ended: self._forget(place, attempt.print, ended))
            good = await asyncio.shield(running)
            if not good and wait:
                raise await self._hold.refusal(wait)
            return good
        return await asyncio.shield(running)

    async def _ask(self, attempt: _Attempt, block: str, *, favoured: bool) -> bool:
        account = attempt.account
        verifier = account.verifier if account is not None else None
        good = await self._passwords.check(verifier, attempt.secret, block, favoured=favoured)
        if account is not None and verifier is not None and good:
            self._throttle.succeeded(attempt.name, attempt.origin)
            self._good.put(attempt.print, True)
            self._tell(f"user:{account.name}", attempt.origin, "")
            if account.old or is_outdated(verifier):
                await self._renew(account, verifier, attempt.secret)
            return True
        self._throttle.failed(attempt.name, attempt.origin, attempt.print)
        # A name that nobody has may be a password in the wrong field: it is not written down.
        actor = f"user:{account.name}" if account is not None else "unknown"
        self._tell(actor, attempt.origin, "the password is wrong, or the account may not be used")
        return False

    async def _renew(self, account: Login, verifier: str, secret: str) -> None:
        """Keep the password under today's parameters, where programs of today look for it."""
        with suppress(DatabaseError, Busy):  # it is as good as before, and there will be another time
            fresh = await self._passwords.hash(secret) if is_outdated(verifier) else verifier

            async def change(unit: Unit) -> None:
                since = unit.now - _ALIVE
                await unit.run(MOVE_VERIFIER, id=account.id, verifier=fresh, was=verifier, since=since)

            await self._db.write(change)

    def _forget(self, place: str, print_: bytes, ended: asyncio.Task[bool]) -> None:
        if not ended.cancelled():
            ended.exception()  # whoever waited was told; perhaps nobody waits any more
        left = self._under_way.get(place, {})
        left.pop(print_, None)
        if not left:
            self._under_way.pop(place, None)

    def _tell(self, actor: str, origin: Origin, why: str) -> None:
        if self._told is not None:
            self._told(actor, origin._replace(credential=str(CredentialKind.PASSWORD)), not why, why)
