"""The token endpoint, and the published keys.

GET with Basic or nothing, POST with a form (grants `password`, `refresh_token`, and the token exchange of RFC 8693).
Nobody is refused for lack of access: the token lists what was asked for, and what of it is granted now. 401 is for a
credential that is not good, the same for every cause. No secret goes to a log.
Sources: distribution, "Token Authentication Specification", "OAuth2 Token Authentication"; RFC 6749; RFC 8693.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from urllib.parse import parse_qsl

from holdfast.access.errors import Invalid, Unauthenticated
from holdfast.access.model import Identity
from holdfast.access.service import Access
from holdfast.access.tokens.model import Issued
from holdfast.access.tokens.scope import parse_scopes, scope_text
from holdfast.distribution.answer import Answer
from holdfast.distribution.errors import MethodNotAllowed, refusal_of
from holdfast.distribution.request import BadRequest, Request

_JSON = (b"content-type", b"application/json")
_NEVER_KEPT = (b"cache-control", b"no-store")
_BODY = 64 << 10
_FIELDS = 128
_TRUE = ("true", "1", "yes")
_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
_ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105 - a name of RFC 8693
_MACHINE_TOKENS = ("urn:ietf:params:oauth:token-type:jwt", "urn:ietf:params:oauth:token-type:id_token")
Form = Mapping[str, Sequence[str]]


class GrantUnsupported(BadRequest):
    """A grant that this endpoint does not have; some clients then come again by GET."""


class TokenHandlers:
    """The handlers of tokens."""

    def __init__(self, access: Access) -> None:
        self._access = access

    async def token(self, request: Request) -> Answer:
        """A token. Raises `Unauthenticated`, `Throttled`, `TooManyRequests`, `Busy`, `Invalid`, `BadRequest`."""
        if request.method == "GET":
            return await self._get(request)
        if request.method == "POST":
            return await self._post(request)
        raise MethodNotAllowed("GET, POST")

    async def keys(self, request: Request) -> Answer:
        """The public keys (RFC 7517, 5)."""
        if request.method not in ("GET", "HEAD"):
            raise MethodNotAllowed("GET, HEAD")
        body = json.dumps({"keys": await self._access.published_keys()}, separators=(",", ":")).encode()
        return Answer(200, [_JSON, (b"cache-control", b"max-age=60")], body)

    async def _get(self, request: Request) -> Answer:
        asked = parse_scopes(request.queries("scope"))
        who = await self._by_header(request)
        await self._take(request, who)
        offline = (request.query("offline_token") or "").lower() in _TRUE
        client = (request.query("client_id") or "") if offline else None
        return _answer(await self._access.issue(who, asked, request.origin, client), {})

    async def _post(self, request: Request) -> Answer:
        form = await _form(request)
        asked = parse_scopes(form.get("scope", ()))
        grant = _one(form, "grant_type")
        more: dict[str, object] = {}
        if grant == "password":
            who = await self._access.by_password(_one(form, "username"), _one(form, "password"), request.origin)
        elif grant == "refresh_token":
            who = await self._access.by_refresh_token(_one(form, "refresh_token"), request.origin)
        elif grant == _EXCHANGE:
            if _one(form, "subject_token_type") not in _MACHINE_TOKENS:
                raise GrantUnsupported(f"subject_token_type is one of {', '.join(_MACHINE_TOKENS)}")
            secret = _one(form, "subject_token")
            who = await self._access.by_machine_token(_one(form, "username"), secret, request.origin)
            more["issued_token_type"] = _ACCESS_TOKEN
        elif not grant and b"authorization" in request.headers:
            who = await self._by_header(request)
        else:
            raise GrantUnsupported("grant_type is password, refresh_token or token-exchange")
        await self._take(request, who)
        client = _one(form, "client_id") if _one(form, "access_type") == "offline" else None
        issued = await self._access.issue(who, asked, request.origin, client)
        more["scope"] = " ".join(scope_text(entry) for entry in issued.granted if entry.actions)
        more["token_type"] = "Bearer"  # noqa: S105 - the name of the scheme
        return _answer(issued, more)

    async def _take(self, request: Request, who: Identity) -> None:
        """`who` asks. Raises `TooManyRequests`."""
        request.take(who)
        await self._access.slowed(who, request.origin)
        if self._access.limits is not None:
            await self._access.limits.count(who, request.origin)

    async def _by_header(self, request: Request) -> Identity:
        """Who the header names: Basic, a certificate, or nobody. A token buys no token, else it would never end."""
        header = request.headers.get(b"authorization")
        if header is not None and header[:7].lower() == b"bearer " and not self._access.is_open:
            raise Unauthenticated
        known = self._access.remembered(header)
        # A token shows what is granted now: what is remembered must be of now.
        if known is not None and (self._access.is_open or known.version == await self._access.policy_version()):
            return known
        return await self._access.authenticate(header, request.origin)


def oauth_error(error: BaseException) -> str:
    """What RFC 6749, 5.2 calls `error`."""
    if isinstance(error, GrantUnsupported):
        return "unsupported_grant_type"
    if isinstance(error, Invalid):
        return "invalid_scope"
    status = refusal_of(error).status
    return "invalid_grant" if status == 401 else "invalid_request" if status < 500 else "temporarily_unavailable"


def _answer(issued: Issued, more: Mapping[str, object]) -> Answer:
    at = datetime.fromtimestamp(issued.issued_at / 1_000_000, UTC)
    document: dict[str, object] = {
        "token": issued.token,
        "access_token": issued.token,
        "expires_in": issued.expires_in,
        "issued_at": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        **more,
    }
    if issued.refresh is not None:
        document["refresh_token"] = issued.refresh
    return Answer(200, [_JSON, _NEVER_KEPT], json.dumps(document).encode())


async def _form(request: Request) -> Form:
    """The fields of the body. Raises `BadRequest`."""
    data = await request.whole_body(_BODY)
    if data is None:
        raise BadRequest(f"the form of a token request has at most {_BODY} bytes")
    kind = request.text(b"content-type").partition(";")[0].strip().lower()
    if data and kind not in ("", "application/x-www-form-urlencoded"):
        raise BadRequest("a token request is a form: application/x-www-form-urlencoded")
    found: dict[str, list[str]] = {}
    try:
        for name, value in parse_qsl(
            data.decode("ascii"), keep_blank_values=True, max_num_fields=_FIELDS, errors="strict"
        ):
            found.setdefault(name, []).append(value)
    except ValueError as error:
        raise BadRequest("the form cannot be read") from error
    return found


def _one(form: Form, name: str) -> str:
    values = form.get(name, ())
    if len(values) > 1:
        raise BadRequest(f"{name} is given twice")
    return values[0] if values else ""
