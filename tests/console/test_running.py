"""The pages of what goes on, on a filled registry: home, jobs, uploads, storage, audit, administration; sums that add
up, and text of others that stays text."""

from __future__ import annotations

import csv
import html
import io
import json
import re
import time
from collections.abc import Iterator
from urllib.parse import quote, urlsplit

import pytest
from tests.browser.filled import Filled, fill
from tests.browsing import Browser, Page
from tests.console.test_routes import PRIVATE
from tests.databases import Tables
from tests.management.api import Asker
from tests.serving import pause, running_server
from tests.wire.content import noise

_SCRIPT = "<script>alert(1)</script>"
_HOSTILE = f'"><img src=x onerror=alert(1)>{_SCRIPT}\u202e'


class Place:
    """A filled registry, its administrator's browser, and its tables."""

    def __init__(self, filled: Filled) -> None:
        self.filled = filled
        self.server = filled.server
        self.url = filled.server.url
        self.browser = self.signed_in("administrator")

    def signed_in(self, name: str) -> Browser:
        browser, person = Browser(), self.filled.people[name]
        page = browser.get(f"{self.url}/sign-in")
        assert browser.submit(page, "/sign-in", name=person.username, password=person.password).status == 303
        return browser

    def get(self, path: str, browser: Browser | None = None, *, part: bool = False) -> Page:
        page = (browser or self.browser).get(f"{self.url}{path}", {"HX-Request": "true"} if part else None)
        assert page.status == 200, (path, page.status, page.text[-800:])
        return page

    def post(self, path: str, action: str, **values: str) -> Page:
        """Send the form of a page, and go where it leads."""
        return self.browser.submit(self.get(path), action, **values)

    def tables(self) -> Tables:
        return Tables(self.server.env.get("HOLDFAST_DATABASE") or str(self.server.data / "holdfast.db"))

    def counted(self) -> None:
        """Count storage, and wait until that is done."""
        page = self.post("/storage", "/storage/count")
        job = page.location
        deadline = time.monotonic() + 60
        while "Done" not in self.get(urlsplit(job).path).text:
            assert time.monotonic() < deadline
            pause(0.2)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with running_server(tmp_path_factory.mktemp("running"), env=PRIVATE) as server:
        yield Place(fill(server))


@pytest.fixture(scope="module")
def failed(place: Place) -> int:
    """A job that failed, with hostile text wherever a job has text."""
    result = json.dumps({"deleted": 4, "failed": [{"repository": "team/a", "reason": _HOSTILE}]})
    data = json.dumps({"path": _HOSTILE})
    tables = place.tables()
    try:
        (now,) = tables.sql("select max(made_at) from job")
        tables.sql(
            "insert into job (kind, data, priority, run_at, made_at, attempts_max, account, state, started_at, "
            "ended_at, attempts, error, result) values (?, ?, 1, ?, ?, 5, 1, 3, ?, ?, 5, ?, ?)",
            *("delete-namespace", data, now, now, now, now, f"{_HOSTILE} is in the way", result),
        )
        (id,) = tables.sql("select max(id) from job where state = 3")
        return int(id)
    finally:
        tables.close()


def sums(page: Page) -> list[tuple[str, str, int, list[int]]]:
    """The lines of a ledger: sign, name, bytes, and the bytes of its parts."""
    found = []
    for line in re.findall(r'<div class="(?:total)?"><dt>(.*?)</div>', page.text, re.DOTALL):
        sign = html.unescape(re.search(r'class="sign">(.*?)<', line)[1])  # type: ignore[index]
        name = re.sub(r"<.*?>", "", line.partition("</dt>")[0]).strip().removeprefix(sign).strip()
        values = [int(each) for each in re.findall(r'<data value="(-?\d+)"', line)]
        found.append((sign, name, values[0], values[1:]))
    return found


def added_up(lines: list[tuple[str, str, int, list[int]]]) -> int:
    """Check that each line that says so is the sum of those before it; how many said so."""
    total, checked = 0, 0
    for sign, name, value, parts in lines:
        if parts:
            assert sum(parts) == value, name
        if sign == "=":
            assert total == value, name
            checked += 1
        else:
            total += -value if sign == "\N{MINUS SIGN}" else value
    return checked


def test_the_ledger_adds_up(place: Place) -> None:
    place.counted()
    lines = sums(place.get("/storage"))
    assert [line[1] for line in lines if line[0] == "="] == ["Live", "Physical"]
    assert added_up(lines) == 2
    stored = {row[0]: int(row[1]) for row in _totals(place)}
    assert lines[-1][2] == sum(stored.values())
    by_name = {line[1]: line[2] for line in lines}
    assert by_name["Logical"] > by_name["Live"] > 0
    assert by_name["Shared"] > 0, "every image of the filled registry has the same first layer"
    rows = place.get("/storage?limit=200").text.partition('id="repositories"')[2]
    logical = [int(each) for each in re.findall(r'data-name="Logical"><data value="(\d+)"', rows)]
    assert sum(logical) == by_name["Logical"], "the number opens its sum"


