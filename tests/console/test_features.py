"""The pages of features: webhooks, insights and unusual access, as a browser without script has them."""

from __future__ import annotations

import html
import json
import re
import sqlite3
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest
from tests.browser.filled import HOSTILE, HOSTILE_LINE, Filled, Pusher, fill, push_image
from tests.browsing import Browser, Page
from tests.console.listener import Listener, listening
from tests.management.api import Asker
from tests.serving import running_server

SECRET = "t0p-s3cret-word"
PATIENCE = 60.0


class House(NamedTuple):
    """A filled registry, a target of webhooks, and who asks."""

    filled: Filled
    listener: Listener
    admin: Asker
    browsers: dict[str, Browser]

    def browser(self, name: str = "administrator") -> Browser:
        """A browser in which this person is signed in."""
        if name not in self.browsers:
            browser = self.browsers[name] = Browser()
            person = self.filled.people[name]
            page = browser.get(f"{self.filled.server.url}/sign-in")
            assert browser.submit(page, "/sign-in", name=person.username, password=person.password).status == 303
        return self.browsers[name]

    def get(self, path: str, name: str = "administrator") -> Page:
        """A page as this person has it."""
        return self.browser(name).get(self.filled.server.url + path)

    def api(self, path: str) -> Any:
        """What the API answers the administrator."""
        return self.admin.do(200, "GET", path)

    def until(self, look: Callable[[], Any]) -> Any:
        """What `look` gives once it gives something."""
        deadline = time.monotonic() + PATIENCE
        while not (found := look()):
            assert time.monotonic() < deadline, "it did not happen"
            time.sleep(0.1)
        return found


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    flags = {"HOLDFAST_OUTBOUND_ALLOW": "127.0.0.0/8", "HOLDFAST_ALLOW_PRIVATE_TARGETS": "127.0.0.0/8"}
    with listening() as listener, running_server(tmp_path_factory.mktemp("features"), env=flags) as server:
        admin = Asker.named(server, server.admin.username, server.admin.password)
        try:
            yield House(fill(server), listener, admin, {})
        finally:
            admin.close()


def harmless(text: str) -> None:
    """Fail where hostile text became markup."""
    lowered = text.lower()
    assert "<svg onload" not in lowered
    assert "<script>alert" not in lowered
    assert not re.search(r"<[^>]*\shx-get=", lowered)
    assert not re.search(r'(href|src)="javascript:', lowered)
    assert " style=" not in lowered
    for character in "\u202e\u200b\u2066":
        assert character not in text


def make(house: House, name: str, **more: str) -> int:
    """Make a webhook on the page; gives its number."""
    browser = house.browser()
    form = house.get("/webhooks/new?path=team")
    fields = {**form.forms()["/webhooks/new"], "name": name, "url": f"{house.listener.url}/{SECRET}?x={SECRET}"}
    fields |= {"event": "manifest.pushed", "headers": f"Authorization: {SECRET}", **more}
    made = browser.post(f"{house.filled.server.url}/webhooks/new", fields)
    assert made.status == 200, made.text
    assert made.text.count("whsec_") >= 1
    assert "no-transform" in str(made.headers["Cache-Control"])
    assert SECRET not in made.text
    found = re.search(r'href="/webhooks/(\d+)"', made.text)
    assert found is not None
    return int(found[1])


# -- webhooks ----------------------------------------------------------------------------------------------------------


