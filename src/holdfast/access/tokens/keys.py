"""The keys that sign: ES256, made and rotated in the database, so that every node finds them.

Promises: a new key is published for five minutes before it signs, and an old one is believed until everything that it
signed has ended; so a rotation refuses nobody, here or at whoever reads the published set. `replace_at_once` is for a
key that others have: what it signed is refused at the next request. The private part stands in the database under a
key of the installation, bound to its own name.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from joserfc.jwk import ECKey

from holdfast.access.errors import WrongMasterKey
from holdfast.access.tokens.model import LEEWAY, LONGEST
from holdfast.access.tokens.store import ADD_SIGNING_KEY, END_SIGNING_KEYS, SIGNING_KEYS, KeyRow
from holdfast.access.versions import move, touch_everyone
from holdfast.db.port import Database, Unit
from holdfast.journal.model import ChangeKind, Origin
from holdfast.journal.service import note

TOKENS = "token"
WRAPPING_KEY = "signing-keys"
"""The name of the installation's key that wraps the private parts."""
ALGORITHM = "ES256"
_SECOND = 1_000_000
_PUBLISHED_FOR = 300 * _SECOND
_BELIEVED_FOR = (LONGEST + 2 * LEEWAY) * _SECOND
_FRESH_FOR = 30 * _SECOND
_NONCE_BYTES = 12


class SigningKey(NamedTuple):
    """A key that this process can sign with. `ends_at`: microseconds, None: it has no successor yet."""

    kid: str
    key: ECKey
    public: Mapping[str, Any]
    signs_from: int
    ends_at: int | None


class SigningKeys:
    """The signing keys for one purpose. `wrapping`: the installation's key called `WRAPPING_KEY`."""

    def __init__(self, db: Database, wrapping: bytes, purpose: str = TOKENS) -> None:
        self._db = db
        self._cipher = AESGCM(wrapping)
        self._purpose = purpose
        self._opened: dict[str, ECKey] = {}
        self._known: tuple[SigningKey, ...] = ()
        self._read_at = 0
        self._version = 0

    async def ensure(self) -> None:
        """Make the first key, if there is none. Two first starts at once may make two: both are believed."""
        if not await self._db.all(SIGNING_KEYS, purpose=self._purpose):
            await self._db.write(lambda unit: self._add(unit, unit.now))

    async def signing(self) -> SigningKey:
        """The key that signs now. Raises `WrongMasterKey` when there is none that opens."""
        if self._db.now() >= self._read_at + _FRESH_FOR or not self._known:
            await self._read()
        now = self._db.now()
        ready = [key for key in self._known if key.signs_from <= now and not self._ended(key)] or [
            key for key in self._known if not self._ended(key)
        ]
        if not ready:
            raise WrongMasterKey("there is no key that signs tokens")
        return ready[-1]

    async def believed(self, kid: str, version: int) -> SigningKey | None:
        """The key called `kid`, if what it signed is believed; read anew when the policy version moved since, and for
        a name that is not known, but not more than once a second."""
        if version != self._version:
            await self._read()
            self._version = version
        found = self._find(kid)
        if found is None and self._db.now() >= self._read_at + _SECOND:
            await self._read()
            found = self._find(kid)
        return found

    async def published(self) -> list[Mapping[str, Any]]:
        """The public parts, as a JWK set lists them (RFC 7517, 5): those to come, too."""
        await self._read()
        return [key.public for key in self._known if not self._ended(key)]

    async def rotate(self, *, actor: str, origin: Origin) -> str:
        """Publish a new key, which signs from five minutes on; returns its name."""

        async def work(unit: Unit) -> str:
            signs_from = unit.now + _PUBLISHED_FOR
            return await self._replace(unit, signs_from, signs_from + _BELIEVED_FOR, actor, origin)

        return await self._db.write(work)

    async def replace_at_once(self, *, actor: str, origin: Origin) -> str:
        """Sign with a new key from now on, and believe no other any more; returns its name."""

        async def work(unit: Unit) -> str:
            await touch_everyone(unit, await move(unit))
            return await self._replace(unit, unit.now, unit.now, actor, origin)

        return await self._db.write(work)

    async def _replace(self, unit: Unit, signs_from: int, ends_at: int, actor: str, origin: Origin) -> str:
        kid = await self._add(unit, signs_from)
        await unit.run(END_SIGNING_KEYS, purpose=self._purpose, kid=kid, ends_at=ends_at)
        data: dict[str, object] = {
            "kid": kid,
            "purpose": self._purpose,
            "signs_from": signs_from,
            "others_end": ends_at,
        }
        await note(unit, ChangeKind.TOKEN_KEY_ROTATED, actor=actor, origin=origin, data=data)
        return kid

    async def _add(self, unit: Unit, signs_from: int) -> str:
        kid = secrets.token_hex(12)
        key = ECKey.generate_key("P-256", {"kid": kid, "use": "sig", "alg": ALGORITHM}, private=True)
        public = json.dumps(key.as_dict(private=False), sort_keys=True)
        nonce = os.urandom(_NONCE_BYTES)
        wrapped = nonce + self._cipher.encrypt(nonce, json.dumps(key.as_dict(private=True)).encode(), self._bound(kid))
        await unit.run(
            ADD_SIGNING_KEY, kid=kid, purpose=self._purpose, public=public, wrapped=wrapped, signs_from=signs_from
        )
        return kid

    async def _read(self) -> None:
        rows: Sequence[KeyRow] = await self._db.all(SIGNING_KEYS, purpose=self._purpose)
        self._known = tuple(
            SigningKey(row.kid, self._open(row), json.loads(row.public), row.signs_from, row.ends_at) for row in rows
        )
        self._opened = {key.kid: key.key for key in self._known}
        self._read_at = self._db.now()

    def _open(self, row: KeyRow) -> ECKey:
        known = self._opened.get(row.kid)
        if known is not None:
            return known
        try:
            private = self._cipher.decrypt(row.wrapped[:_NONCE_BYTES], row.wrapped[_NONCE_BYTES:], self._bound(row.kid))
        except (InvalidTag, ValueError) as error:
            raise WrongMasterKey(f"the signing key {row.kid} in the database does not open") from error
        return ECKey.import_key(json.loads(private))

    def _find(self, kid: str) -> SigningKey | None:
        return next((key for key in self._known if key.kid == kid and not self._ended(key)), None)

    def _ended(self, key: SigningKey) -> bool:
        return key.ends_at is not None and key.ends_at <= self._db.now()

    def _bound(self, kid: str) -> bytes:
        return f"signing_key\0{self._purpose}\0{kid}".encode()
