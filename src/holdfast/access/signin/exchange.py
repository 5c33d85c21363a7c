"""The token endpoint of a provider: a code, or a refresh token, for tokens (RFC 6749, 4.1.3 and 6; RFC 7636).

Promises: the client secret goes to the token endpoint of the provider's own metadata and nowhere else; a provider that
refuses the grant is told apart from one that does not answer, and from one that refuses *us*.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import quote_plus

from holdfast.access.errors import ProviderAway
from holdfast.access.signin.discovery import Metadata
from holdfast.access.signin.errors import ProviderRefused
from holdfast.remote.errors import BadAnswer, Unreachable, UrlRefused
from holdfast.remote.model import Answer
from holdfast.remote.outbound import Outbound

_TOKEN_LIMIT = 64 << 10
_ANSWER_LIMIT = 512 << 10
_PATIENCE = 10.0


class Client(NamedTuple):
    """How we prove ourselves to a provider; `secret` None: not at all."""

    id: str
    secret: str | None


class Tokens(NamedTuple):
    """What the token endpoint gave."""

    id_token: str | None
    access_token: str | None
    refresh_token: str | None


class Exchange:
    """Asks token and userinfo endpoints."""

    def __init__(self, outbound: Outbound) -> None:
        self._outbound = outbound

    async def code(self, metadata: Metadata, client: Client, code: str, redirect: str, verifier: str) -> Tokens:
        """Tokens for an authorization code. Raises `ProviderRefused`, `ProviderAway`."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect,
            "code_verifier": verifier,
        }
        return await self._ask(metadata, client, form)

    async def refresh(self, metadata: Metadata, client: Client, refresh_token: str) -> Tokens:
        """Tokens for a refresh token: whether the provider still knows the person. Raises `ProviderRefused`,
        `ProviderAway`."""
        return await self._ask(metadata, client, {"grant_type": "refresh_token", "refresh_token": refresh_token})

    async def userinfo(self, url: str, access_token: str) -> dict[str, Any]:
        """The claims that the provider keeps at its userinfo endpoint. Raises `ProviderAway`."""
        headers = {"authorization": f"Bearer {access_token}", "accept": "application/json"}
        answer = await self._request("GET", url, headers, None)
        if answer.status != 200:
            raise ProviderAway(f"{url}: the answer has status {answer.status}")
        return _object(url, answer)

    async def _ask(self, metadata: Metadata, client: Client, form: dict[str, str]) -> Tokens:
        headers = {"accept": "application/json"}
        if client.secret is None:
            form["client_id"] = client.id
        elif "client_secret_basic" in metadata.methods or "client_secret_post" not in metadata.methods:
            pair = f"{quote_plus(client.id)}:{quote_plus(client.secret)}"  # RFC 6749, 2.3.1
            headers["authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
        else:
            form |= {"client_id": client.id, "client_secret": client.secret}
        answer = await self._request("POST", metadata.token, headers, form)
        if answer.status != 200:
            raise _refusal(metadata.token, answer)
        found = _object(metadata.token, answer)
        return Tokens(*(_token(found, name) for name in Tokens._fields))

    async def _request(
        self, method: str, url: str, headers: Mapping[str, str], form: Mapping[str, str] | None
    ) -> Answer:
        try:
            return await self._outbound.request(
                method, url, headers=headers, form=form, limit=_ANSWER_LIMIT, seconds=_PATIENCE
            )
        except (UrlRefused, Unreachable, BadAnswer) as error:
            raise ProviderAway(f"{url}: {error}") from error


def _refusal(url: str, answer: Answer) -> Exception:
    """By RFC 6749, 5.2: `invalid_grant` is about the person; all else is about us, or an outage."""
    try:
        said = answer.json()
    except BadAnswer:
        said = None
    word = str(said.get("error"))[:64] if isinstance(said, dict) else ""
    if answer.status in (400, 401, 403) and word == "invalid_grant":
        return ProviderRefused("the provider says invalid_grant")
    return ProviderAway(f"{url}: the answer has status {answer.status}" + (f" and says {word!r}" if word else ""))


def _object(url: str, answer: Answer) -> dict[str, Any]:
    try:
        found = answer.json()
    except BadAnswer as error:
        raise ProviderAway(f"{url}: {error}") from error
    if not isinstance(found, dict):
        raise ProviderAway(f"{url}: the answer is no JSON object")
    return found


def _token(found: Mapping[str, Any], name: str) -> str | None:
    value = found.get(name)
    return value if isinstance(value, str) and 0 < len(value) <= _TOKEN_LIMIT else None
