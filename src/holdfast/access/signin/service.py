"""Signing in with a provider: the authorization code flow (OpenID Connect Core 1.0, 3.1) with PKCE (RFC 7636).

Promises (rule 20): a call-back is taken only in the browser that began it (state, bound to a sealed cookie), once, for
the provider that it was begun with (a redirect address of its own, and `iss` of RFC 9207 where the provider sends it);
the code is good only with our verifier, the ID token only with our nonce. Nothing is kept for a sign-in that was begun
and not finished. Where it goes on afterwards is a path of ours.
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
from holdfast.access.signin.claims import person_of, wants_more
from holdfast.access.signin.discovery import Discovery, Metadata
from holdfast.access.signin.errors import ProviderRefused, SignInFailed
from holdfast.access.signin.exchange import Client, Exchange, Tokens
from holdfast.access.signin.id_token import Expected, TokenInvalid
from holdfast.access.signin.model import Person, Provider, SignedIn
from holdfast.access.signin.people import People
from holdfast.access.signin.providers import Providers, provider_of, secret_purpose
from holdfast.access.signin.sealing import NotSealed, Seal
from holdfast.access.signin.sessions import Sessions
from holdfast.access.signin.store import PROVIDER, USE_CALLBACK, ProviderRow
from holdfast.db.port import Database, Unit
from holdfast.journal.model import Origin

PENDING_SECONDS = 600
"""How long a person may take at the provider."""
_PENDING = "sign-in under way"
_COOKIE_LIMIT = 4096
_FIELD_LIMIT = 8192
_GOOGLE = "https://accounts.google.com"


class Begun(NamedTuple):
    """A sign-in that goes on at the provider: where to send the browser, and what it keeps in a cookie of this name."""

    url: str
    cookie: str
    value: str


class SignIn:
    """Begins and finishes sign-ins with providers."""

    def __init__(
        self,
        db: Database,
        seal: Seal,
        *,
        providers: Providers,
        discovery: Discovery,
        exchange: Exchange,
        people: People,
        sessions: Sessions,
    ) -> None:
        self._db = db
        self._seal = seal
        self._providers = providers
        self._discovery = discovery
        self._exchange = exchange
        self._people = people
        self._sessions = sessions

    async def begin(self, name: str, next_path: str) -> Begun:
        """Where to send a browser that signs in with the provider `name`. Raises `Unknown`, `ProviderAway`."""
        row = await self._db.one(PROVIDER, name=name)
        if row is None:
            raise Unknown(f"there is no provider called {name[:64]!r}")
        metadata = await self._discovery.metadata(row.issuer)
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        pending = {
            "provider": row.id,
            "state": state,
            "nonce": nonce,
            "verifier": verifier,
            "next": local_path(next_path),
            "until": self._db.now() + PENDING_SECONDS * 1_000_000,
        }
        query = {
            "response_type": "code",
            "client_id": row.client_id,
            "redirect_uri": self._providers.redirect_uri(row.name),
            "scope": _scopes(row, metadata),
            "state": state,
            "nonce": nonce,
            "code_challenge": _challenge(verifier),
            "code_challenge_method": "S256",
        }
        if row.issuer == _GOOGLE:
            query["access_type"] = "offline"  # its way of asking for a refresh token
        url = metadata.authorization + ("&" if "?" in metadata.authorization else "?") + urlencode(query)
        sealed = self._seal.seal(_PENDING, json.dumps(pending).encode())
        return Begun(url, cookie_of(state), base64.urlsafe_b64encode(sealed).decode().rstrip("="))

    async def finish(self, name: str, query: Mapping[str, str], cookie: str, origin: Origin) -> SignedIn:
        """Finish a sign-in with what the browser brought back. `cookie`: the value that `begin` gave for this state.

        Raises `SignInFailed`, `ProviderAway`.
        """
        pending = self._pending(query.get("state", ""), cookie)
        row = await self._db.one(PROVIDER, name=name)
        if row is None or row.id != pending["provider"]:
            raise SignInFailed("the call-back is of another provider than the sign-in was begun with")
        metadata = await self._discovery.metadata(row.issuer)
        code = _code(query, metadata)
        person, wrapped = await self._person(row, metadata, code, str(pending["nonce"]), str(pending["verifier"]))
        used = self._seal.hash("call-back", str(pending["state"]))

        async def sign_in(unit: Unit) -> SignedIn:
            until = unit.now + 2 * PENDING_SECONDS * 1_000_000
            if not await unit.run(USE_CALLBACK, hash=used, method=row.name, expires_at=until):
                raise SignInFailed("the call-back was used before")
            linked = await self._people.link(unit, row, person, wrapped, origin)
            value = await self._sessions.begin(unit, linked.account_id, f"user:{linked.name}", row.name, origin)
            return SignedIn(linked.account_id, linked.name, value, str(pending["next"]))

        return await self._db.write(sign_in)

    async def offered(self) -> list[Provider]:
        """The providers that the sign-in page names."""
        return await self._providers.shown()

    def _pending(self, state: str, cookie: str) -> dict[str, object]:
        """What `begin` sealed. Raises `SignInFailed`."""
        if not state or not cookie or len(cookie) > _COOKIE_LIMIT:
            raise SignInFailed("the browser did not begin this sign-in, or takes no cookie")
        try:
            sealed = base64.urlsafe_b64decode(cookie + "=" * (-len(cookie) % 4))
            pending: dict[str, object] = json.loads(self._seal.open(_PENDING, sealed))
        except (NotSealed, ValueError) as error:
            raise SignInFailed("the cookie of the sign-in is not ours") from error
        if not hmac.compare_digest(str(pending["state"]).encode(), state.encode("utf-8", "replace")):
            raise SignInFailed("the state is of another sign-in")
        if int(str(pending["until"])) <= self._db.now():
            raise SignInFailed("the sign-in took too long", "The sign-in took too long. Begin it again.")
        return pending

    async def _person(
        self, row: ProviderRow, metadata: Metadata, code: str, nonce: str, verifier: str
    ) -> tuple[Person, bytes | None]:
        """Whom the provider vouches for, and its refresh token, sealed. Raises `SignInFailed`, `ProviderAway`."""
        client = client_of(self._seal, row)
        redirect = self._providers.redirect_uri(row.name)
        try:
            tokens = await self._exchange.code(metadata, client, code, redirect, verifier)
        except ProviderRefused as error:
            raise SignInFailed(f"the code: {error}") from error
        if tokens.id_token is None:
            raise SignInFailed("the provider gave no ID token")
        expected = Expected(row.issuer, row.client_id, nonce, self._db.now(), tokens.access_token)
        try:
            claims = await self._discovery.verify(tokens.id_token, expected)
        except TokenInvalid as error:
            raise SignInFailed(f"the ID token: {error}") from error
        claims = await self._more(claims, row, metadata, tokens)
        wrapped = None
        if tokens.refresh_token is not None:
            wrapped = self._seal.seal(refresh_purpose(row.id), tokens.refresh_token.encode())
        return person_of(claims, provider_of(row)), wrapped

    async def _more(
        self, claims: dict[str, object], row: ProviderRow, metadata: Metadata, tokens: Tokens
    ) -> dict[str, object]:
        """`claims`, with those that the provider keeps at its userinfo endpoint alone (Core, 5.3)."""
        if metadata.userinfo is None or tokens.access_token is None or not wants_more(claims, provider_of(row)):
            return claims
        try:
            found = await self._exchange.userinfo(metadata.userinfo, tokens.access_token)
        except ProviderAway:
            return claims
        if found.get("sub") != claims["sub"]:
            raise SignInFailed("the userinfo endpoint speaks of somebody else")
        return {**found, **claims}


def client_of(seal: Seal, row: ProviderRow) -> Client:
    """How we prove ourselves to a provider. Raises `ProviderAway`."""
    if row.secret is None:
        return Client(row.client_id, None)
    try:
        return Client(row.client_id, seal.open(secret_purpose(row.name), row.secret).decode())
    except NotSealed as error:
        raise ProviderAway(f"the client secret of {row.name} does not open: set it again") from error


def refresh_purpose(provider_id: int) -> str:
    """What a provider's refresh token is sealed for."""
    return f"refresh token of provider {provider_id}"


def cookie_of(state: str) -> str:
    """The last part of the name of the cookie of a sign-in: several may be under way in a browser."""
    return hashlib.sha256(state.encode("utf-8", "replace")).hexdigest()[:16]


def local_path(text: str) -> str:
    """`text` if it is a path of ours, else '/me': nothing that a browser would take for another host."""
    plain = text.isascii() and text.isprintable() and len(text) <= 1024
    if plain and text.startswith("/") and not text.startswith("//") and not set(text) & set("\\ \"'<>"):
        return text
    return "/me"


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
