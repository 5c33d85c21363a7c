"""Recognises credentials and issues permits.

Who a credential belongs to and what it may do is remembered under a keyed hash of the credential, with the policy
version at which that was true; the statement that serves the request proves that version, so that whatever changed
holds at the next request (design, invariant 4). The secret itself is kept nowhere. With `--open` everyone may do
everything, and no credential is asked for.

One field, no fall-through: in Basic `hf_...` is a key, three parts with dots are a machine's token of another issuer,
anything else is the password of the user named; only that one way is tried, and only that one can count as a failure.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple, Protocol

from holdfast.access import permits
from holdfast.access.certificates import PREFIX
from holdfast.access.errors import StalePermit, Unauthenticated
from holdfast.access.identities import Identities
from holdfast.access.keys.secret import looks_like_key
from holdfast.access.meters import IDENTITIES
from holdfast.access.model import (
    ANONYMOUS,
    UNCHECKED,
    CatalogPermit,
    Credential,
    CredentialKind,
    DeletePermit,
    Identity,
    PathPermit,
    PullPermit,
    PushPermit,
    Recognised,
    ScopeEntry,
)
from holdfast.access.policy.decide import Rights
from holdfast.access.policy.model import Circumstances
from holdfast.access.request_limits import SLOW_RATE, RequestLimits
from holdfast.access.requirement import Required
from holdfast.access.standing import T, check_permit, prove, settled
from holdfast.access.store import POLICY_VERSION
from holdfast.access.throttle import Bounded
from holdfast.access.tokens.model import Issued
from holdfast.access.tokens.refresh import RefreshTokens
from holdfast.access.tokens.service import Tokens
from holdfast.db.port import Database, Reader
from holdfast.journal.model import Origin
from holdfast.oci.name import RepositoryName
from holdfast.telemetry.meters import Meters

_REMEMBERED = 8192
_HEADER_LIMIT = 24576
_PASSWORD_LIMIT = 8192
_ATTEMPTS = 5
_NOBODY = b""
_NOWHERE = Origin("")


class Recogniser(Protocol):
    """One way of logging in."""

    async def recognise(self, name: str, secret: str, origin: Origin) -> Recognised:
        """Whose `secret` this is. Raises `Unauthenticated`, `Throttled`, `Busy`."""
        ...


class UsedKeys(Protocol):
    """Hears which secret of a key served a request."""

    def used(self, secret_id: int, origin: Origin) -> None:
        """Note it."""
        ...


class Ways(NamedTuple):
    """The ways of logging in; None: there is none of the kind."""

    passwords: Recogniser | None = None
    keys: Recogniser | None = None
    machines: Recogniser | None = None
    certificates: Recogniser | None = None
    tokens: Tokens | None = None
    refresh: RefreshTokens | None = None
    used: UsedKeys | None = None


class _Login(NamedTuple):
    """One credential as it came: by which way, for which name."""

    way: Recogniser | None
    name: str
    secret: str


class Access:
    """One process's view of who may do what. `open_to_all`: everyone may do everything. `limits`: of requests, None:
    there are none; each surface asks them once for each request, and `slowed` where the identity is slow. `required`:
    of whom a password alone is not taken."""

    def __init__(
        self,
        db: Database,
        ways: Ways | None = None,
        *,
        open_to_all: bool = False,
        limits: RequestLimits | None = None,
        meters: Meters | None = None,
        required: Required = Required.NONE,
    ) -> None:
        meters = meters or Meters()
        self._remembered = meters.tally(IDENTITIES, "known")
        self._asked = meters.tally(IDENTITIES, "asked")
        self.limits = limits
        self._slow = RequestLimits(SLOW_RATE)
        self._db = db
        self._ways = ways or Ways()
        self._open = Identity(ANONYMOUS, UNCHECKED, Rights.EVERYTHING) if open_to_all else None
        self._identities = Identities(db, required)
        self._hash_key = os.urandom(32)
        self._known: Bounded[bytes, Identity] = Bounded(_REMEMBERED)

    @property
    def is_open(self) -> bool:
        """Whether everyone may do everything without a credential."""
        return self._open is not None

    async def slowed(self, who: Identity, origin: Origin) -> None:
        """Count a request of who is slow, and of nobody else. Raises `TooManyRequests`, a moment late."""
        if who.slow:
            await self._slow.count(who, origin)

    def remembered(self, authorization: bytes | None) -> Identity | None:
        """Who a header was recognised as lately, or None: then `authenticate` decides."""
        if self._open is not None:
            return self._open
        found = self._known.get(self._fingerprint(authorization or _NOBODY))
        if found is None or self.ended(found):
            return None
        self._remembered.add()
        return found

    def ended(self, who: Identity) -> bool:
        """Whether the time of `who` is over."""
        return bool(who.until) and who.until <= self._db.now()

    async def authenticate(self, authorization: bytes | None, origin: Origin = _NOWHERE) -> Identity:
        """Who the header's credential belongs to, decided now; without a header: the anonymous subject.

        Raises `Unauthenticated`, `Throttled`, `Busy`; `StalePermit` when accounts go on changing meanwhile.
        """
        if self._open is not None:
            return self._open
        self._asked.add()
        fingerprint = self._fingerprint(authorization or _NOBODY)
        login = None
        if authorization is not None and authorization.startswith(PREFIX):
            login = _Login(self._ways.certificates, authorization[len(PREFIX) :].decode("latin-1"), "")
        elif authorization is not None and not _is_bearer(authorization):
            login = self._login(*_basic(authorization))
        for _ in range(_ATTEMPTS):
            before = await self.policy_version()
            if authorization is None:
                found = Recognised(0, Credential())
            elif login is None:
                found = await self._verified(authorization, before)
            else:
                found = await self._recognised(login, origin)
            identity = await self._identities.of(found)
            if identity.version == before:  # nothing changed between the look at the secret and that at the rights
                self._known.put(fingerprint, identity)
                return identity
        raise StalePermit

    async def by_password(self, name: str, secret: str, origin: Origin) -> Identity:
        """Who a name and a secret belong to, as if they came in Basic; see `authenticate`."""
        return await self.authenticate(b"Basic " + base64.b64encode(f"{name}:{secret}".encode()), origin)

    async def by_refresh_token(self, secret: str, origin: Origin) -> Identity:
        """Who a refresh token belongs to. Raises `Unauthenticated`."""
        if self._ways.refresh is None:
            raise Unauthenticated
        return await self._identities.of(await self._ways.refresh.recognise(secret, origin))

    async def by_machine_token(self, name: str, token: str, origin: Origin) -> Identity:
        """Who a token of another issuer belongs to (RFC 8693). Raises `Unauthenticated`, `Throttled`."""
        if self._ways.machines is None:
            raise Unauthenticated
        return await self._identities.of(await self._ways.machines.recognise(name, token, origin))

    async def issue(self, who: Identity, asked: Sequence[ScopeEntry], origin: Origin, client: str | None) -> Issued:
        """An access token for `who`, and a refresh token for the client called `client` (None: it asks for none).

        Raises `Unauthenticated` where no tokens are made.
        """
        if self._ways.tokens is None:
            raise Unauthenticated
        issued = await self._ways.tokens.issue(who, asked, origin.address)
        if client is None or self._ways.refresh is None or not who.subject.id:
            return issued
        return issued._replace(refresh=await self._ways.refresh.issue(who, client, origin))

    async def published_keys(self) -> list[object]:
        """The public keys that tokens are signed with, as a JWK set lists them."""
        return list(await self._ways.tokens.keys.published()) if self._ways.tokens is not None else []

    async def confirm(self, identity: Identity) -> None:
        """Raise `StalePermit` when accounts changed since `identity` was recognised; for answers without a statement
        of their own."""
        if identity.version != UNCHECKED:
            prove(identity, await self.policy_version())

    async def settled(self, who: Identity, work: Callable[[], Awaitable[T]]) -> T:
        """What `work` gives or raises, for an identity of `standing.reading`: see standing.py. Raises `StalePermit`."""
        return await settled(self._db, who, work)

    async def still(self, who: Identity, authorization: bytes | None, origin: Origin) -> Identity:
        """`who`, unless it has ended or something changed that touches it; then who the header's credential belongs to
        now: for answers that last. Raises as `authenticate`."""
        if self.ended(who):
            return await self.authenticate(authorization, origin)
        try:
            await check_permit(self._db, who)
        except StalePermit:
            return await self.authenticate(authorization, origin)
        return who

    async def policy_version(self) -> int:
        """The policy version of this moment."""
        row = await self._db.one(POLICY_VERSION)
        return row.version if row is not None else 0

    def served(self, who: Identity, origin: Origin) -> None:
        """A request of `who` was served: its key was used."""
        if who.credential.kind is CredentialKind.KEY and self._ways.used is not None:
            self._ways.used.used(who.credential.id, origin)

    def pull(self, who: Identity, repository: RepositoryName, origin: Origin) -> PullPermit:
        """The permit to read `repository`: see permits.py. Raises `Denied`, `InsufficientScope`."""
        return permits.pull(who, repository, origin, self._now(who))

    def list_tags(self, who: Identity, repository: RepositoryName, origin: Origin) -> PullPermit:
        """The permit to name the tags of `repository`. Raises `Denied`, `InsufficientScope`."""
        return permits.list_tags(who, repository, origin, self._now(who))

    def referrers(self, who: Identity, repository: RepositoryName, origin: Origin) -> PullPermit:
        """The permit to list referrers in `repository`. Raises `Denied`, `InsufficientScope`."""
        return permits.referrers(who, repository, origin, self._now(who))

    def push(self, who: Identity, repository: RepositoryName, origin: Origin) -> PushPermit:
        """The permit to write to `repository`, which outlives changes that leave the right standing. Raises `Denied`,
        `InsufficientScope`."""

        async def renew(reader: Reader) -> PushPermit:
            try:
                again = await self._identities.again(reader, who)
            except Unauthenticated as error:
                raise StalePermit from error
            return permits.push(again, repository, origin, self._db.now())

        return permits.push(who, repository, origin, self._now(who), renew)

    def delete(self, who: Identity, repository: RepositoryName, origin: Origin) -> DeletePermit:
        """The permit to delete in `repository`. Raises `Denied`, `InsufficientScope`."""
        return permits.delete(who, repository, origin, self._now(who))

    def catalog(self, who: Identity, origin: Origin) -> CatalogPermit:
        """The permit to list the repositories that `who` may know. Raises `Unauthenticated` for the anonymous where
        nothing is shown to everyone, `InsufficientScope`."""
        if not who.subject.id and who.version != UNCHECKED and who.ceiling is None:
            here = Circumstances(origin.address, self._now(who))
            if who.rights.shown(here).prefixes() == ():
                raise Unauthenticated
        return permits.catalog(who, origin, self._now(who), everything=who.version == UNCHECKED)

    def path(self, who: Identity, at: str, origin: Origin) -> PathPermit:
        """The permit to manage what lies at and below a path ('': everything); see permits.py."""
        return permits.path(who, at, origin, self._db.now())

    def _now(self, who: Identity) -> int:
        """The database's clock, where a decision may rest on it."""
        return self._db.now() if who.rights.conditional else 0

    async def _verified(self, authorization: bytes, version: int) -> Recognised:
        if self._ways.tokens is None:
            raise Unauthenticated
        return await self._ways.tokens.verify(authorization[7:].strip(), version)

    async def _recognised(self, login: _Login, origin: Origin) -> Recognised:
        if login.way is None:
            raise Unauthenticated
        return await login.way.recognise(login.name, login.secret, origin)

    def _login(self, name: str, secret: str) -> _Login:
        """By which one way the secret is looked at."""
        if looks_like_key(secret):
            return _Login(self._ways.keys, name, secret)
        if _is_token(secret):
            return _Login(self._ways.machines, name, secret)
        if not name or len(secret) > _PASSWORD_LIMIT:
            raise Unauthenticated
        return _Login(self._ways.passwords, name, secret)

    def _fingerprint(self, authorization: bytes) -> bytes:
        return hashlib.blake2b(authorization, key=self._hash_key, digest_size=16).digest()


def _is_bearer(authorization: bytes) -> bool:
    return authorization[:7].lower() == b"bearer "


def _is_token(secret: str) -> bool:
    """Whether `secret` has the form of a JWT: three parts, the first a JSON object in base64."""
    return secret.startswith("eyJ") and secret.count(".") == 2


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
    if not colon or "\0" in name or "\0" in password:
        raise Unauthenticated
    return name, password
