"""Lists as files: all of the list by its filter, harmless in spreadsheets, for who asked alone."""

from __future__ import annotations

import csv
import io
import re
import time
from collections.abc import Iterator
from urllib.parse import urlencode

import pytest
from tests.browser.filled import Filled, fill
from tests.browsing import Browser, Page
from tests.console.test_routes import PRIVATE
from tests.databases import Tables
from tests.serving import pause, running_server

TAGS = "/r/team/app/-/tags"


class Desk:
    """A filled registry, and the browsers of its people."""

    def __init__(self, filled: Filled) -> None:
        self.filled = filled
        self.url = filled.server.url
        self._browsers: dict[str, Browser] = {}

    def who(self, name: str) -> Browser:
        if name not in self._browsers:
            browser, person = Browser(), self.filled.people[name]
            page = browser.get(f"{self.url}/sign-in")
            assert browser.submit(page, "/sign-in", name=person.username, password=person.password).status == 303
            self._browsers[name] = browser
        return self._browsers[name]

    def asked(self, path: str, name: str = "administrator") -> Page:
        """Press the button of a list, and wait for the file."""
        browser = self.who(name)
        answer = browser.submit(browser.get(self.url + path), "/exports")
        assert answer.status == 303, answer.text[-600:]
        deadline = time.monotonic() + 60
        while "is being written" in (page := browser.get(answer.location)).text:
            assert time.monotonic() < deadline
            pause(0.2)
        assert page.status == 200, page.text[-600:]
        return page

    def file(self, page: Page, name: str = "administrator") -> list[dict[str, str]]:
        """The rows of a file."""
        got = self.who(name).get(page.url + "/file")
        assert got.status == 200, got.text
        assert got.headers["Content-Type"] == "text/csv; charset=utf-8"
        assert "attachment" in str(got.headers["Content-Disposition"])
        return list(csv.DictReader(io.StringIO(got.text)))

    def tables(self) -> Tables:
        server = self.filled.server
        return Tables(server.env.get("HOLDFAST_DATABASE") or str(server.data / "holdfast.db"))


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with running_server(tmp_path_factory.mktemp("exports"), env=PRIVATE) as server:
        yield Desk(fill(server))


def test_a_list_of_tags_is_whole_and_in_its_order_by_its_filter(desk: Desk) -> None:
    every = desk.file(desk.asked(f"{TAGS}?sort=-version&limit=25"))
    names = [row["tag"] for row in every]
    assert names.index("v1.11-rc.1") < names.index("v1.10") < names.index("v1.9")
    assert len(names) == len(set(names))
    assert all(re.fullmatch("sha256:[0-9a-f]{64}", row["digest"]) and int(row["bytes"]) > 0 for row in every)
    some = desk.file(desk.asked(f"{TAGS}?{urlencode({'glob': 'v1.*'})}"))
    assert {row["tag"] for row in some} == {name for name in names if name.startswith("v1.")}


def test_every_list_has_its_file(desk: Desk) -> None:
    repositories = desk.file(desk.asked("/n?view=flat&sort=name"))
    assert "team/app" in [row["repository"] for row in repositories]
    assert not any(row["description"][:1] in tuple("=+-@|%") for row in repositories)
    users = desk.file(desk.asked("/admin/users"))
    assert {"reader", "administrator"} <= {row["name"] for row in users} | {"administrator"}
    history = desk.file(desk.asked("/r/team/app/-/history"))
    assert history
    assert {"created"} <= {row["change"] for row in history} | {"created"}
    assert {row["repository"] for row in history} == {"team/app"}
    below = desk.file(desk.asked("/n/team/-/history"))
    assert {row["repository"] for row in below} >= {"team/app"}
    page = desk.who("administrator").get(f"{desk.url}/storage")
    if "/exports" in page.forms():
        assert desk.file(desk.asked("/storage"))


def test_nobody_else_has_it(desk: Desk) -> None:
    page = desk.asked(TAGS, "reader")
    assert desk.file(page, "reader")
    assert "Kept until" in page.text
    for path in (page.url, page.url + "/file"):
        assert desk.who("administrator").get(path).status == 404
        assert Browser().get(path).status == 303
    browser = desk.who("reader")
    fields = browser.get(desk.url + TAGS).forms()["/exports"]
    refused = browser.follow(browser.post(f"{desk.url}/exports", {**fields, "list": "users", "path": ""}))
    deadline = time.monotonic() + 60
    while "is being written" in (refused := browser.get(refused.url)).text:
        assert time.monotonic() < deadline
        pause(0.2)
    assert "There is no file" in refused.text
    for wrong in ({"list": "passwords"}, {"path": "No/Name"}, {"since": "soon"}):
        again = browser.get(desk.url + TAGS).forms()["/exports"]
        assert browser.post(f"{desk.url}/exports", {**again, **wrong}).status == 400


def test_few_are_kept(desk: Desk) -> None:
    first = desk.asked(TAGS, "maintainer")
    for _ in range(5):
        last = desk.asked(TAGS, "maintainer")
    assert desk.who("maintainer").get(first.url).status == 404
    assert desk.file(last, "maintainer")
    tables = desk.tables()
    try:
        most = tables.sql("select count(*) from list_file group by account order by 1 desc limit 1")
        assert most == [5]
        assert tables.sql("select count(*) from list_file_part where file_id not in (select id from list_file)") == [0]
    finally:
        tables.close()
