"""The pages of namespaces, repositories and tags: complete, only what may be told, harmless, changed as asked; and the
commands that they show, run by real clients."""

from __future__ import annotations

import html
import re
import shlex
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.browser.filled import EMPTY, HOSTILE, LONGEST, Filled, fill
from tests.browsing import Browser, Page
from tests.management.api import Asker
from tests.serving import pause, running_server

from holdfast.console import commands
from holdfast.console.commands import Image, Registry
from holdfast.registry.browsing.model import RepositoryType
from holdfast.web.markdown import markdown

PRIVATE = {"HOLDFAST_ALLOW_PRIVATE_TARGETS": "127.0.0.0/8"}
TAGS = "/r/team/app/-/tags"


class Place:
    """A filled registry, and a browser for each of the people."""

    def __init__(self, filled: Filled) -> None:
        self.filled = filled
        self.url = filled.server.url
        self._browsers: dict[str, Browser] = {"": Browser()}

    def who(self, name: str) -> Browser:
        """The browser of somebody."""
        if name not in self._browsers:
            browser = self._browsers[name] = Browser()
            person = self.filled.people[name]
            page = browser.get(f"{self.url}/sign-in")
            assert browser.submit(page, "/sign-in", name=person.username, password=person.password).status == 303
        return self._browsers[name]

    def get(self, path: str, name: str = "administrator") -> Page:
        return self.who(name).get(self.url + path)

    def pick(self, list_path: str, action: str, pick: str, do: str, name: str = "administrator", **more: str) -> Page:
        """Pick one row of a list and press a button."""
        fields = self.get(list_path, name).forms()[action]
        return self.who(name).post(self.url + action, {**fields, "pick": pick, "do": do, **more})


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with running_server(tmp_path_factory.mktemp("lists"), env=PRIVATE) as server:
        yield Place(fill(server))


def names(page: Page) -> list[str]:
    """What the rows of a table link to, in their order."""
    return re.findall(r'<th scope="row"><?[^>]*>?\s*<a class="name" href="([^"]+)"', page.text)


def commands_of(page: Page) -> list[str]:
    return [html.unescape(each) for each in re.findall(r'<div class="command"><pre[^>]*>([^<]*)</pre>', page.text)]


# -- lists ------------------------------------------------------------------------------------------------------------


def test_tags_in_the_order_of_versions_whatever_the_page(place: Place) -> None:
    path, found = f"{TAGS}?sort=-version&limit=25", []
    while path:
        page = place.get(path)
        found += names(page)
        link = re.search(r'rel="next" href="([^"]+)"', page.text)
        path = html.unescape(link[1]) if link else ""
    tags = [each.rpartition("/")[2] for each in found]
    assert len(tags) == len(set(tags))
    assert tags.index("v1.11-rc.1") < tags.index("v1.10") < tags.index("v1.9")


def test_a_page_leads_back_to_where_it_came_from(place: Place) -> None:
    for path in ("/n?view=flat&sort=name&limit=25", f"{TAGS}?sort=name&limit=25"):
        first = place.get(path)
        link = re.search(r'rel="next" href="([^"]+)"', first.text)
        if link is None:
            continue
        second = place.get(html.unescape(link[1]))
        back = re.search(r'rel="prev" href="([^"]+)"', second.text)
        assert back is not None
        assert names(place.get(html.unescape(back[1]))) == names(first)


@pytest.mark.parametrize(
    ("path", "wanted"),
    [(f"{TAGS}?sort=name&limit=25", ""), (f"{TAGS}?sort=-version&limit=25", ""), ("/n?view=flat&sort=name", "team/")],
)
def test_one_goes_to_a_name(place: Place, path: str, wanted: str) -> None:
    first = place.get(path)
    last = [each for each in names(first) if wanted in each][-1].partition("/r/")[2].rpartition("/tags/")[2]
    led = place.get(f"{path}&go={last}")
    assert led.status == 303
    there = place.who("administrator").follow(led)
    assert names(there)[0] == [each for each in names(first) if wanted in each][-1]
    back = re.search(r'rel="prev" href="([^"]+)"', there.text)
    assert back is not None
    assert names(place.get(html.unescape(back[1])))[-1] == names(first)[names(first).index(names(there)[0]) - 1]
    assert place.get(f"{path}&go=%C3%A9").status == 400
    if 'rel="next"' in first.text:
        assert 'class="go-to"' in first.text
    assert 'class="go-to"' not in place.get(TAGS).text  # by time there is no name to go to


