"""A second factor over HTTP: set up, asked for, refused elsewhere, and what attackers try with half a sign-in."""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.browsing import Browser, Page
from tests.console.authenticator import App
from tests.console.conftest import Place
from tests.serving import Server, running_server

PASSWORD = "the long password of somebody"
FLAGS = ("--outbound-allow", "127.0.0.0/8")


class Person:
    """Somebody with a second factor."""

    def __init__(self, place: Place, name: str) -> None:
        self.place, self.name = place, name
        place.api("POST", "/users", {"name": name, "password": PASSWORD})
        self.browser = Browser()
        assert self.enter(self.browser).location == f"{place.url}/"
        page = self.browser.submit(self.browser.get(f"{place.url}/me/second-factor"), "/me/second-factor")
        assert page.headers["Cache-Control"] == "no-store, no-transform"
        self.app = App(page)
        done = self.browser.submit(page, "/me/second-factor/confirm", code=self.app.code())
        assert done.status == 200, done.text
        self.codes = re.findall(r"[0-9a-z]{6}-[0-9a-z]{6}", done.text.partition('<pre class="secret codes"')[2])[:10]
        assert len(set(self.codes)) == 10

    def enter(self, browser: Browser, password: str = PASSWORD, next_path: str = "") -> Page:
        """The first step."""
        page = browser.get(f"{self.place.url}/sign-in" + (f"?next={next_path}" if next_path else ""))
        return browser.submit(page, "/sign-in", name=self.name, password=password)

    def basic(self, password: str = PASSWORD) -> dict[str, str]:
        """A header as docker sends it."""
        return {"Authorization": "Basic " + base64.b64encode(f"{self.name}:{password}".encode()).decode()}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_server(tmp_path_factory.mktemp("factor"), *FLAGS) as running:
        yield running


@pytest.fixture(scope="module")
def place(server: Server) -> Place:
    return Place(server)


@pytest.fixture
def alice(place: Place, request: pytest.FixtureRequest) -> Person:
    return Person(place, "alice-" + re.sub(r"\W+", "-", request.node.name)[5:45].strip("-").replace("_", "-"))


def test_signing_in_takes_two_steps_and_keeps_where_one_wanted_to_go(alice: Person, place: Place) -> None:
    browser = Browser()
    first = alice.enter(browser, next_path="/me/keys")
    assert first.location == f"{place.url}/sign-in/-/code?next=/me/keys"
    assert "holdfast-session" not in browser.cookies["127.0.0.1"]
    second = browser.get(first.location)
    assert 'autocomplete="one-time-code"' in second.text
    wrong = browser.submit(second, "/sign-in/-/code", code="12345")
    assert (wrong.status, "counts once" in wrong.text) == (403, True)
    done = browser.submit(wrong, "/sign-in/-/code", code=alice.app.code())
    assert done.location == f"{place.url}/me/keys"
    assert "holdfast-half" not in browser.cookies["127.0.0.1"]
    assert browser.get(done.location).status == 200
    assert "this browser" in browser.get(f"{place.url}/me/sign-in").text


def test_half_a_sign_in_is_good_for_nothing_else(alice: Person, place: Place) -> None:
    browser = Browser()
    alice.enter(browser)
    half = browser.cookies["127.0.0.1"]["holdfast-half"]
    for path in ("/me", "/me/keys", "/me/second-factor/disable", "/jobs"):
        page = browser.get(f"{place.url}{path}")
        assert page.status == 303, path
        assert "/sign-in" in page.location
    thief = Browser()
    thief.get(f"{place.url}/sign-in")
    for name in ("holdfast-session", "holdfast-browser"):
        thief.cookies["127.0.0.1"][name] = half
        assert thief.get(f"{place.url}/me").status == 303
    for header in ({"Cookie": f"holdfast-half={half}"}, {"Authorization": f"Bearer {half}"}):
        for path in ("/v2/", "/api/v1/me", "/token?service=holdfast&scope="):
            assert place.ask("GET", path, None, header)[0].status in (200, 401), path
        answer, text = place.ask("GET", "/api/v1/me", None, header)
        assert answer.status == 401 or json.loads(text)["subject"] == "anonymous"


