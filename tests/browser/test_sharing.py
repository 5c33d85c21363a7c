"""Sharing in a real browser: asking, approving by the keyboard, an invitation's link; with a script and without."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.request import Request, urlopen

import pytest
from tests.browser.page import NARROW, WIDE, Eyes, checked
from tests.serving import Credentials, Server, running_server

PASSWORD = "the long password of somebody"
_made = iter(range(1000))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_server(tmp_path_factory.mktemp("sharing")) as running:
        yield running


def api(server: Server, path: str, body: object, by: Credentials | None = None) -> Any:
    """Post to the management API."""
    headers = {"Authorization": (by or server.admin).basic, "Content-Type": "application/json"}
    with urlopen(Request(f"{server.url}/api/v1{path}", json.dumps(body).encode(), headers)) as answer:
        return json.loads(answer.read())


def person(server: Server, *grants: tuple[str, str]) -> Credentials:
    """Somebody new, with these roles at these scopes."""
    name = f"person-{next(_made)}"
    api(server, "/users", {"name": name, "password": PASSWORD})
    for role, scope in grants:
        api(server, "/grants", {"subject": f"user:{name}", "role": role, "scope": scope})
    return Credentials(name, PASSWORD)


def test_a_refusal_is_asked_about_and_approved_by_the_keyboard(eyes: Eyes, server: Server) -> None:
    owner, auditor = person(server, ("owner", "team/**")), person(server, ("auditor", "team/**"))
    page = eyes.signed_in(server, auditor, NARROW, "dark")
    page.goto(f"{server.url}/r/team/app/-/access/grants/new")
    checked(page, "sharing-refused")
    page.get_by_role("link", name="Why?").click()
    assert "Denied" in page.locator("#verdict").inner_text()
    checked(page, "sharing-explained")
    page.get_by_role("link", name="Request access").click()
    page.get_by_label("Why").fill("for the release")
    checked(page, "sharing-ask")
    page.get_by_role("button", name="Ask").press("Enter")
    page.wait_for_url("**/access-requests")
    assert "asks for manage-access" in page.locator("main").inner_text()
    deciding = eyes.signed_in(server, owner, WIDE, "light")
    deciding.goto(f"{server.url}/n/team/-/access")
    checked(deciding, "sharing-access")
    button = deciding.get_by_role("button", name="Approve")
    button.focus()
    deciding.keyboard.press("Enter")
    deciding.locator(".toast", has_text="owner on team/app").wait_for()
    page.goto(f"{server.url}/r/team/app/-/access/grants/new")
    assert page.locator("h1").inner_text() == "Grant"


def test_a_link_is_made_opened_and_accepted(eyes: Eyes, server: Server) -> None:
    owner, guest = person(server, ("owner", "club/**")), person(server)
    page = eyes.signed_in(server, owner, WIDE, "dark")
    page.goto(f"{server.url}/n/club/-/access/invitations/new")
    page.get_by_role("button", name="Make the link").click()
    checked(page, "sharing-link")
    link = page.locator(".command pre").inner_text()
    code = link.partition("#")[2]
    opened = eyes.signed_in(server, guest, NARROW, "light")
    opened.goto(link)
    assert opened.get_by_label("Code").input_value() == code
    assert opened.url == f"{server.url}/invitation", "the code is not left in the address"
    checked(opened, "sharing-invitation")
    opened.get_by_role("button", name="See what it gives").click()
    opened.get_by_role("heading", name="Invitation to club").wait_for()
    checked(opened, "sharing-offer")
    opened.get_by_role("button", name="Accept").click()
    opened.wait_for_url("**/n/club")


def test_whoever_signs_in_first_finds_the_code_again(eyes: Eyes, server: Server) -> None:
    owner, guest = person(server, ("owner", "hall/**")), person(server)
    code = api(server, "/invitations", {"role": "reader", "scope": "hall/**"}, owner)["code"]
    page = eyes.anonymous()
    page.goto(f"{server.url}/invitation#{code}")
    checked(page, "sharing-signed-out")
    page.locator("main").get_by_role("link", name="Sign in").click()
    page.locator("input[name=name]").fill(guest.username)
    page.locator("input[name=password]").fill(guest.password)
    page.locator("input[name=password]").press("Enter")
    page.wait_for_url("**/invitation")
    assert page.get_by_label("Code").input_value() == code


def test_an_invitation_is_accepted_without_script(eyes: Eyes, server: Server) -> None:
    owner, guest = person(server, ("owner", "yard/**")), person(server)
    code = api(server, "/invitations", {"role": "reader", "scope": "yard/**"}, owner)["code"]
    page = eyes.signed_in(server, guest, WIDE, "light", script=False)
    page.goto(f"{server.url}/invitation#{code}")
    page.get_by_label("Code").fill(f"{server.url}/invitation#{code}")
    page.get_by_role("button", name="See what it gives").click()
    page.get_by_role("button", name="Accept").click()
    page.wait_for_url("**/n/yard")


def test_removing_a_grant_is_asked_in_a_dialog_and_gives_the_focus_back(eyes: Eyes, server: Server) -> None:
    owner = person(server, ("owner", "lab/**"))
    given = api(server, "/grants", {"subject": "anonymous", "role": "reader", "scope": "lab/open"}, owner)
    page = eyes.signed_in(server, owner)
    page.goto(f"{server.url}/n/lab/-/access")
    link = page.get_by_role("link", name=f"Remove grant {given['id']}", exact=True)
    link.focus()
    page.keyboard.press("Enter")
    page.locator("dialog[open] h1").wait_for()
    page.keyboard.press("Escape")
    page.locator("dialog[open]").wait_for(state="hidden")
    assert link.evaluate("each => each === document.activeElement")
    link.click()
    page.locator("dialog[open]").get_by_role("button", name="Remove").click()
    page.locator(".toast", has_text=f"Grant {given['id']} removed").wait_for()
