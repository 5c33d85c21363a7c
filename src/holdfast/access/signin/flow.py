"""The way to a provider and back: the authorization code flow (OpenID Connect Core 1.0, 3.1) with PKCE (RFC 7636).

Promises (rule 20): a call-back is taken only in the browser that began it (state, bound to a sealed cookie), once, for
what and for the provider that it was begun with (a redirect address of its own, and `iss` of RFC 9207 where the
provider sends it); the code is good only with our verifier, the ID token only with our nonce. Nothing is kept for what
was begun and not finished.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import urlencode

from holdfast.access.errors import ProviderAway, Unknown
from holdfast.access.signin.claims import wants_more
from holdfast.access.signin.discovery import Discovery, Metadata
from holdfast.access.signin.errors import ProviderRefused, SignInFailed
from holdfast.access.signin.exchange import Client, Exchange, Tokens
from holdfast.access.signin.id_token import Expected, TokenInvalid
from holdfast.access.signin.providers import Providers, provider_of, secret_purpose
from holdfast.access.signin.sealing import NotSealed, Seal
from holdfast.access.signin.store import PROVIDER, USE_CALLBACK, ProviderRow
from holdfast.db.port import Database, Unit

PENDING_SECONDS = 600
"""How long a person may take at the provider."""
_COOKIE_LIMIT = 4096
_FIELD_LIMIT = 8192
_GOOGLE = "https://accounts.google.com"


class Begun(NamedTuple):
    """A way that goes on at the provider: where to send the browser, and what it keeps in a cookie of this name."""

    url: str
    cookie: str
    value: str


class Answered(NamedTuple):
    """What a provider vouches for: the claims of its ID token, and those that its userinfo endpoint alone has."""

    row: ProviderRow
    token: Mapping[str, object]
    userinfo: Mapping[str, object]
    refresh_token: str | None

    @property
    def claims(self) -> dict[str, object]:
        """All claims; the ID token's count first."""
        return {**self.userinfo, **self.token}