def test_the_second_step_belongs_to_the_browser_of_the_first(alice: Person, place: Place) -> None:
    browser, stranger = Browser(), Browser()
    first = alice.enter(browser)
    page = browser.get(first.location)
    foreign = {"Origin": "https://evil.example"}
    fields = {**page.forms()["/sign-in/-/code"], "code": alice.app.code()}
    assert browser.post(f"{place.url}/sign-in/-/code", fields, foreign).status == 403
    assert browser.post(f"{place.url}/sign-in/-/code", {**fields, "form": "00" * 64}).status == 403
    assert stranger.post(f"{place.url}/sign-in/-/code", fields).status == 403
    stranger.get(f"{place.url}/sign-in")
    assert stranger.post(f"{place.url}/sign-in/-/code", fields).status == 403
    own = stranger.get(f"{place.url}/sign-in").forms()["/sign-in"]["form"]
    refused = stranger.post(f"{place.url}/sign-in/-/code", {**fields, "form": own})
    assert (refused.status, "Begin it again" in refused.text) == (403, True)
    assert stranger.get(first.location).status == 303, "without the first step there is no second"
    assert browser.post(f"{place.url}/sign-in/-/code", fields).status == 303, "nobody spent the code"


def test_a_code_is_not_taken_again(alice: Person, place: Place) -> None:
    code = alice.app.code()
    one, other = Browser(), Browser()
    pages = [browser.get(alice.enter(browser).location) for browser in (one, other)]
    assert one.submit(pages[0], "/sign-in/-/code", code=code).status == 303
    assert other.submit(pages[1], "/sign-in/-/code", code=code).status == 403
    assert one.submit(pages[0], "/sign-in/-/code", code=code).status == 403, "nor the whole form"


def test_guessing_is_slowed(alice: Person, place: Place) -> None:
    browser = Browser()
    page = browser.get(alice.enter(browser).location)
    for number in range(10):
        slowed = browser.submit(page, "/sign-in/-/code", code=f"{number:06}")
        if slowed.status == 429:
            break
        assert slowed.status == 403
    assert number == 3, "three are free"
    assert int(str(slowed.headers["Retry-After"])) > 0
    assert "Try again in" in slowed.text


def test_a_recovery_code_signs_in_once(alice: Person, place: Place) -> None:
    browser, other = Browser(), Browser()
    page = browser.get(alice.enter(browser).location)
    assert browser.submit(page, "/sign-in/-/code", code=alice.codes[0]).status == 303
    assert "9 of 10" in browser.get(f"{place.url}/me/sign-in").text
    again = other.get(alice.enter(other).location)
    assert other.submit(again, "/sign-in/-/code", code=alice.codes[0]).status == 403
    renewed = browser.submit(browser.get(f"{place.url}/me/recovery-codes"), "/me/recovery-codes", code=alice.codes[1])
    assert renewed.status == 200
    assert "the old ones are void" in renewed.text
    assert "10 of 10" in browser.get(f"{place.url}/me/sign-in").text
    assert other.submit(again, "/sign-in/-/code", code=alice.codes[2]).status == 403


def test_a_password_is_refused_wherever_no_code_is_asked_for(alice: Person, place: Place) -> None:
    said = "this account has a second factor: a password signs in with a browser only. Make a key at /me"
    for path in ("/v2/", "/token?service=holdfast&account=x&scope=repository:team/app:pull", "/api/v1/me"):
        answer, text = place.ask("GET", path, None, alice.basic())
        assert answer.status == 401, path
        assert said in text, path
        assert answer.headers["WWW-Authenticate"]
        wrong, text = place.ask("GET", path, None, alice.basic("not the password at all"))
        assert (wrong.status, said in text) == (401, False), path
    form = f"grant_type=password&username={alice.name}&password={PASSWORD.replace(' ', '+')}&service=holdfast"
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    answer, text = place.ask("POST", "/token", f"{form}&client_id=x&access_type=offline".encode(), kind)
    assert answer.status == 401
    assert said in text
    assert "refresh_token" not in text
    secret = place.make_key(alice.browser)
    assert place.with_key(alice.name, secret) == 200


