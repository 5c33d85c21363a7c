"""Every page on PostgreSQL, without a browser: it answers as on SQLite, and no box of it says that it failed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape

import pytest
from tests.browser.filled import fill, on_postgres
from tests.browsing import Page
from tests.console.rows import Row
from tests.console.test_routes import LOOKED_AT, PRIVATE, Place
from tests.serving import running_server

_LATER = re.compile(r'hx-get="([^"]+)" hx-trigger="load"')
_FAILED = ("This could not be read", "This takes longer than usual", "The registry failed", "cannot answer now")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    directory = tmp_path_factory.mktemp("postgres")
    with running_server(directory, env={**PRIVATE, **on_postgres(directory)}) as server:
        yield Place(fill(server))


def whole(place: Place, name: str, path: str) -> Page:
    """A page for somebody, whose parts that come later have come, too; it has not failed."""
    browser = place.browsers[name]
    page = browser.get(place.url + path)
    parts = [browser.get(place.url + unescape(part), {"HX-Request": "true"}) for part in _LATER.findall(page.text)]
    for each in (page, *parts):
        assert each.status < 500, each.text
        assert not [said for said in _FAILED if said in each.text], each.url
    return page


@pytest.mark.slow
@pytest.mark.parametrize("row", LOOKED_AT, ids=lambda row: f"{row.path}")
def test_a_page_answers(place: Place, row: Row) -> None:
    path = place.path(row)
    least = "" if row.path.startswith("/sign-in") else "administrator"
    assert whole(place, least, path).status == 200
    seen = whole(place, "reader", path)
    assert (seen.status < 400) is ("reader" in row.people)
