"""Rule 5.12: hostile text stays text, on every page that shows what somebody wrote, for everybody who sees it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import quote, urlencode, urlsplit

import pytest
from playwright.sync_api import Page as Sheet
from tests.browser.filled import ROLES, fill
from tests.browser.page import NARROW, WIDE, Eyes, checked, said, settled
from tests.browsing import Browser, Page
from tests.console.hostile import APP, LINE, TAG, TEXT, Laid, mark, text_columns
from tests.console.hostile_fields import COPIES, FIELDS, OURS
from tests.console.listener import listening
from tests.console.rows import ROWS
from tests.console.text_stays_text import Form, Reading, hidden
from tests.serving import running_server

PRIVATE = {"HOLDFAST_OUTBOUND_ALLOW": "127.0.0.0/8", "HOLDFAST_ALLOW_PRIVATE_TARGETS": "127.0.0.0/8"}
VIEWS = ("layers", "config", "referrers", "pulls", "history", "panels", "raw")
# Pages of what rows of the table cannot name.
MORE = (
    "/n/team/odd",
    "/admin/users/hostile",
    "/admin/users/alice",
    "/admin/groups/hostile-group",
    "/admin/sign-in/odd",
    "/admin/sign-in/odd/test",
    "/admin/sign-in/odd/remove",
    "/n/team/-/access/robots/odd",
    "/n/team/-/access/robots/odd/keys/stopped",
    "/n/team/-/access/federation/odd/remove",
    *(f"/r/{APP}/-/tags/{tag}?view={view}" for tag in (TAG, "files") for view in VIEWS),
    f"/r/{APP}/-/tags/files",
    f"/r/{APP}/-/tags/gone",
    f"/r/{APP}/-/compare?a={TAG}&b=files",
    "/search?q=hostile",
    "/search/suggest?q=hostile",
)


@dataclass
class House:
    """A registry that is hostile all through, and who looks at it. `seen`: as the administrator has it; `closed`: some
    pages while it is read-only."""

    laid: Laid
    browsers: dict[str, Browser] = field(default_factory=dict)
    seen: dict[str, tuple[Page, Reading]] = field(default_factory=dict)
    closed: list[Page] = field(default_factory=list)

    def get(self, path: str, name: str = "administrator") -> Page:
        return self.browser(name).get(self.laid.filled.server.url + path)

    def browser(self, name: str) -> Browser:
        """A browser in which this person is signed in; '' nobody."""
        if name not in self.browsers:
            browser = self.browsers[name] = Browser()
            if name:
                page = browser.get(f"{self.laid.filled.server.url}/sign-in")
                person = self.laid.filled.people[name]
                assert browser.submit(page, "/sign-in", name=person.username, password=person.password).status == 303
        return self.browsers[name]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with listening() as listener, running_server(tmp_path_factory.mktemp("hostile"), env=PRIVATE) as server:
        house = House(Laid(fill(server), listener))
        for path in addresses(house.laid):
            page = house.get(path)
            if "html" in str(page.headers["Content-Type"]):
                house.seen[path] = page, Reading(page.text)
        with house.laid.read_only():
            me = house.get("/me")
            house.closed = [house.get("/admin/health"), house.browser("administrator").submit(me, "/me/profile")]
        yield house


def addresses(laid: Laid) -> list[str]:
    """Every page of the table, the same of the hostile image, and those that no row can name."""
    rows = [row.example.format_map(laid.filled.names) for row in ROWS if row.method == "GET" and row.example]
    ours = [
        path.replace("/r/team/app", f"/r/{APP}").replace("v1.10", TAG)
        for path in rows
        if path.startswith("/r/team/app") and "sha256" not in path and "compare" not in path
    ]
    return list(dict.fromkeys([*rows, *ours, *MORE, *laid.extra]))


def test_every_field_is_kept_where_the_table_says(house: House) -> None:
    kept = house.laid.texts()
    for each in FIELDS:
        if "." in each.kept and " " not in each.kept:
            assert any(mark(each.key) in value for value in kept[each.kept]), each


def test_every_column_of_text_is_in_the_inventory(house: House) -> None:
    """What is in no table is new: it takes a row of `FIELDS` where somebody writes it, else one of `OURS`."""
    tables = house.laid.tables()
    try:
        columns = {f"{table}.{column}" for table, column in text_columns(tables)}
    finally:
        tables.close()
    written = {each.kept for each in FIELDS if " " not in each.kept}
    assert written | {*OURS, *COPIES} == columns
    assert not written & {*OURS, *COPIES}
    for column, values in house.laid.texts().items():
        if column in OURS:
            assert not [each for each in values if "<svg" in each or "alert(1)" in each or hidden(each)], column


def test_text_stays_text_on_every_page(house: House) -> None:
    assert [path for path, (page, _) in house.seen.items() if page.status >= 500] == []
    wrong = {path: reading.wrong for path, (_, reading) in house.seen.items() if reading.wrong}
    assert wrong == {}


def test_every_field_is_shown_where_the_table_says(house: House) -> None:
    """So that no page is proven harmless by showing nothing."""
    shown = {path: reading.marks for path, (_, reading) in house.seen.items()}
    absent = [(each.key, path) for each in FIELDS for path in each.shown if mark(each.key) not in shown[path]]
    assert absent == []
    everything = set().union(*shown.values())
    assert {each.key for each in FIELDS if mark(each.key) not in everything} <= NOWHERE


def test_why_the_registry_is_read_only_stays_text(house: House) -> None:
    assert [page.status for page in house.closed] == [200, 503]
    for page in house.closed:
        reading = Reading(page.text)
        assert mark("mode.reason") in reading.marks, page.url
        assert reading.wrong == [], page.url


NOWHERE = {"role.description", "use.claim", "use.group", "export.query"}
"""What no page shows: it is for the API and the command line."""


@pytest.mark.walk
@pytest.mark.parametrize("name", ["", *ROLES[1:]])
def test_it_does_for_everybody(house: House, name: str) -> None:
    """Every page that shows some field, for everybody who is not the administrator."""
    wrong, looked = {}, 0
    for path, (_, before) in house.seen.items():
        if before.marks:
            page = house.get(path, name)
            assert page.status < 500, path
            reading = Reading(page.text)
            looked += bool(reading.marks)
            if reading.wrong:
                wrong[path] = reading.wrong
    assert wrong == {}
    assert looked or name in ("", "stranger")


def test_what_is_asked_for_is_echoed_as_text(house: House) -> None:
    """Every form that asks (filters, choices of an instant, searches), with hostile text in each of its fields."""
    asked, wrong = set(), {}
    for path, (_, reading) in house.seen.items():
        for form in reading.forms:
            where = form.action or urlsplit(path).path
            if form.method == "get" and where.startswith("/") and where not in asked:
                asked.add(where)
                query = urlencode({**dict(form.values), **dict.fromkeys(form.texts, LINE[:200])})
                page = house.get(f"{where}?{query}")
                assert page.status < 500, where
                if found := Reading(page.text).wrong:
                    wrong[where] = found
    assert wrong == {}
    assert len(asked) > 20


@pytest.mark.parametrize("parameter", ["sort", "after", "view", "platform", "at", "limit", "next", "kind", "by"])
def test_what_an_address_says_is_echoed_as_text(house: House, parameter: str) -> None:
    for path in ("/sign-in", "/n", f"/r/{APP}", f"/r/{APP}/-/tags", f"/r/{APP}/-/tags/{TAG}", f"/r/{APP}/-/history"):
        page = house.get(f"{path}?{parameter}={quote(TEXT)}", "" if path == "/sign-in" else "administrator")
        assert page.status < 500, path
        assert Reading(page.text).wrong == [], f"{path}?{parameter}"


def test_what_was_written_into_a_form_comes_back_as_text(house: House) -> None:
    """Every kind of form that changes something and has a field to write in, filled with hostile text: it is taken, or
    refused and shown again with it."""
    sent, refused, wrong = set(), 0, {}
    for _, reading in list(house.seen.values()):
        for form in reading.forms:
            kind = _kind(form)
            if form.method != "post" or not form.texts or kind in sent:
                continue
            sent.add(kind)
            page = _written(house, form)
            refused += page.status in (400, 409, 422)
            again = Reading(page.text)
            if again.wrong:
                wrong[form.action] = again.wrong
    assert wrong == {}
    assert refused > 15


def _kind(form: Form) -> str:
    """A form, whatever it is of."""
    return form.action.partition("/-/")[2].split("/")[0] + str(sorted(form.texts))


def _written(house: House, form: Form) -> Page:
    """What is answered to a form that is filled with hostile text."""
    browser = house.browser("administrator")
    pairs = [(name, LINE[:180] if name in form.texts else value) for name, value in form.values]
    given = dict(pairs)
    page = browser.post(house.laid.filled.server.url + form.action, given)
    assert page.status < 500, form.action
    return browser.follow(page)


# -- in a real browser -------------------------------------------------------------------------------------------------

PARTS = 4


def covering(house: House) -> list[str]:
    """A few pages that together show every field that any page shows."""
    found, left = [], set().union(*(reading.marks for _, reading in house.seen.values()))
    while left:
        path = max(house.seen, key=lambda each: len(house.seen[each][1].marks & left))
        found.append(path)
        left -= house.seen[path][1].marks
    return found


def look(eyes: Eyes, house: House, paths: list[str], width: int) -> None:
    """Go to each of these pages; fail with what a text did: a dialog, an error, what the policy refused, markup, a page
    that is wider than its window."""
    server, person = house.laid.filled.server, house.laid.filled.people["administrator"]
    sheet: Sheet = eyes.signed_in(server, person, width)
    for path in paths:
        sheet.goto(server.url + path)
        checked(sheet, axe=False)
        sheet.evaluate("() => { for (const each of document.querySelectorAll('main details')) each.open = true; }")
        settled(sheet)
        assert sheet.evaluate("() => document.scrollingElement.scrollWidth <= document.documentElement.clientWidth"), (
            path
        )
    assert said(sheet) == []


@pytest.mark.parametrize("part", range(PARTS))
def test_nothing_runs_in_a_browser(eyes: Eyes, house: House, part: int) -> None:
    """A few pages that show every field, in turns at a desk and on a phone."""
    look(eyes, house, covering(house)[part::PARTS], NARROW if part % 2 else WIDE)


@pytest.mark.walk
def test_nothing_runs_while_the_registry_is_read_only(eyes: Eyes, house: House) -> None:
    # Signed in before: that needs to write.
    sheet = eyes.signed_in(house.laid.filled.server, house.laid.filled.people["administrator"], WIDE)
    with house.laid.read_only():
        look(eyes, house, ["/admin/health"], NARROW)
        sheet.goto(house.laid.filled.server.url + "/me")
        sheet.get_by_role("button", name="Save", exact=True).click()
        sheet.get_by_role("heading", name="The registry is read-only now").wait_for()
        checked(sheet, axe=False)


@pytest.mark.walk
@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_nothing_runs_on_any_page(eyes: Eyes, house: House, width: int) -> None:
    look(eyes, house, [path for path, (_, reading) in house.seen.items() if reading.marks], width)
