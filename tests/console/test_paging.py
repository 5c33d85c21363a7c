"""Every list goes on and back: the way back shows what the way on showed, page by page."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

import pytest
from tests.browser.filled import Pusher, push_image
from tests.browsing import Browser
from tests.console.conftest import Place
from tests.serving import running_server
from tests.wire.client import Connection
from tests.wire.content import referrer

REPO = "long/app"
ROWS = 60
LISTS = (
    "/admin/users?",
    "/admin/users?q=person&",
    "/admin/groups?",
    "/admin/groups/crowd?",
    "/n/long/-/access/robots?",
    "/n/long/-/access?",
    "/n/long/-/access/invitations?",
    "/n/long/-/access/who?",
    "/r/long/app/-/history?",
    "/n/long/-/history?",
    "/r/long/app/-/deleted?",
    "/r/long/app/-/tags/v-59?view=history&",
    "/r/long/app/-/tags?",
    "/r/long/app/-/uploads?",
    "/uploads?",
    "/n?view=flat&",
)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with running_server(tmp_path_factory.mktemp("long")) as server:
        place = Place(server)
        connection = Connection(server.port, {"Authorization": server.admin.basic})
        fill(place, Pusher(connection, REPO))
        connection.close()
        yield place


def fill(place: Place, pusher: Pusher) -> None:
    """So many of everything that each list has three pages of 25."""
    place.api("POST", "/groups", {"name": "crowd"})
    for at in range(ROWS):
        name = f"person-{at:02}"
        place.api("POST", "/users", {"name": name})
        place.api("PUT", f"/groups/crowd/members/user:{name}")
        place.api("POST", "/groups", {"name": f"group-{at:02}"})
        place.api("POST", "/robots", {"namespace": "long", "name": f"robot-{at:02}"})
        place.api("POST", "/grants", {"subject": f"user:{name}", "role": "reader", "scope": "long/**"})
        place.api("POST", "/repositories", {"name": f"long/made-{at:02}"})
        place.api("POST", "/invitations", {"scope": "long/**", "role": "reader"})
    image = push_image(pusher, "v")
    pusher.blob(b"{}")
    for at in range(ROWS):
        pusher.manifest(image, f"v-{at}")
        pusher.manifest(image, f"gone-{at}")
        pusher.delete(f"gone-{at}")
        pusher.manifest(referrer(image, artifactType="application/vnd.example", annotations={"at": str(at)}))
        pusher.upload(b"begun")
    for at in range(ROWS):
        pusher.manifest(push_image(pusher, "v-59", seed="a" if at % 2 else "b"), "v-59")


def rows(text: str) -> list[str]:
    """What tells the rows of a page apart."""
    body = text.partition("<main")[2].partition("</main>")[0]
    found = re.findall(r"<tr>(.*?)</tr>", body, re.DOTALL)[1:] or re.findall(r"<li>(.*?)</li>", body, re.DOTALL)
    return [re.sub(r'<input[^>]*name="(?:once|form)"[^>]*>|<time.*?</time>', "", each) for each in found]


def link(text: str, rel: str) -> str:
    found = re.search(f'rel="{rel}" href="([^"]+)"', text)
    return html.unescape(found[1]) if found else ""


@pytest.mark.parametrize("path", LISTS)
def test_a_list_goes_on_and_back(place: Place, path: str) -> None:
    browser, admin = Browser(), place.server.admin
    page = browser.get(f"{place.url}/sign-in")
    assert browser.submit(page, "/sign-in", name=admin.username, password=admin.password).status == 303
    page = browser.get(f"{place.url}{path}limit=25")
    assert page.status == 200, page.text[-500:]
    assert not link(page.text, "prev")
    pages = [rows(page.text)]
    while on := link(page.text, "next"):
        page = browser.get(place.url + on)
        assert page.status == 200, page.text[-500:]
        pages.append(rows(page.text))
        assert len(pages) < 12
    assert len(pages) >= 2, page.text[-3000:]
    assert all(pages)
    back = [pages[-1]]
    while before := link(page.text, "prev"):
        page = browser.get(place.url + before)
        assert page.status == 200, page.text[-500:]
        back.append(rows(page.text))
        assert len(back) <= len(pages)
    assert back[::-1] == pages
