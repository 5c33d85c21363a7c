"""Every page x who asks for it, from the table of rows; every change x forms that are not of a page of ours."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.browser.filled import ROLES, Filled, fill
from tests.browsing import Browser
from tests.console.rows import ROWS, SEEN_BY, UNSEEN, Row
from tests.serving import running_server

from holdfast.app.build import build, first_start
from holdfast.app.config import Settings
from holdfast.app.datadir import DataDirectory
from holdfast.web.site import Site

LOOKED_AT = [row for row in ROWS if row.method == "GET" and row.example]
CHANGES = [row for row in ROWS if row.method == "POST" and row.path != "/sign-in"]
PRIVATE = {"HOLDFAST_ALLOW_PRIVATE_TARGETS": "127.0.0.0/8"}
EVERYBODY = ("", *ROLES)
ROOT = Path(__file__).resolve().parents[2]


def site_of(tmp_path: Path) -> Site:
    """The site of a whole program that is not served."""
    settings = Settings(data=tmp_path / "data")
    directory = DataDirectory(settings.data)
    directory.prepare()

    async def main() -> Site:
        await first_start(settings, directory)
        services = await build(settings, directory)
        await services.close()
        site = services.rooms["me"]
        assert isinstance(site, Site)
        return site

    return asyncio.run(main())


def test_every_page_has_a_row(tmp_path: Path) -> None:
    routes = {(route.method, route.path) for route in site_of(tmp_path).routes}
    assert routes == {(row.method, row.path) for row in ROWS}
    assert len(ROWS) == len(routes)


def test_every_page_has_an_example_or_says_where_it_is_seen() -> None:
    assert {row.path for row in ROWS if row.method == "GET" and not row.example} == set(UNSEEN)
    places = {place for why in UNSEEN.values() for place in re.findall(r"tests/[a-z_/]+\.py", why)}
    assert [place for place in places if not (ROOT / place).exists()] == []


def test_rows_name_people() -> None:
    assert all(row.people <= set(SEEN_BY["everyone"]) for row in ROWS)


class Place:
    """A filled registry, and a browser for each of the people."""

    def __init__(self, filled: Filled) -> None:
        self.filled = filled
        self.url = filled.server.url
        self.browsers = {name: self._signed_in(name) for name in EVERYBODY}

    def path(self, row: Row) -> str:
        return row.example.format(**self.filled.names)

    def _signed_in(self, name: str) -> Browser:
        browser = Browser()
        if name:
            person = self.filled.people[name]
            page = browser.get(f"{self.url}/sign-in")
            done = browser.submit(page, "/sign-in", name=person.username, password=person.password)
            assert done.status == 303, done.text
        return browser


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with running_server(tmp_path_factory.mktemp("routes"), env=PRIVATE) as server:
        yield Place(fill(server))


@pytest.mark.parametrize("row", LOOKED_AT, ids=lambda row: f"{row.path}")
def test_who_sees_a_page(place: Place, row: Row) -> None:
    """Whoever is not signed in is led to sign in; for everybody else what is hidden is not there."""
    path = place.path(row)
    seen = {}
    for name in EVERYBODY:
        page = place.browsers[name].get(f"{place.url}{path}")
        led_away = (
            page.status == 303 and "/sign-in" in str(page.headers["Location"]) and not path.startswith("/sign-in")
        )
        seen[name] = page.status < 400 and not led_away
        assert page.status < 500, page.text
        assert page.headers["Cache-Control"].startswith("no-store")
        assert name or not seen[name] or page.status in (200, 303)
    assert {name for name, shown in seen.items() if shown} == row.people


@pytest.mark.parametrize("row", CHANGES, ids=lambda row: f"{row.path}")
def test_a_change_needs_a_form_of_a_page_of_ours(place: Place, row: Row) -> None:
    path = row.path
    for name, value in place.filled.names.items():
        path = path.replace(f"{{{name}:name}}", value).replace(f"{{{name}}}", value)
    path = path.replace("{", "").replace("}", "")
    admin, nobody = place.browsers["administrator"], place.browsers[""]
    mark = admin.get(f"{place.url}/me").forms()["/sign-out"]["form"]
    foreign: dict[str, str | None] = {"Origin": "https://evil.example"}
    assert admin.post(f"{place.url}{path}", {"form": mark}, foreign).status == 403
    assert admin.post(f"{place.url}{path}", {}).status == 403
    assert admin.post(f"{place.url}{path}", {"form": "00" * 64}).status == 403
    answer = nobody.post(f"{place.url}{path}", {"form": mark})
    assert answer.status == 403 or "/sign-in" in str(answer.headers["Location"])
    assert admin.get(f"{place.url}/me").status == 200, "the session stands"
