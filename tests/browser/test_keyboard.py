"""Every page by keys alone: each stop shows where one is, none is a trap, and the way leads past the menu."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import pytest
from playwright.sync_api import Page, expect
from tests.browser.filled import Filled, fill
from tests.browser.page import NARROW, WIDE, Eyes, focused, ringed, settled
from tests.browser.trees import same_tree
from tests.management.api import Asker
from tests.serving import pause, running_server

MOST = 250
PAGES = (
    "/",
    "/n",
    "/r/team/app",
    "/r/team/app/-/tags",
    "/r/team/app/-/tags/v1.10",
    "/r/team/app/-/history",
    "/n/team/-/access",
    "/n/team/-/settings",
    "/me",
    "/search?q=app",
)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Filled]:
    env = {"HOLDFAST_ALLOW_PRIVATE_TARGETS": "127.0.0.1/32"}
    with running_server(tmp_path_factory.mktemp("keys"), env=env) as server:
        yield fill(server)


def stops(page: Page) -> list[str]:
    """What Tab comes to, one after another, until it leaves the page. Fails where nothing shows the focus."""
    found: list[str] = []
    page.locator("body").evaluate("() => { getSelection().removeAllRanges(); document.activeElement.blur(); }")
    page.evaluate("() => { window.__stops = []; }")
    for _ in range(MOST):
        page.keyboard.press("Tab")
        where = page.evaluate(
            """() => {
              const it = document.activeElement;
              if (it === document.body || window.__stops.includes(it)) return "";
              window.__stops.push(it);
              const box = it.getBoundingClientRect();
              return box.width > 0 && box.height > 0 ? "seen" : "unseen";
            }"""
        )
        if not where:
            return found
        assert where == "seen", f"the focus is on something that is not there: {focused(page)}"
        assert ringed(page), f"nothing shows the focus on {focused(page)}"
        found.append(focused(page))
    raise AssertionError(f"after {MOST} stops there is no end: {found[-5:]}")


@pytest.mark.parametrize("path", [PAGES[0], *(pytest.param(path, marks=pytest.mark.walk) for path in PAGES[1:])])
@pytest.mark.parametrize("width", [WIDE, pytest.param(NARROW, marks=pytest.mark.walk)])
def test_a_page_by_tab(eyes: Eyes, filled: Filled, path: str, width: int) -> None:
    page = eyes.signed_in(filled.server, filled.people["administrator"], width)
    page.goto(filled.server.url + path)
    found = stops(page)
    assert found[0] == "a Skip to the page"
    assert len(found) > 10


def test_the_skip_link_leads_past_the_menu(eyes: Eyes, filled: Filled) -> None:
    page = eyes.signed_in(filled.server, filled.people["administrator"])
    page.goto(f"{filled.server.url}/me")
    page.keyboard.press("Tab")
    assert focused(page) == "a Skip to the page"
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("() => document.getElementById('main').contains(document.activeElement)")


# -- the primary action of each page -----------------------------------------------------------------------------------


class Act(NamedTuple):
    """What a page is for: what Enter is pressed on (its accessible name), and where that leads: `dialog`, a path, or
    what is said (with a colon before it)."""

    path: str
    role: str
    name: str
    leads: str


ACTS = (
    Act("/", "link", "Push an image", "dialog"),
    Act("/n", "link", "New repository", "dialog"),
    Act("/r/team/app", "button", "Copy", ":Copied"),
    Act("/r/team/app/-/tags", "button", "Filter", "/r/team/app/-/tags"),
    Act("/r/team/app/-/tags/v1.10", "link", "Compare", "/r/team/app/-/compare"),
    Act("/r/team/app/-/tags/v1.10", "link", "Delete", "dialog"),
    Act("/r/team/app/-/compare?a=v1.9&b=v1.10", "button", "Compare", "/r/team/app/-/compare"),
    Act("/r/team/app/-/history", "link", "Restore", "/r/team/app/-/history/restore"),
    Act("/r/team/app/-/history/restore?at=1+s+ago", "button", "Show what changes", "/r/team/app/-/history/restore"),
    Act("/n/team/-/access", "link", "Grant", "/n/team/-/access/grants/new"),
    Act("/explain", "button", "Explain", "/explain"),
    Act("/n/team/-/webhooks", "link", "Add", "/webhooks/new"),
    Act("/jobs", "button", "Filter", "/jobs"),
    Act("/n/team/-/storage", "link", "Retention preview", "/n/team/-/retention"),
    Act("/me", "button", "Save", "/me"),
    Act("/me/keys", "button", "Make the key", "/me/keys"),
)


def reached(page: Page, act: Act) -> None:
    """Go by Tab until the focus is on it; each stop on the way shows itself, and none is out of the page's order."""
    wanted = page.locator("main").get_by_role(act.role, name=act.name).first  # type: ignore[arg-type]
    expect(wanted).to_be_visible()
    assert page.locator("[tabindex]:not([tabindex='0']):not([tabindex='-1'])").count() == 0, (
        "another order than the page's"
    )
    page.locator("body").evaluate("() => { getSelection().removeAllRanges(); document.activeElement.blur(); }")
    for _ in range(MOST):
        page.keyboard.press("Tab")
        assert ringed(page), f"nothing shows the focus on {focused(page)}"
        if wanted.evaluate("(it) => it === document.activeElement"):
            return
    raise AssertionError(f"{act.name} is not reached by Tab on {act.path}")