def test_a_webhook_is_made_tried_and_told_and_its_answer_stays_text(house: House) -> None:
    house.listener.status, house.listener.body = 500, HOSTILE_LINE + "\n" + HOSTILE[5]
    house.listener.headers = {"X-Said": HOSTILE[0], "Set-Cookie": f"session={SECRET}"}
    id = make(house, "hostile")
    page = house.browser().submit(house.get(f"/webhooks/{id}"), f"/webhooks/{id}/test")
    shown = house.browser().follow(page)
    assert "did not take the test" in shown.text
    assert html.escape(HOSTILE[0]) in shown.text
    harmless(shown.text)
    assert SECRET not in shown.text, "neither the URL, nor a header of the request, nor a cookie of the answer"
    house.listener.status, house.listener.body, house.listener.headers = 200, "ok", {}
    push_image(Pusher(house.admin.connection, "team/app"), "hooked", layers=2)
    house.until(lambda: house.api(f"/webhooks/{id}")["delivered"])
    told = house.api(f"/webhooks/{id}/deliveries")["items"]
    event = next(each["event"] for each in told if each["state"] == "delivered")
    listed = house.get(f"/webhooks/{id}")
    assert f"/webhooks/{id}/deliveries/{event}" in listed.text
    details = house.get(f"/webhooks/{id}/deliveries/{event}")
    assert "team/app" in details.text
    again = house.browser().submit(details, f"/webhooks/{id}/deliveries/{event}/redeliver")
    assert again.status == 303
    house.until(lambda: house.api(f"/webhooks/{id}/deliveries/{event}")["attempts"] == 2)


def test_what_the_list_says_is_what_the_api_says(house: House) -> None:
    id = make(house, "counted")
    push_image(Pusher(house.admin.connection, "team/app"), "counted", layers=2)
    found = house.until(lambda: house.api(f"/webhooks/{id}") if house.api(f"/webhooks/{id}")["delivered"] else None)
    row = re.search(rf'href="/webhooks/{id}".*?</tr>', house.get("/n/team/-/webhooks").text, re.DOTALL)
    assert row is not None
    told = found["delivered"] + found["given_up"]
    assert f"{found['delivered']} of {told}" in row[0]
    assert found["url"] in html.unescape(row[0])


def test_a_webhook_is_changed_disabled_enabled_and_deleted(house: House) -> None:
    browser, id = house.browser(), make(house, "brief")
    form = house.get(f"/webhooks/{id}/edit")
    assert SECRET not in form.text
    wrong = browser.submit(form, f"/webhooks/{id}/edit", name="no such name!", event="tag.moved")
    assert wrong.status == 400
    assert 'value="no such name!"' in wrong.text
    fields = {**wrong.forms()[f"/webhooks/{id}/edit"], "name": "changed", "event": "tag.moved", "tags": "v*\nlatest"}
    assert browser.post(f"{house.filled.server.url}/webhooks/{id}/edit", fields).status == 303
    now = house.api(f"/webhooks/{id}")
    assert (now["name"], now["events"], now["tags"]) == ("changed", ["tag.moved"], ["v*", "latest"])
    assert now["headers"] == ["Authorization"], "what is not named stays"
    assert browser.submit(house.get(f"/webhooks/{id}"), f"/webhooks/{id}/disable").status == 303
    assert not house.api(f"/webhooks/{id}")["enabled"]
    assert browser.submit(house.get(f"/webhooks/{id}"), f"/webhooks/{id}/enable").status == 303
    assert house.api(f"/webhooks/{id}")["enabled"]
    rotated = browser.submit(house.get(f"/webhooks/{id}/rotate"), f"/webhooks/{id}/rotate", overlap="3600")
    assert "whsec_" in rotated.text
    path = f"/webhooks/{id}/delete"
    assert browser.submit(house.get(path), path, name="wrong").status == 400
    assert browser.submit(house.get(path), path, name="changed").status == 303
    assert house.get(f"/webhooks/{id}").status == 404


def test_what_was_given_up_is_told_again(house: House) -> None:
    id = make(house, "failed")
    path = f"/webhooks/{id}/redeliver"
    done = house.browser().submit(house.get(path), path, days="7")
    assert "0 deliveries wait again" in house.browser().follow(done).text
    assert house.browser().submit(house.get(path), path, days="", since="yesterday").status == 400
    assert house.browser().submit(house.get(path), path, days="", since="2026-11-22 08:00").status == 303


