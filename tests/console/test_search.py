"""The search page and what the palette asks for: the rights of the API, links that lead somewhere, hostile words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import quote, urlencode

import pytest
from tests.browser.filled import HOSTILE, REPOSITORY, Filled, fill
from tests.browsing import Browser, Page
from tests.serving import running_server


class Searching:
    """A filled registry, searched by its people."""

    def __init__(self, filled: Filled) -> None:
        self.filled = filled
        self._browsers: dict[str, Browser] = {}

    def get(self, path: str, who: str = "administrator") -> Page:
        browser = self._browsers.get(who) or self._browsers.setdefault(who, self._signed_in(who))
        return browser.get(self.filled.server.url + path)

    def find(self, words: str, who: str = "administrator", **more: str) -> list[str]:
        """Where the links lead that are found."""
        page = self.get(f"/search?{urlencode({'q': words, **more})}", who)
        assert page.status == 200, page.text
        return links(page)

    def suggest(self, words: str, who: str = "administrator") -> list[str]:
        page = self.get(f"/search/suggest?q={quote(words)}", who)
        assert page.status == 200, page.text
        return links(page)

    def _signed_in(self, who: str) -> Browser:
        browser = Browser()
        if who:
            person = self.filled.people[who]
            page = browser.get(f"{self.filled.server.url}/sign-in")
            browser.submit(page, "/sign-in", name=person.username, password=person.password)
        return browser


def links(page: Page) -> list[str]:
    main = page.text.partition('id="rows"')[2] or page.text
    return re.findall(r'<a href="([^"]+)"', main.partition("<footer")[0])


@pytest.fixture(scope="module")
def searching(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Searching]:
    with running_server(
        tmp_path_factory.mktemp("search"), env={"HOLDFAST_ALLOW_PRIVATE_TARGETS": "127.0.0.0/8"}
    ) as server:
        yield Searching(fill(server))


@pytest.mark.parametrize(
    ("words", "href"),
    [
        ("team/app", "/r/team/app"),
        ("app", "/r/team/app"),
        ("team", "/n/team"),
        ("too", "/n/team/tools"),
        ("team/noth", "/n/team/nothing"),
        ("Nothing", "/n/team/nothing"),
        ("v1.10", "/r/team/app/-/tags/v1.10"),
        ("team/app:v1.9", "/r/team/app/-/tags/v1.9"),
        ("127.0.0.1:5000/team/app:v1.9", "/r/team/app/-/tags/v1.9"),
        ("team=red", "/r/team/app"),
        ("owner", "/admin/users/owner"),
        ("admin", "/me"),
        ("team+c", "/n/team/-/access"),
    ],
)
def test_what_is_found(searching: Searching, words: str, href: str) -> None:
    assert href in searching.find(words)
    assert href in searching.suggest(words)


def test_digests_and_parts_of_them(searching: Searching) -> None:
    digest = searching.filled.names["digest"]
    href = f"/r/{REPOSITORY}/-/digests/{digest.replace(':', '%3A')}"
    for words in (digest, digest.partition(":")[2][:12], f"team/app@{digest}"):
        assert href in searching.find(words), words
    assert href not in searching.find(digest.partition(":")[2][:6]), "fewer digits are a word"


def test_jobs_and_requests_by_who_may_see_them(searching: Searching) -> None:
    job = searching.filled.names["job"]
    assert f"/jobs/{job}" in searching.find(job)
    assert f"/jobs/{job}" in searching.find(f"job {job}", "operator")
    assert f"/jobs/{job}" not in searching.find(f"job {job}", "writer")
    changed = searching.get("/search?q=team").headers["X-Request-Id"]
    assert f"/audit?request={changed}" not in searching.find(changed), "it changed nothing"


def test_nobody_finds_what_he_may_not_see(searching: Searching) -> None:
    for words in ("team", "v1", "owner", searching.filled.names["digest"], "team+ci", searching.filled.names["job"]):
        for who in ("", "stranger"):
            found = searching.find(words, who) + searching.suggest(words, who)
            assert all("/r/open/base" in href or "/n/open" in href or href.startswith("/search?") for href in found), (
                found
            )
    assert "/r/open/base" in searching.find("open", "")
    assert "/n/team/nothing" in searching.find("nothing", "reader")
    assert "/n/team/nothing" not in searching.find("nothing", "stranger") + searching.suggest("nothing", "")
    assert searching.find("owner", "reader") == ["/search?q=owner&amp;match=substring"]


def test_one_kind_and_anywhere(searching: Searching) -> None:
    assert {href.partition("/-/")[2].partition("/")[0] for href in searching.find("v1", kind="tag")} == {"tags"}
    assert "/r/team/app" not in searching.find("eam/ap")
    assert "/r/team/app" in searching.find("eam/ap", match="substring")


def test_a_list_goes_on(searching: Searching) -> None:
    first = searching.get("/search?q=v1&kind=tag&limit=25")
    seen = links(first)
    following = [href for href in re.findall(r'href="([^"]+)"', first.text) if "after=" in href]
    for href in following:
        seen += links(searching.get(href.replace("&amp;", "&")))
    assert len(set(seen) - set(following)) >= 6


def test_wrong_questions_are_answered_on_the_page(searching: Searching) -> None:
    for query in ("q=x&kind=nothing", "q=x&match=nothing", "q=x&after=%7B", "q=x&limit=7", "q=" + "x" * 600):
        page = searching.get(f"/search?{query}")
        assert page.status == 400, query
        assert "<h1" in page.text
    assert searching.get("/search/suggest?q=" + "x" * 600).status == 200


@pytest.mark.parametrize("words", [text for text in HOSTILE if text.isprintable() and len(text) <= 256])
def test_hostile_words_stay_words(searching: Searching, words: str) -> None:
    page = searching.get(f"/search?q={quote(words)}")
    assert page.status == 200
    assert "<svg onload" not in page.text
    assert "<script>alert" not in page.text
    assert 'hx-get="' not in page.text
    assert "49" not in page.text.partition("<main")[2].partition('id="rows"')[0]