class Flow:
    """Sends browsers to providers, and reads what they bring back."""

    def __init__(
        self, db: Database, seal: Seal, *, providers: Providers, discovery: Discovery, exchange: Exchange
    ) -> None:
        self._db = db
        self._seal = seal
        self._providers = providers
        self._discovery = discovery
        self._exchange = exchange

    async def begin(self, purpose: str, name: str, kept: Mapping[str, object], *, lasting: bool) -> Begun:
        """Where to send a browser. `purpose`: what the call-back is good for, and nothing else; `kept`: what it brings
        back; `lasting`: whether the provider shall be asked again later. Raises `Unknown`, `ProviderAway`."""
        row = await self._db.one(PROVIDER, name=name)
        if row is None:
            raise Unknown(f"there is no provider called {name[:64]!r}")
        metadata = await self._discovery.metadata(row.issuer)
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        pending = {
            **kept,
            "provider": row.id,
            "state": state,
            "nonce": nonce,
            "verifier": verifier,
            "until": self._db.now() + PENDING_SECONDS * 1_000_000,
        }
        query = {
            "response_type": "code",
            "client_id": row.client_id,
            "redirect_uri": self._providers.redirect_uri(row.name),
            "scope": _scopes(row, metadata) if lasting else row.scopes,
            "state": state,
            "nonce": nonce,
            "code_challenge": _challenge(verifier),
            "code_challenge_method": "S256",
        }
        if lasting and row.issuer == _GOOGLE:
            query["access_type"] = "offline"  # its way of asking for a refresh token
        url = metadata.authorization + ("&" if "?" in metadata.authorization else "?") + urlencode(query)
        sealed = self._seal.seal(purpose, json.dumps(pending).encode())
        return Begun(url, cookie_of(state), base64.urlsafe_b64encode(sealed).decode().rstrip("="))

    def pending(self, purpose: str, state: str, cookie: str) -> dict[str, object]:
        """What `begin` sealed for this purpose. Raises `SignInFailed`."""
        if not state or not cookie or len(cookie) > _COOKIE_LIMIT:
            raise SignInFailed("the browser did not begin this sign-in, or takes no cookie")
        try:
            sealed = base64.urlsafe_b64decode(cookie + "=" * (-len(cookie) % 4))
            pending: dict[str, object] = json.loads(self._seal.open(purpose, sealed))
        except (NotSealed, ValueError) as error:
            raise SignInFailed("the cookie of the sign-in is not ours") from error
        if not hmac.compare_digest(str(pending["state"]).encode(), state.encode("utf-8", "replace")):
            raise SignInFailed("the state is of another sign-in")
        if int(str(pending["until"])) <= self._db.now():
            raise SignInFailed("the sign-in took too long", "The sign-in took too long. Begin it again.")
        return pending

    async def answered(self, name: str, query: Mapping[str, str], pending: Mapping[str, object]) -> Answered:
        """What the provider says, by the code of the call-back. Raises `SignInFailed`, `ProviderAway`."""
        row = await self._db.one(PROVIDER, name=name)
        if row is None or row.id != pending["provider"]:
            raise SignInFailed("the call-back is of another provider than the sign-in was begun with")
        metadata = await self._discovery.metadata(row.issuer)
        code = _code(query, metadata)
        client = client_of(self._seal, row)
        redirect = self._providers.redirect_uri(row.name)
        try:
            tokens = await self._exchange.code(metadata, client, code, redirect, str(pending["verifier"]))
        except ProviderRefused as error:
            raise SignInFailed(f"the code: {error}") from error
        if tokens.id_token is None:
            raise SignInFailed("the provider gave no ID token")
        expected = Expected(row.issuer, row.client_id, str(pending["nonce"]), self._db.now(), tokens.access_token)
        try:
            claims = await self._discovery.verify(tokens.id_token, expected)
        except TokenInvalid as error:
            raise SignInFailed(f"the ID token: {error}") from error
        return Answered(row, claims, await self._userinfo(claims, row, metadata, tokens), tokens.refresh_token)

    async def take(self, unit: Unit, row: ProviderRow, pending: Mapping[str, object]) -> None:
        """Let the call-back count this once. Raises `SignInFailed`."""
        used = self._seal.hash("call-back", str(pending["state"]))
        until = unit.now + 2 * PENDING_SECONDS * 1_000_000
        if not await unit.run(USE_CALLBACK, hash=used, method=row.name, expires_at=until):
            raise SignInFailed("the call-back was used before")

    async def _userinfo(
        self, claims: Mapping[str, object], row: ProviderRow, metadata: Metadata, tokens: Tokens
    ) -> Mapping[str, object]:
        """The claims that the provider keeps at its userinfo endpoint alone (Core, 5.3), where some are wanted."""
        if metadata.userinfo is None or tokens.access_token is None or not wants_more(claims, provider_of(row)):
            return {}
        try:
            found = await self._exchange.userinfo(metadata.userinfo, tokens.access_token)
        except ProviderAway:
            return {}
        if found.get("sub") != claims["sub"]:
            raise SignInFailed("the userinfo endpoint speaks of somebody else")
        return found


def client_of(seal: Seal, row: ProviderRow) -> Client:
    """How we prove ourselves to a provider. Raises `ProviderAway`."""
    if row.secret is None:
        return Client(row.client_id, None)
    try:
        return Client(row.client_id, seal.open(secret_purpose(row.name), row.secret).decode())
    except NotSealed as error:
        raise ProviderAway(f"the client secret of {row.name} does not open: set it again") from error


def cookie_of(state: str) -> str:
    """The last part of the name of the cookie of a sign-in: several may be under way in a browser."""
    return hashlib.sha256(state.encode("utf-8", "replace")).hexdigest()[:16]


def _code(query: Mapping[str, str], metadata: Metadata) -> str:
    """The code of a call-back. Raises `SignInFailed`."""
    named = query.get("iss")
    if named != metadata.issuer and (named is not None or metadata.names_itself):
        raise SignInFailed("the call-back names another issuer, or none")
    if "error" in query:
        raise SignInFailed(f"the provider says {query['error'][:64]!r}", "The provider did not sign you in.")
    code = query.get("code", "")
    if not 0 < len(code) <= _FIELD_LIMIT:
        raise SignInFailed("the call-back has no code")
    return code


def _challenge(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")


def _scopes(row: ProviderRow, metadata: Metadata) -> str:
    words = row.scopes.split()
    if "offline_access" in metadata.scopes and "offline_access" not in words:
        words.append("offline_access")
    return " ".join(words)
