"""What pages say is so: Explain against the wire for random rights, sums against database and disk after random work,
what a plan of untagged manifests names against what goes, and each number against the sum that it opens."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import NamedTuple
from urllib.parse import urlencode

import pytest
from tests.browser.filled import Pusher, push_image, push_platforms
from tests.console.conftest import Place
from tests.console.test_running import added_up, sums
from tests.console.test_sharing import PASSWORD, Person
from tests.retention.test_pages import path_of
from tests.serving import pause, running_server
from tests.wire.client import basic, connected
from tests.wire.content import OCI_INDEX, OCI_MANIFEST, digest, image, noise, referrer

_MANIFEST = {"Content-Type": OCI_MANIFEST, "Accept": f"{OCI_MANIFEST}, {OCI_INDEX}"}
ONE = image(b"{}", [])
OTHER = image(b"{}", [], annotations={"org.example": "other"})
REPOSITORIES = ("truth/app", "truth/deep/app", "other/app")
TAGS = ("v1", "prod-1")
ACTIONS = ("pull", "create-tag", "overwrite", "delete-tag")
ADDRESSES = ("10.1.2.3", "192.0.2.9", "2001:db8::7")
LATER = timedelta(hours=36)
PEOPLE, QUESTIONS = 8, 9


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A registry that believes a proxy on this machine who asks."""
    with running_server(tmp_path_factory.mktemp("truth"), "--trusted-proxies", "127.0.0.0/8") as server:
        yield Place(server)


# -- Explain ----------------------------------------------------------------------------------------------------------


class Question(NamedTuple):
    """May somebody do this there, from that address?"""

    action: str
    repository: str
    tag: str
    address: str


def grants_of(chance: random.Random, now: datetime) -> tuple[list[dict[str, object]], list[dict[str, object]]]:
    """Random grants, and the same with every instant earlier by `LATER`."""
    found: tuple[list[dict[str, object]], list[dict[str, object]]] = ([], [])
    for _ in range(chance.randint(1, 4)):
        repository = chance.choice(("truth/**", "truth/*", "truth/app", "**/app", "other/**"))
        tag = chance.choice(("", "", ":v*", ":prod-*", ":*1"))
        deny = chance.random() < 0.3
        gives: dict[str, object] = {"scope": repository + tag}
        if deny:
            gives["deny"] = sorted(chance.sample(ACTIONS, chance.randint(1, 2)))
        else:
            gives["role"] = chance.choice(("reader", "writer", "maintainer", "owner"))
        networks = chance.choice(([], [], ["10.0.0.0/8"], ["2001:db8::/32", "192.0.2.0/24"]))
        begins, ends = chance.choice(((None, None), (None, None), (-12, 12), (24, 48), (None, -12), (-12, None)))
        for twin, when in zip(found, (now, now - LATER), strict=True):
            window = {
                name: f"{when + timedelta(hours=hours):%Y-%m-%dT%H:%M:%SZ}"
                for name, hours in (("not_before", begins), ("not_after", ends))
                if hours is not None
            }
            conditions = {**({"networks": networks} if networks else {}), **({"times": [window]} if window else {})}
            twin.append({**gives, **({"conditions": conditions} if conditions else {})})
    return found


def answer(place: Place, name: str, asked: Question) -> tuple[int, str]:
    """What the registry does: the status, and the reason of a refusal. Everything stands before as it must."""
    with connected(place.server.port, {"Authorization": place.server.admin.basic}) as admin:
        there = f"/v2/{asked.repository}/manifests/{asked.tag}"
        admin.ask("POST", f"/v2/{asked.repository}/blobs/uploads/?digest={digest(b'{}')}", b"{}")
        assert admin.ask("PUT", f"/v2/{asked.repository}/manifests/kept", ONE, _MANIFEST).status == 201
        assert admin.ask("PUT", there, ONE, _MANIFEST).status == 201
        if asked.action == "create-tag":
            assert admin.ask("DELETE", there).status == 202
    method, body = {
        "pull": ("GET", b""),
        "delete-tag": ("DELETE", b""),
        "overwrite": ("PUT", OTHER),
        "create-tag": ("PUT", ONE),
    }[asked.action]
    headers = {"Authorization": basic(name, PASSWORD), "X-Forwarded-For": asked.address}
    with connected(place.server.port, headers) as person:
        done = person.ask(method, there, body, _MANIFEST)
    return done.status, done.json["errors"][0]["message"] if done.status >= 400 else ""


