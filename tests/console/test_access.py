"""The pages of access: grants, visibility, robots and keys; and Explain, whose answer is what the registry does."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from html import unescape

import pytest
from tests.backends import until
from tests.browsing import Page
from tests.console.conftest import Place
from tests.console.test_sharing import HOSTILE, Person
from tests.serving import running_server
from tests.wire.client import basic, connected
from tests.wire.content import OCI_MANIFEST, digest, image

PASSWORD = "the long password of somebody"
BODY = image(b"{}", [])
_MANIFEST = {"Content-Type": OCI_MANIFEST, "Accept": OCI_MANIFEST}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with running_server(tmp_path_factory.mktemp("access")) as server:
        made = Place(server)
        push(made, server.admin.basic, "team/app", "v1")
        yield made


@pytest.fixture(scope="module")
def otto(place: Place) -> Person:
    person = Person(place, "otto")
    place.api("POST", "/grants", {"subject": "user:otto", "role": "owner", "scope": "team/**"})
    return person


def push(place: Place, header: str, repository: str, tag: str) -> int:
    """The status of a push."""
    with connected(place.server.port, {"Authorization": header}) as connection:
        connection.ask("POST", f"/v2/{repository}/blobs/uploads/?digest={digest(b'{}')}", b"{}")
        return connection.ask("PUT", f"/v2/{repository}/manifests/{tag}", BODY, _MANIFEST).status


def ask(place: Place, header: str, method: str, repository: str, tag: str) -> int:
    """The status of a request for a manifest."""
    with connected(place.server.port, {"Authorization": header}) as connection:
        return connection.ask(method, f"/v2/{repository}/manifests/{tag}", b"", _MANIFEST).status


def said(text: str) -> str:
    """What a page says, without its markup."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", text.partition("<main")[2].partition("</main>")[0])).split())


def test_a_grant_is_made_shown_and_removed(place: Place, otto: Person) -> None:
    dora = Person(place, "dora")
    path = "/r/team/app/-/access/grants/new"
    wrong = otto.send(path, path, subject="user:nobody-at-all", note=HOSTILE)
    assert wrong.status == 400
    assert 'value="user:nobody-at-all"' in wrong.text
    assert "<svg onload" not in wrong.text
    for bad in ({"subject": "dora"}, {"repository": "team/app:x"}, {"role": ""}, {"networks": "10.0.0.0/99"}):
        assert otto.send(path, path, **{"subject": "user:dora", **bad}).status == 400, bad
    elsewhere = otto.send(path, path, subject="user:dora", repository="other/**")
    assert elsewhere.status == 403
    done = otto.send(
        path, path, subject="user:dora", role="reader", tag="v*", networks="127.0.0.0/8", days="30", note=HOSTILE
    )
    assert done.status == 303, done.text
    shown = otto.browser.follow(done)
    assert "from 127.0.0.0/8" in shown.text
    assert "<svg onload" not in shown.text
    assert ask(place, basic("dora", PASSWORD), "GET", "team/app", "v1") == 200
    assert "You see the grants that name you" in dora.get("/r/team/app/-/access").text
    id = re.findall(r"/-/access/grants/(\d+)/remove", shown.text)[-1]
    for place_of in ("/r/team/app", "/n/team"):
        assert dora.get(f"{place_of}/-/access/grants/{id}/remove").status == 403
    remove = f"/r/team/app/-/access/grants/{id}/remove"
    assert dora.force(remove).status == 403
    confirm = otto.get(remove)
    sent = otto.browser.submit(confirm, remove)
    assert sent.status == 303
    assert ask(place, basic("dora", PASSWORD), "GET", "team/app", "v1") == 403
    assert otto.browser.submit(confirm, remove).status in (404, 409), "the same form counts once"


CONDITIONS = {
    "networks": ["10.0.0.0/8", "2001:db8::/32"],
    "times": [
        {
            "days": ["mon", "tue"],
            "start": "08:00",
            "end": "18:00",
            "zone": "Europe/Berlin",
            "not_before": "2026-12-01T08:00:00Z",
            "not_after": "2999-01-01T00:00:00Z",
        },
        {"days": ["mon", "sat", "sun"], "start": "22:00", "end": "06:00"},
        {"zone": "Europe/Paris", "not_after": "2998-01-01T00:00:00Z"},
    ],
    "claims": {"ref": "refs/heads/*", "sub": "a=b"},
}