def _totals(place: Place) -> list[tuple[str, int]]:
    tables = place.tables()
    try:
        return tables.sql(
            "select what, sum(bytes) from (select what, bytes from ledger union all "
            "select what, bytes from ledger_delta) as counted group by what"
        )
    finally:
        tables.close()


def test_a_namespace_adds_up_and_tells_nothing_of_others(place: Place) -> None:
    place.counted()
    page = place.get("/n/team/-/storage", place.signed_in("maintainer"))
    lines = sums(page)
    assert [line[1] for line in lines if line[0] == "="] == ["Live", "Total"]
    assert added_up(lines) == 2
    assert "Exclusive" not in page.text
    assert "open/base" not in page.text
    assert "Exclusive" in place.get("/n/team/-/storage").text
    assert place.signed_in("stranger").get(f"{place.url}/n/team/-/storage").status == 404
    charts = place.get("/n/team/-/storage?view=charts", part=True).text
    assert charts.lstrip().startswith('<section id="charts"')
    assert "Largest layers" in charts


def test_repositories_are_sorted_and_paged_both_ways(place: Place) -> None:
    def names(page: Page) -> list[str]:
        return re.findall(r'<th scope="row">.*?<bdi class="clip">(.*?)</bdi>', page.text.partition("repositories")[2])

    up, down = names(place.get("/storage?sort=name")), names(place.get("/storage?sort=-name"))
    assert up == sorted(up)
    assert down == up[::-1]
    sizes = re.findall(r'data-name="Logical"><data value="(\d+)"', place.get("/storage").text)
    assert sizes == sorted(sizes, key=int, reverse=True)


def test_home_says_what_needs_one(place: Place, failed: int) -> None:
    text = place.get("/").text
    for said in ("1 job failed within a week", "A key ends soon", "pipeline of robot:team+ci", "What happened"):
        assert said in text, said
    assert f'href="/jobs/{failed}"' in text
    assert 'href="/r/team/app"' in text
    part = place.get("/?view=attention", part=True).text
    assert part.lstrip().startswith('<section id="attention"')
    assert 'data-poll="15"' in part
    assert place.get("/?view=activity", part=True).text.lstrip().startswith('<div id="activity"')
    own = place.get("/", place.signed_in("stranger")).text
    assert "team/app" not in own.replace("team/app:first", "").partition("<main")[2].partition("Push")[0]
    assert "job failed" not in own
    asked = Browser().get(f"{place.url}/")
    assert (asked.status, asked.location) == (303, f"{place.url}/sign-in?next=/")


def test_what_jobs_say_stays_text(place: Place, failed: int) -> None:
    for path in (f"/jobs/{failed}", "/jobs", "/jobs?state=failed&whose=all"):
        text = place.get(path).text
        assert _SCRIPT not in text
        assert "<img" not in text
        assert "\u202e" not in text
    text = place.get(f"/jobs/{failed}").text
    assert "It failed after 5 of 5 tries" in text
    assert html.escape("<img src=x onerror=alert(1)>") in text.replace("&#34;", '"')
    assert "data-poll" not in text, "what is final is not asked for again"


def test_who_sees_jobs_and_lets_them_run_again(place: Place, failed: int) -> None:
    reader = place.signed_in("reader")
    assert f"/jobs/{failed}" not in place.get("/jobs?whose=all", reader).text
    assert reader.get(f"{place.url}/jobs/{failed}").status == 404
    assert place.browser.get(f"{place.url}/jobs/abc").status == 404
    assert place.browser.get(f"{place.url}/jobs?state=none").status == 400
    operator = place.signed_in("operator")
    page = operator.get(f"{place.url}/jobs/{failed}")
    assert operator.submit(page, f"/jobs/{failed}/retry").status == 303


def test_an_upload_is_seen_and_ended(place: Place) -> None:
    admin = Asker.named(place.server, place.server.admin.username, place.server.admin.password)
    try:
        begun = admin.connection.ask("POST", "/v2/team/app/blobs/uploads/")
        headers = {"User-Agent": f"docker/1 {_SCRIPT}"}
        sent = admin.connection.ask("PATCH", begun["location"], noise(70_000, "stuck"), headers)
        assert sent.status == 202
        page = place.get("/r/team/app/-/uploads")
        assert _SCRIPT not in page.text
        assert 'data-poll="2"' in page.text
        picked = re.findall(r'name="pick" value="([0-9a-f-]+)"', page.text)
        assert picked
        own = place.signed_in("writer")
        assert 'name="pick"' not in place.get("/uploads", own).text, "others' uploads are not his to see"
        foreign = own.get(f"{place.url}/uploads")
        form = place.get("/jobs", own).forms()["/sign-out"]["form"]
        assert own.post(f"{place.url}/uploads/cancel", {"form": form, "pick": picked[0]}).status == 404
        assert foreign.status == 200
        assert 'name="pick"' in place.get("/uploads", place.signed_in("maintainer")).text
        for id in picked:
            done = place.browser.submit(place.get("/uploads"), "/uploads/cancel", pick=id)
            assert done.status == 303, done.text
        assert 'name="pick"' not in place.get("/uploads").text
        again = admin.connection.ask("PATCH", sent["location"], b"more")
        assert again.status == 404
    finally:
        admin.close()


