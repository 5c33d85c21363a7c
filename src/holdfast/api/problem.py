"""The one table of the API's refusals: from what went wrong to a problem (RFC 9457).

`type` is stable and relative; docs/reference/errors.md explains each. No problem shows a path of the server, SQL, a
driver, a stack or another tenant's name: what the caller may not see is `unknown`, whether it exists or not.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from holdfast.access import errors as access
from holdfast.access.policy.globs import GlobInvalid
from holdfast.api import framing
from holdfast.db import errors as db
from holdfast.oci.errors import Invalid as OciInvalid
from holdfast.registry import errors as registry

MEDIA_TYPE = b"application/problem+json"
RETRY_SECONDS = 5
_FIELDS = 50
_TEXT = 512


class Refusal(NamedTuple):
    """A status, the last part of `type`, and the title, which is the same for every problem of the type."""

    status: int
    slug: str
    title: str


TABLE: dict[type[BaseException], Refusal] = {
    access.Unauthenticated: Refusal(401, "unauthenticated", "Log in first"),
    access.InsufficientScope: Refusal(401, "insufficient-scope", "The token was not asked for this"),
    access.Denied: Refusal(403, "denied", "This is refused"),
    access.Invalid: Refusal(400, "invalid", "The request cannot be carried out as it is"),
    access.Unknown: Refusal(404, "unknown", "There is no such thing in your sight"),
    access.Conflict: Refusal(409, "conflict", "This contradicts what is there"),
    access.StalePermit: Refusal(409, "stale", "Rights changed meanwhile"),
    access.Throttled: Refusal(429, "throttled", "Too many failed log-ins"),
    access.TooManyRequests: Refusal(429, "too-many-requests", "The limit of requests is reached"),
    access.Busy: Refusal(429, "busy", "Too many log-ins at once"),
    access.ProviderAway: Refusal(503, "provider-away", "The provider that people sign in by does not answer"),
    access.Changed: Refusal(412, "changed", "It has changed since you looked"),
    framing.Malformed: Refusal(400, "malformed", "The request cannot be read"),
    framing.CrossSite: Refusal(403, "cross-site", "A page of another site sends this"),
    framing.NotJson: Refusal(415, "not-json", "The body is not called JSON"),
    framing.BodyTooLarge: Refusal(413, "too-large", "The body is too large"),
    framing.HeadersTooLarge: Refusal(431, "headers-too-large", "The headers are too large"),
    framing.BodyTimeout: Refusal(408, "timeout", "The body stopped arriving"),
    framing.ClientGone: Refusal(400, "malformed", "The request cannot be read"),
    RequestValidationError: Refusal(400, "invalid", "The request cannot be carried out as it is"),
    GlobInvalid: Refusal(400, "invalid", "The request cannot be carried out as it is"),
    OciInvalid: Refusal(400, "invalid", "The request cannot be carried out as it is"),
    registry.RepositoryUnknown: Refusal(404, "unknown", "There is no such thing in your sight"),
    registry.ManifestUnknown: Refusal(404, "unknown", "There is no such thing in your sight"),
    registry.BlobUnknown: Refusal(404, "unknown", "There is no such thing in your sight"),
    registry.Immutable: Refusal(409, "immutable", "The tag is immutable"),
    registry.Purged: Refusal(409, "purged", "The content was purged"),
    registry.BlobsMissing: Refusal(409, "incomplete", "The image is not whole"),
    registry.TooManyParts: Refusal(409, "too-many-parts", "Too much belongs to this"),
    registry.QuotaExceeded: Refusal(403, "quota", "The quota is used up"),
    registry.NoRoom: Refusal(507, "full", "The disk of the registry is full"),
    registry.ContentUnavailable: Refusal(503, "unavailable", "The registry cannot answer now"),
    registry.TooManyChanges: Refusal(409, "too-many-changes", "This changes more than one transaction takes"),
    registry.RollbackBlocked: Refusal(409, "rollback-blocked", "Some of this cannot be changed"),
    registry.ChangedSince: Refusal(409, "changed-since", "It has changed since the dry run"),
    registry.EventsArchived: Refusal(410, "archived", "What was asked for is in the archive"),
    registry.NotRestorable: Refusal(409, "not-restorable", "What was deleted cannot come back"),
    db.ReadOnly: Refusal(503, "read-only", "The registry is read-only now"),
    db.Full: Refusal(507, "full", "The disk of the registry is full"),
    db.DatabaseError: Refusal(503, "unavailable", "The registry cannot answer now"),
}
NO_ROUTE = Refusal(404, "no-route", "There is no such route")
METHOD = Refusal(405, "method", "The route does not take this method")
FAULT = Refusal(500, "fault", "The registry failed")
_ROUTING = {404: NO_ROUTE, 405: METHOD}
_PLAIN: dict[type[BaseException], str] = {
    access.Unauthenticated: "give a user name and a password or key, or a token, that are good",
    access.StalePermit: "accounts or rights changed while this was under way: repeat it",
    access.ProviderAway: "try again in a moment",
    access.Busy: "too many passwords are being checked: try again in a moment",
    access.Changed: "read it again, see what changed, and repeat the change with the new ETag",
    framing.CrossSite: "browsers may not change anything here from other sites",
    framing.NotJson: "send the body as application/json",
    framing.BodyTooLarge: f"a body has at most {framing.BODY_BYTES} bytes",
    framing.HeadersTooLarge: f"the headers of a request have at most {framing.HEADER_BYTES} bytes",
    framing.BodyTimeout: "the body stopped arriving: send it again",
    framing.ClientGone: "the body ended before its end: send it again",
    db.Full: "nothing of this was stored: whoever runs the registry makes room",
}

DESCRIBED: dict[str, Any] = {
    "description": "Refused: problem details (RFC 9457).",
    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
}
"""How every operation describes its refusals."""
SCHEMA: dict[str, Any] = {
    "type": "object",
    "title": "Problem",
    "description": "Why a request was refused (RFC 9457).",
    "required": ["type", "title", "status", "detail", "request_id"],
    "properties": {
        "type": {"type": "string", "format": "uri-reference", "description": "Stable; what programs look at."},
        "title": {"type": "string", "description": "The same for every problem of the type."},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "What went wrong this time, for people."},
        "request_id": {"type": "string", "description": "Also in X-Request-Id and in the server's log."},
        "fields": {
            "type": "array",
            "description": "Which fields of the request are at fault.",
            "items": {
                "type": "object",
                "required": ["field", "reason"],
                "properties": {"field": {"type": "string"}, "reason": {"type": "string"}},
            },
        },
        "refused": {
            "type": "object",
            "description": "Of a denial: the action, where, and the rules that speak of you.",
            "additionalProperties": True,
        },
        "allowed": {"type": "array", "items": {"type": "string"}, "description": "The methods of the route."},
    },
}


class Problem(NamedTuple):
    """An answer that says what went wrong."""

    refusal: Refusal
    headers: list[tuple[bytes, bytes]]
    body: bytes

    @property
    def status(self) -> int:
        """Its HTTP status."""
        return self.refusal.status


def refusal_of(error: BaseException) -> Refusal:
    """The row of the table for `error`, by its class and then its bases; what nobody foresaw is 500."""
    if isinstance(error, HTTPException):
        return _ROUTING.get(error.status_code, TABLE[framing.Malformed])
    for kind in type(error).__mro__:
        if kind in TABLE:
            return TABLE[kind]
    return FAULT


def problem_of(error: BaseException, request_id: str, *, challenge: bytes, allowed: list[str]) -> Problem:
    """The problem that `error` is. `challenge`: the WWW-Authenticate of a 401; `allowed`: the methods of the route."""
    refusal = refusal_of(error)
    headers = [(b"content-type", MEDIA_TYPE)]
    more: dict[str, object] = {}
    if refusal.status == 401:
        headers.append((b"www-authenticate", challenge))
    if refusal.status in (429, 503):
        seconds = error.seconds if isinstance(error, access.Throttled | access.TooManyRequests) else RETRY_SECONDS
        headers.append((b"retry-after", b"%d" % seconds))
    if refusal is METHOD:
        headers.append((b"allow", ", ".join(allowed).encode()))
        more["allowed"] = allowed
    if isinstance(error, framing.BodyTooLarge | framing.BodyTimeout | framing.ClientGone) or (
        isinstance(error, framing.Malformed) and error.close
    ):
        headers.append((b"connection", b"close"))
    if isinstance(error, access.Denied) and error.detail:
        more["refused"] = error.detail
    fields = _fields(error)
    if fields:
        more["fields"] = fields
    body = {
        "type": f"/problems/{refusal.slug}",
        "title": refusal.title,
        "status": refusal.status,
        "detail": _detail(error, refusal, fields),
        "request_id": request_id,
        **more,
    }
    return Problem(refusal, headers, json.dumps(body, default=str).encode())


def _detail(error: BaseException, refusal: Refusal, fields: list[dict[str, str]]) -> str:
    if isinstance(error, access.Suspended | access.SecondFactorNeeded):
        return str(error)
    for kind in type(error).__mro__:
        if kind in _PLAIN:
            return _PLAIN[kind]
    if refusal is FAULT:
        return "the request id finds the reason in the registry's log: please report it"
    if isinstance(error, RequestValidationError):
        return "; ".join(f"{each['field']}: {each['reason']}" for each in fields[:5])[:_TEXT]
    if isinstance(error, HTTPException):
        return refusal.title.lower()
    if isinstance(error, db.DatabaseError) and not isinstance(error, db.ReadOnly):
        return "try again in a moment"
    return str(error)[:_TEXT] or refusal.title


def _fields(error: BaseException) -> list[dict[str, str]]:
    if isinstance(error, access.Invalid):
        return [{"field": error.field, "reason": str(error)[:_TEXT]}]
    if isinstance(error, RequestValidationError):
        return [_field(each) for each in error.errors()[:_FIELDS]]
    return []


def _field(found: Mapping[str, Any]) -> dict[str, str]:
    """One fault that the models found: where, and why, without what was sent."""
    where = [str(part) for part in found["loc"]]
    if len(where) > 1:
        where = where[1:]  # the first part says body, path, query or header
    reason = str(found["msg"]).removeprefix("Value error, ")
    if found["type"] == "extra_forbidden":
        reason = "there is no such field"
    return {"field": ".".join(where)[:128], "reason": (reason[:1].lower() + reason[1:])[:_TEXT]}