def test_deliveries_are_paged_in_both_directions(house: House) -> None:
    id = make(house, "many", event="tag.moved")
    pusher = Pusher(house.admin.connection, "team/app")
    manifest = push_image(pusher, "page-0", layers=2)
    for n in range(1, 31):
        pusher.manifest(manifest, f"page-{n}")

    def events() -> list[int]:
        return [each["event"] for each in house.api(f"/webhooks/{id}/deliveries?limit=100")["items"]]

    house.until(lambda: len(events()) >= 30)
    total = events()
    page, seen = house.get(f"/webhooks/{id}?limit=25"), []
    while True:
        seen += [int(each) for each in re.findall(rf'/webhooks/{id}/deliveries/(\d+)"', page.text)]
        following = re.search(r'rel="next" href="([^"]+)"', page.text)
        if following is None:
            break
        page = house.get(html.unescape(following[1]))
    assert seen == total
    back = re.search(r'rel="prev" href="([^"]+)"', page.text)
    assert back is not None
    first = re.findall(rf'/webhooks/{id}/deliveries/(\d+)"', house.get(html.unescape(back[1])).text)
    assert [int(each) for each in first] == total[:25]


# -- insights ----------------------------------------------------------------------------------------------------------


def test_the_numbers_of_insights_are_those_of_the_api(house: House) -> None:
    found = house.until(lambda: _counted(house))
    page = house.get("/r/team/app/-/insights?all=1")
    assert page.status == 200
    values = re.findall(r'<span class="value">(.*?)</span>', page.text)
    assert values[:3] == [f"{found['total'][name]:,}" for name in ("pulls", "checks", "pushes")]
    agents = house.get("/r/team/app/-/insights?all=1&by=agent")
    harmless(agents.text)
    for row in house.api("/insights?repository=team/app&all=true&by=agent")["rows"]:
        assert (row["name"] or "") in html.unescape(agents.text)
    who = house.get("/r/team/app/-/insights/who")
    assert "user:reader" in who.text
    harmless(who.text)
    assert house.get("/r/team/app/-/insights/who", "reader").status == 403
    assert "user:reader" not in house.get("/r/team/app/-/insights?by=tag", "reader").text
    assert house.get("/r/team/app/-/insights?by=subject", "reader").status == 403
    top = house.api("/insights/top")["items"][0]
    everything = house.get("/insights")
    assert f"/r/{top['repository']}/-/insights" in everything.text
    assert f"{top['pulls']:,}" in everything.text
    assert house.get("/n/team/-/insights", "stranger").status == 404
    assert house.get("/r/team/app/-/insights", "stranger").status == 404


def test_the_boxes_of_insights_stand_on_the_repository_and_the_artifact(house: House) -> None:
    house.until(lambda: _counted(house))
    repository = house.get("/r/team/app").text
    assert "Pulls in 30 days" in repository
    artifact = house.get("/r/team/app/-/tags/v1.10?view=panels").text
    assert "Pulls in 30 days" in artifact
    assert "By client" in artifact
    assert "By client" not in house.get("/r/team/app/-/tags/v1.10?view=panels", "reader").text
    harmless(re.sub(r".*Pulls in 30 days", "", artifact, flags=re.DOTALL))


def _counted(house: House) -> Any:
    found = house.api("/insights?repository=team/app&all=true")
    return found if found["total"]["pulls"] >= 4 else None


# -- unusual access ----------------------------------------------------------------------------------------------------


