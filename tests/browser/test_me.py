"""The first sign-in and one's own account, as people see them: every part, both widths, both themes."""

from __future__ import annotations

import html
import json
import re
import time
from base64 import b32decode
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit
from urllib.request import Request, urlopen

import pytest
from playwright.sync_api import Page
from tests.browser.page import NARROW, THEMES, WIDE, Eyes, Theme, checked
from tests.browsing import Browser as Clerk
from tests.serving import Credentials, Server, running_server

from holdfast.access.signin.totp import code_of, step_at

SHAPES = [(width, theme) for width in (WIDE, NARROW) for theme in THEMES]
PASSWORD = "the long password of somebody"
_made = iter(range(1000))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_server(tmp_path_factory.mktemp("browser")) as running:
        yield running


@pytest.fixture
def alice(server: Server) -> Credentials:
    """A new user, with two keys, one of which is being rotated."""
    name = f"alice-{next(_made)}"
    body = json.dumps({"name": name, "password": PASSWORD, "display": "Alice Example"}).encode()
    headers = {"Authorization": server.admin.basic, "Content-Type": "application/json"}
    with urlopen(Request(f"{server.url}/api/v1/users", body, headers)) as made:
        assert made.status == 201
    clerk = Clerk()
    clerk.submit(clerk.get(f"{server.url}/sign-in"), "/sign-in", name=name, password=PASSWORD)
    for key, more in (("laptop", {}), ("pipeline", {"may": "reader", "where": "team/**", "days": "30"})):
        assert clerk.submit(clerk.get(f"{server.url}/me/keys"), "/me/keys", name=key, **more).status == 200
    clerk.submit(clerk.get(f"{server.url}/me/keys/laptop/rotate"), "/me/keys/laptop/rotate", overlap="7")
    return Credentials(name, PASSWORD)


def secret_in(page: Page) -> bytes:
    """What the app reads."""
    uri = html.unescape(re.findall(r"otpauth://[^\"]+", page.content())[0])
    return b32decode(parse_qs(urlsplit(uri).query)["secret"][0])


@pytest.mark.parametrize(("width", "theme"), SHAPES)
def test_the_first_steps(eyes: Eyes, server: Server, width: int, theme: Theme) -> None:
    page = eyes.signed_in(server, server.admin, width, theme)
    page.goto(f"{server.url}/start")
    checked(page, "first-steps")


@pytest.mark.parametrize(("width", "theme"), SHAPES)
def test_every_part_of_an_account(eyes: Eyes, server: Server, alice: Credentials, width: int, theme: Theme) -> None:
    page = eyes.signed_in(server, alice, width, theme)
    for path, name in (
        ("/me", "me"),
        ("/me/keys", "me-keys"),
        ("/me/keys/laptop/rotate", "me-key-rotate"),
        ("/me/keys/laptop/revoke", "me-key-revoke"),
        ("/me/sign-in", "me-sign-in"),
        ("/me/sign-out", "me-sign-out"),
        ("/me/shortcuts", "me-shortcuts"),
    ):
        page.goto(f"{server.url}{path}")
        checked(page, name)
    page.goto(f"{server.url}/me")
    page.get_by_label("Time zone").fill("Europe/Nowhere")
    page.get_by_role("button", name="Save").click()
    checked(page, "me-refused")
    page.goto(f"{server.url}/me/keys")
    page.get_by_label("Name").fill("phone")
    page.get_by_role("button", name="Make the key").click()
    checked(page, "me-key-made")


@pytest.mark.parametrize(("width", "theme"), SHAPES)
def test_a_second_factor(eyes: Eyes, server: Server, alice: Credentials, width: int, theme: Theme) -> None:
    page = eyes.signed_in(server, alice, width, theme)
    page.goto(f"{server.url}/me/sign-in")
    page.get_by_role("link", name="Set up a second factor").click()
    checked(page, "me-factor")
    page.get_by_role("button", name="Show the secret").click()
    checked(page, "me-factor-secret")
    secret = secret_in(page)
    page.get_by_label("Code that the app shows").fill("000000")
    page.get_by_role("button", name="Turn it on").click()
    checked(page, "me-factor-refused")
    page.get_by_label("Code that the app shows").fill(code_of(secret, step_at(time.time_ns() // 1000)))
    page.get_by_role("button", name="Turn it on").click()
    checked(page, "me-factor-codes")
    page.get_by_role("link", name="I have kept them").click()
    checked(page, "me-factor-on")
    page.get_by_role("link", name="Disable").click()
    checked(page, "me-factor-disable")
    page.goto(f"{server.url}/me/recovery-codes")
    checked(page, "me-factor-renew")

    other = eyes.anonymous(width, theme)
    other.goto(f"{server.url}/sign-in?next=/me/shortcuts")
    other.get_by_label("User name").fill(alice.username)
    other.get_by_label("Password").fill(alice.password)
    other.get_by_role("button", name="Sign in").click()
    checked(other, "sign-in-code")
    other.get_by_label("Code").fill("000000")
    other.get_by_role("button", name="Sign in").click()
    checked(other, "sign-in-code-refused")
    other.get_by_label("Code").fill(code_of(secret, step_at(time.time_ns() // 1000) + 1))
    other.get_by_role("button", name="Sign in").click()
    other.wait_for_url("**/me/shortcuts")