def explained(page: str) -> tuple[str, str]:
    """The verdict and the sentence of a page."""
    found = re.search(r'id="verdict">.*?(Allowed|Denied).*?</h2>\s*<p><bdi>(.*?)</bdi>', page, re.DOTALL)
    assert found is not None, page
    return found[1], unescape(found[2])


@pytest.mark.parametrize("seed", range(PEOPLE))
def test_explain_says_what_the_wire_answers(place: Place, seed: int) -> None:
    """Random rights x action x repository x tag x address x time. Of a time to come: what the wire answers now to
    somebody whose rights are the same, only that much earlier."""
    chance = random.Random(seed)
    now = datetime.now(UTC)
    person, twin = Person(place, f"person-{seed}"), Person(place, f"twin-{seed}")
    for each, grants in zip((person, twin), grants_of(chance, now), strict=True):
        for grant in grants:
            place.api("POST", "/grants", {"subject": f"user:{each.name}", **grant})
    overseer = place.admin_browser()
    wrong = []
    for _ in range(QUESTIONS):
        asked = Question(*(chance.choice(each) for each in (ACTIONS, REPOSITORIES, TAGS, ADDRESSES)))
        later = chance.random() < 0.4
        at = f"{now + LATER:%Y-%m-%d %H:%M}" if later else ""
        query = urlencode({**asked._asdict(), "at": at})
        own = person.browser.get(f"{place.url}/explain?{query}")
        there = f"/r/{asked.repository}/-/access/explain?{query}&subject=user:{person.name}"
        status, message = answer(place, (twin if later else person).name, asked)
        told = overseer.get(place.url + there)
        for page in (own, told):
            assert page.status == 200, page.text
            verdict, sentence = explained(page.text)
            if (verdict == "Allowed") != (status < 300):
                wrong.append(f"{asked} at {at or 'now'}: {verdict}, {sentence!r}, but {status} {message!r}")
        # Whoever may not create is told of that, whether the tag is there or not.
        if status >= 400 and not later and message.startswith(f"'{asked.action}' "):
            sentence = explained(own.text)[1]
            denied = "denied by" in message
            if not numbers(message) <= rules(own.text) or (denied and "denied by" not in sentence.lower()):
                wrong.append(f"{asked}: the page says {sentence!r}, the wire {message!r}")
    assert not wrong, "\n".join(wrong)


def numbers(message: str) -> set[str]:
    """The grants that a refusal names."""
    return set(re.findall(r"grant (\d+) ", message))


def rules(page: str) -> set[str]:
    """The grants that a page lists as speaking of the question."""
    return set(re.findall(r'<th scope="row">(\d+)', page))


# -- sums -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [1, 2])
def test_the_ledger_is_what_database_and_disk_hold_after_random_work(place: Place, seed: int) -> None:
    chance = random.Random(seed)
    with connected(place.server.port, {"Authorization": place.server.admin.basic}) as admin:
        for step in range(40):
            pusher = Pusher(admin, f"work/{chance.choice('abc')}")
            tag = f"t{chance.randint(1, 4)}"
            what = chance.choice(("push", "push", "big", "delete", "upload", "platforms"))
            if what == "push":
                push_image(pusher, tag, layers=chance.randint(1, 4), seed=str(chance.randint(1, 6)))
            elif what == "big":
                pusher.blob(noise(chance.choice((20_000, 70_000)), f"{seed}/{step}"))
            elif what == "platforms":
                push_platforms(pusher, tag, 2)
            elif what == "upload":
                pusher.upload(noise(30_000, f"left {seed}/{step}"))
            else:
                admin.ask("DELETE", f"/v2/work/{chance.choice('abc')}/manifests/{tag}")
    browser = place.admin_browser()
    lines = counted(place)
    assert added_up(lines) == 2
    by_name = {name: (value, parts) for _, name, value, parts in lines}
    assert by_name["Unaccounted"][0] == 0
    in_store, inline, doomed, uploads = by_name["Physical"][1]
    assert inline == sum(place.sql("select coalesce(sum(length(bytes)), 0) from body"))
    store = place.server.data / "store"
    lying = sum(each.stat().st_size for each in store.rglob("*") if each.is_file() and each.name[0] != ".")
    kept = in_store + doomed + uploads - by_name["Uploads"][1][1]
    assert lying == kept, f"{lying} bytes of files, {kept} in the ledger"
    rows = browser.get(f"{place.url}/storage?limit=200").text.partition('id="repositories"')[2]
    found = {name: (int(live), int(history), int(pending)) for name, live, history, pending in _ROW.findall(rows)}
    assert sum(live for live, _, _ in found.values()) == by_name["Logical"][0], "the number opens its sum"
    for name, values in found.items():
        page = browser.get(f"{place.url}/r/{name}").text
        shown = re.search(r"<dt>Size</dt><dd><data value=\"(\d+)\"", page)
        assert shown is None or int(shown[1]) == sum(values), f"{name}: all that lies there, history and pending too"