def test_a_grant_takes_every_condition_that_the_api_takes(place: Place, otto: Person) -> None:
    Person(place, "ines")
    path = "/n/team/-/access/grants/new"
    given: dict[str, str | Sequence[str]] = {
        "subject": "user:ines",
        "networks": "10.0.0.0/8, 2001:db8::/32",
        "weekday": ["mon", "tue"],
        **{"start": "08:00", "end": "18:00", "zone": "Europe/Berlin"},
        **{"not_before": "2026-12-01 09:00+01:00", "not_after": "2999-01-01"},
        "windows": "sat-mon 22:00-06:00\n\nEurope/Paris until 2998-01-01",
        "claims": "ref = refs/heads/*\nsub=a=b",
        "ends_at": "2997-01-01 12:00",
    }

    def send(**more: str | Sequence[str]) -> Page:
        form = otto.get(path).forms()[path]
        return otto.browser.post(f"{place.url}{path}", {**form, **given, **more})

    for field, bad in (
        ("networks", "10.0.0.0/99"),
        ("weekday", ["mon", "someday"]),
        ("start", "25:00"),
        ("zone", "Nowhere/Else"),
        ("not_before", "soon"),
        ("windows", "mon 08:00-18:00 Europe/Berlin and more"),
        ("windows", "mon until"),
        ("windows", "08:00-18:00 Mars/Station"),
        ("claims", "sub"),
        ("ends_at", "never"),
        ("subject", "user:nobody-at-all"),
        ("repository", "team/***"),
    ):
        wrong = send(**{field: bad})
        assert wrong.status == 400, field
        assert f'id="f-{field}-error"' in wrong.text or field == "weekday", field
        assert unescape(wrong.forms()[path]["windows"]) == (bad if field == "windows" else given["windows"])
        assert wrong.text.count(" checked") == 2 - (field == "weekday")
    done = send()
    assert done.status == 303, done.text
    (made,) = place.api("GET", "/grants?subject=user:ines")["items"]
    assert made["expires_at"] == "2997-01-01T12:00:00Z"
    shown = {
        name: [_said(each) for each in kept] if name == "times" else kept for name, kept in made["conditions"].items()
    }
    assert shown == CONDITIONS
    told = said(otto.browser.follow(done).text)
    for text in ("from 10.0.0.0/8, 2001:db8::/32", "mon, tue 08:00-18:00 Europe/Berlin", "with ref=refs/heads/*"):
        assert f"only {text}" in told


def _said(window: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in window.items() if value}


def test_a_group_gets_members_from_who_may_give_what_it_has(place: Place, otto: Person) -> None:
    fred = Person(place, "fred")
    place.api("POST", "/groups", {"name": "crew"})
    place.api("POST", "/grants", {"subject": "group:crew", "role": "reader", "scope": "team/**"})
    place.api("POST", "/groups", {"name": "strangers"})
    place.api("POST", "/grants", {"subject": "group:strangers", "role": "reader", "scope": "other/**"})
    assert "/n/team/-/access/group?name=crew" in otto.get("/n/team/-/access").text
    page = "/n/team/-/access/group?name=crew"
    assert otto.send(page, "/n/team/-/access/group/add", member="user:nobody-there").status == 400
    assert otto.send(page, "/n/team/-/access/group/add", member="user:fred").status == 303
    assert ask(place, basic("fred", PASSWORD), "GET", "team/app", "v1") == 200
    assert "user:fred" in said(otto.get(page).text)
    assert fred.force("/n/team/-/access/group/add", name="crew", member="user:otto").status in (400, 403)
    assert otto.send(page, "/n/team/-/access/group/remove", member="user:fred").status == 303
    assert ask(place, basic("fred", PASSWORD), "GET", "team/app", "v1") == 403
    assert otto.get("/n/team/-/access/group?name=strangers").status == 404
    for verb in ("add", "remove"):
        assert otto.force(f"/n/team/-/access/group/{verb}", name="strangers", member="user:otto").status == 404


def test_a_deny_is_made_and_said(otto: Person) -> None:
    path = "/n/team/-/access/grants/new"
    done = otto.send(path, path, subject="anonymous", role="", deny="pull", tag="secret-*")
    assert done.status == 303, done.text
    several = {**otto.get(path).forms()[path], "subject": "anonymous", "role": "", "deny": ["delete-tag", "sign"]}
    assert otto.browser.post(f"{otto.place.url}{path}", several).status == 303
    (both,) = [each for each in otto.place.api("GET", "/grants?subject=anonymous")["items"] if not each["tag"]]
    assert both["actions"] == ["delete-tag", "sign"]
    otto.place.api("DELETE", f"/grants/{both['id']}")
    shown = otto.browser.follow(done)
    assert "deny" in said(shown.text)
    remove = f"/n/team/-/access/grants/{re.findall(r'/-/access/grants/([0-9]+)/remove', shown.text)[-1]}/remove"
    assert "will be allowed again" in otto.get(remove).text
    assert otto.send(remove, remove).status == 303


