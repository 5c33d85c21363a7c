"""History as people see it: what happened, how it stood, what a restore does, and that it does what was shown."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from tests.browser.filled import HOSTILE, Pusher, push_image
from tests.browsing import Browser, Page
from tests.console.conftest import Place
from tests.management.api import Asker, segment


class Desk:
    """A registry in which people push, and browsers of theirs."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.url = place.url
        server = place.server
        self.admin = Asker.named(server, server.admin.username, server.admin.password)
        self.browsers = {"admin": self._signed_in(server.admin.username, server.admin.password)}

    def person(self, name: str, role: str, scope: str) -> Browser:
        """Somebody with a role; the browser he is signed in with."""
        if name not in self.browsers:
            secret = f"{name} pass phrase of the tests"
            self.admin.do(201, "POST", "/users", {"name": name, "password": secret})
            self.admin.do(201, "POST", "/grants", {"subject": f"user:{name}", "role": role, "scope": scope})
            self.browsers[name] = self._signed_in(name, secret)
        return self.browsers[name]

    def push(self, repository: str, tag: str, seed: str) -> None:
        push_image(Pusher(self.admin.connection, repository), tag, layers=2, seed=seed)

    def tags(self, repository: str) -> dict[str, str]:
        """Tags and digests, as the API says them."""
        found = self.admin.do(200, "GET", f"/history/tags?repository={repository}&limit=1000")
        return {each["tag"]: each["digest"] for each in found["items"]}

    def now(self) -> str:
        """This instant, as the API writes it."""
        return str(self.admin.do(200, "GET", "/history/tags?repository=past/app")["at"])

    def get(self, path: str, who: str = "admin") -> Page:
        return self.browsers[who].get(f"{self.url}{path}")

    def _signed_in(self, name: str, secret: str) -> Browser:
        browser = Browser()
        page = browser.get(f"{self.url}/sign-in")
        assert browser.submit(page, "/sign-in", name=name, password=secret).status == 303
        return browser


@pytest.fixture(scope="module")
def desk(place: Place) -> Iterator[Desk]:
    desk = Desk(place)
    desk.push("past/app", "v1", "a")
    desk.push("past/app", "v1", "b")
    desk.push("past/app", "gone", "c")
    Pusher(desk.admin.connection, "past/app").delete("gone")
    desk.push("past/other", "v1", "a")
    yield desk
    desk.admin.close()


RESTORE = "/r/past/app/-/history/restore"


def effects(page: Page) -> dict[str, str]:
    """What a preview says of each tag."""
    found = {}
    for row in page.text.split("<tr>"):
        tag = re.search(r'<bdi class="name clip">([^<]+)</bdi>', row)
        effect = re.search(r'data-name="Effect"><span class="badge[^"]*"><svg[^>]*>.*?</svg>([A-Za-z ]+)</span>', row)
        if tag and effect:
            found[tag[1]] = effect[1]
    return found


def undo_of(page: Page) -> str:
    """Where the toast of the page that follows undoes what was done."""
    found = re.search(r'class="toast".*?<a href="([^"]+)">Undo', page.text, re.DOTALL)
    assert found, page.text[-800:]
    return found[1].replace("&amp;", "&")


def test_changes_are_told_newest_first_with_who_and_where_to(desk: Desk) -> None:
    page = desk.get("/r/past/app/-/history")
    assert page.status == 200
    words = re.findall(r"</svg>(Created|Moved|Deleted)</span>", page.text)
    assert words == ["Deleted", "Created", "Moved", "Created"]
    assert "/r/past/app/-/compare?a=sha256%3A" in page.text
    assert "<svg" in page.text
    assert "30 days" in page.text
    assert ">admin<" in page.text


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("tags=g*", ["Deleted", "Created"]),
        ("action=moved", ["Moved"]),
        ("actor=admin", ["Deleted", "Created", "Moved", "Created"]),
        ("actor=nobody", []),
        ("since=1+h+ago&until=30+min+ago", []),
    ],
)
def test_filters_narrow_it(desk: Desk, query: str, words: list[str]) -> None:
    page = desk.get(f"/r/past/app/-/history?{query}")
    assert page.status == 200
    assert re.findall(r"</svg>(Created|Moved|Deleted)</span>", page.text) == words