_ROW = re.compile(
    r'<bdi class="clip">([^<]+)</bdi>'
    + "".join(rf'(?:(?!<tr).)*?data-name="{name}"><data value="(\d+)"' for name in ("Logical", "History", "Pending")),
    re.DOTALL,
)


def counted(place: Place) -> list[tuple[str, str, int, list[int]]]:
    """The sums of a page of storage that nothing was written since."""
    browser = place.admin_browser()
    page = browser.get(f"{place.url}/storage")
    job = path_of(browser.submit(page, "/storage/count"))
    for _ in range(300):
        if "Done" in browser.get(place.url + job).text:
            break
        pause(0.2)
    return sums(browser.get(f"{place.url}/storage"))


def test_the_numbers_of_pictures_open_their_sums(place: Place) -> None:
    """A rectangle of home leads to the ledger of its namespace, whose total it is."""
    counted(place)
    browser = place.admin_browser()
    for path in ("/", "/storage"):
        charts = browser.get(f"{place.url}{path}?view=charts", {"HX-Request": "true"}).text
        parts = re.findall(r'<a href="(/n/[^"]+/-/storage)"[^>]*>.*?<title>([^<]*)</title>', charts, re.DOTALL)
        assert parts, charts[:3000]
        for href, title in parts:
            total = next(line for line in sums(browser.get(place.url + unescape(href))) if line[1] == "Total")
            assert shown_as(total[2]) in unescape(title), (href, title, total)


def shown_as(value: int) -> str:
    from holdfast.web.formats import size

    return size(value)


# -- untagged ---------------------------------------------------------------------------------------------------------


def test_what_is_untagged_goes_as_the_plan_said_and_nothing_else(place: Place) -> None:
    """Reached by nothing: no platform of an index, nothing that refers to what stays, no child of what stays."""
    repository = "loose/app"
    with connected(place.server.port, {"Authorization": place.server.admin.basic}) as admin:
        pusher = Pusher(admin, repository)
        tagged = push_image(pusher, "v1", layers=2)
        several = push_platforms(pusher, "multi", 3)
        accept = {"Accept": OCI_INDEX}
        children = admin.ask("GET", f"/v2/{repository}/manifests/multi", b"", accept).json["manifests"]
        pusher.blob(b"{}")
        kept = [digest(tagged), several, pusher.manifest(referrer(tagged, artifactType="text/plain"))]
        kept += [each["digest"] for each in children]
        loose = {digest(push_image(pusher, "", layers=2, seed=f"loose {at}")) for at in range(3)}
        place.sql("update lease set due = 0")  # two days ago: nobody pushes any more
        place.sql("update link set put_at = put_at - 172800000000")
        rule = json.dumps({"rules": [{"name": "loose", "action": "drop", "untagged": True, "older_than": "0s"}]})
        place.api("PUT", "/settings/retention", {"path": "loose", "value": rule})
        browser = place.admin_browser()
        page = browser.get(f"{place.url}/r/{repository}/-/retention")
        plan = path_of(browser.submit(page, f"/r/{repository}/-/retention/plans"))
        shown = settled(place, plan)
        named = {unescape(each).replace("%3A", ":") for each in re.findall(r"/-/digests/([^\"?]+)", shown)}
        assert named == loose
        assert browser.submit(browser.get(f"{place.url}{plan}/apply"), f"{plan}/apply").status == 303
        settled(place, plan)
        gone = {
            each
            for each in (*kept, *loose)
            if admin.ask("GET", f"/v2/{repository}/manifests/{each}", b"", _MANIFEST).status == 404
        }
        assert gone == named


def settled(place: Place, path: str) -> str:
    """A page once nothing goes on with what it shows."""
    browser = place.admin_browser()
    for _ in range(300):
        page = browser.get(place.url + path)
        assert page.status == 200, page.text
        if "data-poll" not in page.text:
            return page.text
        pause(0.2)
    raise AssertionError(f"{path} goes on and on")
