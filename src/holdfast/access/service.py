"""`Access`: recognises credentials and issues the permits that every use-case takes.

Until accounts other than the administrator exist, whoever is authenticated may do everything; with `--open` everyone
may, and no credential is asked for. A recognised Basic header is remembered under a keyed hash together with the
policy version at which it was checked; the statement that serves the request proves that version, so that a changed
account is refused at its next request (design, invariant 4). The password itself is kept nowhere.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os

from holdfast.access.errors import Unauthenticated
from holdfast.access.model import (
    ANONYMOUS,
    UNCHECKED,
    CatalogPermit,
    DeletePermit,
    Identity,
    PullPermit,
    PushPermit,
    Subject,
)
from holdfast.access.password import PasswordChecker
from holdfast.access.standing import prove
from holdfast.access.store import ACCOUNT, POLICY_VERSION, STANDING
from holdfast.db.port import Database
from holdfast.oci.name import RepositoryName

_REMEMBERED = 4096
_HEADER_LIMIT = 8192


class Access:
    """One process's view of who may do what. `open_to_all`: everyone may do everything."""

    def __init__(self, db: Database, *, open_to_all: bool = False) -> None:
        self._db = db
        self._open = Identity(ANONYMOUS, UNCHECKED) if open_to_all else None
        self._hash_key = os.urandom(32)
        self._known: dict[bytes, Identity | int] = {}
        self._passwords = PasswordChecker()

    @property
    def is_open(self) -> bool:
        """Whether everyone may do everything without a credential."""
        return self._open is not None

    def remembered(self, authorization: bytes | None) -> Identity | None:
        """Who a header was recognised as lately, or None: then `authenticate` decides."""
        if self._open is not None:
            return self._open
        if authorization is None:
            return None
        found = self._known.get(self._fingerprint(authorization))
        return found if isinstance(found, Identity) else None

    async def authenticate(self, authorization: bytes | None) -> Identity:
        """Who the header's credential belongs to, decided now. Raises `Unauthenticated`, `Busy`."""
        if self._open is not None:
            return self._open
        name, password = _basic(authorization)
        fingerprint = self._fingerprint(authorization or b"")
        version = await self.policy_version()
        known = self._known.get(fingerprint)
        if known == version:
            raise Unauthenticated  # this very header was wrong, and no account has changed since
        if isinstance(known, Identity) and (fresh := await self._still(known)) is not None:
            self._remember(fingerprint, fresh)
            return fresh
        account = await self._db.one(ACCOUNT, name=name)
        usable = account is not None and account.disabled_at is None
        stored = account.password if account is not None and usable else None
        good = await self._passwords.check(stored, password)
        if account is None or not good:
            self._remember(fingerprint, version)
            raise Unauthenticated
        identity = Identity(Subject(account.id, account.name), account.version)
        self._remember(fingerprint, identity)
        return identity

    async def _still(self, known: Identity) -> Identity | None:
        """`known` at the policy version of this moment, unless its account changed since."""
        row = await self._db.one(STANDING, id=known.subject.id)
        if row is None or row.changed is None or row.changed > known.version:
            return None
        return Identity(known.subject, row.version)

    async def confirm(self, identity: Identity) -> None:
        """Raise `StalePermit` when accounts changed since `identity` was recognised; for answers without a statement
        of their own."""
        prove(identity, await self.policy_version())

    async def policy_version(self) -> int:
        """The policy version of this moment."""
        row = await self._db.one(POLICY_VERSION)
        return row.version if row is not None else 0

    def pull(self, who: Identity, repository: RepositoryName, request: str) -> PullPermit:
        """The permit to read `repository`."""
        return PullPermit(who.subject, repository, who.version, request, True)

    def push(self, who: Identity, repository: RepositoryName, request: str) -> PushPermit:
        """The permit to write to `repository`."""
        return PushPermit(who.subject, repository, who.version, request)

    def delete(self, who: Identity, repository: RepositoryName, request: str) -> DeletePermit:
        """The permit to delete in `repository`."""
        return DeletePermit(who.subject, repository, who.version, request)

    def catalog(self, who: Identity, request: str) -> CatalogPermit:
        """The permit to list the repositories."""
        return CatalogPermit(who.subject, who.version, request)

    def close(self) -> None:
        """End the password threads."""
        self._passwords.close()

    def _fingerprint(self, authorization: bytes) -> bytes:
        return hashlib.blake2b(authorization, key=self._hash_key, digest_size=16).digest()

    def _remember(self, fingerprint: bytes, found: Identity | int) -> None:
        if len(self._known) >= _REMEMBERED:
            self._known.clear()
        self._known[fingerprint] = found


def _basic(authorization: bytes | None) -> tuple[str, str]:
    """Name and password of a Basic header (RFC 7617, UTF-8). Raises `Unauthenticated`."""
    if authorization is None or len(authorization) > _HEADER_LIMIT:
        raise Unauthenticated
    scheme, _, encoded = authorization.partition(b" ")
    if scheme.lower() != b"basic":
        raise Unauthenticated
    try:
        name, colon, password = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
    except (binascii.Error, ValueError) as error:
        raise Unauthenticated from error
    if not colon or not name or "\0" in name:
        raise Unauthenticated
    return name, password
