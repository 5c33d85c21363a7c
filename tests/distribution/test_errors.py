"""The one table of refusals: every error has its row, every answer its shape, and none tells what is inside."""

from __future__ import annotations

import inspect
import json
from types import ModuleType

import pytest

from holdfast.access import errors as access
from holdfast.blobs import errors as blobs
from holdfast.db import errors as db
from holdfast.distribution import errors, request
from holdfast.oci import errors as oci
from holdfast.registry import errors as registry

CODES = {
    *("BLOB_UNKNOWN", "BLOB_UPLOAD_INVALID", "BLOB_UPLOAD_UNKNOWN", "DIGEST_INVALID", "MANIFEST_BLOB_UNKNOWN"),
    *("MANIFEST_INVALID", "MANIFEST_UNKNOWN", "NAME_INVALID", "NAME_UNKNOWN", "SIZE_INVALID", "UNAUTHORIZED"),
    *("DENIED", "UNSUPPORTED", "TOOMANYREQUESTS"),
}
"""The fourteen of the distribution specification, "Error Codes"."""
NOT_FOR_CLIENTS = {
    *(
        access.WrongMasterKey,
        access.MasterKeyAway,
        access.WrongCode,
        db.StatementFailed,
        db.TooNew,
        registry.RegistryError,
    ),
    *(access.Unknown, access.Conflict, access.Changed, access.ProviderAway),
    *(
        registry.ChangedSince,
        registry.EventsArchived,
        registry.NotRestorable,
        registry.RollbackBlocked,
        registry.TooManyChanges,
    ),
    registry.TooManyParts,
}
"""Raised at start only, a mistake in the program (500 and a stack in the log), a base that nobody raises, or by the
services of the management API alone."""
FIVE_HUNDREDS = {503, 507}


def kinds(module: ModuleType) -> list[type[BaseException]]:
    found = (kind for _, kind in inspect.getmembers(module, inspect.isclass) if issubclass(kind, Exception))
    return [kind for kind in found if kind.__module__ == module.__name__]


ALL = [kind for module in (access, blobs, db, oci, registry, errors, request) for kind in kinds(module)]


def made(kind: type[BaseException]) -> BaseException:
    """An error of this kind, with an inside that no client must see."""
    special: dict[type[BaseException], BaseException] = {
        registry.UploadOutOfOrder: registry.UploadOutOfOrder("message", 5),
        registry.BlobsMissing: registry.BlobsMissing(["sha256:" + "a" * 64]),
        errors.MethodNotAllowed: errors.MethodNotAllowed("GET, HEAD"),
        request.BadRequest: request.BadRequest("message"),
        access.Throttled: access.Throttled(17),
        access.TooManyRequests: access.TooManyRequests("this credential has used up its requests", 17),
        access.Invalid: access.Invalid("scope", "message"),
    }
    if kind in special:
        return special[kind]
    try:
        error = kind("message")
    except TypeError:
        error = kind()
    error.__cause__ = OSError(28, "No space left on device", "/secret/path/holdfast.db")
    return error


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: f"{kind.__module__}.{kind.__name__}")
def test_every_error_has_a_row(kind: type[BaseException]) -> None:
    refusal = errors.refusal_of(made(kind))
    if kind in NOT_FOR_CLIENTS and refusal.status >= 500:
        return
    assert 400 <= refusal.status < 500 or refusal.status in FIVE_HUNDREDS


def test_every_code_is_the_specifications() -> None:
    assert {refusal.code for refusal in errors.TABLE.values()} <= CODES


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: f"{kind.__module__}.{kind.__name__}")
def test_every_answer_has_the_shape_and_hides_the_inside(kind: type[BaseException]) -> None:
    answer = errors.answer_to(made(kind), "id-1", b"Bearer realm")
    headers = dict(answer.headers)
    document = json.loads(answer.body)
    assert headers[b"content-type"] == b"application/json"
    assert list(document) == ["errors"]
    for entry in document["errors"]:
        assert set(entry) == {"code", "message", "detail"}
        assert entry["code"] in CODES
        assert entry["message"]
        assert entry["detail"]["request_id"] == "id-1"
    for secret in (b"/secret", b"holdfast.db", b"apsw", b"sqlite", b"Traceback", b"select "):
        assert secret not in answer.body.lower()
    assert (b"www-authenticate" in headers) == (answer.status == 401)
    assert (b"retry-after" in headers) == (answer.status in (429, 503))
    assert (b"allow" in headers) == (answer.status == 405)


def test_what_nobody_foresaw_is_a_500_that_tells_nothing() -> None:
    for error in (RuntimeError("/secret/path"), KeyError("secret"), db.StatementFailed("select secret")):
        answer = errors.answer_to(error, "id-1")
        assert answer.status == 500
        assert b"secret" not in answer.body
        assert b"id-1" in answer.body


def test_each_missing_blob_has_an_entry_up_to_a_hundred() -> None:
    digests = [f"sha256:{number:064x}" for number in range(300)]
    document = json.loads(errors.answer_to(registry.BlobsMissing(digests), "id-1").body)
    assert [entry["detail"]["digest"] for entry in document["errors"]] == digests[:100]
    assert {entry["code"] for entry in document["errors"]} == {"MANIFEST_BLOB_UNKNOWN"}


def test_the_reason_of_a_refusal_is_in_it() -> None:
    error = registry.InUse("a manifest uses this blob: delete it first", used_by=["sha256:1"])
    (entry,) = json.loads(errors.answer_to(error, "id-1").body)["errors"]
    assert entry["message"] == "a manifest uses this blob: delete it first"
    assert entry["detail"]["used_by"] == ["sha256:1"]


@pytest.mark.parametrize(
    ("error", "closes"),
    [
        (request.BodyTimeout(), True),
        (request.ClientGone(), True),
        (request.BadRequest("x", close=True), True),
        (request.BadRequest("x"), False),
        (access.Unauthenticated(), False),
        (registry.TooLarge("x"), False),
    ],
)
def test_a_connection_ends_where_nothing_more_can_be_read_from_it(error: Exception, closes: bool) -> None:
    assert errors.ends_connection(error) == closes
    assert ((b"connection", b"close") in errors.answer_to(error, "id-1").headers) == closes


def test_a_throttled_log_in_is_told_how_long_to_wait() -> None:
    answer = errors.answer_to(access.Throttled(17), "id-1")
    assert (answer.status, dict(answer.headers)[b"retry-after"]) == (429, b"17")


def test_a_scope_that_is_missing_is_named() -> None:
    answer = errors.answer_to(access.InsufficientScope("repository:a:pull"), "id-1", b"challenge")
    assert (answer.status, dict(answer.headers)[b"www-authenticate"]) == (401, b"challenge")
    (entry,) = json.loads(answer.body)["errors"]
    assert (entry["code"], entry["detail"]["scope"]) == ("UNAUTHORIZED", "repository:a:pull")


def test_a_read_only_registry_says_why() -> None:
    answer = errors.answer_to(db.ReadOnly("moving to another house"), "request")
    assert (answer.status, dict(answer.headers)[b"retry-after"]) == (503, b"5")
    (entry,) = json.loads(answer.body)["errors"]
    assert entry["message"] == "this registry is read-only now: moving to another house"
