"""The second factor of people who sign in by a password: codes of an authenticator app (RFC 6238), and recovery codes.

Promises: a secret stands sealed in the database and is shown once; a code counts once, on every node; wrong codes are
slowed by account and network like wrong passwords, and for an account wherever they come from, for who is asked for one
knows the password already. Recovery codes are random enough not to be guessed: they alone still work then.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import NamedTuple

from holdfast.access.delegating import circumstances_of
from holdfast.access.errors import Conflict, Denied, Throttled, Unknown, WrongCode
from holdfast.access.model import CredentialKind, Identity, SubjectKind
from holdfast.access.names import may_exist
from holdfast.access.policy.model import Action
from holdfast.access.signin.recovery_codes import new_codes, plain_code
from holdfast.access.signin.sealing import Seal
from holdfast.access.signin.second_factor_store import (
    ADD_CODE,
    BEGIN_FACTOR,
    CODES_LEFT,
    CONFIRM_FACTOR,
    DROP_CODES,
    DROP_FACTOR,
    END_PASSWORD_TOKENS,
    FACTOR,
    FACTOR_LOCKED,
    NAMED,
    OWNER,
    RIGHT_AGAIN,
    USE_CODE,
    USE_STEP,
    WRONG_AGAIN,
    FactorRow,
)
from holdfast.access.signin.store import END_OTHER_SESSIONS
from holdfast.access.signin.totp import DIGITS, grouped, matching_step, new_secret, text_of, uri_of
from holdfast.access.standing import begin_change
from holdfast.access.throttle import Hold, Throttle, Told
from holdfast.access.versions import touch_accounts
from holdfast.db.port import Database, Unit
from holdfast.journal.model import ChangeKind, Origin
from holdfast.journal.service import note

KEY_NAME = "second-factor"
"""The name of the key among those of the installation (keyring.py)."""
_FREE = 10
_FIRST = 30
_LONGEST = 3600
_CODE_LIMIT = 64
_OWN = "your own second factor is disabled in the browser, at /me, by a code of it"


class Used(StrEnum):
    """What somebody proved himself with."""

    CODE = "code"
    RECOVERY_CODE = "recovery-code"


class Factor(NamedTuple):
    """The second factor of an account: since when it is asked for (microseconds), and how many recovery codes are
    left."""

    since: int
    codes: int


class Setup(NamedTuple):
    """What an authenticator app is given, shown once: the secret in groups, and as the URI that a QR code holds."""

    secret: str
    uri: str


class _Wait(NamedTuple):
    """So many seconds until another code is looked at."""

    seconds: int


class SecondFactors:
    """The second factors of an installation. `host`: what apps call it; `throttle`: of codes alone; `told`: hears of
    wrong codes."""

    def __init__(
        self, db: Database, seal: Seal, *, host: str, throttle: Throttle, hold: Hold, told: Told | None = None
    ) -> None:
        self._db = db
        self._seal = seal
        self._host = host
        self._throttle = throttle
        self._hold = hold
        self._told = told

    async def of(self, account_id: int) -> Factor | None:
        """The second factor that the account is asked for, None: it is not."""
        row = await self._db.one(FACTOR, account_id=account_id)
        if row is None or row.confirmed_at is None:
            return None
        left = await self._db.one(CODES_LEFT, account_id=account_id)
        return Factor(row.confirmed_at, left.total if left is not None else 0)

    async def begin(self, caller: Identity) -> Setup:
        """A fresh secret for the caller's app; nothing is asked for until `confirm`. Raises `Conflict` when the caller
        has a second factor, or no password here; `StalePermit`."""
        secret = new_secret()
        me = caller.subject.id
        _require_browser(caller)

        async def begin(unit: Unit) -> None:
            await begin_change(unit, caller)
            owner = await unit.one(OWNER, account_id=me)
            if owner is None or owner.kind != SubjectKind.PERSON or owner.verifier is None:
                raise Conflict("a second factor is for who signs in by a password here")
            if not await unit.run(BEGIN_FACTOR, account_id=me, wrapped=self._seal.seal(_purpose(me), secret)):
                raise Conflict("you have a second factor already: disable it first")

        await self._db.write(begin)
        return Setup(grouped(text_of(secret)), uri_of(secret, self._host, caller.subject.name))

    async def confirm(self, caller: Identity, code: str, session: str, *, origin: Origin) -> list[str]:
        """Ask the caller for codes from now on; returns the recovery codes, which are shown once. `code`: of the app,
        by which it is sure that it has the secret. What the password alone opened ends: tokens, and browser sessions
        but that of the key `session`.

        Raises `WrongCode`, `Throttled`, `Conflict` when nothing was begun, `StalePermit`.
        """
        me = caller.subject.id
        _require_browser(caller)
        codes = new_codes()

        async def confirm(unit: Unit) -> Used | _Wait | None:
            version = await begin_change(unit, caller)
            row = await unit.one(FACTOR_LOCKED, account_id=me)
            if row is None or row.confirmed_at is not None:
                raise Conflict("there is no second factor to confirm: begin again")
            used = await self._spend(unit, me, row, code)
            if not isinstance(used, Used):
                return used
            await unit.run(CONFIRM_FACTOR, account_id=me)
            await self._keep_codes(unit, me, codes)
            await unit.run(END_OTHER_SESSIONS, account_id=me, hash=bytes.fromhex(session))
            await unit.run(END_PASSWORD_TOKENS, account_id=me, version=version)
            await touch_accounts(unit, [me], version)
            await _note(unit, ChangeKind.SECOND_FACTOR_ENABLED, caller, origin, id=me, name=row.name)
            return used

        await self._judged(caller.subject.name, code, origin, confirm)
        return codes

    async def disable(self, caller: Identity, code: str, *, origin: Origin) -> None:
        """Ask the caller for no codes any more. `code`: of the app, or a recovery code.

        Raises `WrongCode`, `Throttled`, `Conflict` when there is none, `StalePermit`.
        """
        me = caller.subject.id
        _require_browser(caller)

        async def disable(unit: Unit) -> Used | _Wait | None:
            await begin_change(unit, caller)
            row = await self._confirmed(unit, me)
            used = await self._spend(unit, me, row, code)
            if isinstance(used, Used):
                await _drop(unit, me)
                await _note(unit, ChangeKind.SECOND_FACTOR_DISABLED, caller, origin, id=me, name=row.name)
            return used

        await self._judged(caller.subject.name, code, origin, disable)

    async def renew_codes(self, caller: Identity, code: str, *, origin: Origin) -> list[str]:
        """Fresh recovery codes in place of those that there are. `code`: of the app. Raises as `disable`."""
        me = caller.subject.id
        _require_browser(caller)
        codes = new_codes()

        async def renew(unit: Unit) -> Used | _Wait | None:
            await begin_change(unit, caller)
            row = await self._confirmed(unit, me)
            used = await self._spend(unit, me, row, code)
            if isinstance(used, Used):
                await self._keep_codes(unit, me, codes)
                await _note(unit, ChangeKind.RECOVERY_CODES_RENEWED, caller, origin, id=me, name=row.name)
            return used

        await self._judged(caller.subject.name, code, origin, renew)
        return codes

    async def reset(self, caller: Identity, name: str, *, origin: Origin) -> None:
        """Take the second factor away from a user who lost it. For administrators, of anybody but themselves; nothing
        happens where there is none. Raises `Unknown`, `Denied`, `StalePermit`."""
        here = await circumstances_of(self._db, caller, origin)
        if not caller.rights.system(Action.ADMINISTER, here):
            if caller.subject.name == name and caller.subject.kind is SubjectKind.PERSON:
                raise Denied(_OWN)
            raise _unknown(name)
        if not may_exist(name):
            raise _unknown(name)

        async def reset(unit: Unit) -> None:
            version = await begin_change(unit, caller)
            found = await unit.one(NAMED, name=name)
            if found is None:
                raise _unknown(name)
            if found.id == caller.subject.id:
                raise Denied(_OWN)
            row = await unit.one(FACTOR_LOCKED, account_id=found.id)
            await _drop(unit, found.id)
            if row is not None and row.confirmed_at is not None:
                await touch_accounts(unit, [found.id], version)
                await _note(unit, ChangeKind.SECOND_FACTOR_DISABLED, caller, origin, id=found.id, name=name)

        await self._db.write(reset)

    async def prove(self, account_id: int, name: str, code: str, origin: Origin) -> Used:
        """Spend a code of somebody whose password was right. Raises `WrongCode`, `Throttled`; `Conflict` when the
        account is not asked for one."""

        async def prove(unit: Unit) -> Used | _Wait | None:
            row = await self._confirmed(unit, account_id)
            used = await self._spend(unit, account_id, row, code)
            if used is Used.RECOVERY_CODE:
                left = await unit.one(CODES_LEFT, account_id=account_id)
                data: dict[str, object] = {"id": account_id, "name": row.name, "left": left.total if left else 0}
                actor = f"user:{row.name}"
                await note(unit, ChangeKind.RECOVERY_CODE_USED, actor=actor, origin=origin, data=data)
            return used

        return await self._judged(name, code, origin, prove)

    async def _judged(
        self, name: str, code: str, origin: Origin, work: Callable[[Unit], Awaitable[Used | _Wait | None]]
    ) -> Used:
        """What was proven by `work`, unless this has to wait. A wrong code is counted, and committed as such."""
        wait = self._throttle.wait(name, origin)
        if wait:
            raise await self._hold.refusal(wait)
        if len(code) > _CODE_LIMIT:
            code = ""
        found = await self._db.write(work)
        if isinstance(found, Used):
            self._throttle.succeeded(name, origin)
            return found
        if isinstance(found, _Wait):
            raise Throttled(found.seconds)
        # The same digits are another guess in another half minute.
        self._throttle.failed(name, origin, self._throttle.fingerprint(name, code, str(self._db.now())))
        if self._told is not None:
            by = origin._replace(credential=str(CredentialKind.PASSWORD))
            self._told(f"user:{name}", by, False, "the code of the second factor is wrong, or was used before")
        raise WrongCode

    async def _confirmed(self, unit: Unit, account_id: int) -> FactorRow:
        row = await unit.one(FACTOR_LOCKED, account_id=account_id)
        if row is None or row.confirmed_at is None:
            raise Conflict("there is no second factor")
        return row

    async def _spend(self, unit: Unit, account_id: int, row: FactorRow, typed: str) -> Used | _Wait | None:
        """What `typed` proves, None: nothing, which is counted."""
        code = "".join(typed.split())
        if code.isascii() and code.isdigit() and len(code) == DIGITS:
            wait = _wait(row, unit.now)
            if wait:
                return _Wait(wait)
            secret = self._seal.open(_purpose(account_id), row.wrapped)
            step = matching_step(secret, code, unit.now, row.step)
            if step is not None and await unit.run(USE_STEP, account_id=account_id, step=step):
                return Used.CODE
        elif (plain := plain_code(typed)) is not None and await unit.run(
            USE_CODE, account_id=account_id, hash=self._hash(account_id, plain)
        ):
            await unit.run(RIGHT_AGAIN, account_id=account_id)
            return Used.RECOVERY_CODE
        await unit.run(WRONG_AGAIN, account_id=account_id)
        return None

    async def _keep_codes(self, unit: Unit, account_id: int, codes: list[str]) -> None:
        await unit.run(DROP_CODES, account_id=account_id)
        for code in codes:
            await unit.run(ADD_CODE, account_id=account_id, hash=self._hash(account_id, plain_code(code) or ""))

    def _hash(self, account_id: int, code: str) -> bytes:
        return self._seal.hash(f"recovery code of account {account_id}", code)


def _unknown(name: str) -> Unknown:
    return Unknown(f"there is no user {name[:64]!r} in your sight")


def _wait(row: FactorRow, now: int) -> int:
    """The seconds that codes of the app are not looked at any more, after very many wrong ones."""
    if row.failures < _FREE:
        return 0
    whole = min(_LONGEST, _FIRST << min(row.failures - _FREE, 16))
    return max(0, -(-(row.failed_at + whole * 1_000_000 - now) // 1_000_000))


def _purpose(account_id: int) -> str:
    return f"second factor of account {account_id}"


def _require_browser(caller: Identity) -> None:
    """A second factor is changed by who is signed in with a browser: a key or a token may be in other hands."""
    if caller.credential.kind is not CredentialKind.SESSION:
        raise Denied("a second factor is set up and disabled in the browser, at /me")


async def _drop(unit: Unit, account_id: int) -> None:
    await unit.run(DROP_CODES, account_id=account_id)
    await unit.run(DROP_FACTOR, account_id=account_id)


async def _note(unit: Unit, kind: ChangeKind, caller: Identity, origin: Origin, *, id: int, name: str) -> None:
    by = origin._replace(credential=caller.credential.text)
    data: dict[str, object] = {"id": id, "name": name}
    await note(unit, kind, actor=caller.subject.actor, origin=by, data=data)
