"""Browsers' sessions: what a cookie is good for, what a form must prove, and when both end (rule 19)."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.browsing import Browser, Page
from tests.console.conftest import FLAGS, Place
from tests.openid import own_provider
from tests.serving import running_server

PASSWORD = "a-long-enough-password"
SESSION = "holdfast-session"
POLICY = {
    "default-src 'none'",
    "script-src 'self'",
    "connect-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    "form-action 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with running_server(tmp_path_factory.mktemp("sessions"), *FLAGS) as server:
        made = Place(server)
        made.api("POST", "/users", {"name": "alice", "password": PASSWORD})
        made.api("POST", "/users", {"name": "bob", "password": PASSWORD})
        yield made


def sign_in(place: Place, browser: Browser, name: str = "alice", password: str = PASSWORD) -> Page:
    page = browser.get(f"{place.url}/sign-in")
    return browser.submit(page, "/sign-in", name=name, password=password)


@pytest.fixture
def browser(place: Place) -> Browser:
    """A browser in which alice is signed in."""
    made = Browser()
    assert sign_in(place, made).status == 303
    return made


def cookie(browser: Browser) -> str:
    return browser.cookies["127.0.0.1"].get(SESSION, "")


def test_a_password_of_the_registry_signs_in(place: Place) -> None:
    browser = Browser()
    page = sign_in(place, browser)
    assert page.location == f"{place.url}/"
    assert "alice" in browser.get(f"{place.url}/me").text
    (line,) = [line for line in browser.set if line.startswith(SESSION)]
    assert line.split("; ")[1:] == ["Path=/", "HttpOnly", "SameSite=Lax"]
    assert len(cookie(browser)) == 43


def test_each_sign_in_has_a_cookie_of_its_own(place: Place, browser: Browser) -> None:
    """A cookie that was put into the browser before is not the one that is signed in (fixation)."""
    victim = Browser()
    victim.cookies["127.0.0.1"] = {SESSION: "A" * 43}
    sign_in(place, victim)
    assert cookie(victim) not in ("A" * 43, cookie(browser))


def test_wrong_names_and_passwords_look_alike(place: Place) -> None:
    answers = []
    for name, password in (
        ("alice", "wrong-password-1"),
        ("nobody", "wrong-password-2"),
        ("alice", ""),
        ("x\x00y", "wrong-password-3"),
    ):
        page = sign_in(place, Browser(), name, password)
        assert page.status == 403
        assert SESSION not in str(page.headers)
        said = page.text.partition('role="alert"')[2].partition("</div>")[0]
        answers.append(said)
        assert password not in page.text or not password
    assert len(set(answers)) == 1


def test_failures_are_throttled(place: Place) -> None:
    pages = [sign_in(place, Browser(), "bob", f"wrong-password-{number}") for number in range(6)]
    assert pages[-1].status == 429
    assert int(pages[-1].headers["Retry-After"]) > 0
    assert "Try again in" in pages[-1].text


def test_a_key_is_no_password(place: Place, browser: Browser) -> None:
    key = place.make_key(browser, "not-a-password")
    assert sign_in(place, Browser(), "alice", key).status in (403, 429)


CREDENTIALS = (
    "/v2/",
    "/v2/_catalog",
    "/v2/team/app/tags/list",
    "/v2/team/app/manifests/v1",
    "/api/v1/me",
    "/api/v1/users",
)


@pytest.mark.parametrize("path", CREDENTIALS)
def test_a_cookie_is_no_credential_elsewhere(place: Place, browser: Browser, path: str) -> None:
    headers = {"Cookie": f"{SESSION}={cookie(browser)}"}
    with_cookie, body = place.ask("GET", path, None, headers)
    without, plain = place.ask("GET", path)
    assert with_cookie.status == without.status == 401
    assert re.sub(r'"request_id": "[^"]+"', "", body) == re.sub(r'"request_id": "[^"]+"', "", plain)


def test_a_cookie_gets_no_token(place: Place, browser: Browser) -> None:
    answer, body = place.ask(
        "GET",
        "/token?service=holdfast&scope=repository:team/app:pull,push",
        None,
        {"Cookie": f"{SESSION}={cookie(browser)}"},
    )
    if answer.status == 200:  # the anonymous token, which may nothing
        token = body.partition('"token": "')[2].partition('"')[0] or body.partition('"token":"')[2].partition('"')[0]
        claims = base64.urlsafe_b64decode(token.split(".")[1] + "==").decode()
        assert "alice" not in claims
        headers = {"Authorization": f"Bearer {token}"}
        assert place.ask("POST", "/v2/team/app/blobs/uploads/", b"", headers)[0].status in (401, 403)
    else:
        assert answer.status == 401


FOREIGN: list[dict[str, str | None]] = [
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://127.0.0.1:1"},
    {"Origin": ""},
    {"Origin": None},
    {"Origin": None, "Sec-Fetch-Site": "cross-site"},
    {"Origin": None, "Sec-Fetch-Site": "same-site"},
    {"Origin": None, "Referer": "https://evil.example/127.0.0.1"},
]


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
def test_forms_of_other_sites_change_nothing(place: Place, browser: Browser, headers: dict[str, str | None]) -> None:
    me = browser.get(f"{place.url}/me/keys")
    for action in ("/me/keys", "/sign-out"):
        fields = {**me.forms()[action], "name": "foreign"}
        page = browser.post(f"{place.url}{action}", fields, headers)
        assert page.status == 403
        assert "not sent from a page of this registry" in page.text
    form = Browser()
    fields = {**form.get(f"{place.url}/sign-in").forms()["/sign-in"], "name": "alice", "password": PASSWORD}
    assert form.post(f"{place.url}/sign-in", fields, headers).status == 403
    assert "foreign" not in browser.get(f"{place.url}/me/keys").text


@pytest.mark.parametrize("value", [None, "", "0" * 64, "x"])
def test_forms_need_the_value_of_the_page(place: Place, browser: Browser, value: str | None) -> None:
    fields = {"name": "forged", "days": "30", "may": "all"} | ({} if value is None else {"form": value})
    assert browser.post(f"{place.url}/me/keys", fields).status == 403
    assert browser.post(f"{place.url}/sign-out", fields).status == 403
    assert "forged" not in browser.get(f"{place.url}/me/keys").text


def test_the_value_is_of_one_session(place: Place, browser: Browser) -> None:
    other = Browser()
    sign_in(place, other)
    fields = {**other.get(f"{place.url}/me/keys").forms()["/me/keys"], "name": "of-another-session"}
    assert browser.post(f"{place.url}/me/keys", fields).status == 403
    anonymous = Browser().get(f"{place.url}/sign-in").forms()["/sign-in"]["form"]
    assert browser.post(f"{place.url}/me/keys", {**fields, "form": anonymous}).status == 403


def test_somebody_elses_things_cannot_be_named(place: Place, browser: Browser) -> None:
    admin = Browser()
    sign_in(place, admin, "admin", place.server.admin.password)
    place.make_key(admin, "of-the-admin")
    form = browser.get(f"{place.url}/me").forms()["/sign-out"]["form"]
    assert browser.post(f"{place.url}/me/keys/of-the-admin/revoke", {"form": form}).status == 404
    ends = [action for action in admin.get(f"{place.url}/me/sign-in").forms() if action.endswith("/end")]
    for action in (*ends, "/me/sessions/00/end", "/me/sessions/x/end"):
        assert browser.post(f"{place.url}{action}", {"form": form}).status == 404
    assert ends
    assert "of-the-admin" in admin.get(f"{place.url}/me/keys").text


def test_sign_out_ends_the_session_itself(place: Place, browser: Browser) -> None:
    kept = cookie(browser)
    page = browser.submit(browser.get(f"{place.url}/me"), "/sign-out")
    assert page.location == f"{place.url}/sign-in"
    assert cookie(browser) == ""
    thief = Browser()
    thief.cookies["127.0.0.1"] = {SESSION: kept}
    assert thief.get(f"{place.url}/me").status == 303


def test_sessions_are_listed_and_ended_from_elsewhere(place: Place, browser: Browser) -> None:
    other = Browser()
    sign_in(place, other)
    page = browser.get(f"{place.url}/me/sign-in")
    assert page.text.count(">this browser<") == 1
    (own,) = re.findall(r">this browser<.*?/me/sessions/([0-9a-f]+)/end", page.text, re.DOTALL)
    assert cookie(browser) not in page.text
    for action in page.forms():
        if action.endswith("/end") and own not in action:
            assert browser.submit(page, action).status == 303
    assert other.get(f"{place.url}/me").status == 303
    assert browser.get(f"{place.url}/me").status == 200


def test_a_disabled_account_is_out_at_the_next_request(place: Place) -> None:
    place.api("POST", "/users", {"name": "leaver", "password": PASSWORD})
    browser = Browser()
    sign_in(place, browser, "leaver")
    assert browser.get(f"{place.url}/me").status == 200
    place.api("POST", "/users/leaver/disable")
    assert browser.get(f"{place.url}/me").status == 303
    assert sign_in(place, Browser(), "leaver").status in (403, 429)


def test_sessions_end_idle_and_at_last(place: Place, browser: Browser) -> None:
    hour = 3600 * 1_000_000
    other = Browser()
    sign_in(place, other)
    place.sql("update web_session set seen_at = seen_at - ? where account_id is not null returning 1", 9 * hour)
    assert browser.get(f"{place.url}/me").status == 303
    sign_in(place, browser)
    place.sql("update web_session set expires_at = seen_at - 1 where account_id is not null returning 1")
    assert browser.get(f"{place.url}/me").status == 303
    sign_in(place, browser)
    assert len(place.sql("select 1 from web_session where account_id is not null and expires_at > seen_at")) == 1, (
        "ended ones go"
    )


def test_every_answer_keeps_browsers_safe(place: Place, browser: Browser) -> None:
    style = re.search(r'href="(/assets/[^"]+)"', browser.get(f"{place.url}/me").text)
    assert style is not None
    for path in (
        "/sign-in",
        "/me",
        "/sign-in/nobody",
        "/me/nothing",
        "/sign-in/a/b/c",
        style[1],
        "/assets/none",
        "/sign-out",
    ):
        page = browser.get(f"{place.url}{path}")
        assert set(page.headers["Content-Security-Policy"].split("; ")) == POLICY
        assert page.headers["X-Content-Type-Options"] == "nosniff"
        assert page.headers["X-Frame-Options"] == "DENY"
        assert page.headers["X-Request-Id"]
        assert (
            "immutable" in page.headers["Cache-Control"]
            if path == style[1]
            else page.headers["Cache-Control"] == "no-store"
        )
        if path != style[1]:
            ours = re.sub(r'<script src="/assets/[a-z0-9.-]+" defer></script>', "", page.text)
            assert not re.search(r"<script|\sstyle=|\son\w+=|javascript:", ours)


def test_unusual_requests_are_no_faults(place: Place, browser: Browser) -> None:
    for method, path, headers in (
        ("DELETE", "/me", {}),
        ("PUT", "/sign-in", {}),
        ("POST", "/me", {}),
        ("POST", "/sign-in", {"Content-Type": "application/json"}),
        ("POST", "/sign-in", {"Content-Type": "application/x-www-form-urlencoded", "Content-Length": "999999"}),
        ("GET", "/sign-in?next=%ff%fe", {}),
        ("GET", "/sign-in?next=a&next=b", {}),
        ("GET", "/sign-in/corp/callback?code=%00&state=%ed%a0%80", {}),
        ("GET", "/me/%00", {}),
        ("GET", "/me", {"Cookie": f"{SESSION}=" + "x" * 20000}),
        ("GET", "/me", {"Cookie": "\xff\xfe=;;=;" + SESSION}),
        ("GET", "/sign-in", {"X": "x" * 40000}),
    ):
        answer, _ = place.ask(method, path, None, {**headers})
        assert 200 <= answer.status < 500, (method, path, answer.status)
    answer, _ = place.ask("DELETE", "/me")
    assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD")
    answer, body = place.ask("HEAD", "/sign-in")
    assert (answer.status, body) == (200, "")
    assert int(answer.headers["Content-Length"]) > 1000


def test_over_https_cookies_are_bound_to_the_host(tmp_path: Path) -> None:
    flags = ("--public-url", "https://registry.example.com", "--trusted-proxies", "127.0.0.1")
    with own_provider() as provider, running_server(tmp_path, *FLAGS, *flags) as server:
        place = Place(server)
        place.add_provider("corp", provider.issuer)
        assert place.api("GET", "/providers/corp")["redirect_uri"] == (
            "https://registry.example.com/sign-in/corp/callback"
        )
        browser = Browser()
        page = browser.get(f"{place.url}/sign-in")
        begun = browser.get(f"{place.url}/sign-in/corp")
        assert "redirect_uri=https%3A%2F%2Fregistry.example.com%2Fsign-in%2Fcorp%2Fcallback" in begun.location
        ours = {"Origin": "https://registry.example.com"}
        fields = {**page.forms()["/sign-in"], "name": "admin", "password": server.admin.password}
        assert browser.post(f"{place.url}/sign-in", fields).status == 403, "the listener is not the origin"
        assert browser.post(f"{place.url}/sign-in", fields, ours).status == 303
        assert len(browser.set) == 4
        for line in browser.set:
            assert line.startswith("__Host-holdfast-")
            assert {"Secure", "HttpOnly", "SameSite=Lax", "Path=/"} <= set(line.split("; "))
            assert "Domain" not in line


def test_an_open_registry_has_no_sign_in(tmp_path: Path) -> None:
    with running_server(tmp_path, "--open") as server:
        assert Place(server).ask("GET", "/sign-in")[0].status == 404


def test_a_dead_provider_costs_little(place: Place) -> None:
    with own_provider() as provider:
        place.add_provider("dead", provider.issuer)
        provider.down = True
        asked = len(provider.asked)
        for _ in range(6):
            page = Browser().get(f"{place.url}/sign-in/dead")
            assert page.status == 502
            assert provider.issuer not in page.text
        assert len(provider.asked) == asked + 1, "it is left alone for some seconds"
