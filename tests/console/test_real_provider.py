"""People sign in with a real OpenID provider, through a real registry."""

from __future__ import annotations

import base64
import json
import time

import pytest
from tests.browsing import Browser
from tests.console.conftest import Place
from tests.openid import RealProvider
from tests.serving import pause


@pytest.fixture(scope="module")
def corp(place: Place, real: RealProvider) -> str:
    place.add_provider("corp", real.issuer, title="The Company")
    return "corp"


def through(place: Place, real: RealProvider, browser: Browser, sub: str) -> str:
    """Sign in as `sub`; gives the page that one comes to."""
    page = browser.follow(browser.get(real.approve(place.begin(browser, "corp"), sub)))
    assert page.status == 200, page.text
    return page.text


def test_the_page_names_the_provider(place: Place, corp: str, browser: Browser) -> None:
    page = browser.get(f"{place.url}/sign-in")
    assert f'href="/sign-in/{corp}?next=/"' in page.text
    assert "The Company" in page.text


def test_a_person_signs_in_makes_a_key_and_uses_it(
    place: Place, real: RealProvider, corp: str, browser: Browser
) -> None:
    real.set_user("u-1", preferred_username="Carol", name="Carol Jones", groups=["dev", "ops"])
    text = through(place, real, browser, "u-1")
    assert "Carol Jones" in text
    assert "not used" not in text
    assert place.sql(
        "select p.name, a.provider_subject, a.groups_note, a.verifier from account a "
        "join identity_provider p on p.id = a.provider where a.name = ?",
        "carol",
    ) == [(corp, "u-1", "", None)]
    secret = place.make_key(browser)
    assert secret.startswith("hf_")
    assert place.with_key("carol", secret) == 200
    assert secret not in browser.get(f"{place.url}/me").text, "it is shown once"
    assert place.with_key("carol", secret + "x") == 401


def test_groups_are_replaced_at_each_sign_in(place: Place, real: RealProvider, corp: str, browser: Browser) -> None:
    real.set_user("u-2", preferred_username="dave", groups=["dev", "ops"])
    through(place, real, browser, "u-2")
    assert place.groups("dave") == {"corp/dev", "corp/ops"}
    real.set_user("u-2", preferred_username="dave", groups=["ops", "qa"])
    through(place, real, Browser(), "u-2")
    assert place.groups("dave") == {"corp/ops", "corp/qa"}


def test_without_a_groups_claim_there_are_none_and_it_is_said(
    place: Place, real: RealProvider, corp: str, browser: Browser
) -> None:
    real.set_user("u-3", preferred_username="erin", groups=["dev"])
    through(place, real, browser, "u-3")
    real.set_user("u-3", preferred_username="erin")
    text = through(place, real, Browser(), "u-3")
    assert "Your groups are not used." in text
    assert place.groups("erin") == set()
    (note,) = place.sql("select groups_note from account where name = ?", "erin")
    assert "no claim groups" in note


def test_the_journal_tells_who_signed_in(place: Place, real: RealProvider, corp: str, browser: Browser) -> None:
    real.set_user("u-4", preferred_username="faye", groups=["dev"])
    through(place, real, browser, "u-4")
    place.make_key(browser)
    browser.submit(browser.get(f"{place.url}/me"), "/sign-out")
    refused = Browser()
    assert refused.get(real.approve(place.begin(Browser(), "corp"), "u-4")).status == 403
    wanted = {
        ("provider:corp", "user.created"),
        ("user:faye", "session.started"),
        ("user:faye", "key.created"),
        ("user:faye", "session.ended"),
        ("user:faye", "login.succeeded"),
        ("unknown", "login.failed"),
    }
    deadline = time.monotonic() + 20
    while not wanted <= set(map(tuple, place.sql("select actor, kind from journal"))):
        assert time.monotonic() < deadline, "log-ins are stored within seconds"
        pause(0.2)
    (origin,) = place.sql("select origin from journal where actor = ? and kind = ?", "user:faye", "key.created")
    assert json.loads(origin)["address"] == "127.0.0.1"


def test_a_lost_group_takes_its_rights_from_keys_too(
    place: Place, real: RealProvider, corp: str, browser: Browser
) -> None:
    real.set_user("u-5", preferred_username="gus", groups=["writers"])
    through(place, real, browser, "u-5")
    place.api("POST", "/grants", {"subject": "group:corp/writers", "role": "writer", "scope": "team/**"})
    basic = base64.b64encode(f"gus:{place.make_key(browser)}".encode()).decode()

    def push() -> int:
        headers = {"Authorization": f"Basic {basic}", "Content-Length": "0"}
        return place.ask("POST", "/v2/team/app/blobs/uploads/", b"", headers)[0].status

    assert push() == 202
    real.set_user("u-5", preferred_username="gus", groups=[])
    assert push() == 202, "nobody has told the registry yet"
    through(place, real, Browser(), "u-5")
    assert push() == 403