@pytest.mark.parametrize(
    "query",
    [
        "sort=owner",
        "after=x",
        "limit=7",
        "glob=a+b",
        "since=soon",
        "pulled=often",
        "sort=size&after=%5B%22name%22,%22a%22%5D",
    ],
)
def test_what_no_list_knows_is_refused(place: Place, query: str) -> None:
    assert place.get(f"{TAGS}?{query}").status == 400


def test_what_matches_nothing_is_said_with_how_many_there_are(place: Place) -> None:
    page = place.get(f"{TAGS}?q=no-such-tag")
    said = re.sub("<[^>]+>", "", page.text.partition('class="empty-title">')[2].partition("</p>")[0])
    assert re.fullmatch(r"No tag matches no-such-tag in [0-9,]+\.", said), said
    assert f'href="{TAGS}">Clear the filter' in page.text
    other = place.get("/n?view=flat&q=no-such-thing").text
    assert '<bdi class="mono">no-such-thing</bdi>' in other


def test_filters_of_tags(place: Place) -> None:
    def those(query: str) -> set[str]:
        return {each.rpartition("/")[2] for each in names(place.get(f"{TAGS}?{query}"))}

    assert those("glob=v1.1*") == {"v1.10", "v1.11-rc.1"}
    assert those("q=ulti") == {"multi"}
    assert those("q=nothing-like-it") == set()
    assert "v1.9" not in those("since=now")
    assert "Clear the filter" in place.get(f"{TAGS}?q=nothing-like-it").text


def test_the_tree_and_the_flat_list(place: Place) -> None:
    assert "/n/team" in names(place.get("/n"))
    assert "/r/team/app" in names(place.get("/n/team"))
    assert "/n/team/tools" in names(place.get("/n/team"))
    assert f"/r/team/{LONGEST}" in names(place.get("/n?view=flat&limit=200"))
    assert names(place.get("/n?q=team%2Fapp")) == ["/r/team/app"]


# -- rights -----------------------------------------------------------------------------------------------------------


def test_what_may_not_be_seen_is_not_there(place: Place) -> None:
    assert "team" not in " ".join(names(place.get("/n?view=flat", "stranger")))
    assert names(place.get("/n", "stranger")) == ["/n/open"]
    for path in ("/n/team", "/r/team/app", TAGS, "/r/team/app/-/news?seen=0"):
        assert place.get(path, "stranger").status == place.get("/r/no/such", "stranger").status == 404
    for path in ("/r/open/base", "/r/open/base/-/tags"):
        assert place.get(path, "").status == 200


def test_a_tag_that_may_not_be_seen_is_absent(place: Place) -> None:
    asker = Asker(place.filled.server, place.filled.server.admin.basic)
    asker.do(201, "POST", "/users", {"name": "narrow", "password": "a-long-enough-password"})
    asker.do(
        201,
        "POST",
        "/grants",
        {"subject": "user:narrow", "role": "reader", "scope": "team/app:v1.9"},
    )
    asker.connection.close()
    browser = Browser()
    page = browser.get(f"{place.url}/sign-in")
    browser.submit(page, "/sign-in", name="narrow", password="a-long-enough-password")
    for path in (TAGS, "/r/team/app", f"{TAGS}?sort=size", f"{TAGS}?q=v1"):
        page = browser.get(place.url + path)
        assert page.status == 200
        assert "v1.9" in page.text
        assert "v1.10" not in page.text
        assert "latest" not in "".join(names(page))


