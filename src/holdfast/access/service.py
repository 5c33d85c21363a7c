"""`Access`: recognises credentials and issues the permits that every use-case takes.

A recognised header is remembered under a keyed hash together with the rights of its subject and the policy version at
which they were read; the statement that serves the request proves that version, so that whatever changed holds at the
next request (design, invariant 4). The secret itself is kept nowhere. With `--open` everyone may do everything, and no
credential is asked for.
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
    Credential,
    CredentialKind,
    DeletePermit,
    Identity,
    PullPermit,
    PushPermit,
    Recognised,
)
from holdfast.access.password import PasswordChecker
from holdfast.access.policy.decide import Rights
from holdfast.access.policy.model import PUSH_ACTIONS, Action, Circumstances
from holdfast.access.rights import identify, nobody
from holdfast.access.standing import prove
from holdfast.access.store import ACCOUNT, POLICY_VERSION
from holdfast.db.port import Database
from holdfast.journal.model import Origin
from holdfast.oci.name import RepositoryName

_REMEMBERED = 4096
_HEADER_LIMIT = 8192
_NOBODY = b""


class Access:
    """One process's view of who may do what. `open_to_all`: everyone may do everything."""

    def __init__(self, db: Database, *, open_to_all: bool = False) -> None:
        self._db = db
        self._open = Identity(ANONYMOUS, UNCHECKED, Rights.EVERYTHING) if open_to_all else None
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
        found = self._known.get(self._fingerprint(authorization or _NOBODY))
        if not isinstance(found, Identity) or (found.until and found.until <= self._db.now()):
            return None
        return found

    async def authenticate(self, authorization: bytes | None) -> Identity:
        """Who the header's credential belongs to, decided now; without a header: the anonymous subject.

        Raises `Unauthenticated`, `Busy`.
        """
        if self._open is not None:
            return self._open
        fingerprint = self._fingerprint(authorization or _NOBODY)
        version = await self.policy_version()
        known = self._known.get(fingerprint)
        if known == version:
            raise Unauthenticated  # this very header was wrong, and no account has changed since
        if authorization is None:
            return self._remember(fingerprint, await nobody(self._db))
        name, password = _basic(authorization)
        account = await self._db.one(ACCOUNT, name=name)
        usable = account is not None and account.disabled_at is None
        good = await self._passwords.check(account.verifier if account is not None and usable else None, password)
        if account is None or not good:
            self._known[fingerprint] = version
            raise Unauthenticated
        found = Recognised(account.id, Credential(CredentialKind.PASSWORD))
        return self._remember(fingerprint, await identify(self._db, found))

    async def confirm(self, identity: Identity) -> None:
        """Raise `StalePermit` when accounts changed since `identity` was recognised; for answers without a statement
        of their own."""
        prove(identity, await self.policy_version())

    async def policy_version(self) -> int:
        """The policy version of this moment."""
        row = await self._db.one(POLICY_VERSION)
        return row.version if row is not None else 0

    def pull(self, who: Identity, repository: RepositoryName, origin: Origin) -> PullPermit:
        """The permit to read `repository`. Raises `Denied`."""
        here = self._circumstances(who, origin)
        tags = who.rights.tags(Action.PULL, repository, here)
        may_push = any(not who.rights.tags(action, repository, here).nothing for action in PUSH_ACTIONS)
        listing = who.rights.tags(Action.LIST, repository, here)
        if tags.nothing and listing.nothing and not may_push:
            raise tags.refuse()
        return PullPermit(
            who.subject,
            repository,
            who.version,
            origin,
            who.credential,
            0,
            may_push,
            tags,
            listing if listing.everything else tags,
        )

    def push(self, who: Identity, repository: RepositoryName, origin: Origin) -> PushPermit:
        """The permit to write to `repository`. Raises `Denied`."""
        here = self._circumstances(who, origin)
        create, overwrite, sign, pull = (
            who.rights.tags(action, repository, here)
            for action in (Action.CREATE_TAG, Action.OVERWRITE, Action.SIGN, Action.PULL)
        )
        if create.nothing and overwrite.nothing and sign.nothing:
            raise create.refuse()
        making = who.rights.allows(Action.CREATE_REPOSITORY, repository, None, here)
        return PushPermit(
            who.subject,
            repository,
            who.version,
            origin,
            who.credential,
            0,
            create,
            overwrite,
            sign,
            pull,
            making,
        )

    def delete(self, who: Identity, repository: RepositoryName, origin: Origin) -> DeletePermit:
        """The permit to delete in `repository`. Raises `Denied`."""
        tags = who.rights.tags(Action.DELETE_TAG, repository, self._circumstances(who, origin))
        if tags.nothing:
            raise tags.refuse()
        return DeletePermit(who.subject, repository, who.version, origin, who.credential, 0, tags)

    def catalog(self, who: Identity, origin: Origin) -> CatalogPermit:
        """The permit to list the repositories that `who` may know."""
        rights = who.rights if who.version != UNCHECKED else None
        return CatalogPermit(who.subject, who.version, origin, rights, who.credential)

    def close(self) -> None:
        """End the password threads."""
        self._passwords.close()

    def _circumstances(self, who: Identity, origin: Origin) -> Circumstances:
        return Circumstances(origin.address, self._db.now(), who.credential.claims)

    def _fingerprint(self, authorization: bytes) -> bytes:
        return hashlib.blake2b(authorization, key=self._hash_key, digest_size=16).digest()

    def _remember(self, fingerprint: bytes, found: Identity) -> Identity:
        if len(self._known) >= _REMEMBERED:
            self._known.clear()
        self._known[fingerprint] = found
        return found


def _basic(authorization: bytes) -> tuple[str, str]:
    """Name and password of a Basic header (RFC 7617, UTF-8). Raises `Unauthenticated`."""
    if len(authorization) > _HEADER_LIMIT:
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
