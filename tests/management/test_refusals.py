"""Whatever is sent: a refusal is a problem, names what is at fault, and the server answers the next request."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.management.api import PREFIX, Asker, wrong_with
from tests.management.conftest import Asking
from tests.wire.client import Closed

_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW")


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", "invalid"),
        (b"{", "malformed"),
        (b"[]", "malformed"),
        (b"null", "malformed"),
        (b'"x"', "malformed"),
        (b"{}x", "malformed"),
        (b'{"name": NaN}', "malformed"),
        (b'{"name": 1e999}', "malformed"),
        (b'{"name": "a", "name": "b"}', "malformed"),
        (b'{"name": "\xff"}', "malformed"),
        (b'\xef\xbb\xbf{"name": "a"}', "malformed"),
        (b'{"name": "\\ud800"}', "malformed"),
        (b'{"a":' * 40 + b"1" + b"}" * 40, "malformed"),
        (b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "malformed"),
        (b'{"name": ' + b"9" * 5000 + b"}", "malformed"),
        (b"{}", "invalid"),
        (b'{"name": 1}', "invalid"),
        (b'{"name": null}', "invalid"),
        (b'{"name": true}', "invalid"),
        (b'{"name": ["a"]}', "invalid"),
        (b'{"name": {"a": "b"}}', "invalid"),
        (b'{"name": ""}', "invalid"),
        (b'{"name": "a\\u0000b"}', "invalid"),
        (b'{"name": "../../etc/passwd"}', "invalid"),
        (b'{"name": "a", "password": "short"}', "invalid"),
        (b'{"name": "a", "password": 123456789012345}', "invalid"),
        (json.dumps({"name": "a" * 300}).encode(), "invalid"),
        (json.dumps({"name": "a" * 900_000}).encode(), "invalid"),
        (b'{"__proto__": {"admin": true}, "name": "a"}', "invalid"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_body_that_is_none(admin: Asker, body: bytes, kind: str) -> None:
    problem = admin.refused(kind, "POST", "/users", body)
    assert problem["status"] == 400
    if kind == "invalid":
        assert problem["fields"], problem
    admin.do(200, "GET", "/me")


def test_a_huge_body_is_refused_and_the_next_request_answered(admin: Asker) -> None:
    body = json.dumps({"name": "a" * (1 << 20)}).encode()
    assert admin.refused("too-large", "POST", "/users", body)["status"] == 413
    admin.do(200, "GET", "/me")
    try:
        answer = admin.connection.chunked(
            "POST", PREFIX + "/users", [b" " * 65536] * 40, {"Content-Type": "application/json"}
        )
    except Closed:
        answer = None
    assert answer is None or (answer.status == 413 and not wrong_with(answer)), answer
    admin.do(200, "GET", "/me")


@pytest.mark.parametrize(
    "kind", ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "application/jsonx", "json"]
)
def test_a_body_that_is_not_called_json_is_not_read(admin: Asker, kind: str) -> None:
    """A page of another site can make a browser send these without asking first."""
    assert admin.refused("not-json", "POST", "/users", b'{"name": "csrf"}', Content_Type=kind)["status"] == 415
    admin.refused("unknown", "GET", "/users/csrf")


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_browser_changes_nothing_for_another_site(admin: Asker, site: str) -> None:
    admin.refused("cross-site", "POST", "/users/admin/disable", None, Sec_Fetch_Site=site)
    admin.do(200, "GET", "/me", None, Sec_Fetch_Site=site)


def test_cookies_are_not_looked_at(asking: Asking) -> None:
    asking.by().refused("unauthenticated", "GET", "/me", None, Cookie="session=anything; __Host-session=x")


@pytest.mark.parametrize("path", ["/me", "/users", "/users/admin", "/grants/1", "/keys/me/x/rotate", "/nope", "/a/b/c"])
@pytest.mark.parametrize("method", _METHODS)
def test_every_method_of_every_path_is_answered_in_shape(admin: Asker, asking: Asking, method: str, path: str) -> None:
    if (method, path) != ("DELETE", "/users/admin"):
        answer = admin.ask(method, path)
        if answer.status == 405:
            allowed = answer["allow"].split(", ")
            assert method not in allowed
            assert all(admin.ask(other, path).status != 405 for other in allowed if other == "GET")
    stranger = asking.by().ask(method, path)
    assert stranger.status == 401, "who is nobody learns nothing of the routes"


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "//",
        "/me/",
        "/ME",
        "/users//",
        "/users/a/b/c/d",
        "/users/..%2f..%2fetc",
        "/users/%00",
        "/users/%ff",
        "/users/%ed%a0%80",
        "/users/" + "a" * 5000,
        "/grants/0",
        "/grants/-1",
        "/grants/1.5",
        "/grants/x",
        "/grants/" + "9" * 30,
        "/grants/9223372036854775808",
        "/sessions/9223372036854775808",
        "/keys/nobody/x",
        "/keys/user:/x",
        "/robots/~01",
        "/roles/%2F",
        "/visibility?path=..",
        "/visibility?path=" + "a/" * 200,
        "/why",
        "/why?subject=x&action=y",
        "/why?subject=anonymous&action=pull",
        "/why?subject=anonymous&action=pull&repository=A",
        "/why?subject=anonymous&action=pull&repository=a&tag=%20",
        "/why?subject=anonymous&action=pull&repository=a&at=tomorrow",
        "/why?subject=anonymous&action=pull&repository=a&address=x",
        "/users?x=1",
        "/users?limit=1&limit=2",
        "/users?%ff=1",
        "/users?" + "a=1&" * 2000,
        "/grants?subject=x",
        "/grants?path=" + "a" * 300,
        "/grants?path=%C3%A4",
        "/grants?path=file:///x",
        "/robots?namespace=..",
    ],
)
def test_odd_paths_and_queries_are_refused_in_shape(admin: Asker, path: str) -> None:
    assert 400 <= admin.ask("GET", path).status < 500 or path.endswith("address=x")
    admin.do(200, "GET", "/me")


@pytest.mark.parametrize("ids", [[], ["x"], [1], {"a": 1}, "pull", [None], ["pull"] * 100, ["p" * 100]])
def test_lists_of_actions_are_checked(admin: Asker, ids: Any) -> None:
    admin.refused("invalid", "POST", "/roles", {"name": "odd", "actions": ids})


@pytest.mark.parametrize(
    "change",
    [
        {"scope": ""},
        {"scope": "A/**"},
        {"scope": "a/**:"},
        {"scope": "a" * 600},
        {"role": None},
        {"role": "nosuch"},
        {"deny": ["pull"]},
        {"role": None, "deny": ["fly"]},
        {"subject": "admin"},
        {"subject": "user:"},
        {"expires_at": "yesterday"},
        {"expires_at": "2020-01-01T00:00:00Z"},
        {"expires_at": "2999-01-01T00:00:00"},
        {"expires_at": 1},
        {"expires_at": "99999-01-01T00:00:00Z"},
        {"conditions": {"networks": ["x"]}},
        {"conditions": {"networks": "10.0.0.0/8"}},
        {"conditions": {"times": [{"days": ["someday"]}]}},
        {"conditions": {"times": [{"zone": "Mars/Base"}]}},
        {"conditions": {"times": [{"zone": "../../etc/passwd"}]}},
        {"conditions": {"claims": {"a": 1}}},
        {"conditions": {"moon": "full"}},
        {"note": "x" * 600},
        {"note": "a\nb"},
    ],
    ids=str,
)
def test_grants_that_cannot_be_are_refused(admin: Asker, change: dict[str, Any]) -> None:
    grant = {"subject": "user:admin", "role": "reader", "scope": "odd/**", **change}
    problem = admin.refused("invalid", "POST", "/grants", grant)
    assert problem["fields"], problem
    assert admin.items("/grants?path=odd") == [
        each for each in admin.items("/grants?path=odd") if each["scope"] == "**"
    ]


def test_what_is_sent_does_not_come_back(admin: Asker) -> None:
    """A password in the wrong field is not repeated in the refusal, nor in the log."""
    secret = "Planted-Secret-0815-in-the-wrong-field"
    for body in (
        {"name": {"password": secret}},
        {"name": "a", "passwort": secret},
        {"name": "a", "password": [secret]},
        {"name": "a", "password": secret, "display": {"x": secret}},
    ):
        answer = admin.ask("POST", "/users", body)
        assert answer.status == 400
        assert secret not in answer.body.decode()
    assert secret not in admin.server.log_text()


@pytest.mark.parametrize(
    "headers",
    ["", "Host:", "Host: a\r\nHost: b", "Host: a\r\nAuthorization: Basic YTpi\r\nAuthorization: Basic YzpkZQ=="],
)
def test_an_ambiguous_request_ends_the_connection(admin: Asker, headers: str) -> None:
    lines = f"GET {PREFIX}/me HTTP/1.1\r\n" + (headers + "\r\n" if headers else "") + "\r\n"
    answer = admin.connection.raw(lines.encode(), close=True)
    assert (answer.status, answer["connection"], wrong_with(answer)) == (400, "close", [])
    assert answer.json["type"] == "/problems/malformed"
    admin.do(200, "GET", "/me")