def test_a_path_is_opened_and_closed(place: Place, otto: Person) -> None:
    path = "/n/team/-/access/visibility"
    assert otto.send(path, path, visibility="public").status == 303
    assert place.ask("GET", "/v2/team/app/manifests/v1", None, {"Accept": OCI_MANIFEST})[0].status == 200
    assert "Everyone may pull and list" in otto.get("/n/team/-/access").text
    assert otto.send(path, path, visibility="inherit").status == 303
    assert place.ask("GET", "/v2/team/app/manifests/v1", None, {"Accept": OCI_MANIFEST})[0].status == 401
    assert otto.force(path, visibility="perhaps").status == 400


def test_a_robot_gets_a_key_that_is_shown_once(place: Place, otto: Person) -> None:
    path = "/n/team/-/access/robots/-/new"
    assert otto.send(path, path, name="No Name").status == 400
    done = otto.send(path, path, name="ci", description=HOSTILE)
    assert done.status == 303, done.text
    robot = "/n/team/-/access/robots/ci"
    assert done.location.endswith(robot)
    made = otto.send(robot, f"{robot}/keys", name="pipeline", may="reader", days="30")
    assert made.status == 200, made.text
    (secret, *_) = re.findall(r"hf_[0-9A-Za-z]{36}", made.text)
    commands = [unescape(each) for each in re.findall(r'data-copy="([^"]*)"', made.text)]
    host = place.url.partition("//")[2]
    assert f"printf %s '{secret}' | docker login {host} -u 'team+ci' --password-stdin" in commands
    assert any(each.startswith("kubectl create secret docker-registry ci ") and secret in each for each in commands)
    assert place.with_key("team+ci", secret) == 200
    again = otto.get(robot).text
    assert secret not in again
    assert f"hf_…{secret[-4:]}" in unescape(again)
    key = f"{robot}/keys/pipeline"
    rotated = otto.send(key, f"{key}/rotate")
    (fresh, *_) = re.findall(r"hf_[0-9A-Za-z]{36}", rotated.text)
    assert fresh != secret
    assert {place.with_key("team+ci", each) for each in (secret, fresh)} == {200}, "two live secrets"
    assert otto.send(key, f"{key}/finish").status == 303
    assert [place.with_key("team+ci", each) for each in (secret, fresh)] == [401, 200]
    assert otto.send(key, f"{key}/suspend", reason="found in a log").status == 303
    assert place.with_key("team+ci", fresh) == 401
    assert "found in a log" in said(otto.get(key).text)
    assert otto.force(f"{key}/slow", span="3600").status == 409
    assert otto.send(key, f"{key}/resume").status == 303
    assert place.with_key("team+ci", fresh) == 200
    assert otto.send(key, f"{key}/slow", span="1").status == 400
    assert otto.send(key, f"{key}/slow", span="3600", reason=HOSTILE).status == 303
    assert [place.with_key("team+ci", fresh) for _ in range(40)].count(429) > 0
    assert "slowed until" in said(otto.get(key).text)
    assert otto.send(key, f"{key}/resume").status == 303
    assert place.with_key("team+ci", fresh) == 200
    assert otto.send(key, f"{key}/revoke").status == 303
    assert place.with_key("team+ci", fresh) == 401
    assert otto.send(robot, f"{robot}/disable").status == 303
    assert otto.send(robot, f"{robot}/enable").status == 303
    assert otto.send(f"{robot}/delete", f"{robot}/delete", name="wrong").status == 400
    assert otto.send(f"{robot}/delete", f"{robot}/delete", name="team+ci").status == 303
    assert otto.get(robot).status == 404
    assert secret not in place.server.log_text()


_OF_KEYS = ("revoke", "rotate", "suspend", "resume")


def test_robots_of_others_are_not_there(place: Place, otto: Person) -> None:
    place.api("POST", "/robots", {"namespace": "other", "name": "bot"})
    mary = Person(place, "mary")
    place.api("POST", "/grants", {"subject": "user:mary", "role": "maintainer", "scope": "team/**"})
    place.api("POST", "/robots", {"namespace": "team", "name": "bot"})
    for person, name in ((otto, "other"), (mary, "team")):
        robot = f"/n/{name}/-/access/robots/bot"
        assert person.get(robot).status == 404
        for action in ("disable", "keys", "delete", *(f"keys/k/{each}" for each in _OF_KEYS)):
            assert person.force(f"{robot}/{action}", name="x").status == 404, action


