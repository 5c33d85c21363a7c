"""What people ask of their system: forced colours leave every part to be seen; with reduced motion nothing moves."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page
from tests.browser.filled import Filled, fill
from tests.browser.page import NARROW, WIDE, Eyes, checked, ringed
from tests.serving import running_server

PAGES = ("/", "/n", "/r/team/app/-/tags", "/r/team/app/-/tags/v1.10", "/r/team/app/-/history", "/n/team/-/access")
# Parts that only a ground of another colour sets off: forced colours take grounds away.
_WITHOUT_EDGE = """
() => [...document.querySelectorAll("main :is(.card, .table, .box, .badge, .button:not(.quiet))")]
  .filter((each) => each.checkVisibility() && !each.closest(".card .table"))
  .filter((each) => parseFloat(getComputedStyle(each).borderTopWidth) === 0)
  .map((each) => each.outerHTML.slice(0, 120)).slice(0, 5)
"""
_CURRENT = """
() => [...document.querySelectorAll(".side [aria-current], .tabs [aria-current], .chip-tabs [aria-current]")]
  .filter((each) => each.checkVisibility())
  .filter((each) => {
    const other = each.parentElement.querySelector(":scope > :not([aria-current])") || document.body;
    const look = getComputedStyle(each), beside = getComputedStyle(other);
    return look.fontWeight === beside.fontWeight || look.backgroundColor === beside.backgroundColor;
  }).map((each) => each.outerHTML.slice(0, 120))
"""


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Filled]:
    env = {"HOLDFAST_ALLOW_PRIVATE_TARGETS": "127.0.0.1/32"}
    with running_server(tmp_path_factory.mktemp("preferences"), env=env) as server:
        yield fill(server)


def moving(page: Page) -> list[str]:
    """What is animated at this moment."""
    found: list[str] = page.evaluate(
        "() => document.getAnimations().map((each) => each.animationName || 'a transition')"
    )
    return found


@pytest.mark.parametrize("path", PAGES)
def test_forced_colours_leave_every_part_to_be_seen(eyes: Eyes, filled: Filled, path: str) -> None:
    page = eyes.signed_in(filled.server, filled.server.admin, WIDE, "dark", forced_colors="active")
    page.goto(filled.server.url + path)
    checked(page, f"forced{path}", axe=False)
    assert page.evaluate("() => matchMedia('(forced-colors: active)').matches")
    assert page.evaluate(_WITHOUT_EDGE) == []
    assert page.evaluate(_CURRENT) == []
    for _ in range(3):
        page.keyboard.press("Tab")
        assert ringed(page)


def test_with_reduced_motion_nothing_moves(eyes: Eyes, filled: Filled) -> None:
    page = eyes.signed_in(filled.server, filled.server.admin, NARROW, "light", reduced_motion="reduce")
    page.goto(filled.server.url + "/n/team/-/access")
    page.get_by_role("link", name="Change the visibility").click()
    page.locator("dialog[open]").wait_for()
    assert moving(page) == []
    page.keyboard.press("Escape")
    page.keyboard.press("Control+k")
    page.locator("#palette[open]").wait_for()
    assert moving(page) == []


def test_without_that_wish_what_comes_fades_in(eyes: Eyes, filled: Filled) -> None:
    page = eyes.signed_in(filled.server, filled.server.admin, NARROW, "light", reduced_motion="no-preference")
    page.goto(filled.server.url + "/n/team/-/access")
    page.evaluate("() => addEventListener('animationstart', (event) => { window.__began = event.animationName; })")
    page.get_by_role("link", name="Change the visibility").click()
    page.locator("dialog[open]").wait_for()
    page.wait_for_function("() => window.__began === 'appear'")
