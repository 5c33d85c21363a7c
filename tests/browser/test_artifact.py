"""The pages of an artifact in a real browser: every view, on a desk and a phone, light and dark."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect
from tests.browser.filled import Filled, fill
from tests.browser.page import NARROW, WIDE, Eyes, Theme, checked
from tests.serving import running_server

APP = "/r/team/app/-"
PAGES = {
    "artifact layers": f"{APP}/tags/v1.10",
    "artifact platforms": f"{APP}/tags/multi",
    "artifact many layers": f"{APP}/tags/layered",
    "artifact configuration": f"{APP}/tags/v1.10?view=config",
    "artifact referrers": f"{APP}/tags/multi?view=referrers",
    "artifact pulls": f"{APP}/tags/v1.10?view=pulls",
    "artifact history": f"{APP}/tags/latest?view=history",
    "artifact raw": f"{APP}/tags/v1.10?view=raw",
    "artifact chart": f"{APP}/tags/chart",
    "artifact gone": f"{APP}/tags/old",
    "artifact delete": f"{APP}/tags/v1.10/delete",
    "artifact retag": f"{APP}/tags/v1.10/retag",
    "artifact annotate": f"{APP}/tags/v1.10/annotate",
    "compare": f"{APP}/compare?a=v1.9&b=v1.10",
    "compare offers": f"{APP}/compare?b=latest",
    "compare platforms": f"{APP}/compare?a=multi&b=v1.10",
}


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Filled]:
    with running_server(
        tmp_path_factory.mktemp("artifact"), env={"HOLDFAST_ALLOW_PRIVATE_TARGETS": "127.0.0.0/8"}
    ) as server:
        yield fill(server)


LOOKS: tuple[tuple[int, Theme], ...] = ((WIDE, "light"), (NARROW, "dark"), (NARROW, "light"), (WIDE, "dark"))


def looks() -> Iterator[Any]:
    """Every page in every look; `make test` has each in one, at a desk by day or on a phone by night, by turns."""
    for at, name in enumerate(PAGES):
        for look in LOOKS:
            yield pytest.param(name, *look, marks=() if look == LOOKS[at % 2] else pytest.mark.walk)


@pytest.mark.parametrize(("name", "width", "theme"), list(looks()))
def test_a_page_is_right(eyes: Eyes, filled: Filled, name: str, width: int, theme: Theme) -> None:
    page = eyes.signed_in(filled.server, filled.people["administrator"], width, theme)
    page.goto(f"{filled.server.url}{PAGES[name]}")
    checked(page, name)


def test_a_tag_is_deleted_in_a_dialog_and_taken_back(eyes: Eyes, filled: Filled) -> None:
    page = eyes.signed_in(filled.server, filled.people["administrator"])
    page.goto(f"{filled.server.url}{APP}/tags/v1.9")
    page.get_by_role("link", name="Delete").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("heading", name="Delete v1.9?")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("link", name="Delete")).to_be_focused()
    page.get_by_role("link", name="Delete").click()
    dialog.get_by_role("button", name="Delete").click()
    expect(page.get_by_text("team/app:v1.9 is deleted")).to_be_visible()
    page.get_by_role("link", name="Undo").click()
    page.get_by_role("button", name="Restore").click()
    expect(page.get_by_text("v1.9 is back")).to_be_visible()
    expect(page.get_by_role("heading", name="v1.9", exact=True)).to_be_visible()


def test_what_features_know_follows_the_page(eyes: Eyes, filled: Filled) -> None:
    page = eyes.signed_in(filled.server, filled.people["reader"])
    page.goto(f"{filled.server.url}{APP}/tags/v1.10")
    expect(page.get_by_role("heading", name="Pulls in 30 days")).to_be_visible()
    assert Path(page.url).name == "v1.10"