def raised(house: House, path: str = "team", subject: str = "robot:team+ci") -> int:
    """An alert as the detector raises one, with hostile evidence; its number."""
    found = house.admin.do(200, "GET", "/keys?owner=robot:team%2Bci")["items"][0]
    assert found["name"] == "pipeline"
    database = sqlite3.connect(str(house.filled.server.data / "holdfast.db"), timeout=30)
    try:
        secret = database.execute(
            "select s.id from api_secret s join api_key k on k.id = s.key_id where k.name = 'pipeline'"
        ).fetchone()[0]
        findings = json.dumps(
            [["agent", 60, HOSTILE_LINE + HOSTILE[5], HOSTILE[1]], ["network", 20, "192.0.2.0/24", "1"]]
        )
        now = time.time_ns() // 1000
        cursor = database.execute(
            "insert into unusual_alert (path, subject, credential, network, cause, score, began_at, last_at, times,"
            " findings, also, action) values (?, ?, ?, '192.0.2.0/24', 'activity', 80, ?, ?, 1, ?, '[]', '')",
            (path, subject, f"key:{secret}", now, now, findings),
        )
        database.commit()
        assert cursor.lastrowid is not None
        return cursor.lastrowid
    finally:
        database.close()


@pytest.fixture
def alert(house: House) -> int:
    if "HOLDFAST_DATABASE" in house.filled.server.env:
        pytest.skip("the alert is laid into an embedded database")
    return raised(house)


def test_an_alert_is_seen_with_its_evidence_and_closed(house: House, alert: int) -> None:
    listed = house.get("/unusual")
    assert f"/unusual/alerts/{alert}" in listed.text
    assert "uses a client that it never used" in listed.text
    page = house.get(f"/unusual/alerts/{alert}")
    harmless(page.text)
    assert html.escape(HOSTILE[0]) in page.text
    assert "+60" in page.text
    assert f"/unusual/alerts/{alert}" in house.get("/n/team/-/unusual").text
    assert f"/unusual/alerts/{alert}" not in house.get("/r/open/base/-/unusual").text
    for name in ("reader", "maintainer", "stranger"):
        assert house.get(f"/unusual/alerts/{alert}", name).status == 404
    as_auditor = house.get(f"/unusual/alerts/{alert}", "auditor")
    assert as_auditor.status == 200
    assert f"/unusual/alerts/{alert}/close" not in as_auditor.forms(), "seeing is not closing"
    form = f"/unusual/alerts/{alert}/close"
    done = house.browser().submit(page, form, how="acknowledge", note="looked at " + HOSTILE[0])
    assert done.status == 303
    assert house.api(f"/unusual/alerts/{alert}")["state"] == "acknowledged"
    harmless(house.get(f"/unusual/alerts/{alert}").text)
    assert house.browser().submit(page, form, how="expect").status == 409


def test_the_key_of_an_alert_is_suspended_and_lifted(house: House, alert: int) -> None:
    def suspended() -> bool:
        return house.admin.do(200, "GET", "/keys?owner=robot:team%2Bci")["items"][0]["suspended_at"] is not None

    browser, path = house.browser(), f"/unusual/alerts/{alert}"
    assert browser.submit(house.get(path), f"{path}/suspend").status == 303
    assert suspended()
    assert browser.submit(house.get(path), f"{path}/resume").status == 303
    assert not suspended()
    assert f"{path}/suspend" not in house.get(path, "auditor").forms(), "who may not manage keys there is told so"
    mark = house.get(path, "auditor").forms()["/sign-out"]["form"]
    refused = house.browser("auditor").post(f"{house.filled.server.url}{path}/suspend", {"form": mark})
    assert refused.status == 404
    assert not suspended()


def test_the_key_of_an_alert_is_slowed_for_as_long_as_is_said(house: House, alert: int) -> None:
    def slowed() -> str | None:
        found: str | None = house.admin.do(200, "GET", "/keys?owner=robot:team%2Bci")["items"][0]["slowed_until"]
        return found

    browser, path = house.browser(), f"/unusual/alerts/{alert}"
    assert browser.submit(house.get(path), f"{path}/slow", span="5").status == 400
    assert slowed() is None
    assert browser.submit(house.get(path), f"{path}/slow", span="21600").status == 303
    assert slowed() is not None
    assert "slowed" in house.get(path).text
    assert browser.submit(house.get(path), f"{path}/resume").status == 303
    assert slowed() is None
    assert f"{path}/slow" not in house.get(path, "auditor").forms()


