"""Sharing on pages: a refusal offers to ask, one click approves, a link invites; and what others try with both."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from tests.browsing import Browser, Page
from tests.console.conftest import Place
from tests.serving import running_server
from tests.wire.client import basic, connected
from tests.wire.content import OCI_MANIFEST, image

PASSWORD = "the long password of somebody"
HOSTILE = '<svg onload=alert(1)> "><script>alert(1)</script> {{7*7}}'
_LINK = re.compile(r'data-copy="(http[^"]*#hfi_[0-9A-Za-z]{32})"')


class Person:
    """Somebody in a browser."""

    def __init__(self, place: Place, name: str) -> None:
        self.place, self.name = place, name
        place.api("POST", "/users", {"name": name, "password": PASSWORD})
        self.browser = Browser()
        page = self.browser.submit(self.get("/sign-in"), "/sign-in", name=name, password=PASSWORD)
        assert page.status == 303, page.text

    def get(self, path: str) -> Page:
        return self.browser.get(f"{self.place.url}{path}")

    def send(self, path: str, action: str, /, **values: str) -> Page:
        page = self.get(path)
        assert page.status == 200, page.text
        return self.browser.post(f"{self.place.url}{action}", {**page.forms()[action], **values})

    def force(self, path: str, /, **values: str) -> Page:
        """Send a form that no page offered."""
        mark = self.get("/me").forms()["/sign-out"]["form"]
        return self.browser.post(f"{self.place.url}{path}", {"form": mark, **values})

    def pulls(self, repository: str, tag: str = "v1") -> int:
        """The status of a pull."""
        with connected(self.place.server.port, {"Authorization": basic(self.name, PASSWORD)}) as connection:
            return connection.ask("GET", f"/v2/{repository}/manifests/{tag}", b"", {"Accept": OCI_MANIFEST}).status

    def accept(self, code: str) -> Page:
        """Open an invitation and accept it."""
        offer = self.send("/invitation", "/invitation", code=code)
        return self.browser.submit(offer, "/invitation/accept") if offer.status == 200 else offer


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with running_server(tmp_path_factory.mktemp("sharing")) as server:
        made = Place(server)
        with connected(server.port, {"Authorization": server.admin.basic}) as admin:
            for repository in ("team/app", "other/app"):
                admin.ask("POST", f"/v2/{repository}/blobs/uploads/?digest={_EMPTY}", b"{}")
                pushed = admin.ask("PUT", f"/v2/{repository}/manifests/v1", image(b"{}", []), _MANIFEST)
                assert pushed.status == 201, pushed
        yield made


_EMPTY = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
_MANIFEST = {"Content-Type": OCI_MANIFEST}


@pytest.fixture(scope="module")
def otto(place: Place) -> Person:
    person = Person(place, "otto")
    place.api("POST", "/grants", {"subject": "user:otto", "role": "owner", "scope": "team/**"})
    return person


@pytest.fixture(scope="module")
def olga(place: Place) -> Person:
    person = Person(place, "olga")
    place.api("POST", "/grants", {"subject": "user:olga", "role": "owner", "scope": "other/**"})
    return person


@pytest.fixture
def somebody(place: Place, request: pytest.FixtureRequest) -> Person:
    return Person(place, "s-" + re.sub(r"[^a-z]+", "-", request.node.name)[5:50].strip("-"))


def said(page: Page) -> str:
    """What a page says, without its markup."""
    main = page.text.partition("<main")[2].partition("</main>")[0]
    return " ".join(re.sub(r"<[^>]+>", " ", main).split())


def request_of(page: Page) -> int:
    """The number of the first request of a list."""
    found = re.search(r"/access-requests/(\d+)", page.text)
    assert found is not None, page.text
    return int(found[1])


def test_a_refusal_offers_to_ask_and_one_click_approves(place: Place, otto: Person, somebody: Person) -> None:
    place.api("POST", "/grants", {"subject": f"user:{somebody.name}", "role": "auditor", "scope": "team/**"})
    refused = somebody.get("/r/team/app/-/access/grants/new")
    assert refused.status == 403
    assert "/explain?action=manage-access&amp;repository=team%2Fapp" in refused.text
    assert "/access-requests/new?action=manage-access&amp;repository=team%2Fapp" in refused.text
    assert somebody.get("/explain?action=manage-access&repository=team%2Fapp").status == 200
    assert somebody.pulls("team/app") == 403
    asked = somebody.send("/access-requests/new?action=pull&repository=team/app", "/access-requests/new", note=HOSTILE)
    assert asked.status == 303, asked.text
    mine = somebody.browser.follow(asked)
    id = request_of(mine)
    shown = otto.get("/r/team/app/-/access")
    assert somebody.name in shown.text
    assert "<svg onload" not in shown.text
    assert "&lt;svg onload" in shown.text
    done = otto.browser.submit(shown, f"/access-requests/{id}/approve")
    assert (done.status, done.location) == (303, f"{place.url}/r/team/app/-/access")
    assert "reader on team/app" in otto.browser.follow(done).text
    assert somebody.pulls("team/app") == 200
    assert "reader on team/app" in somebody.get(f"/access-requests/{id}").text
    again = otto.force(f"/access-requests/{id}/approve")
    assert again.status == 400
    assert "not open any more" in again.text


def test_asking_tells_nothing_of_what_there_is(somebody: Person) -> None:
    for repository in ("other/app", "never/made"):
        page = somebody.send("/access-requests/new", "/access-requests/new", action="pull", repository=repository)
        assert page.status == 303
        told = said(somebody.browser.follow(page))
        assert "asks for pull on " + repository in told
    page = somebody.send("/access-requests/new", "/access-requests/new", action="pull", repository="other/app")
    assert page.status == 400
    assert "you asked for this already" in page.text.lower()
    explained = {
        re.sub(r"request [^<]*|[0-9a-f-]{20,}", "", somebody.get(f"/explain?action=pull&repository={name}").text)
        .replace(name, "NAME")
        .replace(name.replace("/", "%2F"), "NAME")
        .partition("<main")[2]
        .partition("</main>")[0]
        for name in ("other/app", "never/app")
    }
    assert len(explained) == 1


def test_whoever_decides_chooses_or_declines(otto: Person, somebody: Person) -> None:
    for tag in ("v1", "v2"):
        somebody.send(
            "/access-requests/new", "/access-requests/new", action="create-tag", repository="team/app", tag=tag
        )
    first = request_of(somebody.get("/access-requests"))
    page = otto.send(f"/access-requests/{first}", f"/access-requests/{first}/approve", role="writer", scope="team/x")
    assert page.status == 400
    assert "does not reach" in page.text
    assert 'value="team/x"' in page.text, "what was written stays"
    page = otto.send(
        f"/access-requests/{first}", f"/access-requests/{first}/approve", role="writer", scope="team/**:v*", days="7"
    )
    assert page.status == 303, page.text
    other = first - 1
    page = otto.send(f"/access-requests/{other}", f"/access-requests/{other}/decline", reason=f"no: {HOSTILE}")
    assert page.status == 303, page.text
    told = somebody.get(f"/access-requests/{other}").text
    assert "declined" in told
    assert "&lt;script&gt;" in told
    assert "<script>alert" not in told


def test_requests_of_others_are_not_there(otto: Person, olga: Person, somebody: Person) -> None:
    somebody.send("/access-requests/new", "/access-requests/new", action="pull", repository="team/app")
    id = request_of(somebody.get("/access-requests"))
    for path in (f"/access-requests/{id}", "/access-requests/987654321"):
        assert olga.get(path).status == 404
        for verb in ("approve", "decline", "withdraw"):
            assert olga.force(f"{path}/{verb}").status == 404, verb
    assert otto.force(f"/access-requests/{id}/withdraw").status == 404
    assert somebody.force(f"/access-requests/{id}/approve").status == 403
    assert somebody.name not in olga.get("/access-requests?view=decide&closed=1").text
    assert somebody.send(f"/access-requests/{id}", f"/access-requests/{id}/withdraw").status == 303
    assert "withdrawn" in somebody.get(f"/access-requests/{id}").text


def test_nobody_is_led_elsewhere_after_approving(otto: Person, somebody: Person) -> None:
    for at, back in enumerate(("https://evil.example/", "//evil.example", "/\\evil.example", "/r/a\nb")):
        somebody.send(
            "/access-requests/new", "/access-requests/new", action="pull", repository="team/app", tag=f"t{at}"
        )
        id = request_of(somebody.get("/access-requests"))
        page = otto.force(f"/access-requests/{id}/approve", back=back)
        assert (page.status, page.headers["Location"]) == (303, "/access-requests?view=decide")


def invite(person: Person, **values: str) -> str:
    """Make an invitation; gives its link."""
    made = person.send("/n/team/-/access/invitations/new", "/n/team/-/access/invitations/new", **values)
    assert made.status == 200, made.text
    assert made.headers["Cache-Control"] == "no-store, no-transform"
    found = _LINK.search(made.text)
    assert found is not None, made.text
    return found[1]


def test_an_invitation_is_opened_read_and_accepted(place: Place, otto: Person, somebody: Person) -> None:
    link = invite(otto, role="reader", note=HOSTILE)
    code = link.partition("#")[2]
    assert link == f"{place.url}/invitation#{code}"
    opened = somebody.get("/invitation")
    assert opened.status == 200
    offer = somebody.browser.submit(opened, "/invitation", code=link)
    assert offer.status == 200
    assert "user:otto" in offer.text
    assert "<svg onload" not in offer.text
    assert somebody.pulls("team/app") == 403, "looking gives nothing"
    done = somebody.browser.submit(offer, "/invitation/accept")
    assert (done.status, done.location) == (303, f"{place.url}/n/team")
    assert somebody.pulls("team/app") == 200
    replayed = somebody.force("/invitation/accept", code=code)
    unknown = somebody.force("/invitation/accept", code=code[:-8] + "AAAAAAAA")
    assert replayed.status == unknown.status == 404
    assert said(replayed) == said(unknown)
    assert code not in otto.get("/n/team/-/access/invitations?closed=1").text
    assert code not in place.server.log_text()


def test_an_invitation_is_never_accepted_by_looking(otto: Person, somebody: Person) -> None:
    code = invite(otto, role="reader").partition("#")[2]
    assert somebody.get("/invitation/accept").status == 405
    assert somebody.get(f"/invitation/accept?code={code}").status == 405
    foreign = somebody.browser.post(
        f"{somebody.place.url}/invitation/accept", {"code": code}, {"Origin": "https://evil.example"}
    )
    assert foreign.status == 403
    assert somebody.pulls("team/app") == 403
    nobody = Browser().get(f"{somebody.place.url}/invitation")
    assert nobody.status == 200
    assert "/sign-in?next=/invitation" in nobody.text


def test_an_invitation_ends_with_its_makers_right(place: Place, otto: Person, somebody: Person) -> None:
    maker = Person(place, "maker-of-invitations")
    given = place.api("POST", "/grants", {"subject": f"user:{maker.name}", "role": "owner", "scope": "team/**"})
    code = invite(maker, role="writer").partition("#")[2]
    place.api("DELETE", f"/grants/{given['id']}")
    assert somebody.send("/invitation", "/invitation", code=code).status == 404
    assert somebody.force("/invitation/accept", code=code).status == 404
    assert "lapsed" in otto.get("/n/team/-/access/invitations").text


def test_a_revoked_invitation_is_over_and_others_cannot_revoke(otto: Person, olga: Person, somebody: Person) -> None:
    code = invite(otto, role="reader").partition("#")[2]
    listed = otto.get("/n/team/-/access/invitations").text
    found = re.search(r"access/invitations/(\d+)/revoke", listed)
    assert found is not None
    path = f"/n/team/-/access/invitations/{found[1]}/revoke"
    for theirs in (path, path.replace("/n/team", "/n/other"), "/n/other/-/access/invitations/987654/revoke"):
        assert olga.get(theirs).status == 404
        assert olga.force(theirs).status == 404
    assert otto.send(path, path).status == 303
    assert somebody.accept(code).status == 404


def test_nobody_invites_to_what_is_not_his(otto: Person, olga: Person) -> None:
    assert olga.get("/n/team/-/access/invitations/new").status == 404
    page = otto.send(
        "/n/team/-/access/invitations/new", "/n/team/-/access/invitations/new", role="reader", scope="other/**"
    )
    assert page.status == 400
    assert "hfi_" not in page.text
