"""Several tags at once on pages: looked at, done by one job, told tag by tag, and taken back."""

from __future__ import annotations

import html
import re
import time
from collections.abc import Iterator
from typing import Any

import pytest
from tests.browser.filled import Pusher, push_image
from tests.browsing import Browser, Page
from tests.console.conftest import Place as House
from tests.serving import pause, running_server
from tests.wire.client import Connection

REPO = "bulk/app"
AT = f"/r/{REPO}"
TAGS = f"{AT}/-/tags"


class Desk:
    """A repository with tags, and its administrator's browser."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.url = house.url
        self.browser = Browser()
        admin = house.server.admin
        page = self.browser.get(f"{self.url}/sign-in")
        assert self.browser.submit(page, "/sign-in", name=admin.username, password=admin.password).status == 303
        self.connection = Connection(house.server.port, {"Authorization": admin.basic})

    def pusher(self, repository: str = REPO) -> Pusher:
        return Pusher(self.connection, repository)

    def get(self, path: str) -> Page:
        page = self.browser.get(self.url + path)
        assert page.status == 200, (path, page.status, page.text[-600:])
        return page

    def ask(self, do: str, picks: list[str], query: str = "", **more: str) -> Page:
        """Pick tags, press a button; gives the page that looks at it."""
        answer = self.press(do, picks, query, **more)
        assert answer.status == 303, answer.text[-800:]
        return self.browser.follow(answer)

    def press(self, do: str, picks: list[str], query: str = "", **more: str) -> Page:
        """Pick tags, and press a button."""
        fields = self.get(TAGS + query).forms()[f"{AT}/-/selected"]
        asked: dict[str, Any] = {**fields, "do": do, "pick": picks, **more}
        return self.browser.post(f"{self.url}{AT}/-/selected", asked)

    def begin(self, page: Page, **values: str) -> Page:
        """Let it be done, and wait until it is."""
        action = next(each for each in page.forms() if each.endswith(("/start", "/undo")))
        answer = self.browser.submit(page, action, **values)
        assert answer.status == 303, answer.text[-1500:]
        return self.ended(answer.location)

    def ended(self, url: str) -> Page:
        deadline = time.monotonic() + 60
        while "Ended" not in (page := self.browser.get(url)).text:
            assert time.monotonic() < deadline, page.text[-2000:]
            pause(0.2)
        return page

    def digests(self, repository: str = REPO) -> dict[str, str]:
        """Every tag, and what it points to."""
        found = self.house.api("GET", f"/repositories/{repository.replace('/', '~1')}/tags?limit=200")
        return {each["name"]: each["digest"] for each in found["items"]}


def outcomes(page: Page) -> dict[str, str]:
    """What became of each tag, or would."""
    rows = re.findall(r'<tr>\s*<th scope="row">(.*?)</tr>', page.text, re.DOTALL)
    found = {}
    for row in rows:
        name = re.search(r'<bdi class="clip">([^<]+)</bdi>', row)
        said = re.findall(r'<span class="badge[^"]*">(?:<svg.*?</svg>)?([^<]+)</span>', row, re.DOTALL)
        assert name is not None
        found[name[1]] = said[-1]
    return found


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with running_server(tmp_path_factory.mktemp("several")) as server:
        desk = Desk(House(server))
        for tag in ("a1", "a2", "a3", "b1", "b2", "moves", "kept-1"):
            push_image(desk.pusher(), tag)
        desk.house.api("PUT", "/settings/immutable", {"path": REPO, "value": "kept-*"})
        yield desk
        desk.connection.close()


def test_what_is_deleted_is_what_was_looked_at_and_comes_back(desk: Desk) -> None:
    before = desk.digests()
    looked = desk.ask("delete", ["a1", "a2", "moves", "kept-1"])
    assert outcomes(looked) == {"a1": "deleted", "a2": "deleted", "moves": "deleted", "kept-1": "stays"}
    assert "immutable" in looked.text
    assert desk.digests() == before, "looking changes nothing"
    push_image(desk.pusher(), "moves", seed="again")
    moved = desk.digests()["moves"]
    done = desk.begin(looked)
    assert outcomes(done) == {"a1": "changed", "a2": "changed", "moves": "left", "kept-1": "stays"}
    assert set(desk.digests()) == set(before) - {"a1", "a2"}
    assert desk.digests()["moves"] == moved
    push_image(desk.pusher(), "a2", seed="anew")
    anew = desk.digests()["a2"]
    back = desk.begin(done)
    assert outcomes(back) == {"a1": "taken back", "a2": "left"}
    assert desk.digests()["a1"] == before["a1"]
    assert desk.digests()["a2"] == anew
    again = desk.browser.get(done.url)
    assert "It was taken back by" in again.text
    assert not any(each.endswith("/undo") for each in again.forms())
    twice = desk.browser.post(done.url + "/undo", {**done.forms()["/sign-out"]})
    assert twice.status in (400, 409)


def test_tags_are_labelled_and_the_label_is_taken_back(desk: Desk) -> None:
    before = desk.digests()
    looked = desk.ask("label", ["b1", "b2", "kept-1"])
    assert outcomes(looked) == {"b1": "labelled", "b2": "labelled", "kept-1": "stays"}
    action = next(each for each in looked.forms() if each.endswith("/start"))
    assert desk.browser.submit(looked, action, name="", text="x").status == 400
    done = desk.begin(desk.browser.get(looked.url), name="org.example.stage", text="<b>done</b>")
    assert outcomes(done) == {"b1": "changed", "b2": "changed", "kept-1": "stays"}
    page = desk.get(f"{TAGS}/b1?view=config")
    assert "org.example.stage" in page.text
    assert "<b>done</b>" not in page.text
    assert desk.digests()["b1"] != before["b1"]
    back = desk.begin(done)
    assert outcomes(back) == {"b1": "taken back", "b2": "taken back"}
    assert desk.digests() == before


def test_tags_are_promoted_and_taken_back(desk: Desk) -> None:
    push_image(desk.pusher("bulk/stable"), "b2", seed="other")
    old = desk.digests("bulk/stable")
    looked = desk.ask("promote", ["b1", "b2"])
    action = next(each for each in looked.forms() if each.endswith("/start"))
    for wrong in ("", "No/Name", REPO):
        assert desk.browser.submit(desk.browser.get(looked.url), action, target=wrong).status == 400
    done = desk.begin(desk.browser.get(looked.url), target="bulk/stable")
    assert desk.digests("bulk/stable") == {tag: desk.digests()[tag] for tag in ("b1", "b2")}
    back = desk.begin(done)
    assert outcomes(back) == {"b1": "taken back", "b2": "taken back"}
    assert desk.digests("bulk/stable") == old


def test_tags_get_other_names_as_the_preview_shows_and_lose_them_again(desk: Desk) -> None:
    push_image(desk.pusher(), "rc-2", seed="two")
    push_image(desk.pusher(), "rc-1", seed="one")
    push_image(desk.pusher(), "v2", seed="taken")
    old = desk.digests()
    asked = desk.ask("retag", ["rc-1", "rc-2", "b1"])
    assert not any(each.endswith("/start") for each in asked.forms()), "the names come first"
    rename = next(each for each in asked.forms() if each.endswith("/rename"))
    wrong = desk.browser.submit(asked, rename, match="rc-*", pattern="v")
    assert wrong.status == 400
    assert 'value="rc-*"' in wrong.text
    looked = desk.browser.follow(desk.browser.submit(desk.browser.get(asked.url), rename, match="rc-*", pattern="<b>*"))
    assert "<b>1" not in looked.text
    assert set(outcomes(looked).values()) == {"stays"}
    again = next(each for each in looked.forms() if each.endswith("/rename"))
    shown = desk.browser.follow(desk.browser.submit(looked, again, match="rc-*", pattern="v*"))
    assert outcomes(shown) == {"rc-1": "retagged", "rc-2": "stays", "b1": "stays"}
    for told in ('<bdi class="mono">v1</bdi>', "There is a tag v2 already", "Its name is not like rc-*"):
        assert told in shown.text
    assert desk.digests() == old
    done = desk.begin(shown)
    assert desk.digests() == {**old, "v1": old["rc-1"]}
    assert outcomes(desk.begin(done)) == {"rc-1": "taken back"}
    assert desk.digests() == old


def test_tags_are_protected_by_a_rule_for_exactly_them(desk: Desk) -> None:
    def rules() -> str:
        return str(desk.house.api("GET", f"/settings/immutable?path={REPO}")["value"])

    looked = desk.ask("protect", ["b1", "kept-1"])
    assert outcomes(looked) == {"b1": "protected", "kept-1": "stays"}
    assert "kept-*; b1" in looked.text
    done = desk.begin(looked)
    assert rules() == "kept-*; b1"
    refused = desk.begin(desk.ask("delete", ["b1", "b2"]))
    assert outcomes(refused) == {"b1": "stays", "b2": "changed"}
    desk.begin(refused)
    assert outcomes(desk.begin(done)) == {"b1": "taken back"}
    assert rules() == "kept-*"


def test_all_that_match_are_changed_and_no_more_however_many(desk: Desk) -> None:
    data = push_image(desk.pusher(), "many-0")
    for number in range(1, 106):
        desk.pusher().manifest(data, f"many-{number}")
    looked = desk.get(f"{TAGS}?glob=many-*&limit=25")
    assert "All that match, not only this page" in looked.text
    fields = looked.forms()[f"{AT}/-/selected"]
    desk.pusher().manifest(data, "many-later")
    sent = {**fields, "do": "delete", "all": "1"}
    page = desk.browser.follow(desk.browser.post(f"{desk.url}{AT}/-/selected", sent))
    assert page.status == 200, page.text[-500:]
    assert "Delete 106 tags" in page.text
    assert "pushed since you looked" in page.text
    assert 'rel="next"' in page.text
    action = next(each for each in page.forms() if each.endswith("/start"))
    assert desk.browser.submit(page, action).status == 400
    done = desk.begin(desk.browser.get(page.url), typed=REPO)
    assert [tag for tag in desk.digests() if tag.startswith("many-")] == ["many-later"]
    last = desk.browser.get(f"{done.url}?show=done&limit=25&after=many-60")
    assert len(outcomes(last)) == 25
    assert desk.browser.get(f"{done.url}?show=burnt").status == 400
    desk.begin(done)
    assert len([tag for tag in desk.digests() if tag.startswith("many-")]) == 107


def _signed_in(desk: Desk, name: str, role: str) -> Browser:
    desk.house.api("POST", "/users", {"name": name, "password": "a-long-enough-password"})
    desk.house.api("POST", "/grants", {"subject": f"user:{name}", "role": role, "scope": "**"})
    browser = Browser()
    page = browser.get(f"{desk.url}/sign-in")
    assert browser.submit(page, "/sign-in", name=name, password="a-long-enough-password").status == 303
    return browser


def test_changes_are_listed_for_who_looked_at_them_and_who_owns_the_place(desk: Desk) -> None:
    looked = desk.ask("protect", ["b1"])
    way = looked.url.removeprefix(desk.url)
    listed = desk.get(f"/changes?path={REPO}&state=looked+at").text
    assert f'href="{way}"' in listed
    assert "Protect 1 tag" in listed
    assert 'href="/changes"' in desk.get("/jobs").text
    assert f'href="/changes?path={REPO}"' in desk.get(f"{AT}/-/history").text
    owner, maintainer = _signed_in(desk, "owning", "owner"), _signed_in(desk, "keeping", "maintainer")
    assert way in owner.get(f"{desk.url}/changes").text
    assert way not in maintainer.get(f"{desk.url}/changes").text
    assert "No bulk changes" in maintainer.get(f"{desk.url}/changes").text
    page = owner.get(looked.url)
    assert page.status == 200
    assert "alone can let it be done" in page.text
    assert f"{way}/start" not in page.forms()
    assert owner.submit(looked, f"{way}/start").status == 403
    wrong = desk.browser.get(f"{desk.url}/changes?path=No/Name")
    assert (wrong.status, 'aria-invalid="true"' in wrong.text) == (400, True)
    assert desk.browser.get(f"{desk.url}/changes?state=none").status == 400
    for _ in range(26):
        desk.ask("protect", ["b1"])
    first = desk.get("/changes?limit=25")
    on = re.search(r'rel="next" href="([^"]+)"', first.text)
    assert on is not None
    second = desk.get(html.unescape(on[1]))
    back = re.search(r'rel="prev" href="([^"]+)"', second.text)
    assert back is not None
    ways = [re.findall(rf'href="({AT}/-/changes/\d+)"', page.text) for page in (first, second)]
    assert (len(ways[0]), set(ways[0]) & set(ways[1])) == (25, set())
    assert re.findall(rf'href="({AT}/-/changes/\d+)"', desk.get(html.unescape(back[1])).text) == ways[0]


def test_whoever_did_not_ask_is_told_nothing_of_it(desk: Desk) -> None:
    looked = desk.ask("delete", ["b1"])
    other = _signed_in(desk, "other", "maintainer")
    assert other.get(looked.url).status == 404
    assert desk.browser.get(looked.url.replace("bulk/app", "bulk/stable")).status == 404
    assert desk.browser.get(f"{desk.url}{AT}/-/changes/999999").status == 404
    assert desk.browser.get(f"{desk.url}{AT}/-/changes/x").status == 404
    assert desk.press("burn", ["b1"]).status == 400
    assert desk.press("delete", ["never-was"]).status == 400