def test_a_rule_of_federation_is_made_and_removed(place: Place, otto: Person) -> None:
    place.api(
        "POST",
        "/issuers",
        {"name": "ours", "iss": "https://id.example", "audience": "registry", "jwks": {"keys": _JWKS}},
    )
    place.api("POST", "/robots", {"namespace": "team", "name": "federated"})
    path = "/n/team/-/access/federation/-/new"
    assert otto.send(path, path, name="main", issuer="none", robot="federated", claims="sub=x").status == 400
    assert otto.send(path, path, name="main", issuer="ours", robot="federated", claims="sub").status == 400
    done = otto.send(path, path, name="main", issuer="ours", robot="federated", claims="sub=a-machine\nref=v*")
    assert done.status == 303, done.text
    assert "sub=a-machine" in said(otto.browser.follow(done).text)
    remove = "/n/team/-/access/federation/main/remove"
    assert otto.send(remove, remove).status == 303
    assert otto.get(remove).status == 404


_JWKS = [
    {
        "kty": "EC",
        "crv": "P-256",
        "kid": "k",
        "alg": "ES256",
        "use": "sig",
        "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
        "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",
    }
]

GRANTS = {
    "reads": ({"role": "reader", "scope": "truth/**"},),
    "writes": ({"role": "writer", "scope": "truth/app"},),
    "tags": ({"role": "writer", "scope": "truth/app:ci-*"},),
    "denied": ({"role": "maintainer", "scope": "truth/**"}, {"deny": ["pull"], "scope": "truth/**:prod-*"}),
    "far": ({"role": "owner", "scope": "truth/**", "conditions": {"networks": ["192.0.2.0/24"]}},),
    "near": ({"role": "owner", "scope": "truth/**", "conditions": {"networks": ["127.0.0.0/8"]}},),
    "nothing": (),
}
CASES = [
    (action, repository, tag)
    for action in ("pull", "create-tag", "overwrite", "delete-tag")
    for repository in ("truth/app", "truth/other")
    for tag in ("ci-1", "prod-1")
]


@pytest.mark.parametrize("name", GRANTS)
def test_explain_says_what_the_registry_does(place: Place, name: str) -> None:
    """Each case: the page of oneself, and the request itself."""
    person = Person(place, name)
    for grant in GRANTS[name]:
        place.api("POST", "/grants", {"subject": f"user:{name}", **grant})
    own, admin = basic(name, PASSWORD), place.server.admin.basic
    red = []
    for action, repository, tag in CASES:
        for each in ("ci-1", "prod-1"):
            assert push(place, admin, repository, each) == 201
        if action == "create-tag":
            ask(place, admin, "DELETE", repository, tag)
        page = person.get(f"/explain?action={action}&repository={repository}&tag={tag}")
        assert page.status == 200, page.text
        verdict = re.search(r'id="verdict">.*?(Allowed|Denied)', page.text, re.DOTALL)
        assert verdict is not None, page.text
        if action == "pull":
            status = ask(place, own, "GET", repository, tag)
        elif action == "delete-tag":
            status = ask(place, own, "DELETE", repository, tag)
        elif action == "overwrite":
            status = overwrite(place, own, repository, tag)
        else:
            status = push(place, own, repository, tag)
        if (verdict[1] == "Allowed") != (status < 300):
            red.append(f"{action} {repository}:{tag}: {verdict[1]}, but {status}")
        if verdict[1] == "Denied":
            assert "Request access" in page.text
            assert "What would allow it" in page.text
    assert not red, "\n".join(red)


def overwrite(place: Place, header: str, repository: str, tag: str) -> int:
    """The status of moving a tag."""
    other = image(b"{}", [], annotations={"org.example": "other"})
    with connected(place.server.port, {"Authorization": header}) as connection:
        connection.ask("POST", f"/v2/{repository}/blobs/uploads/?digest={digest(b'{}')}", b"{}")
        return connection.ask("PUT", f"/v2/{repository}/manifests/{tag}", other, _MANIFEST).status