@pytest.mark.parametrize("query", ["tags=%5B", "action=eaten", "since=soon", "until=2999-01-01", "at=soon"])
def test_what_cannot_be_read_is_said_beside_its_field(desk: Desk, query: str) -> None:
    page = desk.get(f"/r/past/app/-/history?{query}")
    assert page.status == 400
    assert 'class="error"' in page.text


def test_pages_go_on_where_the_last_one_ended(desk: Desk) -> None:
    for number in range(30):
        desk.push("past/many", f"t{number}", str(number % 3))
    page = desk.get("/n/past/-/history?limit=25&tags=t*")
    seen = re.findall(r"/r/past/many/-/tags/(t\d+)", page.text)
    following = re.search(r'rel="next" href="([^"]+)"', page.text)
    assert following
    rest = desk.get(following[1].replace("&amp;", "&"))
    seen += re.findall(r"/r/past/many/-/tags/(t\d+)", rest.text)
    assert seen == [f"t{number}" for number in reversed(range(30))]


def test_an_instant_that_is_told_by_now_becomes_one_that_stays(desk: Desk) -> None:
    page = desk.get("/r/past/app/-/history?at=1+h+ago")
    assert page.status == 303
    at = parse_qs(urlsplit(page.location).query)["at"][0]
    assert at.endswith("Z")
    then = desk.get(f"/r/past/app/-/history?at={at}")
    assert "There was no tag then" in then.text
    assert "You look at" in then.text
    assert 'href="/r/past/app/-/history">Back to now' in then.text


def test_tags_are_shown_as_they_stood_beside_today(desk: Desk) -> None:
    before = desk.now()
    stood = desk.tags("past/app")
    desk.push("past/app", "v1", "later")
    desk.push("past/app", "young", "later")
    page = desk.get(f"/r/past/app/-/history?at={before}")
    assert stood["v1"] in page.text
    assert desk.tags("past/app")["v1"] in page.text
    assert "young" not in page.text
    below = desk.get(f"/n/past/-/history?at={before}")
    assert re.findall(r"</svg>(Created|Moved|Deleted)</span>", below.text) == ["Moved", "Created"]


def test_a_restore_does_what_its_preview_showed_and_is_undone_by_its_toast(desk: Desk) -> None:
    desk.push("past/app", "kept", "k")
    before, stood = desk.now(), desk.tags("past/app")
    desk.push("past/app", "v1", "wrong")
    desk.push("past/app", "born", "later")
    Pusher(desk.admin.connection, "past/app").delete("kept")
    wrong = desk.tags("past/app")
    browser = desk.browsers["admin"]
    page = desk.get(f"{RESTORE}?at={before}")
    assert effects(page) == {"kept": "Make again", "v1": "Move back"}
    assert "born" in page.text
    assert "Stays" in page.text
    exact = desk.get(f"{RESTORE}?at={before}&exact=1")
    assert effects(exact) == {"born": "Remove", "kept": "Make again", "v1": "Move back"}
    done = browser.submit(exact, RESTORE)
    assert done.status == 303, done.text
    assert desk.tags("past/app") == stood
    after = browser.follow(done)
    assert "1 made again, 1 moved back, 1 removed" in after.text
    undo = desk.get(undo_of(after))
    assert browser.submit(undo, RESTORE).status == 303
    assert desk.tags("past/app") == wrong


def test_a_stale_preview_is_refused_with_what_changed_and_the_new_one(desk: Desk) -> None:
    before = desk.now()
    desk.push("past/app", "v1", "wrong again")
    page = desk.get(f"{RESTORE}?at={before}")
    desk.push("past/app", "meanwhile", "m")
    stood = desk.tags("past/app")
    refused = desk.browsers["admin"].submit(page, RESTORE)
    assert refused.status == 409
    assert "nothing was done" in refused.text
    assert "past/app:meanwhile" in refused.text
    assert desk.tags("past/app") == stood
    assert desk.browsers["admin"].submit(refused, RESTORE).status == 303
    assert "meanwhile" in desk.tags("past/app")


