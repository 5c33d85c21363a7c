"""The page of a refusal: the same whether a name is hidden or not there, and it says what one can do about it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.browser.filled import EMPTY, REPOSITORY, fill
from tests.console.test_routes import PRIVATE, Place
from tests.serving import running_server


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with running_server(tmp_path_factory.mktemp("refusals"), env=PRIVATE) as server:
        yield Place(fill(server))


def said(place: Place, who: str, path: str) -> str:
    """What the page says, without what is told of this one request and of its address."""
    page = place.browsers[who].get(f"{place.url}{path}")
    assert page.status == 404
    words = page.text.split("<main", 1)[1].split("</main>", 1)[0]
    return "\n".join(line for line in words.splitlines() if 'class="meta"' not in line)


@pytest.mark.parametrize("page", ["", "/-/tags", "/-/history", "/-/access"])
def test_a_hidden_repository_is_answered_as_one_that_is_not_there(place: Place, page: str) -> None:
    hidden, absent = (said(place, "stranger", f"/r/{name}{page}") for name in (REPOSITORY, "team/zzz"))
    assert hidden.replace("%2Fapp", "%2Fzzz").replace("team/app", "team/zzz") == absent


def test_whoever_is_refused_may_ask_why_and_for_access(place: Place) -> None:
    words = said(place, "stranger", f"/r/{EMPTY}/-/tags")
    assert "/explain?action=pull&amp;repository=team%2Fempty" in words
    assert "/access-requests/new?action=pull&amp;repository=team%2Fempty" in words
    asked = place.browsers["stranger"].get(f"{place.url}/access-requests/new?action=pull&repository=team%2Fempty")
    assert asked.status == 200
    explained = place.browsers["stranger"].get(f"{place.url}/explain?action=pull&repository=team%2Fempty")
    assert explained.status == 200
    assert "Denied" in explained.text


def test_whoever_is_not_signed_in_is_led_to_sign_in_and_back(place: Place) -> None:
    page = place.browsers[""].get(f"{place.url}/r/{REPOSITORY}/-/tags?sort=name")
    assert page.status == 303
    assert page.headers["Location"] == "/sign-in?next=/r/team/app/-/tags%3Fsort%3Dname"
