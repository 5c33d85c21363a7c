"""Attacks on sign-in with a provider: a stolen or foreign call-back, a lying provider, a taken name (rule 20)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey
from tests.browsing import Browser, Page
from tests.console.conftest import FLAGS, Place
from tests.openid import OwnProvider, new_key, own_provider
from tests.serving import running_server


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with running_server(tmp_path_factory.mktemp("attacks"), *FLAGS) as server:
        yield Place(server)


@pytest.fixture(scope="module")
def corp(place: Place) -> Iterator[OwnProvider]:
    with own_provider() as provider:
        place.add_provider("corp", provider.issuer)
        yield provider


@pytest.fixture(scope="module")
def evil(place: Place) -> Iterator[OwnProvider]:
    with own_provider() as provider:
        place.add_provider("evil", provider.issuer)
        yield provider


@pytest.fixture(autouse=True)
def honest(corp: OwnProvider) -> Iterator[None]:
    """The provider is honest again before each test."""
    was = (corp.claims, corp.key)
    yield
    corp.claims, corp.key = was
    corp.change, corp.sign, corp.published, corp.metadata = (lambda claims: None), None, [], {}


def refused(place: Place, page: Page, why: str) -> None:
    """The sign-in was refused with the one sentence, there is no session, and the log says why."""
    assert page.status == 403, page.text
    assert "did not work" in page.text
    assert "holdfast-session" not in str(page.headers)
    assert why in place.server.log_text()


def signed_in(place: Place, browser: Browser) -> bool:
    return browser.get(f"{place.url}/me").status == 200


def test_the_request_is_what_it_must_be(place: Place, corp: OwnProvider) -> None:
    browser = Browser()
    asked = parse_qs(urlsplit(place.begin(browser, "corp")).query)
    assert asked["redirect_uri"] == [f"{place.url}/sign-in/corp/callback"]
    assert asked["scope"] == ["openid profile email offline_access"]
    assert len(asked["state"][0]) == len(asked["nonce"][0]) == len(asked["code_challenge"][0]) == 43
    again = parse_qs(urlsplit(place.begin(browser, "corp")).query)
    assert not {asked["state"][0], asked["nonce"][0]} & {again["state"][0], again["nonce"][0]}
    (cookie,) = [line for line in browser.set[:1] if "sign-in" in line]
    assert {"HttpOnly", "SameSite=Lax", "Max-Age=600", "Path=/"} <= set(cookie.split("; "))
    for secret in (asked["nonce"][0], asked["state"][0]):
        assert secret not in cookie


def test_several_sign_ins_of_one_browser_stand_side_by_side(place: Place, corp: OwnProvider) -> None:
    browser = Browser()
    first, second = place.begin(browser, "corp"), place.begin(browser, "corp")
    for url in (second, first):
        page = browser.get(corp.approve(url))
        assert (page.status, page.location) == (303, f"{place.url}/me")


def test_a_call_back_is_of_the_browser_that_began(place: Place, corp: OwnProvider) -> None:
    """Log-in CSRF: the attacker's call-back in the victim's browser."""
    attacker, victim = Browser(), Browser()
    back = corp.approve(place.begin(attacker, "corp"))
    refused(place, victim.get(back), "did not begin this sign-in")
    place.begin(victim, "corp")
    refused(place, victim.get(back), "did not begin this sign-in")
    assert not signed_in(place, victim)


@pytest.mark.parametrize("state", ["", "x", "%00", "a" * 5000])
def test_another_state_is_refused(place: Place, corp: OwnProvider, state: str) -> None:
    browser = Browser()
    back = corp.approve(place.begin(browser, "corp"))
    parts = urlsplit(back)
    fields = {name: values[0] for name, values in parse_qs(parts.query).items()}
    page = browser.get(f"{place.url}{parts.path}?code={fields['code']}&state={state}")
    refused(place, page, "did not begin this sign-in")


def test_the_cookie_of_a_sign_in_cannot_be_made_or_changed(place: Place, corp: OwnProvider) -> None:
    browser = Browser()
    back = corp.approve(place.begin(browser, "corp"))
    jar = browser.cookies["127.0.0.1"]
    (name,) = jar
    jar[name] = ("A" if jar[name][0] != "A" else "B") + jar[name][1:]
    refused(place, browser.get(back), "cookie of the sign-in is not ours")


def test_a_call_back_is_used_once(place: Place, corp: OwnProvider) -> None:
    """Not the code (the provider refuses it), and not the state with a fresh code."""
    browser = Browser()
    url = place.begin(browser, "corp")
    kept = dict(browser.cookies["127.0.0.1"])
    back = corp.approve(url)
    assert browser.get(back).status == 303
    thief = Browser()
    thief.cookies["127.0.0.1"] = dict(kept)
    refused(place, thief.get(back), "invalid_grant")
    thief.cookies["127.0.0.1"] = dict(kept)
    refused(place, thief.get(corp.approve(url)), "used before")
    assert not signed_in(place, thief)


def test_the_code_of_another_sign_in_is_refused(place: Place, corp: OwnProvider) -> None:
    """Code injection: PKCE and nonce bind the code to the sign-in that it was given to."""
    victim, attacker = Browser(), Browser()
    stolen = parse_qs(urlsplit(corp.approve(place.begin(victim, "corp"))).query)["code"][0]
    own = parse_qs(urlsplit(place.begin(attacker, "corp")).query)["state"][0]
    corp.refused.clear()
    page = attacker.get(f"{place.url}/sign-in/corp/callback?{urlencode({'code': stolen, 'state': own})}")
    refused(place, page, "invalid_grant")
    assert corp.refused == ["the verifier is not that of the challenge"]


def test_a_mixed_up_provider_is_refused(place: Place, corp: OwnProvider, evil: OwnProvider) -> None:
    """A call-back for one provider with a sign-in of another one: nothing is sent to either."""
    browser = Browser()
    back = corp.approve(place.begin(browser, "corp"))
    asked = len(evil.asked)
    page = browser.get(back.replace("/sign-in/corp/", "/sign-in/evil/"))
    refused(place, page, "of another provider")
    assert len(evil.asked) == asked, "the code did not leak"
    browser = Browser()
    back = corp.approve(place.begin(browser, "corp"), iss=evil.issuer)
    refused(place, browser.get(back), "names another issuer")


def test_the_issuer_in_a_call_back_is_taken_when_it_is_right(place: Place, corp: OwnProvider) -> None:
    browser = Browser()
    assert browser.get(corp.approve(place.begin(browser, "corp"), iss=corp.issuer)).status == 303


def test_errors_of_the_provider_are_no_sign_in(place: Place, corp: OwnProvider) -> None:
    browser = Browser()
    state = parse_qs(urlsplit(place.begin(browser, "corp")).query)["state"][0]
    query = urlencode({"error": "access_denied", "state": state, "error_description": "<b>evil</b>"})
    page = browser.get(f"{place.url}/sign-in/corp/callback?{query}")
    assert page.status == 403
    assert "evil</b>" not in page.text


NOT_OURS = [
    "https://evil.example/",
    "//evil.example/",
    "/\\evil.example",
    "\\\\evil.example",
    "javascript:alert(1)",
    "/%0d%0aSet-Cookie:x=1",
    "http:evil.example",
    " /me",
    "",
]


@pytest.mark.parametrize("wanted", NOT_OURS)
def test_the_way_on_is_ours(place: Place, corp: OwnProvider, wanted: str) -> None:
    browser = Browser()
    first = browser.get(f"{place.url}/sign-in/corp?{urlencode({'next': wanted})}")
    page = browser.get(corp.approve(first.location))
    assert page.status == 303
    assert urlsplit(page.headers["Location"]).netloc == ""
    assert page.headers["Location"].startswith("/")
    assert "\r" not in page.headers["Location"]
    assert page.location.startswith(f"{place.url}/")
    form = Browser().get(f"{place.url}/sign-in?{urlencode({'next': wanted})}").forms()["/sign-in"]
    assert form["next"] in ("/", "/me", wanted)
    assert form["next"].startswith("/")
    assert not form["next"].startswith(("//", "/\\"))


# -- ID tokens that are not to be believed ----------------------------------------------------------------------------


def changed(**values: object) -> Callable[[dict[str, Any]], None]:
    def change(claims: dict[str, Any]) -> None:
        claims.update(values)
        for name in [name for name, value in claims.items() if value is None]:
            del claims[name]

    return change


NOW = int(time.time())
CLAIMS = {
    "another audience": (changed(aud="somebody-else"), "(aud)"),
    "no audience": (changed(aud=None), "(aud)"),
    "two audiences and no party": (changed(aud=["holdfast", "other"]), "(azp)"),
    "another party": (changed(aud=["holdfast", "other"], azp="other"), "(azp)"),
    "another issuer": (changed(iss="https://evil.example"), "another issuer"),
    "no issuer": (changed(iss=None), "another issuer"),
    "another nonce": (changed(nonce="x"), "(nonce)"),
    "no nonce": (changed(nonce=None), "(nonce)"),
    "expired": (changed(exp=NOW - 3600), "expired"),
    "without an end": (changed(exp=None), "expired"),
    "an end that is no time": (changed(exp="never"), "expired"),
    "of the future": (changed(iat=NOW + 86400), "the future"),
    "not before": (changed(nbf=NOW + 86400), "the future"),
    "nobody": (changed(sub=None), "(sub)"),
    "an empty subject": (changed(sub=""), "(sub)"),
    "a subject that is no text": (changed(sub=7), "(sub)"),
    "another access token": (changed(at_hash="AAAAAAAAAAAAAAAAAAAAAA"), "(at_hash)"),
}


@pytest.mark.parametrize("what", CLAIMS)
def test_wrong_claims_are_refused(place: Place, corp: OwnProvider, what: str) -> None:
    corp.change, why = CLAIMS[what]
    browser = Browser()
    refused(place, browser.get(corp.approve(place.begin(browser, "corp"))), why)
    assert not signed_in(place, browser)


def segment(value: object) -> str:
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def unsigned(claims: dict[str, Any]) -> str:
    return f"{segment({'alg': 'none'})}.{segment(claims)}."


def test_tokens_without_a_good_signature_are_refused(place: Place, corp: OwnProvider) -> None:
    other = new_key("one")
    public = corp.key.as_pem(private=False)

    def by_public_key(claims: dict[str, Any]) -> str:
        text = f"{segment({'alg': 'HS256', 'kid': 'one'})}.{segment(claims)}"
        return f"{text}.{segment(hmac.digest(public, text.encode(), hashlib.sha256))}"

    def with_header(**header: object) -> Callable[[dict[str, Any]], str]:
        def sign(claims: dict[str, Any]) -> str:
            text = f"{segment({'alg': 'RS256', **header})}.{segment(claims)}"
            key = other if "jwk" in header else corp.key
            good = jwt.encode({"alg": "RS256"}, claims, key).rpartition(".")[2]
            return f"{text}.{good}"

        return sign

    shared = OctKey.import_key(corp.client_secret)
    ways: dict[str, Callable[[dict[str, Any]], str]] = {
        "none": unsigned,
        "hmac by the public key": by_public_key,
        "hmac by the client secret": lambda claims: jwt.encode({"alg": "HS256"}, claims, shared, ["HS256"]),
        "another key": lambda claims: jwt.encode({"alg": "RS256", "kid": "one"}, claims, other),
        "an unknown key": lambda claims: jwt.encode({"alg": "RS256", "kid": "two"}, claims, other),
        "its own key": with_header(jwk=other.as_dict(private=False)),
        "a key elsewhere": with_header(jku="https://evil.example/jwks"),
        "crit": with_header(crit=["exp"]),
        "no token": lambda claims: "a.b.c",
        "too long": lambda claims: "a" * 100_000,
        "nothing": lambda claims: "",
    }
    for what, sign in ways.items():
        corp.sign = sign
        browser = Browser()
        page = browser.get(corp.approve(place.begin(browser, "corp")))
        assert page.status == 403, what
        assert not signed_in(place, browser), what


def test_a_new_key_of_the_provider_is_fetched(place: Place) -> None:
    with own_provider() as provider:
        place.add_provider("rotating", provider.issuer)
        place.sign_in(Browser(), "rotating", provider)  # the keys of now are known
        provider.key = new_key("rotated")
        fetched = provider.asked.count("GET /jwks")
        assert place.sign_in(Browser(), "rotating", provider).status == 200
        assert provider.asked.count("GET /jwks") == fetched + 1
        provider.key = new_key("again")
        for _ in range(3):
            assert place.sign_in(Browser(), "rotating", provider).status == 403
        assert provider.asked.count("GET /jwks") == fetched + 1, "once a minute, whoever sends what"


# -- accounts ---------------------------------------------------------------------------------------------------------


def test_a_name_that_is_taken_is_not_taken_over(place: Place, corp: OwnProvider, evil: OwnProvider) -> None:
    corp.claims = {"sub": "s-admin", "preferred_username": "admin", "email": "admin@example.com"}
    page = place.sign_in(Browser(), "corp", corp)
    assert "admin@corp" in page.text
    evil.claims = {"sub": "s-9", "preferred_username": "ADMIN@corp"}
    page = place.sign_in(Browser(), "evil", evil)
    assert "admin@corp@evil" in page.text
    corp.claims = {"sub": "s-admin-2", "preferred_username": " Admin "}
    page = place.sign_in(Browser(), "corp", corp)
    assert "admin-2@corp" in page.text
    assert place.sql("select count(*) from account where name = ? and provider is null", "admin") == [1]


def test_the_same_subject_of_another_issuer_is_somebody_else(
    place: Place, corp: OwnProvider, evil: OwnProvider
) -> None:
    corp.claims = evil.claims = {"sub": "same", "preferred_username": "frank", "email": "frank@example.com"}
    assert place.sign_in(Browser(), "corp", corp).status == 200
    assert "frank@evil" in place.sign_in(Browser(), "evil", evil).text
    assert len(place.sql("select id from account where provider_subject = ?", "same")) == 2


def test_a_person_is_known_by_the_subject_alone(place: Place, corp: OwnProvider) -> None:
    corp.claims = {"sub": "s-20", "preferred_username": "gina", "email": "g@example.com"}
    place.sign_in(Browser(), "corp", corp)
    corp.claims = {"sub": "s-20", "preferred_username": "renamed", "email": "other@example.com"}
    assert "gina" in place.sign_in(Browser(), "corp", corp).text
    corp.claims = {"sub": "s-21", "preferred_username": "gina", "email": "g@example.com"}
    assert "gina@corp" in place.sign_in(Browser(), "corp", corp).text


def test_hostile_names_stay_text(place: Place, corp: OwnProvider) -> None:
    corp.claims = {
        "sub": "s-22",
        "preferred_username": "<script>alert(1)</script>{{7*7}}+robot",
        "name": "<svg onload=alert(1)>\u202etxt{{7*7}}",
        "groups": ["<b>x</b>", "a/../b"],
    }
    page = place.sign_in(Browser(), "corp", corp)
    assert page.status == 200
    for probe in ("<svg onload", "<script>", "<b>x", "\u202e", "49"):
        assert probe not in re.sub(r'value="[^"]*"', "", page.text.partition("<main")[2].partition("<footer")[0])


@pytest.mark.parametrize(
    ("claims", "said"),
    [
        ({"_claim_names": {"groups": "src1"}}, "too many"),
        ({"hasgroups": True}, "too many"),
        ({"groups": [f"g{number}" for number in range(501)]}, "more than 500"),
        ({"groups": {"a": 1}}, "no list"),
        ({"groups": ["a", 7]}, "no list"),
        ({}, "no claim"),
    ],
)
def test_groups_that_cannot_be_had_are_none(
    place: Place, corp: OwnProvider, claims: dict[str, object], said: str
) -> None:
    corp.claims = {"sub": "s-30", "preferred_username": "henry", "groups": ["dev"]}
    place.sign_in(Browser(), "corp", corp)
    assert place.groups("henry") == {"corp/dev"}
    corp.claims = {"sub": "s-30", "preferred_username": "henry", **claims}
    page = place.sign_in(Browser(), "corp", corp)
    assert place.groups("henry") == set()
    assert "Your groups are not used." in page.text
    assert said in page.text


def test_a_disabled_account_stays_out_and_is_out_at_once(place: Place, corp: OwnProvider) -> None:
    corp.claims = {"sub": "s-40", "preferred_username": "ivan"}
    browser = Browser()
    place.sign_in(browser, "corp", corp)
    secret = place.make_key(browser)
    assert place.with_key("ivan", secret) == 200
    place.api("POST", "/users/ivan/disable")
    assert place.with_key("ivan", secret) == 401
    assert not signed_in(place, browser)
    refused(place, place.sign_in(Browser(), "corp", corp), "disabled or deleted")
    place.api("POST", "/users/ivan/enable")
    assert place.sign_in(Browser(), "corp", corp).status == 200
    place.api("DELETE", "/users/ivan")
    refused(place, place.sign_in(Browser(), "corp", corp), "disabled or deleted")


def test_a_provider_that_makes_no_accounts(place: Place, corp: OwnProvider) -> None:
    corp.claims = {"sub": "s-50", "preferred_username": "judy"}
    place.sign_in(Browser(), "corp", corp)
    place.api("PATCH", "/providers/corp", {"creates": False})
    try:
        assert place.sign_in(Browser(), "corp", corp).status == 200, "who has an account signs in"
        corp.claims = {"sub": "s-51", "preferred_username": "mallory"}
        page = place.sign_in(Browser(), "corp", corp)
        assert page.status == 403
        assert "You have no account here." in page.text
        assert place.sql("select id from account where provider_subject = ?", "s-51") == []
    finally:
        place.api("PATCH", "/providers/corp", {"creates": True})


def test_a_provider_keeps_no_administrator(place: Place, corp: OwnProvider) -> None:
    """It may refuse its people at any moment: an administrator with a password of the registry stays."""
    corp.claims = {"sub": "s-55", "preferred_username": "root"}
    place.sign_in(Browser(), "corp", corp)
    place.api("POST", "/grants", {"subject": "user:root", "role": "administrator", "scope": "**"})
    said = place.api("POST", "/users/admin/disable", status=409)
    assert "last one stays" in said["detail"]


# -- nothing leaks ----------------------------------------------------------------------------------------------------


def test_no_secret_is_in_clear(place: Place, corp: OwnProvider) -> None:
    corp.claims = {"sub": "s-60", "preferred_username": "kate"}
    browser = Browser()
    url = place.begin(browser, "corp")
    back = corp.approve(url)
    browser.follow(browser.get(back))
    key = place.make_key(browser)
    jar = browser.cookies["127.0.0.1"]
    planted = {
        corp.client_secret,
        corp.refresh_token,
        key,
        jar["holdfast-session"],
        parse_qs(urlsplit(back).query)["code"][0],
        parse_qs(urlsplit(back).query)["state"][0],
    }
    browser.get(f"{place.url}/me")
    answers = json.dumps(place.api("GET", "/providers")) + json.dumps(place.api("GET", "/providers/corp"))
    data = b"".join(path.read_bytes() for path in place.server.data.glob("holdfast.db*"))
    for secret in planted:
        assert secret.encode() not in data
        assert secret not in place.server.log_text()
        assert secret not in answers


def test_an_address_of_ours_is_no_provider(tmp_path_factory: pytest.TempPathFactory, corp: OwnProvider) -> None:
    """SSRF: what is not of the public internet is refused on save, and nothing is asked."""
    with running_server(tmp_path_factory.mktemp("ssrf")) as server:
        place = Place(server)
        asked = len(corp.asked)
        for issuer in (
            corp.issuer,
            "http://localhost:1",
            "https://169.254.169.254",
            "https://[::ffff:127.0.0.1]",
            "https://10.0.0.1",
            "file:///etc/passwd",
        ):
            said = place.api("POST", "/providers", {"name": "x", "issuer": issuer, "client_id": "c"}, status=400)
            assert said["fields"][0]["field"] == "issuer", said
        assert len(corp.asked) == asked
        assert place.api("GET", "/providers")["items"] == []


def test_an_address_is_checked_again_at_every_connect(
    tmp_path_factory: pytest.TempPathFactory, corp: OwnProvider
) -> None:
    """What could be asked when it was saved may not be any more; a name may lead elsewhere by then."""
    with running_server(tmp_path_factory.mktemp("connect"), *FLAGS) as server:
        place = Place(server)
        place.add_provider("corp", corp.issuer)
        server.flags = ()
        server.restart()
        asked = len(corp.asked)
        assert Browser().get(f"{place.url}/sign-in/corp").status == 502
        assert not place.api("POST", "/providers/corp/test")["ok"]
        assert len(corp.asked) == asked
