"""The pages of an artifact and of two compared: who is shown what, what hostile text becomes, what a change does, and
whether what is said is true."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import pytest
from tests.backends import until
from tests.browser.filled import HOSTILE, Filled, Pusher, fill, push_image
from tests.browsing import Browser, Page
from tests.management.api import Asker
from tests.serving import running_server
from tests.wire.client import Connection, basic
from tests.wire.content import OCI_INDEX, OCI_MANIFEST, descriptor, digest, encoded, referrer

PRIVATE = {"HOLDFAST_ALLOW_PRIVATE_TARGETS": "127.0.0.0/8"}
TOOLS = Path(__file__).resolve().parents[2] / ".tools/bin"
APP, BASE = "/r/team/app/-", "/r/open/base/-"
SECRET = "a pass phrase of these tests"
VIEWS = ("layers", "config", "files", "referrers", "pulls", "history", "raw", "panels", "nothing")
RUNS = re.compile(r"^(on\w+|style|srcdoc|formaction|hx-.*)$", re.IGNORECASE)


class Place(NamedTuple):
    """A filled registry, and a browser for each of the people."""

    filled: Filled
    browsers: dict[str, Browser]

    def get(self, path: str, who: str = "administrator") -> Page:
        return self.browsers[who].get(f"{self.filled.server.url}{path}")

    def send(self, page: Page, action: str, who: str = "administrator", **values: str) -> Page:
        return self.browsers[who].submit(page, action, **values)

    @property
    def admin(self) -> Asker:
        admin = self.filled.server.admin
        return Asker.named(self.filled.server, admin.username, admin.password)

    def connection(self) -> Connection:
        admin = self.filled.server.admin
        return Connection(self.filled.server.port, {"Authorization": basic(admin.username, admin.password)})


def signed_in(url: str, name: str, password: str) -> Browser:
    browser = Browser()
    done = browser.submit(browser.get(f"{url}/sign-in"), "/sign-in", name=name, password=password)
    assert done.status == 303, done.text
    return browser


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with running_server(tmp_path_factory.mktemp("artifact"), env=PRIVATE) as server:
        filled = fill(server)
        admin = Asker.named(server, server.admin.username, server.admin.password)
        try:
            admin.do(200, "PUT", "/quotas", {"path": "team", "bytes": 50_000_000, "repositories": 50, "warn": 80})
            for name, scope in (("versions", "team/app:v*"), ("neighbour", "open/**")):
                admin.do(201, "POST", "/users", {"name": name, "password": SECRET})
                admin.do(201, "POST", "/grants", {"subject": f"user:{name}", "role": "reader", "scope": scope})
        finally:
            admin.close()
        people = {name: (who.username, who.password) for name, who in filled.people.items()}
        people |= {"versions": ("versions", SECRET), "neighbour": ("neighbour", SECRET)}
        browsers = {name: signed_in(server.url, *pair) for name, pair in people.items()}
        yield Place(filled, {"": Browser(), **browsers})


class Markup(HTMLParser):
    """What a browser would take as markup that runs or loads something."""

    def __init__(self, page: Page) -> None:
        super().__init__()
        self.wrong: list[str] = []
        self.feed(page.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag in ("iframe", "object", "embed", "base", "style") or (tag == "script" and "src" not in given):
            self.wrong.append(tag)
        self.wrong += [f"{tag} {name}" for name in given if RUNS.match(name)]
        for name in ("href", "src", "action", "data-src"):
            value = given.get(name) or ""
            if value and not value.startswith(("/", "#", "?")):
                self.wrong.append(f"{tag} {name}={value}")


def texts(page: Page) -> str:
    """A page as text."""
    return html.unescape(re.sub(r"<[^>]+>", " ", page.text))


# -- who is shown what -------------------------------------------------------------------------------------------------


def paths_to(filled: Filled, tag: str, named: str) -> list[str]:
    """Every page that shows something of an artifact."""
    one = [f"{APP}/tags/{tag}", f"{APP}/digests/{named}"]
    some = [f"{each}?view={view}" for each in one for view in VIEWS]
    more = [f"{each}/{word}" for each in one for word in ("delete", "retag", "annotate")]
    compared = [f"{APP}/compare?a={a}&b={b}" for a, b in ((tag, "v1.9"), ("v1.9", named), (named, tag))]
    return [*some, *more, *compared, f"{BASE}/compare?a=v1&b=team/app:{tag}", f"{BASE}/compare?a=team/app@{named}&b=v1"]


def test_what_may_not_be_seen_is_not_there_by_any_way(place: Place) -> None:
    """A stranger, and a neighbour who sees another repository, in which the same layer lies."""
    for path in paths_to(place.filled, "v1.10", place.filled.names["digest"]):
        for who in ("stranger", "neighbour"):
            page = place.get(path, who)
            assert page.status == 404, (who, path)
            assert "v1.10" not in page.text.replace(html.escape(path), "").replace(quote(path), "") or "team" in path
        led = place.get(path, "")
        assert led.status == 303, path
        assert "/sign-in" in led.location


def test_a_tag_glob_bounds_every_way_to_the_same_bytes(place: Place) -> None:
    connection = place.connection()
    try:
        answer = connection.ask("HEAD", "/v2/team/app/manifests/layered", b"", {"Accept": OCI_MANIFEST})
        hidden = answer["docker-content-digest"]
    finally:
        connection.close()
    seen = place.get(f"{APP}/tags/v1.10", "versions")
    assert seen.status == 200
    for path in paths_to(place.filled, "layered", hidden):
        if "/compare" in path or "tags/layered" in path or "digests" in path:
            page = place.get(path, "versions")
            assert page.status in (403, 404), path
            assert hidden[7:] not in page.text.replace(hidden, "", 2) or hidden in path
    same = {place.get(f"{APP}/digests/{each}", "versions").status for each in (hidden, digest(b"nothing has this"))}
    assert same == {404}, "a digest of others is answered as one that is not there"
    assert "nothing else" not in seen.text, "what the rest of the repository has is not told"
    assert place.get(f"{APP}/digests/{place.filled.names['index']}", "versions").status == 404


def test_sharing_counts_only_what_the_caller_may_see(place: Place) -> None:
    page = place.get(f"{BASE}/tags/v1", "neighbour")
    assert page.status == 200
    assert "repositor" not in texts(page).split("Shared with")[1].split("Holdfast")[0]
    assert re.search(r"\d+ repositories", texts(place.get(f"{BASE}/tags/v1")))


def test_who_pulled_and_pushed_is_told_to_those_who_may_know(place: Place) -> None:
    # Use is stored a few seconds after it was seen.
    def told() -> bool:
        text = place.get(f"{APP}/tags/v1.10?view=pulls", "owner").text
        return "<bdi>podman</bdi>" in text and "Who pulled it" in text

    until(told, "who pulled, on the page")
    reading = place.get(f"{APP}/tags/v1.10?view=pulls", "reader")
    assert reading.status == 200
    assert "Who pulled it" not in reading.text
    assert "<bdi>podman</bdi>" not in reading.text
    assert " by admin" in " ".join(texts(place.get(f"{APP}/tags/v1.10", "owner")).split())
    assert " by admin" not in " ".join(texts(reading).split())


def test_a_reader_sees_why_he_may_not_change_it(place: Place) -> None:
    page = place.get(f"{APP}/tags/v1.10", "reader")
    assert page.text.count("disabled aria-describedby") == 3
    assert "ask who manages access there" in page.text
    for word in ("delete", "annotate"):
        assert place.get(f"{APP}/tags/v1.10/{word}", "reader").status == 403


# -- hostile text ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        *(f"{APP}/tags/v1.10?view={view}" for view in VIEWS),
        f"{APP}/compare?a=v1.9&b=v1.10",
        f"{APP}/compare?b=v1.10",
        f"{APP}/tags/v1.10/annotate",
        f"{APP}/tags/v1.10/delete",
        f"{APP}/tags/v1.10/retag",
        f"{APP}/tags/old",
        *(f"{APP}/tags/v1.10?view={quote(each[:60])}" for each in HOSTILE),
        *(f"{APP}/compare?a={quote(each)}&b={quote(each)}&platform={quote(each[:100])}" for each in HOSTILE),
    ],
)
def test_hostile_text_stays_text(place: Place, path: str) -> None:
    page = place.get(path)
    assert page.status in (200, 400, 404)
    assert Markup(page).wrong == []
    assert "49 $49" not in page.text
    for character in "\u202e\u200b\u2066":
        assert character not in page.text


def test_names_of_files_and_issuers_stay_text(place: Place) -> None:
    """What is no media type is refused when it is pushed; the rest is anybody's text."""
    connection = place.connection()
    try:
        pusher = Pusher(connection, "team/odd")
        pusher.blob(b"{}")
        subject = push_image(pusher, "odd", layers=1)
        kind = "application/vnd.example.odd+json"
        said = {"org.opencontainers.image.title": HOSTILE[1], "org.opencontainers.image.authors": HOSTILE[0]}
        layer = {**descriptor(b"{}", "text/plain"), "annotations": said}
        document = json.loads(referrer(subject, artifactType=kind, annotations=said))
        made = pusher.manifest(encoded({**document, "layers": [layer]}), "files")
    finally:
        connection.close()
    for path in (
        "/r/team/odd/-/tags/files",
        f"/r/team/odd/-/digests/{made}?view=raw",
        "/r/team/odd/-/tags/odd?view=referrers",
    ):
        page = place.get(path)
        assert page.status == 200
        assert Markup(page).wrong == [], path
        assert "alert(1)" in page.text


