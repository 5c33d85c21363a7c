"""The first page that anybody sees."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.browser.page import NARROW, THEMES, WIDE, Eyes, Theme, checked
from tests.serving import Server, running_server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_server(tmp_path_factory.mktemp("browser")) as running:
        yield running


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_signing_in(eyes: Eyes, server: Server, width: int, theme: Theme) -> None:
    page = eyes.anonymous(width, theme)
    page.goto(f"{server.url}/sign-in")
    checked(page, "sign-in")
    page.get_by_label("User name").fill(server.admin.username)
    page.get_by_label("Password").fill("not the password")
    page.get_by_role("button", name="Sign in").click()
    checked(page, "sign-in-refused")
    page.get_by_label("Password").fill(server.admin.password)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(lambda url: "/sign-in" not in url)
    checked(page, "signed-in")
