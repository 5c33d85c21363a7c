"""Rule 5.6: signing in again keeps the form, whatever ended the sign-in; values stay, secrets do not, nothing is done
twice or by anybody else's page."""

from __future__ import annotations

import base64
import html

import pytest
from tests.browsing import Browser, Page
from tests.console.conftest import Place
from tests.console.hostile import LINE
from tests.console.text_stays_text import Reading

AGAIN = "/sign-in/-/again"
WRITTEN = {"name": "team/again", "description": f"A text that took an hour {LINE}"}
NEW = "/n/-/new"
SECRET = "a-secret-of-somebody"


def sign_in(place: Place, browser: Browser) -> None:
    admin = place.server.admin
    page = browser.get(f"{place.url}/sign-in")
    assert browser.submit(page, "/sign-in", name=admin.username, password=admin.password).status == 303


def end(browser: Browser) -> None:
    """The browser has no session any more."""
    jar = browser.cookies["127.0.0.1"]
    (name,) = [each for each in jar if each.endswith("session")]
    del jar[name]


@pytest.fixture
def late(place: Place, browser: Browser) -> Page:
    """What a form is answered whose sign-in has ended."""
    sign_in(place, browser)
    form = browser.get(f"{place.url}{NEW}")
    end(browser)
    return browser.submit(form, NEW, **WRITTEN)


def made(place: Place, name: str) -> bool:
    return name in place.sql("select path from repository")


def test_what_was_written_is_kept_until_one_is_signed_in_again(place: Place, browser: Browser, late: Page) -> None:
    assert late.status == 403
    assert "Sign in again" in late.text
    assert "A text that took an hour" in late.text
    assert Reading(late.text).wrong == []
    too_early = browser.submit(late, AGAIN)
    assert "You are not signed in yet" in too_early.text
    sign_in(place, browser)
    shown = browser.submit(too_early, AGAIN)
    assert "Send it now?" in shown.text
    assert Reading(shown.text).wrong == []
    assert not made(place, "team/again"), "showing it does nothing"
    done = browser.submit(shown, NEW)
    assert done.status == 303, done.text
    assert made(place, "team/again")
    assert place.sql("select description from namespace where path = 'team/again'") == [WRITTEN["description"]]
    assert browser.submit(shown, NEW).status == 409, "it counts once"


def test_a_page_of_an_earlier_sign_in_is_not_lost_either(place: Place, browser: Browser) -> None:
    sign_in(place, browser)
    form = browser.get(f"{place.url}{NEW}")
    end(browser)
    sign_in(place, browser)  # in another tab: the form is of a session that has ended
    shown = browser.submit(form, NEW, name="team/earlier", description="kept")
    assert shown.status == 403
    assert "earlier sign-in" in shown.text
    assert not made(place, "team/earlier")
    assert browser.submit(shown, NEW).status == 303
    assert made(place, "team/earlier")


@pytest.mark.parametrize(
    ("path", "values"),
    [
        ("/admin/users/-/new", {"name": "again", "password": SECRET}),
        ("/webhooks/new?path=team", {"name": "again", "headers": f"Authorization: Bearer {SECRET}"}),
    ],
)
def test_secrets_are_not_kept(place: Place, browser: Browser, path: str, values: dict[str, str]) -> None:
    sign_in(place, browser)
    form = browser.get(f"{place.url}{path}")
    action = next(each for each in form.forms() if path.startswith(each) and len(each) > 1)
    end(browser)
    kept = browser.submit(form, action, **values)
    assert kept.status == 403
    sealed = kept.forms()[AGAIN]["kept"]
    sign_in(place, browser)
    shown = browser.submit(kept, AGAIN)
    for text in (kept.text, shown.text, base64.urlsafe_b64decode(sealed).decode("latin-1")):
        assert SECRET not in text
    asked = browser.submit(shown, action)
    assert asked.status in (303, 400)
    assert 'value="again"' in asked.text or asked.status == 303


def test_nobody_elses_page_has_a_form_kept(place: Place, browser: Browser, late: Page) -> None:
    """A page of another site may send a form, too: it is answered as before, and nothing of it is shown as ours."""
    foreign = {"Origin": "https://evil.example"}
    refused = browser.post(f"{place.url}{NEW}", WRITTEN, foreign)
    assert refused.status in (303, 403)
    assert "A text that took an hour" not in refused.text
    form = late.forms()[AGAIN]
    assert browser.post(f"{place.url}{AGAIN}", form, foreign).status == 403
    assert browser.post(f"{place.url}{AGAIN}", {"kept": form["kept"]}).status == 403
    assert Browser().post(f"{place.url}{AGAIN}", form).status == 403, "the page is of one browser"
    for wrong in ("", "x", form["kept"][:-8], form["kept"][:40] + "AAAA" + form["kept"][44:]):
        shown = browser.post(f"{place.url}{AGAIN}", {**form, "kept": wrong})
        assert "kept no longer" in shown.text
        assert "team/again" not in html.unescape(shown.text)


def test_what_has_nothing_written_leads_to_the_sign_in_page(place: Place, browser: Browser) -> None:
    sign_in(place, browser)
    form = browser.get(f"{place.url}/me")
    end(browser)
    assert browser.submit(form, "/sign-out").location == f"{place.url}/sign-in"


def test_what_is_too_large_is_not_kept(place: Place, browser: Browser) -> None:
    sign_in(place, browser)
    form = browser.get(f"{place.url}{NEW}")
    end(browser)
    assert browser.submit(form, NEW, name="team/large", description="x" * 40_000).location == f"{place.url}/sign-in"