def test_how_finely_it_is_looked_is_said_in_a_form(house: House) -> None:
    path = "/n/team/-/unusual/tuning"
    browser = house.browser("maintainer")

    def send(**values: str | list[str]) -> Page:
        form = house.get(path, "maintainer").forms()[path]
        return browser.post(f"{house.filled.server.url}{path}", {**form, "look": ["network", "agent"], **values})

    def holds() -> str:
        return str(house.api("/settings/unusual?path=team")["value"])

    page = house.get(path, "maintainer")
    assert page.text.count('type="checkbox"') == page.text.count(" checked") == 9, "a canary is always looked at"
    for field, bad in (
        ("sensitivity", "extreme"),
        ("learning", "soon"),
        ("least_pulls", "0"),
        ("least_bytes", "many"),
        ("do-bulk", "explode"),
    ):
        wrong = send(**{field: bad})
        assert wrong.status == 400, field
        assert field == "do-bulk" or f'id="f-{field}-error"' in wrong.text, field
        assert wrong.text.count(" checked") == 2, "what was chosen stays"
    preview = send(sensitivity="high", learning="30d", **{"do-dead-key": "suspend", "least_pulls": "7"})
    assert preview.status == 200
    assert holds() == "none", "nothing holds before it was said what it changes"
    assert "repositories change" in preview.text
    done = browser.submit(preview, path)
    assert done.status == 303
    assert json.loads(holds()) == {
        "sensitivity": "high",
        "off": ["apart", "bulk", "dead-key", "denials", "enumeration", "hours", "repository"],
        "actions": {"dead-key": "suspend"},
        "learning": "30d",
        "least_pulls": 7,
    }
    assert "high: an alert from 50 points on" in house.get("/r/team/app/-/unusual").text
    look = house.get("/r/team/app/-/unusual/tuning", "reader")
    assert look.status == 200
    assert "<fieldset disabled>" in look.text
    assert "See what changes" not in look.text
    stale = send(sensitivity="low")
    house.admin.do(200, "PUT", "/settings/unusual", {"path": "team", "value": "none"})
    assert browser.submit(stale, path).status == 409
    reset = house.get(f"{path}?reset=1", "maintainer")
    assert browser.submit(reset, path).status == 303
    assert holds() == "none"
    everything = house.get("/unusual/tuning")
    assert everything.status == 200
    assert house.get("/unusual/tuning", "maintainer").status == 403
    assert 'href="/unusual/tuning"' in house.get("/admin/settings").text
    assert f'href="{path}"' in house.get("/n/team/-/settings").text


def test_canaries_are_made_and_removed(house: House) -> None:
    browser = house.browser("maintainer")
    page = house.get("/unusual/canaries", "maintainer")
    assert browser.submit(page, "/unusual/canaries", repository="open/base").status == 403
    page = house.get("/unusual/canaries", "maintainer")
    assert browser.submit(page, "/unusual/canaries", repository="Not A Name").status == 400
    again = house.get("/unusual/canaries", "maintainer")
    assert browser.submit(again, "/unusual/canaries", repository="team/tempting").status == 303
    number = next(each["id"] for each in house.api("/unusual/canaries")["items"] if each["path"] == "team/tempting")
    shown = house.get("/unusual/canaries", "maintainer")
    assert "team/tempting" in shown.text
    assert browser.submit(shown, f"/unusual/canaries/{number}/remove").status == 303
    assert "team/tempting" not in house.get("/unusual/canaries", "maintainer").text


def test_open_alerts_stand_on_the_home_page_of_those_who_may_see_them(house: House, alert: int) -> None:
    assert f"/unusual/alerts/{alert}" in house.get("/").text
    assert f"/unusual/alerts/{alert}" not in house.get("/", "reader").text