def test_the_audit_is_filtered_and_exported(place: Place) -> None:
    page = place.get("/audit?kind=manifest&actor=user:admin")
    assert "Pushed" in page.text
    assert "Changed the quota" not in page.text
    following = re.search(r'rel="next" href="([^"]+)"', place.get("/audit?limit=25").text)
    assert following is not None
    second = place.get(html.unescape(following[1]))
    back = re.search(r'rel="prev" href="([^"]+)"', second.text)
    assert back is not None
    first = place.get("/audit?limit=25").text
    rows = re.compile(r'<time datetime="[^"]+"')
    assert rows.findall(place.get(html.unescape(back[1])).text)[-1] == rows.findall(first)[-1]
    assert place.browser.get(f"{place.url}/audit?since=never").status == 400
    assert place.browser.get(f"{place.url}/audit?after=x").status == 400
    lines = place.get("/audit/export?format=jsonl&kind=manifest").text.splitlines()
    assert lines
    assert all(json.loads(line)["kind"].startswith("manifest.") for line in lines)
    table = list(csv.reader(io.StringIO(place.get("/audit/export?format=csv").text)))
    assert table[0][:4] == ["pos", "at", "actor", "kind"]
    assert len(table) > 20
    assert not [cell for row in table for cell in row if cell[:1] in "=+@\t" and cell]


def test_who_reads_which_audit(place: Place) -> None:
    owner = place.get("/audit", place.signed_in("owner")).text
    assert "team/app" in owner
    assert "open/base" not in owner
    assert place.signed_in("reader").get(f"{place.url}/audit").status == 403


def test_a_user_is_made_disabled_and_deleted(place: Place) -> None:
    made = place.post(
        "/admin/users/-/new", "/admin/users", name="mallory", display=_HOSTILE[:-1], password="a long enough password"
    )
    assert made.status == 303, made.text
    for path in ("/admin/users", "/admin/users/mallory", "/admin/users?q=mall"):
        assert _SCRIPT not in place.get(path).text
    again = place.post("/admin/users/-/new", "/admin/users", name="mallory", password="a long enough password")
    assert again.status == 409
    assert "a long enough password" not in again.text
    done = place.browser.submit(place.get("/admin/users"), "/admin/users/-/state", pick="mallory", do="disable")
    assert done.status == 303
    assert "mallory" in place.get("/admin/users?state=disabled").text
    last = place.browser.submit(place.get("/admin/users"), "/admin/users/-/state", pick="admin", do="disable")
    assert last.status == 409
    assert "the last one stays" in last.text
    wrong = place.post("/admin/users/mallory/delete", "/admin/users/mallory/delete", name="somebody")
    assert wrong.status == 400
    assert place.post("/admin/users/mallory/delete", "/admin/users/mallory/delete", name="mallory").status == 303
    assert place.browser.get(f"{place.url}/admin/users/mallory").status == 404


def test_a_group_has_members(place: Place) -> None:
    assert place.post("/admin/groups", "/admin/groups", name="night-shift", description=_SCRIPT).status == 303
    where = "/admin/groups/night-shift"
    assert place.post(where, f"{where}/-/members", member="reader").status == 303
    page = place.get(where)
    assert "/admin/users/reader" in page.text
    assert _SCRIPT not in page.text
    assert place.post(where, f"{where}/-/members", member="nobody-there").status in (400, 404)
    assert place.post(where, f"{where}/-/remove", member="user:reader").status == 303
    assert "Nobody is in it" in place.get(where).text
    assert place.post(f"{where}/-/delete", f"{where}/-/delete", name="night-shift").status == 303


def test_a_provider_is_tried_before_it_is_kept(place: Place) -> None:
    fields = {"name": "corp", "issuer": "https://127.0.0.1:1/", "client_id": "x", "secret": "kept-from-pages"}
    page = place.post("/admin/sign-in/-/new", "/admin/sign-in", **fields)
    assert page.status == 400
    assert "kept-from-pages" not in page.text
    assert "https://127.0.0.1:1/" in page.text


def test_health_is_for_operators(place: Place) -> None:
    text = place.get("/admin/health", place.signed_in("operator")).text
    for part in ("Disk", "Database", "Store", "Queue", "Workers", "Clock", "Certificate", "Backup", "Verify"):
        assert f">{part}<" in text, part
    assert 'data-poll="10"' in text
    assert "/admin/users" not in text.partition('class="tabs"')[2].partition("</nav>")[0]
    assert place.signed_in("auditor").get(f"{place.url}/admin/health").status == 403
    assert place.signed_in("operator").get(f"{place.url}/admin").location.endswith("/admin/health")


def test_filters_are_echoed_as_text(place: Place) -> None:
    probe = quote('"><svg onload=alert(1)>{{7*7}}')
    for path in ("/audit?actor=", "/admin/users?q=", "/jobs?kind=", "/audit?object="):
        text = place.browser.get(f"{place.url}{path}{probe}").text
        assert "<svg onload" not in text, path
        assert "49" not in re.findall(r'value="([^"]*svg[^"]*)"', text), path
