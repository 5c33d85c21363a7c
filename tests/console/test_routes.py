"""Every page x who asks for it. A page without a row fails."""

from __future__ import annotations

from typing import Any, NamedTuple, cast

import pytest
from tests.browsing import Browser
from tests.console.conftest import Place

from holdfast.console.me import MePages
from holdfast.console.sign_in import SignInPages

NOTHING = cast(Any, None)


class Row(NamedTuple):
    """Statuses for: nobody; nobody with a form of another site; alice; alice with a form of another site; alice with a
    form that is not of her page."""

    nobody: int
    nobody_foreign: int
    alice: int
    alice_foreign: int
    alice_unmarked: int


READ_SIGNED = Row(303, 303, 200, 200, 200)
CHANGE = Row(403, 403, 303, 403, 403)
ROWS = {
    "GET /sign-in": Row(200, 200, 303, 303, 303),
    "POST /sign-in": Row(403, 403, 403, 403, 403),
    "GET /sign-in/{provider}": Row(404, 404, 404, 404, 404),
    "GET /sign-in/{provider}/callback": Row(403, 403, 403, 403, 403),
    "POST /sign-out": CHANGE,
    "GET /me": READ_SIGNED,
    "POST /me/keys": Row(403, 403, 400, 403, 403),
    "POST /me/keys/{name}/revoke": Row(403, 403, 404, 403, 403),
    "POST /me/sessions/{key}/end": Row(403, 403, 404, 403, 403),
}
ROUTES = [
    *SignInPages(NOTHING, NOTHING, NOTHING, NOTHING, NOTHING).routes(),
    *MePages(NOTHING, NOTHING, NOTHING).routes(),
]


def test_every_page_has_a_row() -> None:
    assert {f"{route.method} {route.path}" for route in ROUTES} == set(ROWS)


def signed_in(place: Place) -> Browser:
    browser = Browser()
    page = browser.get(f"{place.url}/sign-in")
    admin = place.server.admin
    assert browser.submit(page, "/sign-in", name=admin.username, password=admin.password).status == 303
    return browser


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_who_gets_what(place: Place, route: Any) -> None:
    row = ROWS[f"{route.method} {route.path}"]
    path = route.path.replace("{provider}", "nobody").replace("{name}", "none").replace("{key}", "00")
    for column, status in row._asdict().items():
        who, _, how = column.partition("_")
        browser = signed_in(place) if who == "alice" else Browser()
        fields = {}
        if who == "alice" and how != "unmarked":
            fields = {"form": browser.get(f"{place.url}/me").forms()["/sign-out"]["form"]}
        headers: dict[str, str | None] = {"Origin": "https://evil.example"} if how == "foreign" else {}
        url = f"{place.url}{path}"
        page = browser.get(url) if route.method == "GET" else browser.post(url, fields, headers)
        assert page.status == status, column
        assert page.headers["Cache-Control"] == "no-store"
    wrong = "POST" if route.method == "GET" else "PUT"
    answer, _ = place.ask(wrong, path, b"", {"Content-Type": "application/x-www-form-urlencoded"})
    assert answer.status in (403, 405)
