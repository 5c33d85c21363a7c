"""A second factor that is required of administrators, over HTTP: from the first sign-in of the first one on, and every
way around it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.browsing import Browser, Page
from tests.cli.program import holdfast
from tests.cli.shell import Shell
from tests.console.authenticator import App
from tests.console.conftest import Place
from tests.console.rows import ROWS
from tests.serving import Credentials, Server, printed_admin, running_server

FLAGS = ("--signin-second-factor-required", "administrators")
PASSWORD = "the long password of somebody"
HERE = "/me/second-factor"
OPEN = {("GET", HERE), ("POST", HERE), ("POST", f"{HERE}/confirm"), ("POST", "/sign-out")}
SAID = "this registry requires a second factor of this account, which has none: sign in with a browser and set it up"
_NIGHTLY = {"conditions": {"networks": ["192.0.2.0/24"]}}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with running_server(tmp_path, *FLAGS) as running:
        yield running


@pytest.fixture
def place(server: Server) -> Place:
    return Place(server)


def enter(place: Place, who: Credentials) -> Browser:
    """A browser in which somebody gave his password."""
    browser = Browser()
    done = browser.submit(browser.get(f"{place.url}/sign-in"), "/sign-in", name=who.username, password=who.password)
    assert done.status == 303
    return browser


def enrol(place: Place, browser: Browser) -> tuple[App, Page]:
    """Set a second factor up; gives the app, and the page with the recovery codes."""
    page = browser.submit(browser.get(f"{place.url}{HERE}"), HERE)
    app = App(page)
    done = browser.submit(page, f"{HERE}/confirm", code=app.code())
    assert done.status == 200, done.text
    return app, done


def codes(page: Page) -> list[str]:
    return re.findall(r"[0-9a-z]{6}-[0-9a-z]{6}", page.text.partition('<pre class="secret codes"')[2])[:10]


def check_confined(place: Place, browser: Browser) -> None:
    """Every page and every form leads to the one page, but that page and the way out."""
    for row in ROWS:
        path = re.sub(r"\{[^}]+\}", "x", row.path)
        if (row.method, row.path) in OPEN:
            continue
        for headers in ({}, {"HX-Request": "true"}):
            page = browser.ask(row.method, f"{place.url}{path}", None, {"Origin": place.url, **headers})
            assert (page.status, page.location) == (303, f"{place.url}{HERE}"), f"{row.method} {row.path}"
            assert not page.text
    page = browser.get(f"{place.url}{HERE}")
    assert "This registry requires a second factor of you" in page.text
    assert set(page.forms()) == {HERE, "/sign-out"}
    assert set(re.findall(r'<a [^>]*href="([^"]*)"', page.text)) == {"#main", "/"}


def check_password_refused(place: Place, who: Credentials) -> None:
    """Wherever a password is given for something else than the sign-in page; who gives a wrong one learns nothing."""
    wrong = Credentials(who.username, "not the password at all")
    for path in ("/v2/", "/token?service=x&account=x&scope=repository:team/app:pull", "/api/v1/me", "/api/v1/users"):
        answer, text = place.ask("GET", path, None, {"Authorization": who.basic})
        assert (answer.status, SAID in text) == (401, True), f"{path}: {text}"
        assert "make a key at /me" in text, "what to do instead"
        answer, text = place.ask("GET", path, None, {"Authorization": wrong.basic})
        assert (answer.status, SAID in text) == (401, False), path
    sent = (
        f"grant_type=password&username={who.username}&password={who.password.replace(' ', '+')}&service=x&client_id=x"
    )
    answer, text = place.ask("POST", "/token", f"{sent}&access_type=offline".encode(), FORM)
    assert (answer.status, SAID in text, "refresh_token" in text) == (401, True, False)


def test_the_first_administrator_sets_it_up_before_anything_else(place: Place) -> None:
    admin = place.server.admin
    browser = enter(place, admin)
    check_confined(place, browser)
    check_password_refused(place, admin)
    session = browser.cookies["127.0.0.1"]["holdfast-session"]
    for headers in ({"Cookie": f"holdfast-session={session}"}, {"Authorization": f"Bearer {session}"}):
        for path in ("/v2/_catalog", "/api/v1/users"):
            assert place.ask("GET", path, None, headers)[0].status in (401, 403), path
    begun = browser.submit(browser.get(f"{place.url}{HERE}"), HERE)
    refused = browser.submit(begun, f"{HERE}/confirm", code="000000")
    assert refused.status == 400
    check_confined(place, browser)
    app, done = enrol(place, browser)
    assert 'href="/"' in done.text
    for path in ("/", "/start", "/me/keys", "/admin/users"):
        assert browser.get(f"{place.url}{path}").status == 200, path
    secret = place.make_key(browser)
    assert place.with_key(admin.username, secret) == 200
    answer, text = place.ask("GET", "/v2/", None, {"Authorization": admin.basic})
    assert (answer.status, "this account has a second factor" in text) == (401, True)
    again = browser.submit(browser.get(f"{place.url}{HERE}"), "/sign-out")
    assert again.status == 303
    half = enter(place, admin)
    page = half.get(f"{place.url}/sign-in/-/code")
    assert half.submit(page, "/sign-in/-/code", code=codes(done)[0]).status == 303
    assert half.get(f"{place.url}/admin/users").status == 200
    given_up = half.submit(half.get(f"{place.url}{HERE}/disable"), f"{HERE}/disable", code=app.code())
    assert given_up.location == f"{place.url}{HERE}"
    check_confined(place, half)
    check_password_refused(place, admin)
    assert place.with_key(admin.username, secret) == 200, "keys go on"
    enrol(place, half)
    assert half.get(f"{place.url}/admin/users").status == 200


def test_who_becomes_an_administrator_is_asked_from_then_on(place: Place) -> None:
    browser = enter(place, place.server.admin)
    enrol(place, browser)
    place.server.known_admin = Credentials("admin", place.make_key(browser))
    place.api("POST", "/users", {"name": "bob", "password": PASSWORD})
    bob = Credentials("bob", PASSWORD)
    his = enter(place, bob)
    assert his.get(f"{place.url}/me").status == 200
    secret = place.make_key(his)
    sent = f"grant_type=password&username=bob&password={PASSWORD.replace(' ', '+')}&service=x&client_id=x"
    _, text = place.ask("POST", "/token", f"{sent}&access_type=offline&scope=registry:management:*".encode(), FORM)
    bearer = {"Authorization": f"Bearer {json.loads(text)['access_token']}"}
    renew = f"grant_type=refresh_token&refresh_token={json.loads(text)['refresh_token']}&service=x&client_id=x".encode()
    assert place.ask("GET", "/api/v1/me", None, bearer)[0].status == 200
    assert place.ask("GET", "/v2/", None, {"Authorization": bob.basic})[0].status == 200
    place.api("POST", "/grants", {"subject": "user:bob", "role": "administrator", "scope": "**"})
    check_confined(place, his)
    check_password_refused(place, bob)
    assert place.ask("GET", "/api/v1/me", None, bearer)[0].status == 401
    answer, text = place.ask("POST", "/token", renew, FORM)
    assert (answer.status, SAID in text) == (401, True)
    assert place.with_key("bob", secret) == 200
    other = enter(place, bob)
    enrol(place, his)
    assert his.get(f"{place.url}/admin/users").status == 200
    assert other.get(f"{place.url}/me").location.startswith(f"{place.url}/sign-in"), "the other browser is signed out"
    place.api("DELETE", "/users/bob/second-factor")
    check_confined(place, enter(place, bob))


def test_who_still_has_to_set_one_up_is_listed(place: Place, tmp_path: Path) -> None:
    browser = enter(place, place.server.admin)
    enrol(place, browser)
    place.server.known_admin = Credentials("admin", place.make_key(browser))
    for name in ("anna", "bert", "carl", "dora"):
        place.api("POST", "/users", {"name": name, "password": None if name == "dora" else PASSWORD})
    place.api("POST", "/groups", {"name": "keepers"})
    place.api("PUT", "/groups/keepers/members/user:anna")
    for subject in ("group:keepers", "user:dora"):
        place.api("POST", "/grants", {"subject": subject, "role": "administrator", "scope": "**"})
    place.api("POST", "/grants", {"subject": "user:bert", "role": "administrator", "scope": "**", **_NIGHTLY})
    told = {each["name"]: each for each in place.api("GET", "/users")["items"]}
    assert {name for name, each in told.items() if each["second_factor_required"]} == {"admin", "anna", "bert"}
    assert told["anna"] == place.api("GET", "/users/anna")
    assert listed(place, browser, "required") == ["anna", "bert"]
    assert listed(place, browser, "missing") == ["anna", "bert", "carl"]
    assert listed(place, browser, "on") == ["admin"]
    text = browser.get(f"{place.url}/admin/users").text
    assert text.count("second factor missing") == 2
    assert "second factor missing" in browser.get(f"{place.url}/admin/users/anna").text
    assert "second factor missing" not in browser.get(f"{place.url}/admin/users/carl").text
    assert browser.get(f"{place.url}/admin/users?factor=none").status == 400
    shell = Shell(tmp_path)
    shell.run("login", place.url, "-u", "admin", "--password-stdin", stdin=place.server.admin.password + "\n")
    rows = {row.split()[0]: "code missing" in row for row in shell.says("user", "list").splitlines()}
    assert [name for name, missing in rows.items() if missing] == ["anna", "bert"]


def listed(place: Place, browser: Browser, factor: str) -> list[str]:
    """The users that the page shows by their second factor."""
    text = browser.get(f"{place.url}/admin/users?factor={factor}").text
    return re.findall(r'<th scope="row"><a class="name" href="/admin/users/([^"]+)"', text)


def test_the_command_that_resets_an_administrator_leads_there_too(place: Place, server: Server, tmp_path: Path) -> None:
    enrol(place, enter(place, server.admin))
    done = holdfast(tmp_path, "admin", "reset", "admin", "--data", str(server.data))
    check_confined(place, enter(place, printed_admin(done.stdout)))
