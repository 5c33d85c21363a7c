"""The wire table of tokens, on a server where everyone may do everything: the forms of questions and answers."""

from __future__ import annotations

from tests.wire.row import Row

from holdfast.distribution.router import Endpoint

_FORM = {"Content-Type": "application/x-www-form-urlencoded"}
_PATHS = ("/token", "/service/token", "/oauth2/token", "/v2/token", "/v2/auth")
_FINE = {"content-type": "application/json", "cache-control": "no-store"}
_SCOPES = (
    "",
    "?service=holdfast",
    "?scope=repository:a:pull",
    "?scope=repository:a:pull&scope=repository:b/c:pull,push",
    "?scope=repository:a:pull%20repository:b:pull",
    "?scope=repository(plugin):a:pull",
    "?scope=repository:localhost:5000/a:pull",
    "?scope=repository:a:*",
    "?scope=repository:a:",
    "?scope=registry:catalog:*",
    "?scope=registry:management:*",
    "?scope=other:thing:do",
    "?account=somebody&client_id=docker&offline_token=true",
)
_NO_SCOPES = (
    "?scope=a",
    "?scope=repository",
    "?scope=repository:a:pull,,push",
    "?scope=repository:a:pull%0d%0aX:y",
    "?scope=repository:%22:pull",
    "?scope=rep%C3%B6sitory:a:pull",
    "?scope=" + "%20".join(f"repository:a{n}:pull" for n in range(65)),
    "?scope=repository:" + "a" * 600 + ":pull",
    "?" + "&".join(f"scope=repository:a{n}:pull" for n in range(65)),
)
_OTHER = ("HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW")


def _post(body: bytes, status: int, code: str = "", **sent: str) -> Row:
    return Row(Endpoint.TOKEN, "POST", "/v2/token", status, code, sent={**_FORM, **sent}, body=body)


TOKENS = [
    *(Row(Endpoint.TOKEN, "GET", path, 200, headers=_FINE) for path in _PATHS),
    *(Row(Endpoint.TOKEN, "GET", "/token" + query, 200, headers=_FINE) for query in _SCOPES),
    *(Row(Endpoint.TOKEN, "GET", "/token" + query, 400, "UNSUPPORTED") for query in _NO_SCOPES),
    *(Row(Endpoint.TOKEN, method, "/token", 405, "UNSUPPORTED") for method in _OTHER),
    _post(b"grant_type=password&username=a&password=b&scope=repository:a:pull,push", 200),
    _post(b"grant_type=refresh_token&refresh_token=hfr_nothing", 401, "UNAUTHORIZED"),
    _post(b"grant_type=authorization_code&code=x", 400, "UNSUPPORTED"),
    _post(b"", 400, "UNSUPPORTED"),
    _post(b"grant_type=password&grant_type=password", 400, "UNSUPPORTED"),
    _post(b"grant_type=password&scope=%ff", 400, "UNSUPPORTED"),
    _post(b"\xff\xfe", 400, "UNSUPPORTED"),
    _post(b"{}", 400, "UNSUPPORTED", **{"Content-Type": "application/json"}),
    _post(b"a=" + b"b" * (64 << 10), 400, "UNSUPPORTED"),
    _post(b"&".join(b"a=b" for _ in range(200)), 400, "UNSUPPORTED"),
]
KEYS = [
    Row(Endpoint.KEYS, "GET", "/.well-known/jwks.json", 200, headers={"cache-control": "max-age=60"}),
    Row(Endpoint.KEYS, "HEAD", "/.well-known/jwks.json", 200),
    *(Row(Endpoint.KEYS, m, "/.well-known/jwks.json", 405, "UNSUPPORTED") for m in (*_OTHER[1:], "POST")),
]
ROWS: list[Row] = [*TOKENS, *KEYS]
