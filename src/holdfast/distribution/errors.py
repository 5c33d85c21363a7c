"""The one table that turns what went wrong into a status and a code of the distribution specification.

The specification has fourteen codes; the reason for a refusal is in `message` and `detail`. No answer shows a path, a
driver, SQL or a stack. Source: distribution specification, "Error Codes".
"""

from __future__ import annotations

import json
from typing import NamedTuple

from holdfast.access.errors import Busy as LogInsBusy
from holdfast.access.errors import (
    Denied,
    InsufficientScope,
    LogInInstead,
    SecondFactorNeeded,
    StalePermit,
    Suspended,
    Throttled,
    TooManyRequests,
    Unauthenticated,
)
from holdfast.access.errors import Invalid as RequestInvalid
from holdfast.blobs.errors import BlobError
from holdfast.blobs.errors import Full as StoreFull
from holdfast.db.errors import DatabaseError, ReadOnly
from holdfast.db.errors import Full as DatabaseFull
from holdfast.distribution.answer import Answer, Headers
from holdfast.distribution.request import HEADER_BYTES, BadRequest, BodyTimeout, ClientGone, HeadersTooLarge
from holdfast.oci.errors import DigestInvalid, Invalid, ManifestInvalid, NameInvalid, RangeInvalid, TagInvalid
from holdfast.registry import errors as registry

_RETRY_SECONDS = b"5"


class NotFound(Exception):
    """There is no such route."""


class MethodNotAllowed(Exception):
    """The route exists, not with this method. `allowed`: those it has."""

    def __init__(self, allowed: str) -> None:
        super().__init__(f"this route takes {allowed}")
        self.allowed = allowed


class Refusal(NamedTuple):
    """A status and a code."""

    status: int
    code: str


TABLE: dict[type[BaseException], Refusal] = {
    Unauthenticated: Refusal(401, "UNAUTHORIZED"),
    LogInInstead: Refusal(401, "UNAUTHORIZED"),
    StalePermit: Refusal(401, "UNAUTHORIZED"),
    InsufficientScope: Refusal(401, "UNAUTHORIZED"),
    Denied: Refusal(403, "DENIED"),
    LogInsBusy: Refusal(429, "TOOMANYREQUESTS"),
    Throttled: Refusal(429, "TOOMANYREQUESTS"),
    TooManyRequests: Refusal(429, "TOOMANYREQUESTS"),
    RequestInvalid: Refusal(400, "UNSUPPORTED"),
    NotFound: Refusal(404, "UNSUPPORTED"),
    MethodNotAllowed: Refusal(405, "UNSUPPORTED"),
    BadRequest: Refusal(400, "UNSUPPORTED"),
    HeadersTooLarge: Refusal(431, "UNSUPPORTED"),
    ClientGone: Refusal(400, "SIZE_INVALID"),
    BodyTimeout: Refusal(408, "BLOB_UPLOAD_INVALID"),
    DigestInvalid: Refusal(400, "DIGEST_INVALID"),
    NameInvalid: Refusal(400, "NAME_INVALID"),
    TagInvalid: Refusal(400, "MANIFEST_INVALID"),
    ManifestInvalid: Refusal(400, "MANIFEST_INVALID"),
    RangeInvalid: Refusal(416, "SIZE_INVALID"),
    Invalid: Refusal(400, "MANIFEST_INVALID"),
    registry.RepositoryUnknown: Refusal(404, "NAME_UNKNOWN"),
    registry.ManifestUnknown: Refusal(404, "MANIFEST_UNKNOWN"),
    registry.BlobUnknown: Refusal(404, "BLOB_UNKNOWN"),
    registry.UploadUnknown: Refusal(404, "BLOB_UPLOAD_UNKNOWN"),
    registry.UploadOutOfOrder: Refusal(416, "BLOB_UPLOAD_INVALID"),
    registry.DigestMismatch: Refusal(400, "DIGEST_INVALID"),
    registry.SizeMismatch: Refusal(400, "SIZE_INVALID"),
    registry.TooLarge: Refusal(413, "SIZE_INVALID"),
    registry.BlobsMissing: Refusal(400, "MANIFEST_BLOB_UNKNOWN"),
    registry.InUse: Refusal(405, "UNSUPPORTED"),
    registry.Immutable: Refusal(403, "DENIED"),
    registry.Purged: Refusal(403, "DENIED"),
    registry.TooManyUploads: Refusal(429, "TOOMANYREQUESTS"),
    registry.QuotaExceeded: Refusal(403, "DENIED"),
    registry.NoRoom: Refusal(507, "DENIED"),
    registry.ContentUnavailable: Refusal(503, "UNSUPPORTED"),
    StoreFull: Refusal(507, "DENIED"),
    BlobError: Refusal(503, "UNSUPPORTED"),
    DatabaseFull: Refusal(507, "DENIED"),
    DatabaseError: Refusal(503, "UNSUPPORTED"),
}
_FAULT = Refusal(500, "UNSUPPORTED")
_PLAIN = {
    LogInInstead: "your network has used up its requests without a log-in: log in, or try again in a moment",
    Unauthenticated: "log in first: the user name or the password is missing or wrong; who signs in with a provider "
    "uses a key, made in the browser at /me",
    StalePermit: "your account has changed: log in again",
    LogInsBusy: "too many log-ins at once: try again in a moment",
    DatabaseFull: "the disk of the registry is full: nothing of this was stored",
    NotFound: "there is no such route",
    HeadersTooLarge: f"the headers of a request have at most {HEADER_BYTES} bytes",
    ClientGone: "the body ended before its end: send it again",
    BodyTimeout: "the body stopped arriving: send it again",
}


