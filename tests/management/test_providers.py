"""`/api/v1/providers` and `holdfast provider`: what goes in, what comes out, and what never does."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.cli.shell import Shell
from tests.console.conftest import FLAGS, Place
from tests.openid import OwnProvider, own_provider
from tests.serving import running_server


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with running_server(tmp_path_factory.mktemp("providers"), *FLAGS) as server:
        yield Place(server)


@pytest.fixture
def own() -> Iterator[OwnProvider]:
    with own_provider() as provider:
        yield provider


def name_of(provider: OwnProvider) -> str:
    return f"p{provider.port}"


def test_a_provider_is_added_shown_changed_and_removed(place: Place, own: OwnProvider) -> None:
    name = name_of(own)
    made = place.add_provider(name, own.issuer, title="The Company", groups_claim="roles")
    assert made.pop("made_at")
    assert made == {
        "name": name,
        "title": "The Company",
        "issuer": own.issuer,
        "client_id": "holdfast",
        "has_secret": True,
        "scopes": "openid profile email",
        "name_claim": "preferred_username",
        "groups_claim": "roles",
        "creates": True,
        "redirect_uri": f"{place.url}/sign-in/{name}/callback",
        "made_by": "user:admin",
    }
    assert name in [each["name"] for each in place.api("GET", "/providers")["items"]]
    changed = place.api("PATCH", f"/providers/{name}", {"title": None, "groups_claim": None, "creates": False})
    assert (changed["title"], changed["groups_claim"], changed["creates"]) == (None, None, False)
    assert changed["has_secret"], "what is not named stays"
    place.api("DELETE", f"/providers/{name}")
    place.api("GET", f"/providers/{name}", status=404)
    place.api("DELETE", f"/providers/{name}", status=404)
    kinds = place.sql("select kind from journal where kind like 'provider.%' order by id desc")
    assert kinds[:3] == ["provider.removed", "provider.changed", "provider.added"]
    assert own.client_secret not in str(place.sql("select data from journal"))


def test_what_cannot_be_is_refused_by_its_field(place: Place, own: OwnProvider) -> None:
    good = {"name": "x", "issuer": own.issuer, "client_id": "c"}
    for field, value in (
        ("name", ""),
        ("name", "Corp"),
        ("name", "a/b"),
        ("name", "a" * 33),
        ("issuer", own.issuer + "/"),
        ("issuer", own.issuer + "/other"),
        ("issuer", own.issuer + "?x"),
        ("issuer", "http://127.0.0.1:1"),
        ("client_id", ""),
        ("client_id", "a\nb"),
        ("scopes", "profile"),
        ("scopes", "openid  email"),
        ("scopes", 'openid "'),
        ("name_claim", ""),
        ("title", "a\u202eb"),
    ):
        said = place.api("POST", "/providers", {**good, field: value}, status=400)
        assert [each["field"] for each in said["fields"]] == [field], (field, value, said)
    place.api("POST", "/providers", {**good, "admin": True}, status=400)
    assert "x" not in [each["name"] for each in place.api("GET", "/providers")["items"]]


def test_one_issuer_is_one_provider_and_names_stay_taken(place: Place, own: OwnProvider) -> None:
    name = name_of(own)
    place.add_provider(name, own.issuer)
    body = {"name": "second", "issuer": own.issuer, "client_id": "c"}
    assert place.api("POST", "/providers", body, status=409)["type"] == "/problems/conflict"
    place.api("PATCH", f"/providers/{name}", {"issuer": "https://other.example"}, status=400)
    place.api("DELETE", f"/providers/{name}")
    with own_provider() as other:
        place.api("POST", "/providers", {**body, "name": name, "issuer": other.issuer}, status=409)
    assert place.add_provider(name, own.issuer)["name"] == name


def test_a_change_that_is_late_is_refused(place: Place, own: OwnProvider) -> None:
    name = name_of(own)
    place.add_provider(name, own.issuer)
    headers = {"Authorization": place.server.admin.basic, "Content-Type": "application/json"}
    answer, _ = place.ask("GET", f"/api/v1/providers/{name}", None, headers)
    late = {**headers, "If-Match": answer.headers["ETag"]}
    assert place.ask("PATCH", f"/api/v1/providers/{name}", b'{"title": "a"}', late)[0].status == 200
    assert place.ask("PATCH", f"/api/v1/providers/{name}", b'{"title": "b"}', late)[0].status == 412
    assert place.ask("DELETE", f"/api/v1/providers/{name}", None, late)[0].status == 412


def test_a_provider_is_tried(place: Place, own: OwnProvider) -> None:
    name = name_of(own)
    place.add_provider(name, own.issuer)
    found = place.api("POST", f"/providers/{name}/test")
    assert found["ok"]
    assert {each["name"] for each in found["checks"]} == {"discovery", "keys", "pkce", "re-check", "redirect"}
    own.metadata = {"issuer": "https://evil.example"}
    found = place.api("POST", f"/providers/{name}/test")
    assert not found["ok"]
    assert "https://evil.example" in found["checks"][0]["found"]


def test_only_administrators_see_providers(place: Place, own: OwnProvider) -> None:
    place.api("POST", "/users", {"name": "plain", "password": "a-long-enough-password"})
    place.add_provider(name_of(own), own.issuer)
    place.server.known_admin, admin = type(place.server.admin)("plain", "a-long-enough-password"), place.server.admin
    try:
        for method, path in (("GET", ""), ("GET", f"/{name_of(own)}"), ("GET", "/nothing"), ("DELETE", "/nothing")):
            said = place.api(method, f"/providers{path}", status=403)
            assert said["type"] == "/problems/denied"
    finally:
        place.server.known_admin = admin


def test_the_verbs_do_the_same(place: Place, own: OwnProvider) -> None:
    name = name_of(own)
    shell = Shell(place.server.logs)
    secret = own.client_secret
    shell.run("login", place.url, "-u", "admin", "--password-stdin", stdin=place.server.admin.password)
    add = ("provider", "add", name, "--issuer", own.issuer, "--client-id", "holdfast", "--secret-stdin")
    said = shell.says(*add, stdin=secret + "\n")
    assert f"{place.url}/sign-in/{name}/callback" in said
    assert name in shell.says("provider", "list")
    assert "has secret" in shell.says("provider", "show", name)
    assert shell.json("provider", "show", name)["has_secret"]
    assert secret not in said + shell.says("provider", "list", "--json") + shell.says("provider", "show", name)
    assert "roles" in shell.says("provider", "change", name, "--groups-claim", "roles", "--title", "Roles")
    assert "name what is to be changed" in shell.refused("provider", "change", name, status=2)
    both = ("provider", "change", name, "--no-groups", "--groups-claim", "x")
    assert "exclude each other" in shell.refused(*both, status=2)
    assert "already" in shell.refused(*add, stdin=secret)
    assert "RS256" in shell.says("provider", "test", name)
    own.down = True
    assert "FAILED" in shell.run("provider", "test", name, status=1).stdout
    assert "removed" in shell.says("provider", "remove", name)
    assert "there is no provider" in shell.refused("provider", "show", name)
