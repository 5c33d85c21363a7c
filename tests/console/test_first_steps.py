"""The first steps of an administrator: real states, until they are done or put away."""

from __future__ import annotations

import re

from tests.browsing import Browser, Page
from tests.console.conftest import Place

NEW = "a password of my own, finally"


def steps(page: Page) -> dict[str, bool]:
    """The titles of the steps, and whether each is done."""
    found = re.findall(r"<h2>([^<]+)</h2>.*?(done|to do)</span>", page.text, re.DOTALL)
    return {title: state == "done" for title, state in found}


def enter(place: Place, name: str, password: str, next_path: str = "") -> tuple[Browser, Page]:
    browser = Browser()
    page = browser.get(f"{place.url}/sign-in" + (f"?next={next_path}" if next_path else ""))
    return browser, browser.submit(page, "/sign-in", name=name, password=password)


def test_the_first_administrator_is_led_through_them(fresh: Place) -> None:
    admin = fresh.server.admin
    browser, entered = enter(fresh, admin.username, admin.password)
    assert entered.location == f"{fresh.url}/start"
    page = browser.get(entered.location)
    assert list(steps(page)) == ["A password of your own", "A second factor", "TLS", "First push", "Backup"]
    assert not any(steps(page).values())
    assert f"docker push {fresh.url.partition('://')[2]}/team-a/app:first" in page.text
    _, elsewhere = enter(fresh, admin.username, admin.password, "/me/keys")
    assert elsewhere.location == f"{fresh.url}/me/keys", "who wanted to go somewhere goes there"

    form = browser.get(f"{fresh.url}/me/sign-in")
    assert browser.submit(form, "/me/password", old=admin.password, new=NEW, again=NEW).status == 303
    browser, entered = enter(fresh, admin.username, NEW)
    assert entered.location == f"{fresh.url}/start"
    page = browser.get(entered.location)
    assert steps(page)["A password of your own"] is True
    assert "1 of 5 done" in page.text
    assert browser.submit(page, "/start").location == f"{fresh.url}/"
    browser, entered = enter(fresh, admin.username, NEW)
    assert entered.location == f"{fresh.url}/", "they were put away"
    assert browser.get(f"{fresh.url}/start").status == 200, "and can be looked at still"
    assert 'data-theme="auto"' in browser.get(f"{fresh.url}/me").text


def test_nobody_else_sees_them(place: Place) -> None:
    place.api("POST", "/users", {"name": "steve", "password": NEW})
    browser, entered = enter(place, "steve", NEW)
    assert entered.location == f"{place.url}/"
    assert browser.get(f"{place.url}/start").status in (403, 404)
    mark = browser.get(f"{place.url}/me").forms()["/sign-out"]["form"]
    assert browser.post(f"{place.url}/start", {"form": mark}).status in (403, 404)
    assert Browser().get(f"{place.url}/start").status == 303


def test_the_commands_name_a_repository_that_may_be_pushed_to(place: Place) -> None:
    place.api("POST", "/users", {"name": "bertha", "password": NEW})
    for scope in ("team/b*/**", "shop/core/**"):
        place.api("POST", "/grants", {"subject": "user:bertha", "role": "maintainer", "scope": scope})
    browser, _ = enter(place, "bertha", NEW)
    page = browser.get(f"{place.url}/push")
    assert "/shop/core/app:first" in page.text
    assert "/team/app:first" not in page.text
