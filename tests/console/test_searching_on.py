"""A search that finds little stops after a while and offers to go on: what it finds stands on one page each, to its
end, and the way on names nothing that is hidden."""

from __future__ import annotations

import asyncio
import gzip
import html
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from tests.browsing import Browser
from tests.console.conftest import Place
from tests.console.test_budgets import asked
from tests.serving import running_server

from holdfast.app.build import build
from holdfast.app.config import Settings
from holdfast.app.datadir import DataDirectory
from holdfast.registry.browsing import repositories, walking
from holdfast.registry.search import narrow, scanning, service

MINE = [f"n{n}/mine/app-{n}" for n in range(9)]
HIDDEN = [f"hidden/of-others-{n}/app" for n in range(30)]
SOMEBODY = ("somebody", "pass phrase of somebody")


class Laid(NamedTuple):
    """A registry that is not served any more, and the cookies of those who have signed in."""

    data: Path
    cookies: dict[str, str]


@pytest.fixture(scope="module")
def laid(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laid]:
    with running_server(tmp_path_factory.mktemp("on")) as server:
        place = Place(server)
        place.api("POST", "/users", {"name": SOMEBODY[0], "password": SOMEBODY[1]})
        place.api("POST", "/grants", {"subject": f"user:{SOMEBODY[0]}", "role": "reader", "scope": "*/mine/**"})
        for path in (*MINE, *HIDDEN):
            place.api("POST", "/repositories", {"name": path})
        people = {"administrator": (server.admin.username, server.admin.password), "somebody": SOMEBODY}
        cookies = {who: cookie(server.url, *person) for who, person in people.items()}
        server.stop()
        yield Laid(server.data, cookies)


def cookie(url: str, name: str, password: str) -> str:
    browser = Browser()
    browser.submit(browser.get(f"{url}/sign-in"), "/sign-in", name=name, password=password)
    return "; ".join(f"{key}={value}" for key, value in browser.cookies["127.0.0.1"].items())


@pytest.fixture
def _hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """No time at all, and short pieces: every page stops as early as it may."""
    monkeypatch.setattr(service, "BUDGET", 0.0)
    monkeypatch.setattr(repositories, "PATIENCE", 0.0)
    monkeypatch.setattr(repositories, "FEW", 0)
    for module, name in (
        (scanning, "LEAST_CHUNK"),
        (scanning, "CHUNK"),
        (narrow, "_REPOSITORIES"),
        (narrow, "_LONGEST"),
        (walking, "_LEAST"),
        (walking, "_MOST"),
        (walking, "_LONGEST"),
    ):
        monkeypatch.setattr(module, name, 2)


def walked(laid: Laid, who: str, path: str) -> list[str]:
    """The pages from this one on, by the links that they offer."""

    async def work() -> list[str]:
        services = await build(Settings(data=laid.data), DataDirectory(laid.data))
        pages, at = [], path
        try:
            while at:
                status, body = await asked(services.rooms, at, laid.cookies[who])
                assert status == 200
                pages.append(html.unescape((gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body).decode()))
                onward = re.search(r'<a [^>]*href="([^"]*[?&]after=[^"]*)"[^>]*>(?:Search on|More|Next)', pages[-1])
                at = onward[1] if onward else ""
                assert len(pages) < 60, "the pages end"
            return pages
        finally:
            await services.close()

    return asyncio.run(work())


@pytest.mark.usefixtures("_hurried")
@pytest.mark.parametrize("who", ["administrator", "somebody"])
@pytest.mark.parametrize("words", ["q=app-&kind=repository", "q=pp-&kind=repository&match=substring"])
def test_a_search_goes_on_to_its_end(laid: Laid, who: str, words: str) -> None:
    pages = walked(laid, who, f"/search?{words}&limit=25")
    found = [path for page in pages for path in re.findall(r'<a href="/r/([^"]+)"', page.partition('id="rows"')[2])]
    assert sorted(found) == sorted(MINE), "each once"
    assert who == "administrator" or not any("of-others" in page for page in pages)
    stops = who != "administrator" or "substring" in words  # what begins so, an administrator finds by an index
    assert any("Search on" in page for page in pages) == stops
    assert "Search on" not in pages[-1]
    assert "A page stops after 150 ms" not in pages[-1]


@pytest.mark.usefixtures("_hurried")
@pytest.mark.parametrize("who", ["administrator", "somebody"])
@pytest.mark.parametrize("order", ["name", "-pushed", "-size"])
def test_a_text_among_repositories_goes_on_to_its_end(laid: Laid, who: str, order: str) -> None:
    pages = walked(laid, who, f"/n?view=flat&sort={order}&q=app-&limit=25")
    found = [path for page in pages for path in re.findall(r'href="/r/([^"/]+/mine/app-\d)"', page)]
    assert sorted(dict.fromkeys(found)) == sorted(MINE)
    assert who == "administrator" or not any("of-others" in page for page in pages)
    assert "Search on" not in pages[-1]
