"""The keys of issuers: pinned ones as they were given, others fetched and kept.

Promises: keys are an hour old at most while the issuer answers; a key that is not known is asked for once a minute at
most, whoever sends what; an issuer that does not answer goes on counting with the keys it had for `keys_stale`, also
after a restart (they are in the database), and slows down one request a minute at most. A key that the issuer takes
back ends what rests on it as soon as that is seen.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple

from holdfast.access.federation.errors import KeysAway
from holdfast.access.federation.store import KEYS, KEYS_FOUND, TOUCH_RULES, TrustedRow
from holdfast.access.federation.token import VerifyingKey, keys_of, public_set
from holdfast.access.versions import move
from holdfast.db.errors import DatabaseError
from holdfast.db.port import Database, Unit
from holdfast.remote.errors import BadAnswer, Unreachable, UrlRefused
from holdfast.remote.outbound import Outbound

WELL_KNOWN = "/.well-known/openid-configuration"
_SECOND = 1_000_000
_FRESH = 3600 * _SECOND
_AGAIN = 60 * _SECOND
_PATIENCE = 5.0
_SET_LIMIT = 256 << 10


class Found(NamedTuple):
    """Keys, and the set that they were read from, as it is kept."""

    keys: tuple[VerifyingKey, ...]
    text: str


class _Kept(NamedTuple):
    """Keys of one version of an issuer's row. `at`: when they were fetched, microseconds, 0: pinned."""

    changed: int
    keys: tuple[VerifyingKey, ...]
    at: int


class KeySets:
    """The keys of every issuer, for one process. `keys_stale`: seconds."""

    def __init__(self, db: Database, outbound: Outbound, keys_stale: int) -> None:
        self._db = db
        self._outbound = outbound
        self._stale = keys_stale * _SECOND
        self._kept: dict[int, _Kept] = {}
        self._asked: dict[int, int] = {}
        self._locks: dict[int, asyncio.Lock] = {}

    async def known(self, issuer: TrustedRow) -> tuple[VerifyingKey, ...]:
        """The keys to believe now; none when the issuer cannot be asked and was not for too long."""
        kept = await self._look(issuer)
        if issuer.pinned:
            return kept.keys if kept is not None else ()
        now = self._db.now()
        if kept is None or now - kept.at > _FRESH:
            kept = await self._renew(issuer, kept, wait=kept is None) or kept
        return kept.keys if kept is not None and now - kept.at <= self._stale else ()

    async def renewed(self, issuer: TrustedRow) -> tuple[VerifyingKey, ...]:
        """The keys after the issuer was asked for them once more; none when it was asked lately, or has none."""
        if issuer.pinned:
            return ()
        kept = await self._renew(issuer, await self._look(issuer), wait=True)
        return kept.keys if kept is not None else ()

    async def fetch(self, iss: str, discovery: str | None) -> Found:
        """Ask an issuer for its keys. Raises `KeysAway`."""
        try:
            document = await self._outbound.get_json(configuration_of(iss, discovery), seconds=_PATIENCE)
            if not isinstance(document, dict) or document.get("issuer") != iss:
                raise KeysAway(f"the configuration there is not that of {iss}")
            address = document.get("jwks_uri")
            if not isinstance(address, str):
                raise KeysAway("the configuration there names no key set (jwks_uri)")
            keys = await self._outbound.get_json(address, limit=_SET_LIMIT, seconds=_PATIENCE)
            return Found(keys_of(keys), public_set(keys))
        except (UrlRefused, Unreachable, BadAnswer, ValueError) as error:
            raise KeysAway(str(error)) from error

    async def _look(self, issuer: TrustedRow) -> _Kept | None:
        """What is known of this version of the issuer, here or in the database."""
        kept = self._kept.get(issuer.id)
        if kept is not None and kept.changed == issuer.changed:
            return kept
        row = await self._db.one(KEYS, id=issuer.id)
        text = None if row is None else row.jwks or row.cached
        if row is None or text is None:
            return None
        at = 0 if row.jwks is not None else row.cached_at or 0
        self._kept[issuer.id] = kept = _Kept(issuer.changed, keys_of(json.loads(text)), at)
        return kept

    async def _renew(self, issuer: TrustedRow, before: _Kept | None, *, wait: bool) -> _Kept | None:
        """Ask the issuer, unless that was done within a minute; None: nothing new. `wait`: for somebody else who asks
        now; without it what is known serves meanwhile."""
        lock = self._locks.setdefault(issuer.id, asyncio.Lock())
        if lock.locked() and not wait:
            return None
        async with lock:
            now = self._db.now()
            if now - self._asked.get(issuer.id, -_AGAIN) < _AGAIN:
                kept = self._kept.get(issuer.id)
                return kept if kept is not None and kept.changed == issuer.changed and kept is not before else None
            self._asked[issuer.id] = now
            try:
                found = await self.fetch(issuer.iss, issuer.discovery)
            except KeysAway:
                return None
            kept = self._kept[issuer.id] = _Kept(issuer.changed, found.keys, now)
            taken_back = before is not None and not _thumbprints(before.keys) <= _thumbprints(found.keys)
            with suppress(DatabaseError):  # read-only, or away: the keys serve all the same
                await self._db.write(self._saving(issuer, found.text, taken_back))
            return kept

    @staticmethod
    def _saving(issuer: TrustedRow, text: str, taken_back: bool) -> Callable[[Unit], Any]:
        async def work(unit: Unit) -> None:
            if taken_back:
                await unit.run(TOUCH_RULES, issuer_id=issuer.id, version=await move(unit))
            await unit.run(KEYS_FOUND, id=issuer.id, changed=issuer.changed, cached=text)

        return work


def configuration_of(iss: str, discovery: str | None) -> str:
    """The address of an issuer's configuration (OpenID Connect Discovery 1.0, 4)."""
    return discovery or iss.rstrip("/") + WELL_KNOWN


def _thumbprints(keys: tuple[VerifyingKey, ...]) -> frozenset[str]:
    return frozenset(key.thumbprint for key in keys)