def refusal_of(error: BaseException) -> Refusal:
    """The row of the table for `error`, by its class and then its bases; what nobody foresaw is 500."""
    for kind in type(error).__mro__:
        if kind in TABLE:
            return TABLE[kind]
    return _FAULT


def ends_connection(error: BaseException) -> bool:
    """Whether nothing more can be read from the connection after `error`, not even the rest of the body."""
    return isinstance(error, BodyTimeout | ClientGone) or (isinstance(error, BadRequest) and error.close)


def answer_to(error: BaseException, request_id: str, challenge: bytes = b"") -> Answer:
    """The answer that says what went wrong, in the specification's error shape. `challenge`: of a 401."""
    refusal = refusal_of(error)
    return Answer(refusal.status, _headers(error, refusal, challenge), _body(error, refusal, request_id))


def _headers(error: BaseException, refusal: Refusal, challenge: bytes) -> Headers:
    headers: Headers = [(b"content-type", b"application/json")]
    if refusal.status == 401:
        headers.append((b"www-authenticate", challenge))
    if isinstance(error, Throttled | TooManyRequests):
        headers.append((b"retry-after", b"%d" % error.seconds))
    elif refusal.status in (429, 503):
        headers.append((b"retry-after", _RETRY_SECONDS))
    if isinstance(error, MethodNotAllowed):
        headers.append((b"allow", error.allowed.encode()))
    if isinstance(error, registry.InUse):
        headers.append((b"allow", b"GET, HEAD"))  # RFC 9110, 15.5.6
    if ends_connection(error):
        headers.append((b"connection", b"close"))
    return headers


def _body(error: BaseException, refusal: Refusal, request_id: str) -> bytes:
    if isinstance(error, registry.BlobsMissing):
        entries = [_entry(refusal.code, str(error), {"digest": digest}, request_id) for digest in error.digests[:100]]
    else:
        entries = [_entry(refusal.code, _message(error, refusal), _detail(error), request_id)]
    return json.dumps({"errors": entries}).encode()


def _entry(code: str, message: str, detail: dict[str, object], request_id: str) -> dict[str, object]:
    return {"code": code, "message": message, "detail": {**detail, "request_id": request_id}}


def _message(error: BaseException, refusal: Refusal) -> str:
    if isinstance(error, Suspended | SecondFactorNeeded):
        return str(error)
    for kind in type(error).__mro__:
        if kind in _PLAIN:
            return _PLAIN[kind]
    if refusal is _FAULT:
        return "the registry failed; the request id finds the reason in its log"
    if refusal.status == 503 and not isinstance(error, ReadOnly):
        return "the registry cannot answer now: try again in a moment"
    return str(error)


def _detail(error: BaseException) -> dict[str, object]:
    if isinstance(error, InsufficientScope):
        return {"scope": error.scope}
    detail = getattr(error, "detail", None)
    return dict(detail) if isinstance(detail, dict) else {}
