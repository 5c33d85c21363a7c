"""One's own account over HTTP: how pages look, keys, the password, browsers and log-ins; and other people's."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from urllib.parse import quote

import pytest
from tests.browsing import Browser, Page
from tests.console.conftest import Place
from tests.serving import running_server

PASSWORD, NEW = "the long password of somebody", "the next password of somebody"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class Person:
    """A new user, in a browser."""

    def __init__(self, place: Place, name: str) -> None:
        self.place, self.name = place, name
        place.api("POST", "/users", {"name": name, "password": PASSWORD})
        self.browser = self.enter()

    def enter(self, password: str = PASSWORD) -> Browser:
        browser = Browser()
        page = browser.submit(browser.get(f"{self.place.url}/sign-in"), "/sign-in", name=self.name, password=password)
        assert page.status == 303, page.text
        return browser

    def get(self, path: str) -> Page:
        return self.browser.get(f"{self.place.url}{path}")

    def send(self, path: str, action: str, **values: str) -> Page:
        return self.browser.submit(self.get(path), action, **values)

    def refresh_token(self) -> str:
        """What docker keeps."""
        body = f"grant_type=password&username={self.name}&password={PASSWORD.replace(' ', '+')}&service=holdfast"
        answer, text = self.place.ask("POST", "/token", f"{body}&client_id=docker&access_type=offline".encode(), FORM)
        assert answer.status == 200, text
        return str(json.loads(text)["refresh_token"])

    def lives(self, token: str) -> bool:
        body = f"grant_type=refresh_token&refresh_token={token}&service=holdfast&client_id=docker"
        return self.place.ask("POST", "/token", body.encode(), FORM)[0].status == 200


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with running_server(tmp_path_factory.mktemp("me")) as server:
        yield Place(server)


@pytest.fixture
def alice(place: Place, request: pytest.FixtureRequest) -> Person:
    return Person(place, "a-" + re.sub(r"[^a-z]+", "-", request.node.name)[5:50].strip("-"))


@pytest.fixture
def bob(place: Place, request: pytest.FixtureRequest) -> Person:
    return Person(place, "b-" + re.sub(r"[^a-z]+", "-", request.node.name)[5:50].strip("-"))


def test_every_part_is_a_page(alice: Person) -> None:
    for path in ("/me", "/me/keys", "/me/sign-in", "/me/shortcuts"):
        page = alice.get(path)
        assert page.status == 200
        assert f'href="{path}" aria-current="page"' in page.text
        assert all(f'href="{other}"' in page.text for other in ("/me", "/me/keys", "/me/sign-in", "/me/shortcuts"))


def test_a_profile_holds_in_every_browser_and_its_theme_at_the_sign_in_page(alice: Person) -> None:
    assert 'data-theme="auto" data-density="comfortable" data-zone="" data-keys="on"' in alice.get("/me").text
    form = alice.get("/me").forms()["/me/profile"]
    form.pop("keys")
    chosen = {**form, "theme": "dark", "density": "compact", "zone": "Europe/Zurich"}
    assert alice.browser.post(f"{alice.place.url}/me/profile", chosen).status == 303
    page = alice.get("/me")
    assert "Your profile is kept" in page.text
    assert 'data-theme="dark" data-density="compact" data-zone="Europe/Zurich" data-keys="off"' in page.text
    assert re.search(r"CES?T", alice.get("/me/sign-in").text), "times are of the zone"
    assert "turned off" in alice.get("/me/shortcuts").text
    alice.send("/me", "/sign-out")
    assert 'data-theme="dark"' in alice.get("/sign-in").text
    other = alice.enter()
    assert 'data-theme="dark"' in other.get(f"{alice.place.url}/me").text


@pytest.mark.parametrize(
    ("field", "value"), [("theme", "pink"), ("density", "none"), ("zone", "../etc/passwd"), ("zone", "<svg onload=1>")]
)
def test_what_cannot_be_chosen_is_said_beside_the_field(place: Place, field: str, value: str) -> None:
    alice = Person(place, f"wrong-{field}-{len(value)}")
    page = alice.send("/me", "/me/profile", **{field: value})
    assert page.status == 400
    assert f'id="f-{field}-error"' in page.text
    assert "<svg onload" not in page.text
    assert 'data-theme="auto"' in alice.get("/me").text


def test_a_key_is_rotated_with_two_secrets_and_finished(alice: Person) -> None:
    place = alice.place
    first = place.make_key(alice.browser)
    page = alice.send("/me/keys/laptop/rotate", "/me/keys/laptop/rotate", overlap="7")
    assert page.headers["Cache-Control"] == "no-store, no-transform"
    second = page.text.partition('<pre class="secret" tabindex="0">')[2].partition("</pre>")[0]
    assert [place.with_key(alice.name, each) for each in (first, second)] == [200, 200]
    assert first[-4:] in page.text
    listed = alice.get("/me/keys").text
    assert first not in listed
    assert second not in listed
    assert "old, ends" in listed
    assert alice.send("/me/keys", "/me/keys/laptop/finish").status == 303
    assert [place.with_key(alice.name, each) for each in (first, second)] == [401, 200]
    third = alice.send("/me/keys/laptop/rotate", "/me/keys/laptop/rotate", overlap="0")
    assert "has ended" in third.text
    assert place.with_key(alice.name, second) == 401
    assert alice.send("/me/keys/laptop/rotate", "/me/keys/laptop/rotate", overlap="99").status == 400


def test_a_key_is_bound_to_repositories(alice: Person) -> None:
    page = alice.send("/me/keys", "/me/keys", name="ci", may="reader", where="team/**", days="30")
    assert page.status == 200
    (key,) = alice.place.api("GET", f"/keys?owner=user:{alice.name}")["items"]
    assert key["bounds"][0]["repository"] == "team/**"
    assert "push" not in str(key["bounds"][0]["actions"])
    wrong = alice.send("/me/keys", "/me/keys", name="x", may="reader", where="te am", days="30")
    assert wrong.status == 400
    assert 'value="te am"' in wrong.text, "what was typed stays"
    again = alice.send("/me/keys", "/me/keys", name="ci", may="all", days="30")
    assert again.status == 400


def test_a_key_with_an_odd_name_is_one_key(alice: Person) -> None:
    for name in ("a.b_c-d", "9"):
        assert alice.send("/me/keys", "/me/keys", name=name).status == 200
        assert alice.send(f"/me/keys/{name}/revoke", f"/me/keys/{name}/revoke").status == 303
    for name in ("<svg onload=1>", "../../x", ""):
        page = alice.send("/me/keys", "/me/keys", name=name)
        assert page.status == 400
        assert "<svg onload" not in page.text


def test_keys_of_others_are_not_there(alice: Person, bob: Person) -> None:
    secret = alice.place.make_key(alice.browser)
    mark = bob.get("/me").forms()["/sign-out"]["form"]
    for path in ("rotate", "revoke"):
        assert bob.get(f"/me/keys/laptop/{path}").status == 404
    for path in ("rotate", "revoke", "finish"):
        page = bob.browser.post(f"{bob.place.url}/me/keys/laptop/{path}", {"form": mark, "overlap": ""})
        assert page.status == 404
    assert alice.place.with_key(alice.name, secret) == 200


def test_ones_own_password_is_changed_with_the_old_one(alice: Person) -> None:
    other, token = alice.enter(), alice.refresh_token()
    page = alice.send("/me/sign-in", "/me/password", old="not it at all", new=NEW, again=NEW)
    assert (page.status, 'id="f-old-error"' in page.text) == (400, True)
    assert NEW not in page.text, "secrets do not stay"
    page = alice.send("/me/sign-in", "/me/password", old=PASSWORD, new="short", again="short")
    assert (page.status, 'id="f-new-error"' in page.text) == (400, True)
    page = alice.send("/me/sign-in", "/me/password", old=PASSWORD, new=NEW, again=NEW + "x")
    assert (page.status, 'id="f-again-error"' in page.text) == (400, True)
    assert alice.lives(token)
    done = alice.send("/me/sign-in", "/me/password", old=PASSWORD, new=NEW, again=NEW)
    assert done.location == f"{alice.place.url}/sign-in"
    assert "Your password is changed" in alice.browser.get(done.location).text
    assert other.get(f"{alice.place.url}/me").status == 303
    assert not alice.lives(token)
    assert alice.enter(NEW).get(f"{alice.place.url}/me").status == 200


def test_browsers_are_listed_and_signed_out_one_by_one(alice: Person, bob: Person) -> None:
    other = alice.enter()
    here = re.findall(r'action="/me/sessions/([0-9a-f]+)/end"', alice.get("/me/sign-in").text)
    assert len(here) == 2
    theirs = re.findall(r'action="/me/sessions/([0-9a-f]+)/end"', other.get(f"{alice.place.url}/me/sign-in").text)
    assert set(here) == set(theirs)
    (own,) = re.findall(r'action="/me/sessions/([0-9a-f]+)/end"', bob.get("/me/sign-in").text)
    mark = alice.get("/me").forms()["/sign-out"]["form"]
    for key in (own, "00", "zz"):
        assert alice.browser.post(f"{alice.place.url}/me/sessions/{key}/end", {"form": mark}).status == 404
    assert bob.get("/me").status == 200
    for key in here:
        alice.browser.post(f"{alice.place.url}/me/sessions/{key}/end", {"form": mark})
        if alice.get("/me").status == 303:
            break
    assert alice.get("/me").status == 303, "one of them was this browser"


def test_log_ins_of_command_lines_are_listed_and_ended(alice: Person, bob: Person) -> None:
    token, theirs = alice.refresh_token(), bob.refresh_token()
    page = alice.get("/me/sign-in")
    assert "docker" in page.text
    (number,) = re.findall(r'action="/me/tokens/(\d+)/end"', page.text)
    (other,) = re.findall(r'action="/me/tokens/(\d+)/end"', bob.get("/me/sign-in").text)
    mark = alice.get("/me").forms()["/sign-out"]["form"]
    for wrong in (other, "x", "9" * 30, "\N{ARABIC-INDIC DIGIT ONE}"):
        page = alice.browser.post(f"{alice.place.url}/me/tokens/{quote(wrong)}/end", {"form": mark})
        assert page.status == 404
    assert bob.lives(theirs)
    assert alice.send("/me/sign-in", f"/me/tokens/{number}/end").status == 303
    assert not alice.lives(token)


@pytest.mark.parametrize("here", [False, True], ids=["and stays", "here, too"])
@pytest.mark.parametrize("tokens", [False, True], ids=["browsers", "and command lines"])
def test_signing_out_everywhere(place: Place, here: bool, tokens: bool) -> None:
    alice, bob = Person(place, f"out-{here}-{tokens}".lower()), Person(place, f"in-{here}-{tokens}".lower())
    other, token = alice.enter(), alice.refresh_token()
    secret = place.make_key(alice.browser)
    page = alice.get("/me/sign-out")
    assert "2 browsers are signed in" in page.text
    form = page.forms()["/me/sign-out"]
    for name, wanted in (("here", here), ("tokens", tokens)):
        form.pop(name, None)
        if wanted:
            form[name] = "1"
    done = alice.browser.post(f"{place.url}/me/sign-out", form)
    assert done.status == 303
    assert other.get(f"{place.url}/me").status == 303
    assert (alice.get("/me").status == 303) is here
    assert alice.lives(token) is not tokens
    assert place.with_key(alice.name, secret) == 200, "keys stay"
    assert bob.get("/me").status == 200
    ((data,),) = [
        each if isinstance(each, tuple) else (each,)
        for each in place.sql(
            "select data from journal where kind = 'session.ended' and actor = ?", f"user:{alice.name}"
        )
    ]
    assert json.loads(data) == {"browsers": 2 if here else 1, "tokens": 1 if tokens else 0}


def test_signing_in_anew_ends_the_session_that_the_browser_had(alice: Person) -> None:
    place = alice.place
    before = alice.browser.cookies["127.0.0.1"]["holdfast-session"]
    page = Browser()
    page.cookies["127.0.0.1"] = {}
    form = page.get(f"{place.url}/sign-in")
    page.cookies["127.0.0.1"]["holdfast-session"] = before
    done = page.submit(form, "/sign-in", name=alice.name, password=PASSWORD)
    assert done.status == 303
    assert page.cookies["127.0.0.1"]["holdfast-session"] != before
    assert alice.get("/me").status == 303, "its session is over"


def test_a_form_counts_once(alice: Person) -> None:
    form = alice.get("/me/keys").forms()["/me/keys"]
    url = f"{alice.place.url}/me/keys"
    assert alice.browser.post(url, {**form, "name": "one"}).status == 200
    assert alice.browser.post(url, {**form, "name": "two"}).status == 409
    assert len(alice.place.api("GET", f"/keys?owner=user:{alice.name}")["items"]) == 1
