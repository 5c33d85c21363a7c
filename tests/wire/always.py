"""What holds for every answer under `/v2`, whatever was asked."""

from __future__ import annotations

import re

from tests.wire.client import Answer

CODES = frozenset(
    {
        "BLOB_UNKNOWN",
        "BLOB_UPLOAD_INVALID",
        "BLOB_UPLOAD_UNKNOWN",
        "DIGEST_INVALID",
        "MANIFEST_BLOB_UNKNOWN",
        "MANIFEST_INVALID",
        "MANIFEST_UNKNOWN",
        "NAME_INVALID",
        "NAME_UNKNOWN",
        "SIZE_INVALID",
        "UNAUTHORIZED",
        "DENIED",
        "UNSUPPORTED",
        "TOOMANYREQUESTS",
    }
)
"""The specification's fourteen ("Error Codes")."""

_NAME = r"[a-z0-9._/-]+"
_SCOPES = rf"repository:{_NAME}:(?:pull|pull,push|delete)(?: repository:{_NAME}:pull)?|registry:catalog:\*"
CHALLENGE = re.compile(
    r'Bearer realm="https?://[a-z0-9.:-]+/token",service="[a-z0-9.:-]+"'
    rf'(?:,scope="(?P<scope>{_SCOPES})")?(?:,error="(?P<error>insufficient_scope|invalid_token)")?'
    r'|Basic realm="holdfast", charset="UTF-8"'
)
"""What a 401 asks for; Basic at the token endpoint alone."""

_ID = re.compile(r"[0-9a-f-]{10,30}")
_TYPE = re.compile(r"application/[a-z0-9.+-]+")
_RUNS_IN_A_BROWSER = ("xml", "script", "html", "pdf", "x-shockwave")
_NEVER = ("content-encoding", "transfer-encoding", "set-cookie", "access-control-allow-origin")
_MESSAGE = 1024
_INSIDE = re.compile(
    r"traceback|line \d+, in|\.py\b|sqlite|apsw|granian|select |insert |update |/usr/|/tmp|/root|/home|\.db\b|store/",
    re.IGNORECASE,
)


def problems(answer: Answer) -> list[str]:
    """Give what is wrong with an answer; empty when nothing is."""
    found = [f"{name}: {answer.all(name)}" for name in _NEVER if answer.all(name)]
    if answer.all("docker-distribution-api-version") != ["registry/2.0"]:
        found.append("no Docker-Distribution-Api-Version")
    if answer.all("x-content-type-options") != ["nosniff"]:
        found.append("no nosniff")
    if len(answer.all("x-request-id")) != 1 or _ID.fullmatch(answer["x-request-id"]) is None:
        found.append("no request id")
    kind = answer.header("content-type")
    if kind is not None and (not _TYPE.fullmatch(kind) or any(word in kind for word in _RUNS_IN_A_BROWSER)):
        found.append(f"a content type of {kind}")
    if answer.body and kind is None:
        found.append("a body without a type")
    if len(answer.all("content-length")) != (0 if answer.status in (204, 304) else 1):
        found.append("not exactly one Content-Length")
    found += [f"an absolute Location: {to}" for to in answer.all("location") if not to.startswith("/v2/")]
    if answer.status >= 500:
        found.append(f"a status of {answer.status}")
    if answer.status == 401 and CHALLENGE.fullmatch(answer["www-authenticate"]) is None:
        found.append(f"a challenge of {answer['www-authenticate']}")
    if answer.status == 405 and not answer.header("allow"):
        found.append("405 without Allow")
    if answer.status >= 400 and answer.method != "HEAD":
        found += _error_problems(answer)
    return found


def _error_problems(answer: Answer) -> list[str]:
    """The error shape of the specification, and nothing of the inside of the program in it."""
    found = [] if answer["content-type"] == "application/json" else ["an error that is no JSON"]
    document = answer.json
    if answer.method == "POST" and "token" in answer.target:
        document.pop("error", None)  # RFC 6749, 5.2
    if set(document) != {"errors"} or not document["errors"]:
        return [*found, "not the error shape"]
    for entry in document["errors"]:
        if set(entry) != {"code", "message", "detail"} or entry["code"] not in CODES:
            found.append(f"an entry of {entry}")
        elif entry["detail"]["request_id"] != answer["x-request-id"]:
            found.append("another request id in the body")
        elif not isinstance(entry["message"], str) or not 0 < len(entry["message"]) <= _MESSAGE:
            found.append("no message, or one without bound")
    if _INSIDE.search(answer.body.decode()):
        found.append("something of the inside")
    return found


def checked(answer: Answer) -> Answer:
    """Give the answer back when nothing is wrong with it."""
    wrong = problems(answer)
    assert not wrong, f"{', '.join(wrong)} in {answer}"
    return answer
