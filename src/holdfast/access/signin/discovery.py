"""What a provider says of itself: its metadata (OpenID Connect Discovery 1.0) and its keys, kept for a while.

Promises: the document says the very issuer that was stored, else nothing of it is used; every address in it is asked by
`Outbound` alone, which checks it at each connect; keys are fetched anew for a key that is not known, once a minute at
most, whoever sends what. However many sign in, a provider is read by one request at a time, and one that did not answer
is left alone for some seconds.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from holdfast.access.errors import ProviderAway
from holdfast.access.signin.id_token import Expected, UnknownKey, VerifyingKey, keys_of, verify
from holdfast.remote.errors import BadAnswer, Unreachable, UrlRefused
from holdfast.remote.outbound import Outbound

WELL_KNOWN = "/.well-known/openid-configuration"
_FRESH = 3600.0
_AGAIN = 60.0
_MISSED = 5.0
_REMEMBERED = 256


class Metadata(NamedTuple):
    """What is used of the document. `methods`: how a client may prove itself at the token endpoint."""

    issuer: str
    authorization: str
    token: str
    jwks: str
    userinfo: str | None
    methods: tuple[str, ...]
    scopes: tuple[str, ...]
    pkce: tuple[str, ...]
    names_itself: bool


class _Known(NamedTuple):
    metadata: Metadata
    keys: tuple[VerifyingKey, ...]
    read_at: float
    keys_at: float


class _Missed(NamedTuple):
    """Why a provider could not be read, and when (seconds of a clock that never goes back)."""

    why: str
    at: float


class Discovery:
    """Metadata and keys of providers, by issuer, for one process."""

    def __init__(self, outbound: Outbound) -> None:
        self._outbound = outbound
        self._known: dict[str, _Known] = {}
        self._missed: dict[str, _Missed] = {}
        self._reading: dict[str, asyncio.Task[_Known]] = {}

    async def metadata(self, issuer: str) -> Metadata:
        """What the provider says of itself, an hour old at most. Raises `ProviderAway`."""
        return (await self._look(issuer)).metadata

    async def fetch(self, issuer: str) -> tuple[Metadata, tuple[VerifyingKey, ...]]:
        """Metadata and keys of this moment. Raises `ProviderAway`."""
        metadata = metadata_of(await self._get(issuer.rstrip("/") + WELL_KNOWN), issuer)
        return metadata, await self._keys(metadata)

    async def verify(self, token: str, expected: Expected) -> dict[str, Any]:
        """The claims of an ID token of `expected.issuer`. Raises `TokenInvalid`, `ProviderAway`."""
        known = await self._look(expected.issuer)
        try:
            return verify(token, known.keys, expected)
        except UnknownKey:
            now = time.monotonic()
            if now - known.keys_at < _AGAIN:
                raise
            self._known[expected.issuer] = known._replace(keys_at=now)
            keys = await self._keys(known.metadata)
            self._known[expected.issuer] = known._replace(keys=keys, keys_at=now)
            return verify(token, keys, expected)

    def forget(self, issuer: str) -> None:
        """Read everything anew next time."""
        self._known.pop(issuer, None)
        self._missed.pop(issuer, None)

    async def _look(self, issuer: str) -> _Known:
        known = self._known.get(issuer)
        if known is not None and time.monotonic() - known.read_at <= _FRESH:
            return known
        missed = self._missed.get(issuer)
        if missed is None or time.monotonic() - missed.at > _MISSED:
            reading = self._reading.get(issuer) or self._read(issuer)
            try:
                return await asyncio.shield(reading)
            except ProviderAway as error:
                missed = _Missed(str(error), time.monotonic())
        if known is not None:
            return known  # it was right an hour ago, and what it leads to is checked anyway
        raise ProviderAway(missed.why)

    def _read(self, issuer: str) -> asyncio.Task[_Known]:
        """Read document and keys, once however many wait for them."""
        reading = self._reading[issuer] = asyncio.create_task(self._reread(issuer))
        reading.add_done_callback(lambda ended: self._ended(issuer, ended))
        return reading

    async def _reread(self, issuer: str) -> _Known:
        metadata, keys = await self.fetch(issuer)
        now = time.monotonic()
        if len(self._known) >= _REMEMBERED:
            self._known.clear()
        # Keys that are as fresh as this may still lack one that the provider began to use a moment ago.
        known = self._known[issuer] = _Known(metadata, keys, now, now - _AGAIN)
        return known

    def _ended(self, issuer: str, ended: asyncio.Task[_Known]) -> None:
        self._reading.pop(issuer, None)
        self._missed.pop(issuer, None)
        error = None if ended.cancelled() else ended.exception()
        if error is not None:
            if len(self._missed) >= _REMEMBERED:
                self._missed.clear()
            self._missed[issuer] = _Missed(str(error), time.monotonic())

    async def _keys(self, metadata: Metadata) -> tuple[VerifyingKey, ...]:
        try:
            return keys_of(await self._get(metadata.jwks))
        except ValueError as error:
            raise ProviderAway(f"{metadata.jwks}: {error}") from error

    async def _get(self, url: str) -> Any:
        try:
            return await self._outbound.get_json(url)
        except (UrlRefused, Unreachable, BadAnswer) as error:
            raise ProviderAway(f"{url}: {error}") from error


def metadata_of(document: Any, issuer: str) -> Metadata:
    """The metadata in `document`. Raises `ProviderAway` when it is of another issuer, or lacks what sign-in needs."""
    if not isinstance(document, dict):
        raise ProviderAway("the discovery document is no JSON object")
    if document.get("issuer") != issuer:
        raise ProviderAway(f"the discovery document is of the issuer {str(document.get('issuer'))[:256]!r}")
    return Metadata(
        issuer,
        _url(document, "authorization_endpoint", issuer),
        _url(document, "token_endpoint", issuer),
        _url(document, "jwks_uri", issuer),
        _url(document, "userinfo_endpoint", issuer) if document.get("userinfo_endpoint") else None,
        _words(document, "token_endpoint_auth_methods_supported") or ("client_secret_basic",),
        _words(document, "scopes_supported"),
        _words(document, "code_challenge_methods_supported"),
        document.get("authorization_response_iss_parameter_supported") is True,
    )


def _url(document: dict[str, Any], name: str, issuer: str) -> str:
    value = document.get(name)
    if isinstance(value, str) and value.isascii() and value.isprintable() and len(value) <= 2048 and " " not in value:
        parts = urlsplit(value)
        # What is fetched is checked by Outbound; the browser is sent to an encrypted page if the issuer has one.
        if parts.scheme in ("https", urlsplit(issuer).scheme) and parts.hostname and not parts.fragment:
            return value
    raise ProviderAway(f"the discovery document has no usable {name}")


def _words(document: dict[str, Any], name: str) -> tuple[str, ...]:
    value = document.get(name)
    return tuple(word for word in value if isinstance(word, str)) if isinstance(value, list) else ()
