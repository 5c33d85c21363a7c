"""Retention as people see it: rules in words, plans, trying rules, and that what goes is what was shown."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator

import pytest
from tests.browser.filled import HOSTILE, Pusher, push_image
from tests.browsing import Browser, Page
from tests.management.api import Asker
from tests.serving import Server, running_server

from holdfast.access.errors import Invalid
from holdfast.retention.rule_form import SAMPLES, fields_of, rule_of
from holdfast.retention.rules import plain_of
from holdfast.retention.written import from_plain

SECONDS = 60.0
WHERE = "/n/kept/-/retention"


class Desk:
    """A registry with tags, and browsers of people."""

    def __init__(self, server: Server) -> None:
        self.url = server.url
        self.admin = Asker.named(server, server.admin.username, server.admin.password)
        for tag in ("v1", "v2", "dev-1", "dev-2"):
            push_image(Pusher(self.admin.connection, "kept/app"), tag, layers=2)
        push_image(Pusher(self.admin.connection, "kept/own/app"), "dev-1", layers=2)
        self.browsers = {"admin": self._signed_in(server.admin.username, server.admin.password)}
        for name, role in (("keeper", "maintainer"), ("looker", "reader")):
            secret = f"{name} pass phrase of the tests"
            self.admin.do(201, "POST", "/users", {"name": name, "password": secret})
            self.admin.do(201, "POST", "/grants", {"subject": f"user:{name}", "role": role, "scope": "kept/**"})
            self.browsers[name] = self._signed_in(name, secret)

    def get(self, path: str, who: str = "keeper") -> Page:
        return self.browsers[who].get(f"{self.url}{path}")

    def send(self, page: Page, action: str, who: str = "keeper", **values: str) -> Page:
        return self.browsers[who].submit(page, action, **values)

    def settled(self, path: str) -> Page:
        """A page of a plan once nothing goes on with it."""
        until = time.monotonic() + SECONDS
        while True:
            page = self.get(path)
            assert page.status == 200, page.text
            if "data-poll" not in page.text:
                return page
            assert time.monotonic() < until, "the plan goes on and on"

    def rules(self, path: str, *rules: dict[str, object]) -> None:
        """Let rules hold."""

        value = json.dumps({"rules": rules}) if rules else "none"
        self.admin.do(200, "PUT", "/settings/retention", {"path": path, "value": value})

    def tags(self, repository: str) -> set[str]:
        found = self.admin.do(200, "GET", f"/history/tags?repository={repository}")
        return {each["tag"] for each in found["items"]}

    def _signed_in(self, name: str, secret: str) -> Browser:
        browser = Browser()
        page = browser.get(f"{self.url}/sign-in")
        assert browser.submit(page, "/sign-in", name=name, password=secret).status == 303
        return browser


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with running_server(tmp_path_factory.mktemp("retention-pages")) as server:
        desk = Desk(server)
        yield desk
        desk.admin.close()


def path_of(page: Page) -> str:
    """Where a redirect leads, without the host."""
    assert page.status == 303, page.text
    return "/" + page.location.split("/", 3)[3]


def going(page: Page) -> set[str]:
    """The tags that a plan shows."""
    return set(re.findall(r"/-/tags/([^\"]+)\"><bdi", page.text))


@pytest.mark.parametrize("sample", SAMPLES)
def test_samples_are_rules_and_forms_say_them_again(sample: str) -> None:
    document = SAMPLES[sample][2]
    assert plain_of(from_plain(document)) == document
    for rule in document["rules"]:
        assert rule_of(fields_of(rule)) == rule


def test_a_form_says_every_field_of_a_rule() -> None:
    rule = {
        "name": "all",
        "action": "keep",
        "tags": ["a*", "b*"],
        "except": ["ab"],
        "repositories": ["x/**"],
        "annotations": {"org.example": "y*"},
        "labels": {"keep": "true"},
        "newest": 3,
        "by": "version",
        "count": "images",
        "older_than": "1d",
        "younger_than": "9d",
        "used_within": "2d",
        "in_use": ["prod", "test"],
    }
    assert rule_of(fields_of(rule)) == rule
    assert plain_of(from_plain({"rules": [rule]})) == {"rules": [rule]}


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"name": " ", "action": "drop"}, "name"),
        ({"name": "a", "action": "drop", "rank": "-1"}, "rank"),
        ({"name": "a", "action": "drop", "labels": "nothing"}, "labels"),
    ],
)
def test_what_is_no_rule_names_its_field(fields: dict[str, str], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        rule_of(fields)
    assert refused.value.field == field


def test_a_sample_is_tried_with_one_click_and_drops_nothing(desk: Desk) -> None:
    page = desk.get(WHERE)
    assert "everything stays" in page.text
    plan = path_of(desk.send(page, f"{WHERE}/plans", sample="newest"))
    shown = desk.settled(plan)
    assert "only tried" in shown.text
    assert f"{plan}/apply" not in shown.text
    refused = desk.get(f"{plan}/apply")
    assert f"{plan}/apply" not in refused.forms()
    mark = desk.get("/me").forms()["/sign-out"]["form"]
    assert desk.browsers["keeper"].post(f"{desk.url}{plan}/apply", {"form": mark}).status == 409
    assert desk.tags("kept/app") == {"v1", "v2", "dev-1", "dev-2"}


def test_rules_are_written_tried_and_set(desk: Desk) -> None:
    desk.rules("kept/own", {"name": "all", "action": "keep"})
    form = f"{WHERE}/rules"
    page = desk.send(desk.get(form), form, step="add")
    wrong = desk.send(page, form, step="put-0", name="dev", tags="dev-*", older_than="soon")
    assert wrong.status == 400
    assert "is no duration" in wrong.text
    assert "&amp;#39;" not in wrong.text
    assert 'value="dev-*"' in wrong.text
    page = desk.send(wrong, form, step="put-0", older_than="0")
    assert "Drop tags dev-*, pushed more than 0s ago." in page.text
    plan = path_of(desk.send(page, form, step="try"))
    tried = desk.settled(plan)
    assert going(tried) == {"dev-1", "dev-2"}, "what has rules of its own goes on with them"
    page = desk.get(f"{form}?plan={plan.rpartition('/')[2]}")
    bad = desk.send(page, form, step="look", schedule="every night")
    assert bad.status == 400
    look = desk.send(bad, form, step="look", schedule="")
    assert "<strong>1 repository follows</strong>" in look.text
    assert "1 has rules of its own" in look.text
    assert desk.admin.do(200, "GET", "/retention?path=kept")["rules"] == []
    done = desk.send(look, form, step="save")
    assert done.status == 303
    assert desk.admin.do(200, "GET", "/retention?path=kept")["document"]["rules"] == [
        {"name": "dev", "action": "drop", "tags": ["dev-*"], "older_than": "0s"}
    ]
    assert "Said by" in desk.get("/r/kept/app/-/retention").text


def test_what_goes_is_what_the_plan_showed(desk: Desk) -> None:
    desk.rules("kept", {"name": "dev", "action": "drop", "tags": ["dev-*"], "older_than": "0s"})
    page = desk.get("/r/kept/app/-/retention")
    plan = path_of(desk.send(page, "/r/kept/app/-/retention/plans"))
    shown = desk.settled(plan)
    assert going(shown) == {"dev-1", "dev-2"}
    assert "freed at collection" in shown.text
    push_image(Pusher(desk.admin.connection, "kept/app"), "dev-3", layers=2)
    push_image(Pusher(desk.admin.connection, "kept/app"), "dev-2", layers=2, seed="moved meanwhile")
    done = desk.send(desk.get(f"{plan}/apply"), f"{plan}/apply")
    assert done.status == 303
    after = desk.settled(plan)
    assert desk.tags("kept/app") == {"v1", "v2", "dev-2", "dev-3"}
    assert len(re.findall(r">Dropped</span>", after.text)) == 1
    assert len(re.findall(r">Skipped</span>", after.text)) == 1
    undo = re.search(r'href="([^"]+/history/restore\?at=[^"]+)"', after.text)
    assert undo
    restore = desk.get(undo[1].replace("&amp;", "&"))
    assert "Make again" in restore.text
    assert desk.send(restore, "/r/kept/app/-/history/restore").status == 303
    assert "dev-1" in desk.tags("kept/app")
    again = desk.get(f"{plan}/apply")
    assert f"{plan}/apply" not in again.forms()


def test_a_reader_looks_and_makes_nothing(desk: Desk) -> None:
    page = desk.get(WHERE, "looker")
    assert page.status == 200
    assert f"{WHERE}/plans" not in page.forms()
    assert desk.get(f"{WHERE}/rules", "looker").status == 403
    mark = desk.get("/me", "looker").forms()["/sign-out"]["form"]
    for path in ("/plans", "/rules"):
        answer = desk.browsers["looker"].post(f"{desk.url}{WHERE}{path}", {"form": mark, "step": "try"})
        assert answer.status == 403
    assert desk.get("/n/nothing/-/retention", "looker").status == 404
    assert desk.get("/n/other/-/retention/plans/1", "looker").status == 404


def test_rules_that_changed_meanwhile_are_not_replaced_unseen(desk: Desk) -> None:
    form = f"{WHERE}/rules"
    look = desk.send(desk.get(f"{form}?sample=untagged"), form, step="look")
    desk.rules("kept", {"name": "other", "action": "keep"})
    refused = desk.send(look, form, step="save")
    assert refused.status == 409
    assert "nothing was saved" in refused.text
    assert desk.admin.do(200, "GET", "/retention?path=kept")["rules"][0]["name"] == "other"
    reset = desk.get(f"{form}/reset")
    assert desk.send(reset, form, step="save").status == 303
    assert desk.admin.do(200, "GET", "/retention?path=kept")["set_at"] is None


def test_hostile_rules_stay_text(desk: Desk) -> None:
    form = f"{WHERE}/rules"
    for text in (HOSTILE[0], HOSTILE[1], HOSTILE[4]):
        page = desk.send(
            desk.send(desk.get(form), form, step="add"), form, step="put-0", name=text[:60], older_than="1d"
        )
        assert page.status == 200, page.text
        plan = path_of(desk.send(page, form, step="try"))
        for shown in (page, desk.settled(plan), desk.get(f"{form}?plan={plan.rpartition('/')[2]}")):
            assert "<svg onload" not in shown.text
            assert "<script>alert" not in shown.text
            assert ' hx-get="/me"' not in shown.text
