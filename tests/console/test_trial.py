"""A trial of a provider shows what came and what it would lead to, and does nothing; what others try with it."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest
from tests.browsing import Browser, Page
from tests.console.conftest import Place
from tests.console.test_access import said
from tests.console.test_sharing import HOSTILE, Person
from tests.openid import OwnProvider, RealProvider, own_provider

TABLES = ("account", "user_group", "membership", "provider_session", "profile")


@pytest.fixture(scope="module")
def admin(place: Place) -> Person:
    person = Person(place, "adam")
    place.api("POST", "/grants", {"subject": "user:adam", "role": "administrator", "scope": "**"})
    return person


@pytest.fixture(scope="module")
def corp(place: Place) -> Iterator[OwnProvider]:
    with own_provider() as provider:
        place.add_provider("corp", provider.issuer)
        yield provider


@pytest.fixture(autouse=True)
def honest(corp: OwnProvider) -> Iterator[None]:
    """The provider is as before after each test."""
    was = corp.claims
    yield
    corp.claims = was


def begin(admin: Person, name: str = "corp") -> str:
    page = admin.get(f"/admin/sign-in/{name}/try")
    assert page.status == 303, page.text
    return page.location


def rows(place: Place) -> list[list[object]]:
    """What a sign-in would add to."""
    kept: list[list[object]] = [place.sql(f"select count(*) from {table}") for table in TABLES]
    return [*kept, place.sql("select count(*) from web_session where account_id is not null")]


def test_a_real_provider_is_tried_and_nothing_comes_of_it(place: Place, admin: Person, real: RealProvider) -> None:
    place.add_provider("real", real.issuer, title="The Company")
    real.set_user("u-1", preferred_username="Carol", name="Carol Jones", groups=["dev", "ops"])
    form = admin.get("/admin/sign-in/real/test")
    assert 'href="/admin/sign-in/real/try"' in form.text
    before = rows(place)
    back = real.approve(begin(admin, "real"), "u-1")
    shown = admin.browser.get(back)
    assert shown.status == 200, shown.text
    told = said(shown.text)
    assert "would be made user:carol" in told
    assert "real/dev would be made real/ops would be made" in told
    assert "None: nothing is granted" in told
    assert "preferred_username Carol" in told
    assert '["dev", "ops"]' in told
    assert rows(place) == before
    assert 'href="/admin/users/adam"' in admin.get("/admin/users").text, "the administrator is who he was"
    again = admin.browser.get(back)
    assert again.status == 403
    assert place.sql("select count(*) from account where name = ?", "carol") == [0]


def test_who_is_there_is_named_with_groups_and_roles(place: Place, admin: Person, corp: OwnProvider) -> None:
    corp.claims = {"sub": "s-7", "preferred_username": "dora", "groups": ["dev"]}
    assert place.sign_in(Browser(), "corp", corp).status == 200
    place.api("POST", "/groups", {"name": "local-crew"})
    place.api("PUT", "/groups/local-crew/members/user:dora")
    place.api("POST", "/grants", {"subject": "group:corp/dev", "role": "writer", "scope": "team/**:v*"})
    place.api("POST", "/grants", {"subject": "user:dora", "role": "reader", "scope": "other/**"})
    place.api("POST", "/grants", {"subject": "group:local-crew", "deny": ["pull"], "scope": "secret/**"})
    corp.claims = {**corp.claims, "groups": ["dev", "new", HOSTILE]}
    before = rows(place)
    shown = admin.browser.get(corp.approve(begin(admin)))
    assert "<svg onload" not in shown.text
    told = said(shown.text)
    assert "is there user:dora" in told
    assert "corp/dev is there corp/new would be made" in told
    assert "local-crew not of this provider: stays" in told
    assert "group:corp/dev writer team/**:v*" in told
    assert "user:dora reader other/**" in told
    assert "group:local-crew deny pull secret/**" in told
    assert rows(place) == before
    assert place.groups("dora") == {"corp/dev", "local-crew"}
    place.api("POST", "/users/dora/disable")
    assert "refused The account is disabled or deleted." in said(admin.browser.get(corp.approve(begin(admin))).text)


def test_tokens_are_neither_asked_for_nor_shown_nor_kept(place: Place, admin: Person, own: OwnProvider) -> None:
    signed = own.id_token(None)
    own.userinfo = {"sub": "s-1", "groups": ["dev"], "access_token": "at-of-the-provider", "note": signed}
    own.claims = {"sub": "s-1", "preferred_username": "erin", "sid": "session-of-erin", "client_secret": "a-secret"}
    place.add_provider("own", own.issuer)
    url = begin(admin, "own")
    assert "offline_access" not in parse_qs(urlsplit(url).query)["scope"][0]
    back = own.approve(url)
    shown = admin.browser.get(back)
    assert shown.status == 200, shown.text
    query = parse_qs(urlsplit(back).query)
    nonce = parse_qs(urlsplit(url).query)["nonce"][0]
    for secret in (signed, "at-1", "at-of-the-provider", "session-of-erin", "a-secret", own.refresh_token, nonce):
        assert f">{secret}<" not in shown.text, secret
    assert shown.text.count("not shown") >= 3
    log = place.server.log_text()
    for secret in (query["code"][0], nonce, signed, own.refresh_token):
        assert secret not in log
    assert place.sql(
        "select count(*) from provider_session p join account a on a.id = p.account_id where a.name = ?", "erin"
    ) == [0]


def test_a_trial_is_no_sign_in_and_a_sign_in_no_trial(place: Place, admin: Person, corp: OwnProvider) -> None:
    jar = admin.browser.cookies["127.0.0.1"]
    tried = corp.approve(begin(admin))
    (name,) = [key for key in jar if "trial-" in key]
    stranger = Browser()
    stranger.cookies["127.0.0.1"] = {name.replace("trial-", "sign-in-"): jar[name]}
    refused(place, stranger.get(tried), "cookie of the sign-in is not ours")
    stranger.cookies["127.0.0.1"] = {name: jar[name]}
    page = stranger.get(tried)
    assert page.status == 303
    assert urlsplit(page.location).path == "/sign-in", "a trial is shown to its administrator alone"
    other = Person(place, "alma")
    other.browser.cookies["127.0.0.1"][name] = jar[name]
    assert other.browser.get(tried).status == 403
    place.api("POST", "/grants", {"subject": "user:alma", "role": "administrator", "scope": "**"})
    assert "begun by somebody else" in other.browser.get(tried).text
    assert "code" in str(corp.codes) or corp.codes, "nothing was asked of the provider"
    own = corp.approve(place.begin(admin.browser, "corp"))
    (began,) = [key for key in jar if "sign-in-" in key]
    jar[began.replace("sign-in-", "trial-")] = jar.pop(began)
    assert "not ours" in admin.browser.get(own).text
    for key in [key for key in jar if "trial-" in key]:
        del jar[key]


def test_what_goes_wrong_is_said(place: Place, admin: Person, corp: OwnProvider) -> None:
    url = begin(admin)
    state = parse_qs(urlsplit(url).query)["state"][0]
    page = admin.browser.get(f"{place.url}/sign-in/corp/callback?state={state}&error=access_denied")
    assert page.status == 403
    assert "access_denied" in page.text
    corp.claims = {"sub": "s-9", "preferred_username": "zoe"}
    told = said(admin.browser.get(corp.approve(begin(admin))).text)
    assert "sent no claim groups" in told
    place.api("PATCH", "/providers/corp", {"creates": False})
    told = said(admin.browser.get(corp.approve(begin(admin))).text)
    assert "refused The person has no account, and the provider makes none." in told
    place.api("PATCH", "/providers/corp", {"creates": True})
    assert admin.get("/admin/sign-in/nowhere/try").status == 404
    for person in (Person(place, "nora"),):
        assert person.get("/admin/sign-in/corp/try").status == 403


def refused(place: Place, page: Page, why: str) -> None:
    assert page.status == 403, page.text
    assert why in place.server.log_text()
