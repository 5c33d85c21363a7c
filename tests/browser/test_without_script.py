"""Rule 3 of the console: with scripts off one reads, filters, signs in, makes, deletes and restores."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect
from tests.browser.filled import Filled, fill
from tests.browser.page import NARROW, WIDE, Eyes
from tests.databases import Tables
from tests.serving import running_server


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Filled]:
    env = {"HOLDFAST_ALLOW_PRIVATE_TARGETS": "127.0.0.1/32"}
    with running_server(tmp_path_factory.mktemp("bare"), env=env) as server:
        yield fill(server)


def signed_in(eyes: Eyes, filled: Filled, width: int = WIDE, who: str = "owner") -> Page:
    """Somebody who has signed in by the form."""
    page = eyes.anonymous(width, script=False)
    person = filled.people[who]
    page.goto(f"{filled.server.url}/sign-in")
    page.get_by_label("User name").fill(person.username)
    page.get_by_label("Password").fill(person.password)
    page.get_by_role("button", name="Sign in").click()
    expect(page).to_have_url(re.compile(rf"{filled.server.url}/(start)?$"))
    return page


def test_nothing_is_offered_that_needs_a_script(eyes: Eyes, filled: Filled) -> None:
    page = signed_in(eyes, filled)
    for path in ("/", "/r/team/app", "/r/team/app/-/tags"):
        page.goto(filled.server.url + path)
        assert page.locator(".script:visible").count() == 0
        expect(page.locator("time .abs").first).to_be_visible()
        expect(page.locator("time .abs").first).to_contain_text("UTC")


def test_the_menu_of_a_phone_opens(eyes: Eyes, filled: Filled) -> None:
    page = signed_in(eyes, filled, NARROW)
    page.locator("details.menu > summary").first.click()
    page.get_by_role("navigation", name="Menu").get_by_role("link", name="Repositories").click()
    expect(page).to_have_url(f"{filled.server.url}/n")


def test_a_list_is_sorted_and_filtered(eyes: Eyes, filled: Filled) -> None:
    page = signed_in(eyes, filled)
    page.goto(f"{filled.server.url}/r/team/app/-/tags")
    page.get_by_label("Name contains").fill("v1.1")
    page.get_by_role("button", name="Filter").click()
    expect(page.get_by_role("link", name="v1.10", exact=True)).to_be_visible()
    expect(page.get_by_role("link", name="latest", exact=True)).to_have_count(0)
    page.get_by_role("columnheader", name="Tag").get_by_role("link").click()
    assert "sort=" in page.url
    assert "v1.1" in page.url


def test_a_tag_is_deleted_and_restored(eyes: Eyes, filled: Filled) -> None:
    page = signed_in(eyes, filled)
    page.goto(f"{filled.server.url}/r/team/app/-/tags/v1.9")
    page.get_by_role("link", name="Delete").click()
    page.locator("main").get_by_role("button", name="Delete").click()
    expect(page.locator(".toast")).to_be_visible()
    page.goto(f"{filled.server.url}/r/team/app/-/tags/v1.9")
    page.get_by_role("link", name="Restore").or_(page.get_by_role("button", name="Restore")).first.click()
    again = page.locator("main").get_by_role("button", name="Restore")
    if again.count():
        again.first.click()
    page.goto(f"{filled.server.url}/r/team/app/-/tags/v1.9")
    expect(page.get_by_role("heading", name="v1.9", exact=True)).to_be_visible()
    expect(page.get_by_role("link", name="Delete").first).to_be_visible()


def test_a_key_is_made_and_shown_once(eyes: Eyes, filled: Filled) -> None:
    page = signed_in(eyes, filled)
    page.goto(f"{filled.server.url}/me/keys")
    page.get_by_label("Name").fill("bare")
    page.locator("main form").filter(has=page.get_by_label("Name")).get_by_role("button").click()
    expect(page.locator("pre.secret, pre").filter(has_text="hf_").first).to_be_visible()
    page.goto(f"{filled.server.url}/me/keys")
    assert "hf_" not in page.locator("main").inner_text()


def press(page: Page, name: str) -> None:
    """Press a button of the page itself."""
    page.locator("main").get_by_role("button", name=name, exact=True).first.click()


def said(page: Page) -> None:
    """The page says that it is done."""
    expect(page.locator(".toast")).to_be_visible()


def test_a_repository_is_made_described_and_deleted_and_comes_back(eyes: Eyes, filled: Filled) -> None:
    page = signed_in(eyes, filled)
    page.goto(f"{filled.server.url}/n/team")
    page.get_by_role("link", name="New repository").click()
    page.get_by_label("Name", exact=True).fill("team/bare/made")
    press(page, "Make the repository")
    said(page)
    expect(page).to_have_url(f"{filled.server.url}/r/team/bare/made")
    page.goto(f"{filled.server.url}/r/team/bare/made/-/describe")
    page.locator("main textarea").first.fill("# What it is\n\nOf *no* script.")
    page.locator("main form button[type=submit]").first.click()
    expect(page.locator(".prose em")).to_have_text("no")
    page.goto(f"{filled.server.url}/n/team/bare")
    expect(page.locator("main").get_by_role("link", name="made").first).to_be_visible()
    page.goto(f"{filled.server.url}/r/team/bare/made/-/settings/delete")
    page.locator("main input[type=text]").first.fill("team/bare/made")
    press(page, "Delete")
    said(page)
    page.goto(f"{filled.server.url}/n/team/-/deleted")
    page.get_by_role("row").filter(has_text="bare/made").get_by_role("button", name="Restore").click()
    page.goto(f"{filled.server.url}/r/team/bare/made")
    expect(page.get_by_role("heading", name="made")).to_be_visible()


def test_a_robot_gets_a_grant_and_both_go(eyes: Eyes, filled: Filled) -> None:
    page = signed_in(eyes, filled)
    page.goto(f"{filled.server.url}/n/team/-/access/robots")
    page.get_by_role("link", name="New robot").click()
    page.get_by_label("Name", exact=True).fill("bare")
    press(page, "Make the robot")
    page.goto(f"{filled.server.url}/n/team/-/access")
    page.get_by_role("link", name="Grant", exact=True).click()
    page.get_by_label("Who", exact=True).fill("robot:team+bare")
    page.get_by_label("Role", exact=True).select_option("reader")
    page.get_by_label("Repositories", exact=True).fill("team/**")
    press(page, "Grant")
    said(page)
    row = page.get_by_role("row").filter(has_text="team+bare")
    row.get_by_role("link", name="Remove").click()
    press(page, "Remove")
    said(page)
    expect(page.get_by_role("row").filter(has_text="team+bare")).to_have_count(0)


def test_a_webhook_is_added_tried_and_deleted(eyes: Eyes, filled: Filled) -> None:
    page = signed_in(eyes, filled)
    page.goto(f"{filled.server.url}/n/team/-/webhooks")
    page.get_by_role("link", name="Add").first.click()
    page.get_by_label("URL", exact=True).fill("https://127.0.0.1:1/bare")
    page.get_by_label("Name optional").fill("bare")
    press(page, "Add the webhook")
    expect(page.locator("main")).to_contain_text("whsec_")
    page.goto(f"{filled.server.url}/n/team/-/webhooks")
    page.get_by_role("link", name="bare", exact=True).click()
    expect(page.get_by_role("heading", name="bare", exact=True)).to_be_visible()
    webhook = page.url
    press(page, "Send a test")
    expect(page.get_by_role("heading", name="A test", exact=True)).to_be_visible()
    page.goto(webhook)
    page.locator("main details.row-menu > summary").first.click()
    page.get_by_role("link", name="Delete", exact=True).click()
    page.locator("main input[type=text]").first.fill("bare")
    press(page, "Delete")
    said(page)


def test_a_rule_of_retention_is_made_and_previewed(eyes: Eyes, filled: Filled) -> None:
    page = signed_in(eyes, filled)
    page.goto(f"{filled.server.url}/r/team/tools/a--b_c.d__e/-/retention/rules")
    press(page, "Add a rule")
    page.get_by_label("Name", exact=True).fill("old ones")
    page.get_by_label("Pushed longer ago than").fill("90d")
    press(page, "Take the rule")
    expect(page.locator("main")).to_contain_text("old ones")
    press(page, "Set them…")
    press(page, "Set the rules")
    said(page)
    expect(page.locator("main")).to_contain_text("old ones")
    press(page, "Preview what goes")
    expect(page).to_have_url(f"{filled.server.url}/r/team/tools/a--b_c.d__e/-/retention/plans/2")


def test_a_setting_is_overridden(eyes: Eyes, filled: Filled) -> None:
    page = signed_in(eyes, filled)
    page.goto(f"{filled.server.url}/r/team/app/-/settings/window")
    page.locator("main input[type=text], main input[type=number]").first.fill("40")
    press(page, "See what changes")
    page.locator("main form button[type=submit]").first.click()
    page.goto(f"{filled.server.url}/r/team/app/-/settings")
    expect(page.locator("main")).to_contain_text("40 d")


def test_a_request_is_made_and_approved(eyes: Eyes, filled: Filled) -> None:
    stranger = signed_in(eyes, filled, who="stranger")
    stranger.goto(f"{filled.server.url}/access-requests/new?action=pull&repository=team/empty")
    press(stranger, "Ask")
    said(stranger)
    number = re.search(r"Request (\d+) made", stranger.locator(".toast").inner_text())
    assert number is not None
    page = signed_in(eyes, filled)
    page.goto(f"{filled.server.url}/access-requests/{number[1]}")
    press(page, "Approve")
    said(page)
    stranger.goto(f"{filled.server.url}/r/team/empty")
    expect(stranger.get_by_role("heading", name="empty")).to_be_visible()


def test_a_job_is_cancelled(eyes: Eyes, filled: Filled) -> None:
    tables = Tables(filled.server.env.get("HOLDFAST_DATABASE") or str(filled.server.data / "holdfast.db"))
    try:
        (at,) = tables.sql("select max(made_at) from job")
        later = at + 3_600_000_000
        tables.sql(
            "insert into job (kind, data, priority, run_at, made_at, attempts_max, account) "
            "values ('retention-plan', '{}', 1, ?, ?, 1, 1)",
            *(later, at),
        )
        (id,) = tables.sql("select max(id) from job")
    finally:
        tables.close()
    page = signed_in(eyes, filled, who="administrator")
    page.goto(f"{filled.server.url}/jobs/{id}")
    press(page, "Cancel")
    page.goto(f"{filled.server.url}/jobs/{id}")
    expect(page.locator("main")).to_contain_text("Cancelled")


def test_lists_are_paged_in_both_directions(eyes: Eyes, filled: Filled) -> None:
    page = signed_in(eyes, filled, who="administrator")
    page.goto(f"{filled.server.url}/audit?limit=25")
    first = page.locator("main tbody tr").first.inner_text()
    page.get_by_role("link", name="Next").click()
    page.wait_for_url("**after=**")
    assert page.locator("main tbody tr").first.inner_text() != first
    page.get_by_role("link", name="Previous").click()
    page.wait_for_url(lambda url: "after=" not in url)
    assert page.locator("main tbody tr").first.inner_text() == first
    page.get_by_role("link", name="Next").click()
    page.get_by_role("link", name="First").click()
    expect(page).to_have_url(f"{filled.server.url}/audit?limit=25")


def test_two_images_are_compared_and_a_refusal_is_explained(eyes: Eyes, filled: Filled) -> None:
    page = signed_in(eyes, filled)
    page.goto(f"{filled.server.url}/r/team/app/-/compare")
    page.get_by_label("A: tag").fill("v1.10")
    page.get_by_label("B", exact=True).fill("latest")
    press(page, "Compare")
    expect(page.get_by_role("heading", name="Layers").first).to_be_visible()
    page.goto(f"{filled.server.url}/explain")
    page.get_by_label("Does what").select_option("pull")
    page.get_by_label("Repository", exact=True).fill("team/app")
    press(page, "Explain")
    expect(page.locator("main")).to_contain_text("Allowed")


def test_an_instant_is_looked_at_and_restored(eyes: Eyes, filled: Filled) -> None:
    page = signed_in(eyes, filled)
    page.goto(f"{filled.server.url}/r/team/app/-/history/restore?at=1+s+ago")
    page.get_by_label("Only these tags").fill("chart")
    press(page, "Show what changes")
    expect(page.locator("main")).to_contain_text("Nothing differs")
    assert "chart" in page.url


def test_things_are_searched_for(eyes: Eyes, filled: Filled) -> None:
    page = signed_in(eyes, filled)
    page.get_by_role("searchbox").first.fill("app")
    page.keyboard.press("Enter")
    page.locator("main").get_by_role("link", name="team/app", exact=True).first.click()
    expect(page).to_have_url(f"{filled.server.url}/r/team/app")


def test_one_signs_out(eyes: Eyes, filled: Filled) -> None:
    page = signed_in(eyes, filled)
    page.locator("details.mine > summary").click()
    page.get_by_role("button", name="Sign out").click()
    page.goto(f"{filled.server.url}/me")
    assert "/sign-in?next=" in page.url