def test_who_may_not_change_is_offered_no_change(place: Place) -> None:
    page = place.get(TAGS, "reader")
    assert 'value="delete"' not in page.text
    assert "/-/describe" not in place.get("/r/team/app", "reader").text
    for do in ("delete", "label", "protect"):
        assert place.pick(TAGS, "/r/team/app/-/selected", "v1.9", do, "reader").status == 403
    assert "/r/team/app/-/tags/v1.9" in names(place.get(TAGS))


# -- changes ----------------------------------------------------------------------------------------------------------


def test_commands_of_tags_are_copied(place: Place) -> None:
    action = "/r/team/app/-/selected"
    copied = place.pick(TAGS, action, "v1.10", "copy")
    assert any(each.endswith("/team/app:v1.10") for each in commands_of(copied))
    assert place.pick(TAGS, action, "v1.10", "burn").status == 400


def test_repositories_are_made_described_opened_and_deleted(place: Place) -> None:
    admin = place.who("administrator")
    page = place.get("/n/team/-/new")
    assert admin.submit(page, "/n/team/-/new", name="Team/X").status == 400
    assert admin.submit(place.get("/n/team/-/new"), "/n/team/-/new", name="team/app").status == 409
    made = admin.submit(place.get("/n/team/-/new"), "/n/team/-/new", name="team/made", description="**Bold**")
    assert made.location.endswith("/r/team/made")
    assert "<strong>Bold</strong>" in place.get("/r/team/made").text
    described = admin.submit(place.get("/r/team/made/-/describe"), "/r/team/made/-/describe", description="*Other*")
    assert described.status == 303
    assert "<em>Other</em>" in place.get("/r/team/made").text
    flat, action = "/n/team?view=flat", "/n/team/-/selected"

    def looked_at(change: str) -> Page:
        asked = place.pick(flat, action, "team/made", change)
        assert asked.status == 303, asked.text[-500:]
        return admin.follow(asked)

    def done(page: Page, **typed: str) -> Page:
        begun = admin.submit(page, next(each for each in page.forms() if each.endswith(("/start", "/undo"))), **typed)
        assert begun.status == 303, begun.text[-500:]
        deadline = time.monotonic() + 60
        while "Ended" not in (found := admin.get(begun.location)).text:
            assert time.monotonic() < deadline, found.text[-1500:]
            pause(0.1)
        return found

    done(looked_at("public"))
    assert place.get("/r/team/made", "").status == 200
    done(looked_at("private"))
    assert place.get("/r/team/made", "").status == 303
    asked = looked_at("delete")
    start = next(each for each in asked.forms() if each.endswith("/start"))
    assert admin.submit(asked, start, typed="2 repositories").status == 400
    gone = done(admin.get(asked.url), typed="1 repository")
    assert place.get("/r/team/made").status == 404
    assert "taken back" in done(gone).text
    assert place.get("/r/team/made").status == 200


def test_a_change_of_repositories_is_seen_at_its_place_by_who_manages_access_there(place: Place) -> None:
    asked = place.pick("/n/team?view=flat", "/n/team/-/selected", "team/app", "public")
    number = asked.location.rpartition("/")[2]
    assert place.get(f"/n/team/-/changes/{number}").status == 200
    for path in (f"/n/-/changes/{number}", f"/n/other/-/changes/{number}", f"/r/team/app/-/changes/{number}"):
        assert place.get(path).status == 404, path
    assert [place.get(f"/n/team/-/changes/{number}", who).status for who in ("owner", "maintainer")] == [200, 404]
    whole = place.pick("/n/team?view=flat&visibility=private", "/n/team/-/selected", "team/app", "public", all="1")
    looked = place.who("administrator").follow(whole)
    assert re.search(r"Make public: [0-9]+ repositories", looked.text), "more than the one that was picked"
    assert place.pick("/n/team?view=flat", "/n/team/-/selected", "team/app", "burn").status == 400