# -- truth -------------------------------------------------------------------------------------------------------------


def data_of(text: str) -> list[int]:
    return [int(each) for each in re.findall(r'<data value="(\d+)"', text)]


@pytest.mark.parametrize("path", [f"{APP}/tags/layered", f"{APP}/tags/v1.10", f"{APP}/tags/multi"])
def test_the_sizes_of_the_layers_add_up(place: Place, path: str) -> None:
    page = place.get(path)
    _, _, layers = page.text.partition('<section class="card flush" aria-labelledby="layers">')
    total, *each = data_of(layers)
    assert total == sum(each)
    assert layers.count("<tr") - 1 == len(each)
    assert "100 %" in layers


def test_the_size_of_an_image_is_that_of_all_its_parts(place: Place) -> None:
    connection = place.connection()
    try:
        data = connection.ask("GET", "/v2/team/app/manifests/v1.10", b"", {"Accept": OCI_MANIFEST}).body
    finally:
        connection.close()
    manifest = json.loads(data)
    parts = {each["digest"]: each["size"] for each in (manifest["config"], *manifest["layers"])}
    shown = data_of(place.get(f"{APP}/tags/v1.10").text.partition("<dt>Size</dt>")[2])[0]
    assert shown == len(data) + sum(parts.values())


def test_the_commands_that_are_copied_run(place: Place, tmp_path: Path) -> None:
    """What docker would be told is told to crane, and to skopeo where it is there."""
    server = place.filled.server
    crane = TOOLS / "crane"
    if not crane.exists():
        pytest.skip("crane is not on this machine; `make tools` brings it")
    auth = basic(server.admin.username, server.admin.password).removeprefix("Basic ")
    (tmp_path / "config.json").write_text(json.dumps({"auths": {f"127.0.0.1:{server.port}": {"auth": auth}}}))
    page = place.get(f"{APP}/tags/v1.10")
    commands = [html.unescape(each) for each in re.findall(r'data-copy="(docker pull [^"]+)"', page.text)]
    assert len(commands) == 2
    for command in commands:
        name = command.removeprefix("docker pull ")
        done = subprocess.run(
            [crane, "digest", "--insecure", name],
            env={"DOCKER_CONFIG": str(tmp_path), "PATH": "/usr/bin"},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.strip() in page.text
    skopeo = shutil.which("skopeo")
    if skopeo is not None:
        pair = f"{server.admin.username}:{server.admin.password}"
        target = f"docker://{commands[0].removeprefix('docker pull ')}"
        told = [skopeo, "inspect", "--tls-verify=false", "--creds", pair, "--raw", target]
        assert subprocess.run(told, capture_output=True, timeout=60, check=False).returncode == 0


def test_coverage_is_counted_by_platform(place: Place) -> None:
    """An SBOM for one platform, and one that lies in the index itself for another."""
    connection = place.connection()
    try:
        pusher = Pusher(connection, "team/covered")
        pusher.blob(b"{}")
        entries, images = [], []
        for name in ("amd64", "arm64", "s390x"):
            platform: dict[str, object] = {"os": "linux", "architecture": name}
            images.append(push_image(pusher, "", layers=2, seed=name, platform=platform))
            entries.append(descriptor(images[-1], OCI_MANIFEST, platform=platform))
        spdx = {"in-toto.io/predicate-type": "https://spdx.dev/Document"}
        proof = encoded(
            {
                "schemaVersion": 2,
                "mediaType": OCI_MANIFEST,
                "config": descriptor(b"{}", "application/vnd.oci.image.config.v1+json"),
                "layers": [{**descriptor(b"{}", "application/vnd.in-toto+json"), "annotations": spdx}],
            }
        )
        pusher.manifest(proof)
        about = {"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": digest(images[1])}
        unknown = {"os": "unknown", "architecture": "unknown"}
        entries.append(descriptor(proof, OCI_MANIFEST, platform=unknown, annotations=about))
        pusher.manifest(encoded({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}), "v1", OCI_INDEX)
        pusher.manifest(referrer(images[0], artifactType="application/vnd.cyclonedx+json"))
    finally:
        connection.close()
    page = place.get("/r/team/covered/-/tags/v1?view=referrers")
    text = " ".join(texts(page).split())
    assert "SBOMs 2 for 2 of 3 platforms" in text
    assert "SBOM (SPDX) for linux/arm64" in text
    assert "Signatures 0 none" in text
    assert "present, unchecked" in text
    assert "attestation for linux/arm64" in text
    assert "3 platforms" in text


def test_many_referrers_come_in_pages(place: Place) -> None:
    connection = place.connection()
    try:
        pusher = Pusher(connection, "team/busy")
        pusher.blob(b"{}")
        subject = push_image(pusher, "v1", layers=1)
        pushed = {
            pusher.manifest(referrer(subject, artifactType="application/x-note", annotations={"n": str(number)}))
            for number in range(230)
        }
    finally:
        connection.close()
    seen: list[str] = []
    path = "/r/team/busy/-/tags/v1?view=referrers"
    for _ in range(10):
        page = place.get(path)
        _, _, listed = page.text.partition('aria-labelledby="all"')
        found = re.findall(r'data-copy="(sha256:[0-9a-f]{64})"', listed)
        assert len(found) <= 50
        seen += found
        onward = re.search(r'rel="next" href="([^"]+)"', listed)
        if onward is None:
            break
        path = html.unescape(onward[1])
    assert sorted(seen) == sorted(pushed)


# -- changes -----------------------------------------------------------------------------------------------------------


def test_a_tag_is_deleted_says_so_and_comes_back(place: Place) -> None:
    connection = place.connection()
    try:
        push_image(Pusher(connection, "team/going"), "v1")
        place_of = Pusher(connection, "team/going")
        push_image(place_of, "v2")
    finally:
        connection.close()
    at = "/r/team/going/-/tags/v1"
    asked = place.get(f"{at}/delete")
    assert "the tag" in asked.text
    assert "Comes back" in asked.text
    assert place.get(at).status == 200, "asking changes nothing"
    done = place.send(asked, f"{at}/delete")
    assert done.status == 303
    gone = place.get(at)
    assert gone.status == 404
    assert "This tag was deleted" in gone.text
    assert "by admin" in " ".join(texts(gone).replace("By", "by").split())
    for who, status in (("reader", 404), ("stranger", 404), ("neighbour", 404)):
        page = place.get(at, who)
        assert page.status == status
        assert ("This tag was deleted" in page.text) == (who == "reader")
        assert f'action="{at}/restore"' not in page.text
    assert place.get("/r/team/going/-/tags/never").status == 404
    assert "was deleted" not in place.get("/r/team/going/-/tags/never").text
    back = place.send(gone, f"{at}/restore")
    assert back.status == 303
    assert place.get(at).status == 200
    again = place.send(gone, f"{at}/restore")
    assert again.status in (404, 409), "the same form does not count twice"


def test_deleting_names_the_tags_that_keep_the_bytes(place: Place) -> None:
    connection = place.connection()
    try:
        pusher = Pusher(connection, "team/kept")
        data = push_image(pusher, "one")
        pusher.manifest(data, "two")
    finally:
        connection.close()
    text = " ".join(texts(place.get("/r/team/kept/-/tags/one/delete")).split())
    assert "by its other tag two" in text
    whole = " ".join(texts(place.get(f"/r/team/kept/-/digests/{digest(data)}/delete")).split())
    assert "with its tags one , two" in whole
    listed = f"{APP}/digests/{digest_of_part(place)}/delete"
    assert "It cannot be deleted" in place.get(listed).text, "an index lists it"


def digest_of_part(place: Place) -> str:
    connection = place.connection()
    try:
        data = connection.ask("GET", "/v2/team/app/manifests/multi", b"", {"Accept": OCI_INDEX}).body
    finally:
        connection.close()
    return str(json.loads(data)["manifests"][0]["digest"])


def test_an_immutable_tag_says_by_which_rule_it_stays(place: Place) -> None:
    admin = place.admin
    connection = place.connection()
    try:
        push_image(Pusher(connection, "team/firm"), "v1")
        admin.do(200, "PUT", "/settings/immutable", {"path": "team/firm", "value": "v*"})
    finally:
        connection.close()
        admin.close()
    page = place.get("/r/team/firm/-/tags/v1/delete")
    assert page.status == 409
    assert "is immutable" in page.text
    assert "<form" not in page.text.partition('id="dialog"')[2].partition("</section>")[0]


def test_a_tag_is_made_and_one_that_is_there_is_asked_about(place: Place) -> None:
    connection = place.connection()
    try:
        pusher = Pusher(connection, "team/names")
        first = push_image(pusher, "first")
        push_image(pusher, "second")
    finally:
        connection.close()
    at = "/r/team/names/-/tags/first/retag"
    form = place.get(at)
    made = place.send(form, at, tag="third")
    assert made.status == 303
    assert made.location.endswith("/r/team/names/-/tags/third")
    asked = place.send(place.get(at), at, tag="second")
    assert asked.status == 200
    assert "The tag is there already" in asked.text
    assert digest(first)[:19] not in texts(place.get("/r/team/names/-/tags/second")), "nothing moved yet"
    moved = place.send(asked, at)
    assert moved.status == 303
    assert digest(first)[:19] in texts(place.get("/r/team/names/-/tags/second"))
    wrong = place.send(place.get(at), at, tag="no such/tag")
    assert wrong.status == 400
    assert 'value="no such/tag"' in wrong.text, "what was typed stays"
    assert place.send(place.get(at), at, tag="x", repository="team/names/<b>").status == 400


def test_annotations_make_another_digest(place: Place) -> None:
    connection = place.connection()
    try:
        before = push_image(Pusher(connection, "team/said"), "v1")
    finally:
        connection.close()
    at = "/r/team/said/-/tags/v1/annotate"
    done = place.send(place.get(at), at, name="org.example.note", text=HOSTILE[1])
    assert done.status == 303
    page = place.get("/r/team/said/-/tags/v1?view=config")
    assert "org.example.note" in page.text
    assert Markup(page).wrong == []
    assert place.get(f"/r/team/said/-/digests/{digest(before)}").status == 200
    asked = place.get(at)
    nothing = {name: text for name, text in asked.forms()[at].items() if name in ("form", "once")}
    said = place.browsers["administrator"].post(f"{place.filled.server.url}{at}", nothing)
    assert said.status == 400
    assert "Name an annotation to set" in said.text