def test_what_the_password_had_opened_ends_when_it_is_turned_on(place: Place) -> None:
    name = "bob-before"
    place.api("POST", "/users", {"name": name, "password": PASSWORD})
    form = f"grant_type=password&username={name}&password={PASSWORD.replace(' ', '+')}&service=holdfast&scope="
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    _, text = place.ask("POST", "/token", f"{form}registry:management:*&client_id=x&access_type=offline".encode(), kind)
    token, refresh = json.loads(text)["access_token"], json.loads(text)["refresh_token"]
    bearer = {"Authorization": f"Bearer {token}"}
    assert place.ask("GET", "/api/v1/me", None, bearer)[0].status == 200
    other, browser = Browser(), Browser()
    for each in (other, browser):
        each.submit(each.get(f"{place.url}/sign-in"), "/sign-in", name=name, password=PASSWORD)
    page = browser.submit(browser.get(f"{place.url}/me/second-factor"), "/me/second-factor")
    app = App(page)
    refused = browser.submit(page, "/me/second-factor/confirm", code="000000")
    assert refused.status == 400
    assert "otpauth" not in refused.text, "the secret is shown once"
    assert other.get(f"{place.url}/me").status == 200, "nothing was turned on"
    assert browser.submit(refused, "/me/second-factor/confirm", code=app.code()).status == 200
    assert other.get(f"{place.url}/me").status == 303
    assert browser.get(f"{place.url}/me").status == 200
    assert place.ask("GET", "/api/v1/me", None, bearer)[0].status == 401
    body = f"grant_type=refresh_token&refresh_token={refresh}&service=holdfast&client_id=x".encode()
    assert place.ask("POST", "/token", body, kind)[0].status == 401


def test_it_is_disabled_by_a_code_alone(alice: Person, place: Place) -> None:
    page = alice.browser.get(f"{place.url}/me/second-factor/disable")
    refused = alice.browser.submit(page, "/me/second-factor/disable", code="")
    assert refused.status == 400
    assert place.api("GET", f"/users/{alice.name}")["second_factor"] is True
    done = alice.browser.submit(refused, "/me/second-factor/disable", code=alice.codes[0])
    assert done.status == 303
    assert place.api("GET", f"/users/{alice.name}")["second_factor"] is False
    assert alice.enter(Browser()).location == f"{place.url}/"


def test_an_administrator_takes_it_away(alice: Person, place: Place) -> None:
    half = Browser()
    waiting = half.get(alice.enter(half).location)
    assert place.api("DELETE", f"/users/{alice.name}/second-factor") is None
    late = half.submit(waiting, "/sign-in/-/code", code=alice.app.code())
    assert (late.status, "Begin it again" in late.text) == (403, True)
    assert alice.enter(Browser()).location == f"{place.url}/"
    place.api("DELETE", "/users/admin/second-factor", status=403)
    place.api("DELETE", "/users/nobody-at-all/second-factor", status=404)


def test_no_secret_is_written_anywhere(alice: Person, place: Place) -> None:
    written = [path.read_bytes() for path in sorted(place.server.data.rglob("*")) if path.is_file()]
    written.append(place.server.log_text().encode())
    secrets = [alice.app.secret, base64.b32encode(alice.app.secret), *(code.encode() for code in alice.codes)]
    secrets += [code.replace("-", "").encode() for code in alice.codes]
    assert not any(secret in each for secret in secrets for each in written)


def test_the_picture_is_the_uri(alice: Person, place: Place, tmp_path: Path) -> None:
    bob = Browser()
    name = alice.name + "-2"
    place.api("POST", "/users", {"name": name, "password": PASSWORD})
    bob.submit(bob.get(f"{place.url}/sign-in"), "/sign-in", name=name, password=PASSWORD)
    page = bob.submit(bob.get(f"{place.url}/me/second-factor"), "/me/second-factor")
    import segno

    uri = html.unescape(re.findall(r"otpauth://[^\"]+", page.text)[0])
    matrix = segno.make(uri, error="m", micro=False).matrix
    drawn = re.findall(r"M(\d+) (\d+)h(\d+)", page.text.partition('class="qr"')[2])
    dark = {(int(x) + step - 4, int(y) - 4) for x, y, width in drawn for step in range(int(width))}
    assert dark == {(x, y) for y, row in enumerate(matrix) for x, cell in enumerate(row) if cell}
    again = bob.submit(bob.get(f"{place.url}/me/second-factor"), "/me/second-factor")
    assert App(again).secret != App(page).secret, "each set-up has a secret of its own"
