"""Finding things: the page and the command palette, by keys, and with scripts off."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect
from tests.browser.filled import Filled, fill
from tests.browser.page import NARROW, WIDE, Eyes, Theme, checked, focused, tree
from tests.serving import running_server


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Filled]:
    env = {"HOLDFAST_ALLOW_PRIVATE_TARGETS": "127.0.0.1/32"}
    with running_server(tmp_path_factory.mktemp("searched"), env=env) as server:
        yield fill(server)


def opened(eyes: Eyes, filled: Filled, path: str = "/search", width: int = WIDE, theme: Theme = "light") -> Page:
    page = eyes.signed_in(filled.server, filled.people["administrator"], width, theme)
    page.goto(filled.server.url + path)
    return page


def active(page: Page) -> str:
    """What the palette has chosen, as a screen reader is told."""
    chosen: str = page.evaluate(
        """() => {
          const field = document.getElementById("palette-field");
          const option = document.getElementById(field.getAttribute("aria-activedescendant"));
          return option && option.getAttribute("aria-selected") === "true" ? option.innerText : "";
        }"""
    )
    return chosen


def test_the_palette_by_keys(eyes: Eyes, filled: Filled) -> None:
    page = opened(eyes, filled)
    before = focused(page)
    page.keyboard.press("Control+k")
    dialog = page.get_by_role("dialog", name="Go to")
    expect(dialog).to_be_visible()
    expect(page.get_by_role("combobox", name="Search, or go to")).to_be_focused()
    expect(page.get_by_role("option", name="Home")).to_be_visible()
    assert 'listbox "Results"' in tree(page, "#palette")
    checked(page, "palette")
    page.keyboard.type("v1.1")
    found = page.get_by_role("group", name="Found").get_by_role("option")
    expect(found.first).to_contain_text("v1.1")
    assert active(page)
    page.keyboard.press("ArrowDown")
    second = active(page)
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    assert active(page) != second, "the list goes round"
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    assert focused(page) == before
    page.keyboard.press("Control+k")
    page.keyboard.type("team/app:v1.9")
    expect(page.get_by_role("group", name="Found").get_by_role("option").first).to_contain_text("v1.9")
    page.keyboard.press("Enter")
    page.wait_for_url("**/r/team/app/-/tags/v1.9")


@pytest.mark.parametrize(("width", "theme"), [(WIDE, "dark"), (NARROW, "light"), (NARROW, "dark")])
def test_the_palette_looks_right(eyes: Eyes, filled: Filled, width: int, theme: Theme) -> None:
    page = opened(eyes, filled, width=width, theme=theme)
    page.keyboard.press("Control+k")
    page.keyboard.type("a")
    page.keyboard.type("pp")
    expect(page.get_by_role("group", name="Found")).to_be_visible()
    checked(page, "palette")


def test_what_nobody_has_is_searched_for_on_the_page(eyes: Eyes, filled: Filled) -> None:
    page = opened(eyes, filled)
    page.keyboard.press("Control+k")
    page.keyboard.type("nobody-has-this")
    expect(page.locator("#told")).to_have_text("0 found")
    page.keyboard.press("Enter")
    page.wait_for_url("**/search?q=nobody-has-this")
    expect(page.get_by_text("Nothing that you may see begins with this.")).to_be_visible()
    checked(page, "search-nothing")


def test_hostile_words_stay_words_in_the_palette(eyes: Eyes, filled: Filled) -> None:
    page = opened(eyes, filled)
    page.keyboard.press("Control+k")
    page.keyboard.type("<img src=x onerror=alert(1)>")
    expect(page.get_by_role("option", name="Search for <img src=x onerror=alert(1)>")).to_be_visible()
    assert page.locator("#palette img").count() == 0
    checked(page, "palette-hostile")


def test_where_one_was_is_remembered_and_forgotten_at_the_end(eyes: Eyes, filled: Filled) -> None:
    page = opened(eyes, filled, "/r/team/app/-/history")
    page.goto(filled.server.url + "/search")
    page.keyboard.press("Control+k")
    expect(page.get_by_role("group", name="Recent").get_by_role("option")).to_have_count(1)
    page.keyboard.press("Escape")
    eyes.forget_session(filled.server, filled.people["administrator"])
    page.locator("details.mine summary").click()
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/sign-in")
    assert page.evaluate("() => localStorage.getItem('recents')") in (None, "[]")


def test_the_search_box_by_keys_and_without_script(eyes: Eyes, filled: Filled) -> None:
    page = opened(eyes, filled, "/search?q=nothing-yet")
    page.keyboard.press("/")
    page.keyboard.type("latest")
    page.keyboard.press("Enter")
    page.wait_for_url("**/search?q=latest")
    expect(page.get_by_role("link", name="latest")).to_be_visible()
    bare = eyes.signed_in(filled.server, filled.people["reader"], script=False)
    bare.goto(filled.server.url + "/search")
    bare.get_by_label("Search repositories, tags, digests").fill("team/app:v1.9")
    bare.keyboard.press("Enter")
    bare.get_by_role("link", name="v1.9").click()
    assert bare.url.endswith("/r/team/app/-/tags/v1.9")
