"""Refresh tokens: what docker keeps as an identity token, and what `holdfast login` keeps.

Promises: `hfr_`, 40 letters and digits by chance, and 6 of checksum, shown once; the database has a keyed hash; it is
bound to the credential that it was given for (a key's secret, a password), and ends with it. Whether that still holds
is decided where the identity is read (identities.py). Where an account has as many as it may, no other is given, and
its clients keep what they logged in with.
"""

from __future__ import annotations

import hashlib
import secrets
import zlib
from contextlib import suppress

from holdfast.access.errors import Unauthenticated
from holdfast.access.model import Credential, CredentialKind, Identity, Recognised
from holdfast.access.tokens.model import TokenSettings
from holdfast.access.tokens.store import ADD_REFRESH, DROP_ENDED, LIVE_REFRESH, REFRESH, REFRESH_USED, RefreshRow
from holdfast.db.errors import DatabaseError
from holdfast.db.port import Database, Unit
from holdfast.journal.model import ChangeKind, Origin
from holdfast.journal.service import note

HASHING_KEY = "refresh-tokens"
"""The name of the installation's key of the hashes."""
PREFIX = "hfr_"
_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_RANDOM = 40
_CHECK = 6
MOST = 500
"""Refresh tokens that an account may have."""
_CLIENT = 128
_USE_EVERY = 3_600_000_000
_GIVEN_FOR = (CredentialKind.PASSWORD, CredentialKind.KEY)


class RefreshTokens:
    """Makes and recognises refresh tokens. `hashing`: the installation's key called `HASHING_KEY`."""

    def __init__(self, db: Database, hashing: bytes, settings: TokenSettings) -> None:
        self._db = db
        self._key = hashing
        self._settings = settings

    async def issue(self, who: Identity, client: str, origin: Origin) -> str | None:
        """A refresh token for `who`; None where none is given: to machines of other issuers, to people whose provider
        has to be asked again, to who came with one or has too many, and while nothing can be written."""
        if who.credential.kind not in _GIVEN_FOR:
            return None
        secret = new_secret()

        async def add(unit: Unit) -> bool:
            await unit.run(DROP_ENDED, account_id=who.subject.id)
            live = await unit.one(LIVE_REFRESH, account_id=who.subject.id)
            if live is None or live.total >= MOST or live.provider is not None:
                return False
            is_key = who.credential.kind is CredentialKind.KEY
            await unit.run(
                ADD_REFRESH,
                account_id=who.subject.id,
                secret_id=who.credential.id if is_key else None,
                proof=who.credential.proof or None,
                hash=self._hash(secret),
                service=self._settings.service,
                client=_shown(client),
                expires_at=unit.now + self._settings.refresh,
            )
            data: dict[str, object] = {"client": _shown(client)}
            await note(unit, ChangeKind.SESSION_STARTED, actor=who.subject.actor, origin=origin, data=data)
            return True

        with suppress(DatabaseError):
            return secret if await self._db.write(add) else None
        return None

    async def recognise(self, secret: str, origin: Origin) -> Recognised:
        """Whose token this is. Raises `Unauthenticated`."""
        if not is_secret(secret):
            raise Unauthenticated
        row = await self._db.one(REFRESH, hash=self._hash(secret))
        if row is None:
            raise Unauthenticated
        await self._used(row, origin)
        return Recognised(row.account_id, Credential(CredentialKind.REFRESH, row.id), row.expires_at)

    async def _used(self, row: RefreshRow, origin: Origin) -> None:
        """Keep when and from where it was used, once an hour."""
        if row.used_at is not None and row.used_at > self._db.now() - _USE_EVERY:
            return

        async def mark(unit: Unit) -> None:
            await unit.run(REFRESH_USED, id=row.id, address=origin.address, agent=origin.agent)

        with suppress(DatabaseError):
            await self._db.write(mark)

    def _hash(self, secret: str) -> bytes:
        return hashlib.blake2b(secret.encode(), key=self._key, digest_size=32).digest()


def new_secret() -> str:
    """A fresh refresh token."""
    body = "".join(secrets.choice(_ALPHABET) for _ in range(_RANDOM))
    return f"{PREFIX}{body}{_checksum(body)}"


def is_secret(text: str) -> bool:
    """Whether `text` is well-formed as a refresh token: the checksum keeps slips off the database."""
    body = text[len(PREFIX) : -_CHECK]
    return (
        len(text) == len(PREFIX) + _RANDOM + _CHECK
        and text.startswith(PREFIX)
        and text.isascii()
        and text[-_CHECK:] == _checksum(body)
    )


def _checksum(body: str) -> str:
    number = zlib.crc32(body.encode())
    digits = []
    for _ in range(_CHECK):
        number, digit = divmod(number, len(_ALPHABET))
        digits.append(_ALPHABET[digit])
    return "".join(digits)


def _shown(client: str) -> str:
    """What a client calls itself, as far as it can be shown."""
    return "".join(letter if letter.isprintable() else "?" for letter in client[:_CLIENT])
