"""What the script does beside the pages: copying, times, polling, dialogs, toasts, keys, tabs, rows that are picked."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, Request, expect
from tests.browser.page import Eyes, checked, focused, hidden
from tests.browser.stage import Answer, Stage, toast

from holdfast.web.visit import Look

COMMAND = "docker pull registry.example/team/app:v1"
COPY = '<h1>Copy</h1>{{ ui.command("' + COMMAND + '") }}<input aria-label="Paste">'
FAILS = "document.execCommand = () => false; Object.defineProperty(navigator, 'clipboard', {value: undefined});"


def pasted(page: Page) -> str:
    page.get_by_label("Paste").focus()
    page.keyboard.press("Control+V")
    return page.get_by_label("Paste").input_value()


@pytest.mark.parametrize("origin", ["http://page.test", "https://page.test"])
def test_copying_works_on_plain_http_too(eyes: Eyes, origin: str) -> None:
    stage = Stage(eyes, origin)
    if origin.startswith("https"):
        stage.page.context.grant_permissions(["clipboard-write", "clipboard-read"], origin=origin)
    page = stage.show(COPY)
    assert page.evaluate("() => isSecureContext") == origin.startswith("https")
    page.get_by_role("button", name="Copy the command").click()
    expect(page.locator("#told")).to_have_text("Copied")
    assert focused(page) == "button Copy the command"
    assert pasted(page) == COMMAND
    checked(page)


def test_what_cannot_be_copied_is_selected_and_it_is_said_what_to_press(eyes: Eyes) -> None:
    stage = Stage(eyes)
    stage.page.add_init_script(FAILS)
    page = stage.show(COPY)
    page.get_by_role("button", name="Copy the command").click()
    expect(page.locator("#told")).to_have_text("Selected: press Ctrl-C")
    assert page.evaluate("() => getSelection().toString()") == COMMAND
    checked(page)


TIME = (
    '<h1>Times</h1><time datetime="2026-11-22T06:00:00Z" title="2026-11-22 06:00 UTC"><span class="rel">1 h ago</span>'
    '<span class="abs">2026-11-22 06:00 UTC</span></time>'
)


def test_times_count_on_and_are_in_the_zone_of_the_browser(eyes: Eyes) -> None:
    stage = Stage(eyes)
    stage.page.clock.install(time="2026-11-22T07:59:50Z")
    page = stage.show(TIME)
    expect(page.locator("time")).to_have_text("1 h ago", use_inner_text=True)
    page.clock.run_for(40_000)
    expect(page.locator("time")).to_have_text("2 h ago", use_inner_text=True)
    page.keyboard.press("t")
    expect(page.locator("time")).to_have_text("2026-11-22 06:00 UTC", use_inner_text=True)
    checked(page, axe=False)


def test_a_zone_of_the_profile_is_left_as_it_is(eyes: Eyes) -> None:
    page = Stage(eyes).show(TIME.replace("UTC", "JST"), look=Look(zone="Asia/Tokyo", keys=False))
    page.keyboard.press("t")
    assert page.evaluate("() => document.documentElement.dataset.times") is None, "single keys are off"
    expect(page.locator("time")).to_have_attribute("title", "2026-11-22 06:00 JST")


def polled(text: str, *, ends: bool = False) -> str:
    more = "" if ends else ' data-poll="5" data-src="/part"'
    return f'<div id="jobs"{more}><p>{text}</p><a href="/job">The job</a></div>'


def stopped(stage: Stage) -> None:
    """Let time go on by `run_for` alone."""
    stage.page.clock.install(time="2026-11-22T06:00:00Z")
    stage.page.clock.pause_at("2026-11-22T06:01:00Z")


def test_polling(eyes: Eyes) -> None:
    """At its pace, not in a tab that nobody sees, more rarely while it fails, and no more once it is final."""
    stage = Stage(eyes)
    answers: list[Answer] = [(200, polled("one")), (500, ""), (200, polled("two")), (200, polled("three", ends=True))]

    def part(request: Request) -> Answer:
        assert request.headers["hx-request"] == "true"
        return answers.pop(0)

    stage.answers["/part"] = part
    stopped(stage)
    page = stage.show("<h1>Jobs</h1>" + polled("begun"))
    page.get_by_role("link", name="The job").focus()
    page.clock.run_for(4_900)
    assert stage.asked == ["GET /here"]
    page.clock.run_for(200)
    expect(page.locator("#jobs")).to_contain_text("one")
    assert focused(page) == "a The job", "the focus stays where it was"
    with hidden(page):
        page.clock.run_for(60_000)
        assert len(stage.asked) == 2
    page.wait_for_function("() => true")
    expect(page.locator("#jobs")).to_contain_text("one")
    page.clock.run_for(9_000)
    assert len(stage.asked) == 3, "it failed, and waits twice as long"
    page.clock.run_for(1_100)
    expect(page.locator("#jobs")).to_contain_text("two")
    page.clock.run_for(5_100)
    expect(page.locator("#jobs")).to_contain_text("three")
    page.clock.run_for(120_000)
    assert not answers
    assert len(stage.asked) == 5


def test_nothing_moves_under_somebody_who_is_typing(eyes: Eyes) -> None:
    stage = Stage(eyes)
    shown = '<div id="jobs" data-poll="5" data-src="/part"><label>Name <input></label></div>'
    stage.answers["/part"] = (200, shown)
    stopped(stage)
    page = stage.show("<h1>Jobs</h1>" + shown)
    page.get_by_label("Name").fill("half a wo")
    page.clock.run_for(6_000)
    page.wait_for_function("() => document.activeElement.value === 'half a wo'")
    assert len(stage.asked) == 2


DIALOG = '<h1>Tags</h1><a href="/delete" data-dialog>Delete v1</a><p><a href="/gone" data-dialog>Gone</a></p>'
ASKS = (
    '<h1>Delete v1</h1><section id="dialog"><h2>Delete v1?</h2><form method="post" action="/delete">'
    '<label>Name <input name="name" data-match="v1"></label> <button type="submit">Delete</button>'
    ' <a href="/here" data-close>Cancel</a></form></section>'
)


def test_a_dialog_is_the_form_of_another_page(eyes: Eyes) -> None:
    stage = Stage(eyes)
    page = stage.show(DIALOG)
    stage.answers["/delete"] = (200, stage.whole(ASKS))
    for leave in ("Escape", "Cancel", "Close"):
        page.get_by_role("link", name="Delete v1").focus()
        page.keyboard.press("Enter")
        dialog = page.get_by_role("dialog", name="Delete v1?")
        expect(dialog).to_be_visible()
        assert focused(page).startswith("input")
        checked(page, "dialog")
        if leave == "Escape":
            page.keyboard.press("Escape")
        else:
            dialog.get_by_role("link" if leave == "Cancel" else "button", name=leave).click()
        expect(dialog).to_be_hidden()
        assert focused(page) == "a Delete v1"
    page.keyboard.press("Enter")
    delete = page.get_by_role("dialog").get_by_role("button", name="Delete")
    expect(delete).to_be_disabled()
    page.keyboard.type("v1")
    expect(delete).to_be_enabled()
    page.keyboard.press("Enter")
    page.wait_for_url("**/delete")
    assert stage.asked[-1] == "POST /delete"


def test_a_dialog_that_is_not_there_is_a_page(eyes: Eyes) -> None:
    page = Stage(eyes).show(DIALOG)
    page.get_by_role("link", name="Gone").click()
    page.wait_for_url("**/gone")


def test_toasts_go_after_8_seconds_unless_somebody_reads_them(eyes: Eyes) -> None:
    stage = Stage(eyes)
    stage.page.clock.install()
    page = stage.show("<h1>Tags</h1>", toast=toast("Tag v1 deleted", "/undo"))
    shown = page.locator(".toast")
    shown.hover()
    page.clock.run_for(20_000)
    expect(shown).to_be_visible()
    checked(page, "toast")
    page.get_by_role("link", name="Undo").focus()
    page.mouse.move(0, 0)
    page.clock.run_for(20_000)
    expect(shown).to_be_visible()
    page.locator("body").evaluate("() => document.activeElement.blur()")
    page.clock.run_for(9_000)
    expect(shown).to_have_count(0)


ROWS = (
    '<h1>Tags</h1><form method="post" action="/bulk" class="table">'
    '<div class="selection"><span data-picked>Nothing selected</span>'
    "<button>Delete</button></div><table><caption>Tags</caption><thead><tr><th scope='col'><input type='checkbox'"
    " data-pick-all aria-label='All'></th><th scope='col'>Name</th></tr></thead><tbody>"
    + "".join(
        f"<tr><td class='pick'><input type='checkbox' name='pick' value='{at}' aria-label='Pick {at}'></td>"
        f"<th scope='row'><a href='/t/{at}'>tag {at}</a> <button type='button' data-copy='copy {at}' aria-label='Copy'>"
        "</button></th></tr>"
        for at in range(4)
    )
    + "</tbody></table></form><input aria-label='Paste'>"
)


def test_rows_by_keys(eyes: Eyes) -> None:
    page = Stage(eyes).show(ROWS)
    expect(page.get_by_role("button", name="Delete")).to_be_disabled()
    page.keyboard.press("j")
    page.keyboard.press("j")
    assert focused(page) == "a tag 1"
    page.keyboard.press("x")
    expect(page.locator("[data-picked]")).to_have_text("1 selected")
    expect(page.get_by_role("button", name="Delete")).to_be_enabled()
    page.keyboard.press("k")
    assert focused(page) == "a tag 0"
    page.keyboard.press("c")
    expect(page.locator("#told")).to_have_text("Copied")
    assert pasted(page) == "copy 0"
    page.get_by_label("Pick 0").click()
    page.get_by_label("Pick 3").click(modifiers=["Shift"])
    expect(page.locator("[data-picked]")).to_have_text("4 selected")
    expect(page.get_by_label("All")).to_be_checked()
    page.get_by_label("All").click()
    expect(page.locator("[data-picked]")).to_have_text("Nothing selected")
    checked(page)


def test_single_keys(eyes: Eyes) -> None:
    stage = Stage(eyes)
    page = stage.show("<h1>Here</h1><form class='filters'><label>Filter <input></label></form>")
    page.keyboard.press("f")
    assert focused(page).startswith("input")
    page.keyboard.type("/?t")
    assert page.get_by_label("Filter").input_value() == "/?t", "keys are letters where one writes"
    page.locator("body").evaluate("() => document.activeElement.blur()")
    page.keyboard.press("/")
    assert page.evaluate("() => document.activeElement.id") == "find"
    page.locator("body").evaluate("() => document.activeElement.blur()")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    checked(page, "keys")
    page.keyboard.press("Escape")
    page.keyboard.press("g")
    page.keyboard.press("j")
    page.wait_for_url("**/jobs")


TABS = (
    "<h1>Pull</h1><div class='chip-tabs' role='tablist' aria-label='Client'>"
    "<button type='button' role='tab' id='t1' aria-controls='p1' aria-selected='true'>docker</button>"
    "<button type='button' role='tab' id='t2' aria-controls='p2' aria-selected='false'>podman</button></div>"
    "<div class='tab-panels'><div role='tabpanel' id='p1' aria-labelledby='t1'>docker pull</div>"
    "<div role='tabpanel' id='p2' aria-labelledby='t2' hidden>podman pull</div></div>"
)


def test_tabs(eyes: Eyes) -> None:
    page = Stage(eyes).show(TABS)
    page.get_by_role("tab", name="docker").focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("tab", name="podman")).to_be_focused()
    expect(page.get_by_role("tabpanel", name="podman")).to_be_visible()
    expect(page.locator("#p1")).to_be_hidden()
    checked(page)
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("tabpanel", name="docker")).to_be_visible()
    page.keyboard.press("Tab")
    assert not focused(page).startswith("button podman"), "the list is one stop"


def test_tabs_are_all_shown_without_script(eyes: Eyes) -> None:
    page = Stage(eyes, script=False).show(TABS)
    expect(page.get_by_text("podman pull")).to_be_visible()


def test_a_form_is_sent_once(eyes: Eyes) -> None:
    stage = Stage(eyes)
    page = stage.show('<h1>Form</h1><form method="post" action="/do"><button>Go</button></form>')
    page.evaluate(
        """() => {
          window.sent = 0;
          const form = document.querySelector("main form");
          form.addEventListener("submit", () => { window.sent += 1; });
          document.addEventListener("submit", (event) => {
            window.stopped = event.defaultPrevented;
            event.preventDefault();
          });
        }"""
    )
    go = page.get_by_role("button", name="Go")
    go.click()
    assert not page.evaluate("() => window.stopped")
    go.click()
    assert page.evaluate("() => [window.sent, window.stopped]") == [2, True]


def test_the_menu_closes_by_escape_and_by_a_click_elsewhere(eyes: Eyes) -> None:
    page = Stage(eyes, width=390).show("<h1>Here</h1>")
    menu = page.locator("details.menu").first
    for leave in ("Escape", "click"):
        menu.locator("summary").click()
        expect(menu.get_by_role("link", name="Jobs")).to_be_visible()
        checked(page, "menu")
        if leave == "Escape":
            page.keyboard.press("Escape")
            assert focused(page) == "summary Menu"
        else:
            page.mouse.click(380, 700)
        expect(menu.get_by_role("link", name="Jobs")).to_be_hidden()