def test_what_is_immutable_blocks_and_may_be_skipped(desk: Desk) -> None:
    desk.push("past/fixed", "v1", "a")
    desk.push("past/fixed", "dev", "a")
    before = desk.admin.do(200, "GET", "/history/tags?repository=past/fixed")["at"]
    desk.push("past/fixed", "v1", "b")
    desk.push("past/fixed", "dev", "b")
    desk.admin.do(200, "PUT", "/settings/immutable", {"path": "past/fixed", "value": "v*"})
    page = desk.get(f"/r/past/fixed/-/history/restore?at={before}")
    assert effects(page)["v1"] == "Cannot"
    assert "immutable" in page.text
    assert "fingerprint" not in page.text
    skipping = desk.get(f"/r/past/fixed/-/history/restore?at={before}&skip=1")
    done = desk.browsers["admin"].submit(skipping, "/r/past/fixed/-/history/restore")
    assert done.status == 303
    assert "1 left as they are" in desk.browsers["admin"].follow(done).text


def test_more_than_a_hundred_changes_need_the_name(desk: Desk) -> None:
    before = desk.now()
    image = push_image(Pusher(desk.admin.connection, "past/wide"), "t0", layers=2, seed="w")
    for number in range(1, 102):
        Pusher(desk.admin.connection, "past/wide").manifest(image, f"t{number}")
    where = "/n/past/-/history/restore"
    page = desk.get(f"{where}?at={before}&exact=1&tags=t*")
    assert "Write past to confirm" in page.text
    browser = desk.browsers["admin"]
    refused = browser.submit(page, where, confirm="pasta")
    assert refused.status == 400
    assert len(desk.tags("past/wide")) == 102
    assert browser.submit(refused, where, confirm="past").status == 303
    assert desk.tags("past/wide") == {}


def test_a_reader_looks_and_changes_nothing(desk: Desk) -> None:
    browser = desk.person("looker", "reader", "past/**")
    page = browser.get(f"{desk.url}/r/past/app/-/history")
    assert page.status == 200
    assert "Restore" not in page.text
    assert ">admin<" not in page.text, "who did it is told to who may change tags"
    before = desk.now()
    desk.push("past/app", "v1", "for the reader")
    preview = browser.get(f"{desk.url}{RESTORE}?at={before}")
    assert effects(preview) == {"v1": "Cannot"}
    mark = browser.get(f"{desk.url}/me").forms()["/sign-out"]["form"]
    stood = desk.tags("past/app")
    assert browser.post(f"{desk.url}{RESTORE}", {"form": mark, "at": before, "fingerprint": "1.x"}).status == 409
    assert desk.tags("past/app") == stood


def test_who_sees_nothing_of_it_is_told_nothing(desk: Desk) -> None:
    browser = desk.person("stranger", "reader", "elsewhere/**")
    for path in ("/r/past/app/-/history", "/n/past/-/history", RESTORE + "?at=1+h+ago", "/r/past/app/-/deleted"):
        assert browser.get(f"{desk.url}{path}").status == 404


def test_what_was_deleted_comes_back(desk: Desk) -> None:
    desk.push("past/bin", "v1", "bin")
    stood = desk.tags("past/bin")
    Pusher(desk.admin.connection, "past/bin").delete("v1")
    page = desk.get("/r/past/bin/-/deleted")
    assert ":v1" in page.forms()["/r/past/bin/-/deleted"]["reference"]
    done = desk.browsers["admin"].submit(page, "/r/past/bin/-/deleted")
    assert done.status == 303, done.text
    assert desk.tags("past/bin") == stood
    desk.admin.do(200, "DELETE", f"/repositories/{segment('past/bin')}")
    gone = desk.get("/n/past/-/deleted")
    assert "past/bin" in gone.text
    back = desk.browsers["admin"].submit(gone, "/n/past/-/deleted")
    assert back.status == 303
    assert desk.tags("past/bin") == stood
    wrong = desk.browsers["admin"].submit(gone, "/n/past/-/deleted", name="other/bin")
    assert wrong.status in (400, 409)


def test_hostile_text_stays_text(desk: Desk) -> None:
    for text in HOSTILE[:5]:
        for path in ("/r/past/app/-/history", "/n/past/-/history", RESTORE):
            for field in ("tags", "actor", "at", "tag"):
                page = desk.browsers["admin"].get(f"{desk.url}{path}?{field}={quote(text, safe='')}")
                assert page.status in (200, 400)
                assert "<svg onload" not in page.text
                assert "<script>alert" not in page.text
                assert ' hx-get="/me"' not in page.text
                assert "49" not in re.findall(r'value="([^"]*)"', page.text)