# -- hostile text -----------------------------------------------------------------------------------------------------


def test_hostile_text_stays_text(place: Place) -> None:
    admin = place.who("administrator")
    for text in HOSTILE[:5]:
        answer = admin.submit(place.get("/r/team/app/-/describe"), "/r/team/app/-/describe", description=text)
        assert answer.status in (303, 400)
        for path in ("/r/team/app", "/n/team", "/n?view=flat", TAGS, "/r/team/app/-/describe"):
            page = place.get(path)
            assert page.status == 200
            assert "<svg onload" not in page.text
            assert "<script>alert" not in page.text
            assert 'href="javascript:' not in page.text
            assert ' hx-get="/me"' not in page.text
            assert ">49<" not in page.text
    for query in ("q", "glob", "platform", "since", "actor"):
        page = place.get(f"{TAGS}?{query}=%22%3E%3Cscript%3Ealert(1)%3C/script%3E")
        assert "<script>alert" not in page.text


@pytest.mark.parametrize(
    ("text", "absent"),
    [
        ("<script>alert(1)</script>", "<script"),
        ("<img src=x onerror=alert(1)>", "<img"),
        ("[x](javascript:alert(1))", "href"),
        ("[x](JaVaScRiPt:alert(1))", "href"),
        ("[x](data:text/html,1)", "href"),
        ("[x](vbscript:x)", "href"),
        ("[x](//evil.example)", "href"),
        ("[x](mailto:a@b)", "href"),
        ("<javascript:alert(1)>", "href"),
        ("![x](https://evil.example/x.png)", "<img"),
        ("[x]: javascript:alert(1)\n\n[x]", "href"),
        ("| a |\n|:-:|\n| b |", "style="),
        ('[x](https://a.example "onclick=alert(1)\\" onclick=\\"x")', 'onclick="'),
        ("# Title", "<h1"),
    ],
)
def test_markdown_can_do_nothing(text: str, absent: str) -> None:
    assert absent not in markdown(text)


def test_markdown_is_marked_up() -> None:
    found = markdown("# T\n\n*a* **b** `c` [d](https://e.example) [f](/r/x)\n\n- g\n\n| h |\n|-|\n| i |")
    for each in ("<h3>T</h3>", "<em>a</em>", "<strong>b</strong>", "<code>c</code>", "<li>g</li>", "<td>i</td>"):
        assert each in found
    assert 'href="https://e.example" rel="nofollow noopener ugc"' in found
    assert 'href="/r/x"' in found


# -- empty, and new ---------------------------------------------------------------------------------------------------


def test_an_empty_repository_tells_how_to_push_and_asks_again(place: Place) -> None:
    for path in (f"/r/{EMPTY}", f"/r/{EMPTY}/-/tags"):
        page = place.get(path)
        assert 'data-poll="5"' in page.text
        assert any(f"docker push {place.url[7:]}/{EMPTY}:first" in each for each in commands_of(page))
    assert "You may not push here" in place.get(f"/r/{EMPTY}", "reader").text
    assert "You may not push here" not in place.get(f"/r/{EMPTY}", "writer").text
    assert 'data-poll="5"' not in place.get("/r/team/app").text


def test_what_is_new_is_told(place: Place) -> None:
    part = place.who("administrator").get(f"{place.url}/r/team/app/-/news?seen=0", {"HX-Request": "true"})
    assert part.text.strip().startswith('<div id="news"')
    assert "new: show" in part.text
    quiet = place.get("/r/team/app/-/news?seen=4000000000")
    assert "new: show" not in quiet.text
    assert place.get("/r/team/app/-/news?seen=-1").status == 400


# -- truth ------------------------------------------------------------------------------------------------------------


def tool(name: str) -> str:
    found = shutil.which(name) or shutil.which(name, path=str(Path(".tools/bin").absolute()))
    if found is None:
        pytest.skip(f"{name} is not installed here")
    return found


