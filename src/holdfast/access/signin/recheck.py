"""Whether a provider still knows a person: asked with its own refresh token while the person's keys are used.

Promises: no request waits for a provider that does not answer (the first one waits `WAIT` seconds, those after it not
at all: it is then asked beside them, once a minute). One process of all asks at a time, for a refresh token that is
used twice counts as stolen at some providers. A refusal (`invalid_grant`) holds at the next request, on every node, for
keys and browsers, until the person signs in again. A provider that gives no refresh tokens is not asked: its word
holds for `key_life`.
"""

from __future__ import annotations

import asyncio

from holdfast.access.errors import ProviderAway
from holdfast.access.signin.discovery import Discovery
from holdfast.access.signin.errors import ProviderRefused
from holdfast.access.signin.exchange import Exchange
from holdfast.access.signin.flow import client_of
from holdfast.access.signin.id_token import Expected, TokenInvalid
from holdfast.access.signin.sealing import NotSealed, Seal
from holdfast.access.signin.service import refresh_purpose
from holdfast.access.signin.settings import SigninSettings
from holdfast.access.signin.store import (
    CLAIM_WORD,
    END_SESSIONS,
    MISS_WORD,
    PROVIDER_OF_ACCOUNT,
    REFUSE_WORD,
    RENEW_WORD,
    SUBJECT,
    TOUCH_PERSON,
    WORD,
    CheckRow,
    ProviderRow,
)
from holdfast.access.versions import move
from holdfast.db.errors import DatabaseError
from holdfast.db.port import Database, Unit
from holdfast.telemetry.events import Events

WAIT = 2.0
_CLAIMED = 60 * 1_000_000
_RECENT = 60 * 1_000_000
_LOOK_AGAIN = 0.1


class _Elsewhere(ProviderAway):
    """Another process asks it now."""


class Recheck:
    """Asks providers about people."""

    def __init__(
        self,
        db: Database,
        seal: Seal,
        discovery: Discovery,
        exchange: Exchange,
        *,
        settings: SigninSettings,
        events: Events,
    ) -> None:
        self._db = db
        self._seal = seal
        self._discovery = discovery
        self._exchange = exchange
        self._settings = settings
        self._events = events
        self._asking: dict[int, asyncio.Task[bool]] = {}

    async def __call__(self, account_id: int) -> bool:
        """Whether the provider of the account still knows it. Raises `ProviderAway` when that cannot be told now."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + WAIT
        while True:
            row = await self._db.one(WORD, account_id=account_id)
            known = self._told(row)
            if known is not None or row is None:
                return bool(known)
            running = self._asking.get(account_id)
            asked_lately = row.asked_at is not None and self._db.now() < row.asked_at + _RECENT
            if running is None and not asked_lately:
                running = self._start(account_id, row)
            left = deadline - loop.time()
            if row.failed_at is not None or left <= 0:
                raise ProviderAway(f"{row.provider} did not answer lately, or not in time")
            try:
                if running is not None:
                    return await asyncio.wait_for(asyncio.shield(running), left)
                await asyncio.sleep(_LOOK_AGAIN)  # another process asks it now
            except _Elsewhere:
                await asyncio.sleep(_LOOK_AGAIN)
            except TimeoutError as error:
                raise ProviderAway(f"{row.provider} does not answer in time") from error

    def _told(self, row: CheckRow | None) -> bool | None:
        """What is known without asking; None: ask."""
        if row is None or row.provider is None or row.gone_at is not None or row.checked_at is None:
            return False
        if row.refused_at is not None:
            return False
        if row.wrapped is None:
            return self._db.now() < row.checked_at + self._settings.key_life
        # Somebody else asked since the caller looked.
        return True if self._db.now() < row.checked_at + _RECENT else None

    async def close(self) -> None:
        """Give up what is being asked."""
        running = list(self._asking.values())
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    def _start(self, account_id: int, row: CheckRow) -> asyncio.Task[bool]:
        task = asyncio.create_task(self._ask(account_id, row))
        self._asking[account_id] = task
        task.add_done_callback(lambda ended: self._ended(account_id, ended))
        return task

    def _ended(self, account_id: int, ended: asyncio.Task[bool]) -> None:
        self._asking.pop(account_id, None)
        if not ended.cancelled():
            ended.exception()  # whoever waited has it; perhaps nobody does

    async def _ask(self, account_id: int, row: CheckRow) -> bool:
        """Ask, and keep what was said. Raises `ProviderAway`."""
        was = row.wrapped
        assert was is not None

        async def claim(unit: Unit) -> int:
            return await unit.run(CLAIM_WORD, account_id=account_id, was=was, before=unit.now - _CLAIMED)

        provider = await self._db.one(PROVIDER_OF_ACCOUNT, account_id=account_id)
        try:
            claimed = await self._db.write(claim)
        except DatabaseError as error:  # read-only, for instance: what it would say now could not be kept
            raise ProviderAway("nothing can be written now") from error
        if provider is None or not claimed:
            raise _Elsewhere
        try:
            fresh = await self._refreshed(account_id, provider, was)
        except ProviderRefused:
            await self._db.write(lambda unit: self._refuse(unit, account_id, was))
            return False
        except ProviderAway as error:
            self._events.warning("sign-in provider did not answer", provider=row.provider, why=str(error))
            await self._db.write(lambda unit: self._miss(unit, account_id, was))
            raise
        await self._db.write(lambda unit: self._renew(unit, account_id, was, fresh, missed=row.failed_at is not None))
        return True

    async def _refreshed(self, account_id: int, provider: ProviderRow, was: bytes) -> bytes:
        """The refresh token to ask with next time, sealed. Raises `ProviderRefused`, `ProviderAway`."""
        try:
            token = self._seal.open(refresh_purpose(provider.id), was).decode()
        except NotSealed as error:
            raise ProviderRefused("the refresh token does not open") from error
        metadata = await self._discovery.metadata(provider.issuer)
        tokens = await self._exchange.refresh(metadata, client_of(self._seal, provider), token)
        if tokens.id_token is not None:
            # Core, 12.2: it must be of the same person; there need be none.
            expected = Expected(provider.issuer, provider.client_id, None, self._db.now())
            try:
                claims = await self._discovery.verify(tokens.id_token, expected)
            except TokenInvalid as error:
                raise ProviderAway(f"the ID token of a refresh: {error}") from error
            subject = await self._db.one(SUBJECT, account_id=account_id)
            if subject is None or subject.subject != claims["sub"]:
                raise ProviderRefused("the provider speaks of somebody else")
        return self._seal.seal(refresh_purpose(provider.id), (tokens.refresh_token or token).encode())

    @staticmethod
    async def _renew(unit: Unit, account_id: int, was: bytes, fresh: bytes, *, missed: bool) -> None:
        version = await move(unit) if missed else 0  # keys that were refused meanwhile are looked at again
        if await unit.run(RENEW_WORD, account_id=account_id, was=was, wrapped=fresh) and missed:
            await unit.run(TOUCH_PERSON, id=account_id, version=version)

    @staticmethod
    async def _miss(unit: Unit, account_id: int, was: bytes) -> None:
        await unit.run(MISS_WORD, account_id=account_id, was=was)

    @staticmethod
    async def _refuse(unit: Unit, account_id: int, was: bytes) -> None:
        version = await move(unit)
        if await unit.run(REFUSE_WORD, account_id=account_id, was=was):
            await unit.run(END_SESSIONS, account_id=account_id)
            await unit.run(TOUCH_PERSON, id=account_id, version=version)
