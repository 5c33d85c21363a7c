"""Settings as people see and change them: where values come from, what a change touches, and forms that are too old."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from tests.browser.filled import HOSTILE, HOSTILE_LINE, Pusher, push_image
from tests.browsing import Browser, Page
from tests.console.conftest import Place
from tests.management.api import Asker, segment


class Desk:
    """A registry with a namespace of three repositories, and browsers of people."""

    def __init__(self, place: Place) -> None:
        self.url = place.url
        self.server = place.server
        self.admin = Asker.named(place.server, place.server.admin.username, place.server.admin.password)
        for name in ("set/a", "set/b", "set/own/c"):
            push_image(Pusher(self.admin.connection, name), "v1", layers=1)
        self.browsers = {"admin": self.signed_in(place.server.admin.username, place.server.admin.password)}
        for name, role in (("keeper", "maintainer"), ("looker", "reader"), ("owner", "owner")):
            secret = f"{name} pass phrase of the tests"
            self.admin.do(201, "POST", "/users", {"name": name, "password": secret})
            self.admin.do(201, "POST", "/grants", {"subject": f"user:{name}", "role": role, "scope": "set/**"})
            self.browsers[name] = self.signed_in(name, secret)

    def signed_in(self, name: str, secret: str) -> Browser:
        browser = Browser()
        page = browser.get(f"{self.url}/sign-in")
        assert browser.submit(page, "/sign-in", name=name, password=secret).status == 303
        return browser

    def get(self, path: str, who: str = "admin") -> Page:
        return self.browsers[who].get(f"{self.url}{path}")

    def send(self, page: Page, action: str, who: str = "admin", **values: str) -> Page:
        return self.browsers[who].submit(page, action, **values)

    def held(self, name: str, path: str) -> str:
        """The value that holds, as the API says it."""
        return str(self.admin.do(200, "GET", f"/settings/{name}?path={path}")["value"])


@pytest.fixture(scope="module")
def desk(place: Place) -> Iterator[Desk]:
    desk = Desk(place)
    yield desk
    desk.admin.close()


WINDOW = "/n/set/-/settings/window"


def set_window(desk: Desk, where: str, count: str, unit: str) -> Page:
    """Set the history window by the two forms."""
    look = desk.send(desk.get(where), where, value=count, unit=unit)
    assert look.status == 200, look.text
    return desk.send(look, where)


def test_a_change_is_told_before_it_is_saved_and_is_that(desk: Desk) -> None:
    assert set_window(desk, "/n/set/own/-/settings/window", "7", "d").status == 303
    look = desk.send(desk.get(WINDOW), WINDOW, value="12", unit="h")
    assert "<strong>2 repositories change</strong>, 1 overrides it" in look.text
    assert desk.held("window", "set/a") == "30d", "looking changes nothing"
    done = desk.send(look, WINDOW)
    assert done.status == 303
    assert "History window: 12 hours" in desk.browsers["admin"].follow(done).text
    assert [desk.held("window", path) for path in ("set/a", "set/b", "set/own/c")] == ["12h", "12h", "7d"]
    page = desk.get("/r/set/a/-/settings")
    assert '<a href="/n/set/-/settings"><bdi>set</bdi></a>' in page.text
    reset = desk.get(f"{WINDOW}?reset=1")
    assert "2 repositories change" in reset.text
    assert desk.send(reset, WINDOW).status == 303
    assert desk.held("window", "set/a") == "30d"
    desk.send(desk.get("/n/set/own/-/settings/window?reset=1"), "/n/set/own/-/settings/window")


def test_a_form_that_is_too_old_says_what_is_different(desk: Desk) -> None:
    look = desk.send(desk.get(WINDOW), WINDOW, value="5", unit="d")
    assert "3 repositories change" in look.text
    desk.admin.do(200, "PUT", "/settings/window", {"path": "set/own", "value": "9d"})
    refused = desk.send(look, WINDOW)
    assert refused.status == 409
    assert "2 repositories change" in refused.text
    assert desk.held("window", "set/a") == "30d"
    assert desk.send(refused, WINDOW).status == 303
    assert desk.held("window", "set/a") == "5d"
    desk.admin.do(200, "DELETE", "/settings/window?path=set/own")
    desk.admin.do(200, "DELETE", "/settings/window?path=set")


@pytest.mark.parametrize(("value", "unit"), [("soon", "d"), ("", "d"), ("99999999", "d"), ("3", "x")])
def test_what_cannot_be_is_said_and_kept(desk: Desk, value: str, unit: str) -> None:
    page = desk.send(desk.get(WINDOW), WINDOW, value=value, unit=unit)
    assert page.status == 400
    assert 'role="alert"' in page.text
    assert f'value="{value}"' in page.text


def test_rules_of_immutable_tags_are_rows(desk: Desk) -> None:
    where = "/r/set/a/-/settings/immutable"
    form = {"tags-0": "v*", "except-0": "*-dev *-rc", "forbids-0": "both", "tags-1": "rel-*", "forbids-1": "move"}
    look = desk.send(desk.get(where), where, **form)
    assert look.status == 200, look.text
    assert desk.send(look, where).status == 303
    assert desk.held("immutable", "set/a") == "v* except *-dev except *-rc; rel-* allow-delete"
    page = desk.get(where)
    fields = page.forms()[where]
    assert {name: fields[name] for name in form} == form
    assert "v* except *-dev *-rc cannot be moved or deleted" in desk.get("/r/set/a/-/settings").text
    wrong = desk.send(desk.get(where), where, **{"tags-1": "["})
    assert wrong.status == 400
    assert 'value="["' in wrong.text
    look = desk.send(desk.get(where), where, **{"tags-0": "", "except-0": "", "tags-1": ""})
    assert desk.send(look, where).status == 303
    assert desk.held("immutable", "set/a") == "none"


def test_visibility_is_a_setting_for_who_manages_access(desk: Desk) -> None:
    where = "/r/set/b/-/settings/visibility"
    look = desk.send(desk.get(where, "owner"), where, "owner", value="public")
    assert "1 repository changes" in look.text
    assert desk.send(look, where, "owner").status == 303
    assert desk.held("visibility", "set/b") == "public"
    assert Browser().get(f"{desk.url}/r/set/b/-/history").status == 200
    reset = desk.get(f"{where}?reset=1", "owner")
    assert desk.send(reset, where, "owner").status == 303
    assert desk.held("visibility", "set/b") == "private"
    barred = desk.get(where, "keeper")
    assert where not in barred.forms()
    mark = desk.get("/me", "keeper").forms()["/sign-out"]["form"]
    answer = desk.browsers["keeper"].post(f"{desk.url}{where}", {"form": mark, "value": "public"})
    assert answer.status == 403


def test_a_reader_looks_and_a_maintainer_changes(desk: Desk) -> None:
    page = desk.get("/n/set/-/settings", "looker")
    assert page.status == 200
    assert "You may look at these" in page.text
    assert "Override" not in page.text
    assert WINDOW not in desk.get(WINDOW, "looker").forms()
    mark = desk.get("/me", "looker").forms()["/sign-out"]["form"]
    answer = desk.browsers["looker"].post(f"{desk.url}{WINDOW}", {"form": mark, "value": "1", "unit": "d"})
    assert answer.status == 403
    assert "Override" in desk.get("/n/set/-/settings", "keeper").text
    assert desk.get("/n/nothing/-/settings", "looker").status == 404
    assert desk.get("/admin/settings", "owner").status == 404
    assert desk.get("/admin/settings").status == 200
    assert desk.get("/n/set/-/settings/nothing").status == 404


def test_quotas_are_for_operators(desk: Desk) -> None:
    where = "/n/set/-/settings/quotas"
    assert desk.get(where, "owner").status == 403
    old = desk.get(where)
    done = desk.send(desk.get(where), where, **{"quota-bytes": "1GiB", "quota-tags": "40"})
    assert done.status == 303
    page = desk.browsers["admin"].follow(done)
    assert "1.0 GiB" in page.text
    assert "3 used, 7 %" in page.text
    stale = desk.send(old, where, **{"quota-bytes": "2GiB"})
    assert stale.status == 409
    assert "quota-bytes 1GiB" in stale.text
    wrong = desk.send(desk.get(where), where, **{"quota-bytes": "plenty"})
    assert wrong.status == 400
    assert "is no size" in wrong.text
    assert desk.send(desk.get(where), where, **{"quota-bytes": "", "quota-tags": ""}).status == 303
    assert desk.held("quota-bytes", "set") == "unlimited"


@pytest.mark.parametrize("path", ["/r/set/a", "/n/set"])
def test_what_is_said_of_a_path_is_kept_as_it_was_written(desk: Desk, path: str) -> None:
    where = f"{path}/-/settings/about"
    old = desk.get(where)
    done = desk.send(desk.get(where), where, description=f"# It\n{HOSTILE_LINE}", labels="team=red\ntier = gold")
    assert done.status == 303, done.text
    fields = desk.get(where).forms()[where]
    assert fields["labels"].split() == ["team=red", "tier=gold"]
    assert fields["description"].strip().endswith(HOSTILE_LINE)
    stale = desk.send(old, where, description="mine")
    assert stale.status == 409
    assert "Somebody changed this" in stale.text
    assert "<script>alert" not in stale.text
    for wrong in ("nothing", "UPPER=x", "a=1\na=2"):
        assert desk.send(desk.get(where), where, labels=wrong).status == 400
    assert desk.send(desk.get(where), where, labels="tier=gold").status == 303
    assert desk.get(where, "looker").status == 403


def test_deleting_says_what_goes_and_takes_the_name(desk: Desk) -> None:
    push_image(Pusher(desk.admin.connection, "set/gone"), "v1", layers=1)
    where = "/r/set/gone/-/settings/delete"
    page = desk.get(where, "owner")
    assert "1 tag," in page.text
    assert "For 30 days" in page.text
    assert desk.send(page, where, "owner", confirm="set/gon").status == 400
    push_image(Pusher(desk.admin.connection, "set/gone"), "v2", layers=1)
    stale = desk.send(desk.get(where, "owner"), where, "owner", confirm="set/gone", seen="1/1/1")
    assert stale.status == 409
    assert "2 tags," in stale.text
    assert desk.get(where, "keeper").status == 403
    done = desk.send(stale, where, "owner", confirm="set/gone")
    assert done.status == 303
    after = desk.browsers["owner"].follow(done)
    assert desk.get("/r/set/gone/-/settings", "owner").status == 404
    undo = re.search(r'href="([^"]+)">Undo', after.text)
    assert undo
    back = desk.get(undo[1], "owner")
    assert desk.send(back, undo[1], "owner").status == 303
    desk.admin.do(200, "PUT", "/settings/immutable", {"path": "set/gone", "value": "v*"})
    held = desk.get(where, "owner")
    assert "A rule forbids this" in held.text
    assert where not in held.forms()
    forced = desk.send(desk.get(where), where, confirm="set/gone", force="1")
    assert forced.status == 303


def test_a_namespace_is_deleted_by_a_job(desk: Desk) -> None:
    push_image(Pusher(desk.admin.connection, "bin/a"), "v1", layers=1)
    where = "/n/bin/-/settings/delete"
    done = desk.send(desk.get(where), where, confirm="bin")
    assert done.status == 303
    assert re.search(r"/jobs/\d+$", done.location)
    assert desk.admin.do(200, "GET", f"/jobs/{done.location.rpartition('/')[2]}")["kind"] == "delete-namespace"


def test_hostile_values_stay_text(desk: Desk) -> None:
    desk.admin.do(200, "PATCH", f"/repositories/{segment('set/a')}", {"description": HOSTILE_LINE})
    where = "/r/set/a/-/settings/subject-classes"
    for text in HOSTILE[:5]:
        page = desk.send(desk.get(where), where, value=text)
        assert page.status in (200, 400, 404)
        assert "<svg onload" not in page.text
        assert "<script>alert" not in page.text
        assert ' hx-get="/me"' not in page.text
    for path in ("/r/set/a/-/settings", "/r/set/a/-/settings/about"):
        assert "<script>alert" not in desk.get(path).text