def run(line: str, home: Path, typed: str = "") -> None:
    """Run a line as it is shown; `typed`: what is typed where it asks."""
    words = shlex.split(line)
    done = subprocess.run(
        [tool(words[0]), *words[1:]],
        cwd=home,
        env={"HOME": str(home), "PATH": "/usr/bin:/bin"},
        input=typed.encode(),
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, (line, done.stderr.decode())


def shown(place: Place, path: str, client: str) -> str:
    """The last line of the command that a page shows for a client."""
    (found,) = (each for each in commands_of(place.get(path)) if each.splitlines()[-1].startswith(client + " "))
    return found.splitlines()[-1]


@pytest.mark.parametrize("client", ["crane", "skopeo"])
@pytest.mark.parametrize("query", ["", "?by=digest"])
def test_a_shown_command_pulls_an_image(place: Place, tmp_path: Path, client: str, query: str) -> None:
    line = shown(place, f"/r/open/base{query}", client)
    assert line.split()[-2].removeprefix("docker://").startswith(place.url.removeprefix("http://") + "/open/base")
    run(line, tmp_path)
    assert (tmp_path / ("image.tar" if client == "crane" else "image/index.json")).exists()


def test_the_shown_helm_commands_push_and_pull_a_chart(place: Place, tmp_path: Path) -> None:
    person = place.filled.people["administrator"]
    host = place.url.removeprefix("http://")
    registry = Registry(host, secure=False, user=person.username)
    (push,) = (each for each in commands.push(registry, "team/web") if each.key == "helm")
    login, *rest = push.lines
    run(f"{login} --password-stdin", tmp_path, person.password)
    for line in rest:
        run(line, tmp_path)
    (tmp_path / "web-0.1.0.tgz").unlink()
    run(shown(place, "/r/team/web", "helm"), tmp_path)
    assert (tmp_path / "web-0.1.0.tgz").exists()


def test_a_shown_oras_command_pulls(place: Place, tmp_path: Path) -> None:
    host = place.url.removeprefix("http://")
    person = place.filled.people["administrator"]
    registry = Registry(host, secure=False, user=person.username)
    (push,) = (each for each in commands.push(registry, "team/truth") if each.key == "oras")
    run(f"{push.lines[0]} --password-stdin", tmp_path, person.password)
    (tmp_path / "hello.txt").write_text("hello\n")
    run(push.lines[-1], tmp_path)
    (tmp_path / "hello.txt").unlink()
    image = Image("team/truth", "first", RepositoryType.OTHER)
    pull = commands.pull(registry, image, private=False)[0]
    run(pull.text, tmp_path)
    assert (tmp_path / "hello.txt").read_text() == "hello\n"
    assert pull.text in commands_of(place.get("/r/team/truth"))[0]


def test_commands_name_plain_http_only_where_it_is() -> None:
    plain, tls = Registry("registry.example:5000", secure=False), Registry("registry.example", secure=True)
    for kind in RepositoryType:
        image = Image("team/app", "v1", kind)
        for registry, wanted in ((plain, True), (tls, False)):
            for each in commands.pull(registry, image, private=True):
                flags = ("--plain-http", "tls-verify=false", "--insecure")
                said = any(flag in each.text for flag in flags)
                if each.key not in ("docker", "kubernetes"):
                    assert said is wanted, each
    docker = commands.pull(plain, Image("team/app", "v1"), private=False)[0]
    assert [each.command for each in docker.told] == ['{"insecure-registries": ["registry.example:5000"]}']
    assert commands.pull(tls, Image("team/app", "v1"), private=False)[0].told == ()
    assert commands.pull(tls, Image("team/app", "sha256:ab"), private=False)[0].text.endswith("team/app@sha256:ab")
    helm = commands.pull(tls, Image("charts/web", "1.0_2", RepositoryType.HELM), private=False)[0]
    assert helm.text == "helm pull oci://registry.example/charts/web --version 1.0+2"
    assert "--username ann" in commands.login(Registry("r.example", secure=True, user="ann"), "podman")