@pytest.mark.parametrize(
    "act",
    [
        pytest.param(
            act, id=f"{act.path} {act.name}", marks=() if act.leads in ("dialog", ":Copied") else pytest.mark.walk
        )
        for act in ACTS
    ],
)
def test_what_a_page_is_for_is_done_by_keys(eyes: Eyes, filled: Filled, act: Act) -> None:
    page = eyes.signed_in(filled.server, filled.people["administrator"])
    page.goto(filled.server.url + act.path)
    settled(page)
    reached(page, act)
    opener = focused(page)
    page.keyboard.press("Enter")
    if act.leads == "dialog":
        dialog = page.locator("dialog[open]")
        expect(dialog).to_be_visible()
        assert dialog.evaluate("(it) => it.contains(document.activeElement)"), "the focus is not in the dialog"
        for _ in range(40):
            page.keyboard.press("Tab")
            inside = dialog.evaluate(
                "(it) => it.contains(document.activeElement) || document.activeElement === document.body"
            )
            assert inside, f"the dialog lets the focus go to {focused(page)}"
        page.keyboard.press("Escape")
        expect(dialog).to_have_count(0)
        assert focused(page) == opener, "the focus comes back"
    elif act.leads.startswith(":"):
        expect(page.locator("#told")).to_contain_text(act.leads[1:])
        assert focused(page) == opener
    else:
        page.wait_for_url(lambda url: url.removeprefix(filled.server.url).startswith(act.leads))


def test_one_signs_in_by_keys(eyes: Eyes, filled: Filled) -> None:
    page = eyes.anonymous()
    page.goto(f"{filled.server.url}/sign-in")
    person = filled.people["reader"]
    page.get_by_label("User name").focus()
    page.keyboard.type(person.username)
    page.keyboard.press("Tab")
    assert focused(page).startswith("input")
    page.keyboard.type(person.password)
    page.keyboard.press("Enter")
    page.wait_for_url(f"{filled.server.url}/")


# -- what a screen reader finds ----------------------------------------------------------------------------------------

TREES = {
    "home": "/",
    "repositories": "/n",
    "repository": "/r/team/app",
    "tags": "/r/team/app/-/tags?sort=version",
    "artifact": "/r/team/app/-/tags/v1.10",
    "artifact-config": "/r/team/app/-/tags/v1.10?view=config",
    "compare": "/r/team/app/-/compare?a=v1.9&b=v1.10",
    "history": "/r/team/app/-/history?q=v1.9",
    "restore": "/r/team/app/-/history/restore?at=1+s+ago&tags=v1.9",
    "access": "/n/team/-/access",
    "explain": "/explain?action=pull&repository=team/app&tag=v1.9",
    "webhooks": "/n/team/-/webhooks",
    "jobs": "/jobs?kind=retention-plan",
    "storage": "/storage",
    "me": "/me",
}


@pytest.fixture(scope="module")
def quiet(filled: Filled) -> Filled:
    """The registry when everything that is counted later is counted."""
    admin = Asker.named(filled.server, filled.server.admin.username, filled.server.admin.password)
    try:
        for _ in range(300):
            counted = admin.do(200, "GET", "/insights?repository=team/app&all=true")["total"]["pulls"] >= 4
            if counted and not [each for each in admin.items("/jobs") if each["ended_at"] is None]:
                break
            pause(0.2)
        job = admin.do(202, "POST", "/storage/count")["id"]
        for _ in range(300):
            if admin.do(200, "GET", f"/jobs/{job}")["ended_at"] is not None:
                return filled
            pause(0.2)
        raise AssertionError("the storage is not counted after a minute")
    finally:
        admin.close()


@pytest.mark.walk
@pytest.mark.parametrize("name", TREES)
def test_a_page_is_the_same_to_a_screen_reader(eyes: Eyes, quiet: Filled, name: str) -> None:
    page = eyes.signed_in(quiet.server, quiet.people["administrator"])
    page.goto(quiet.server.url + TREES[name])
    same_tree(page, name)


@pytest.mark.walk
def test_the_sign_in_page_is_the_same_to_a_screen_reader(eyes: Eyes, filled: Filled) -> None:
    page = eyes.anonymous()
    page.goto(f"{filled.server.url}/sign-in")
    same_tree(page, "sign-in")