def test_explain_of_others_is_for_who_oversees(place: Place, otto: Person) -> None:
    gina = Person(place, "gina")
    place.api("POST", "/grants", {"subject": "user:gina", "role": "reader", "scope": "team/app"})
    there = "/r/team/app/-/access/explain?subject=user:gina&action=delete-tag&repository=team/app&tag=v1"
    page = otto.get(there)
    assert page.status == 200
    told = said(page.text)
    assert "Denied user:gina may not delete-tag team/app:v1" in told
    assert "holdfast grant add user:gina maintainer 'team/app:v1'" in told
    granting = re.search(r'href="(/r/team/app/-/access/grants/new\?[^"]*)"', page.text)
    assert granting is not None
    form = otto.get(unescape(granting[1]))
    assert otto.browser.submit(form, "/r/team/app/-/access/grants/new").status == 303
    assert "Allowed user:gina" in said(otto.get(there).text), "the least grant allows it"
    assert "user:gina" in said(otto.get("/r/team/app/-/access/who?action=delete-tag&tag=v1").text)
    own = gina.get("/r/team/app/-/access/explain?subject=user:otto&action=pull")
    assert "Allowed user:gina may pull" in said(own.text), "about others nothing is said"
    assert gina.get("/r/team/app/-/access/who?action=pull").status == 404
    assert otto.get("/r/team/app/-/access/explain?subject=user:otto&action=pull&repository=other/x").status == 200
    assert otto.get("/r/team/app/-/access/explain?subject=user:gina&action=pull&repository=other/x").status == 404
    for bad in ("action=fly", "action=pull&repository=A", "action=pull&tag=x%20y", "action=pull&address=x&at=tomorrow"):
        assert otto.get(f"/r/team/app/-/access/explain?{bad}").status == 400, bad


def test_explain_looks_at_address_and_time(place: Place, otto: Person) -> None:
    hans = Person(place, "hans")
    conditions = {
        "networks": ["192.0.2.0/24"],
        "times": [{"days": ["mon"], "start": "08:00", "end": "18:00", "zone": "UTC"}],
    }
    place.api(
        "POST", "/grants", {"subject": "user:hans", "role": "reader", "scope": "team/**", "conditions": conditions}
    )
    asked = "/explain?action=pull&repository=team/app&tag=v1"
    monday, sunday = "2026-11-23+12:00", "2026-11-22+12:00"
    for more, verdict in (
        (f"&address=192.0.2.7&at={monday}", "Allowed user:hans may"),
        (f"&address=192.0.2.7&at={sunday}", "Denied user:hans may not"),
        (f"&address=198.51.100.1&at={monday}", "Denied user:hans may not"),
    ):
        told = said(hans.get(asked + more).text)
        assert f"{verdict} pull team/app" in told, told
    assert "does not come from 192.0.2.0/24" in said(hans.get(f"{asked}&address=198.51.100.1&at={monday}").text)


def test_what_one_may_not_see_is_absent(place: Place, otto: Person) -> None:
    for name in ("/r/other/app", "/r/never/made", "/n/other", "/n/never"):
        for page in ("access", "access/explain", "access/robots", "access/requests", "access/invitations"):
            assert otto.get(f"{name}/-/{page}").status == 404, f"{name} {page}"


def test_a_grant_says_when_it_was_used_to_who_oversees_it(place: Place, otto: Person) -> None:
    push(place, place.server.admin.basic, "used/app", "v1")
    Person(place, "uma")
    cleo = Person(place, "cleo")
    place.api("POST", "/groups", {"name": "users"})
    for name in ("uma", "cleo"):
        place.api("PUT", f"/groups/users/members/user:{name}")
    to = ("group:users", "user:otto", "user:cleo", "group:crew-of-auditors")
    place.api("POST", "/groups", {"name": "crew-of-auditors"})
    roles = ("reader", "owner", "reader", "auditor")
    made = [
        place.api("POST", "/grants", {"subject": subject, "role": role, "scope": "used/**"})["id"]
        for subject, role in zip(to, roles, strict=True)
    ]
    assert ask(place, basic("uma", PASSWORD), "GET", "used/app", "v1") == 200
    until(lambda: bool(place.api("GET", f"/grants/{made[0]}")["used_at"]), "the use of a grant, which is stored")
    kept = place.api("GET", f"/grants/{made[0]}")
    assert place.api("GET", f"/grants/{made[2]}")["used_at"] is None
    rows = re.findall(r"<tr>\s*<th scope=\"row\">.*?</tr>", otto.get("/n/used/-/access").text, re.DOTALL)
    used = {subject: next(row for row in rows if f">{subject}<" in row) for subject in to}
    assert "<time" in used["group:users"].partition('data-name="Last used"')[2].partition("</td>")[0]
    assert "not yet" in used["user:cleo"]
    assert "not counted" in used["group:crew-of-auditors"], "an auditor does nothing with images"
    own = cleo.get("/n/used/-/access").text
    assert "<time" not in own.partition("group:users")[2].partition('data-name="Last used"')[2].partition("</td>")[0]
    assert kept in place.api("GET", "/grants?path=used")["items"]
