"""Whatever id or name of another tenant stands in a path, a query or a body: it is as if it did not exist.

The rows are the operations of the API; an operation without a row fails. Each is tried on what is there and on what is
not, by another tenant's owner, member and robot: both answers are the same but for the name that was asked for.
"""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple
from urllib.parse import urlencode

import pytest
from tests.management.api import Asker
from tests.management.conftest import Tenant
from tests.management.tenant_rows import INSTALLATION, OWN, ROLES, ROWS, UNSEEN, Row
from tests.wire.content import digest

_NOWHERE = 987_654_321
_PAGES = 50
_SEEN = [row for row in ROWS if row.method == "GET" and row.operation not in UNSEEN and "blue" not in row.path]


class Things(NamedTuple):
    """What stands in a row: the name of a tenant, and the ids of what it has."""

    name: str
    grant: int
    session: int
    plan: int
    job: int
    event: int
    webhook: int
    request: int
    invitation: int
    change: int
    export: int
    deleted: int
    digest: str


_VOID = Things("void", *(_NOWHERE,) * 11, digest(b"void"))


def _things(of: Tenant) -> Things:
    begun = (of.grant, of.session, of.plan, of.job, of.event, of.webhook, of.request, of.invitation)
    return Things(of.name, *begun, of.change, of.export, of.deleted, of.digest)


def _filled(row: Row, things: Things, time: str) -> tuple[str, Any]:
    def named(text: str) -> str:
        return text.replace("N", things.name).replace("DIGEST", things.digest).replace("TIME", time)

    body = json.dumps(row.body).replace('"DELETED"', str(things.deleted))
    path = row.path.replace("/G", f"/{things.grant}").replace("/S", f"/{things.session}")
    path = path.replace("/P", f"/{things.plan}").replace("/J", f"/{things.job}").replace("/E", f"/{things.event}")
    path = path.replace("/W", f"/{things.webhook}").replace("/A", f"/{things.request}")
    path = path.replace("/I", f"/{things.invitation}").replace("/C", f"/{things.change}")
    path = path.replace("/X", f"/{things.export}")
    return named(path), json.loads(named(body)) if row.body is not None else None


def _plain(answer: Any, things: Things) -> Any:
    """An answer without what was asked for and its id."""
    document = answer.json
    document.pop("request_id", None)
    text = json.dumps(document).replace(things.digest, "DIGEST")
    text = re.sub(rf"(?<![a-z]){things.name}(?![a-z])", "NAME", text)
    for word, number in things._asdict().items():
        text = re.sub(rf"\b{word} {number}\b", f"{word} ID", text)
    return text


def _to_the_end(asker: Asker, method: str, path: str, body: Any) -> Any:
    """The answer; of a search that stops with nothing found when its time is up, the one that it ends with."""
    answer = asker.ask(method, path, body)
    for _ in range(_PAGES):
        if answer.status != 200 or answer.json.get("items") != [] or not answer.json.get("next"):
            break
        more = "&" if "?" in path else "?"
        answer = asker.ask(method, f"{path}{more}{urlencode({'after': answer.json['next']})}", body)
    return answer


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.operation}-{row.path}-{row.problem}")
@pytest.mark.parametrize("who", ["owner", "member", "robot"])
def test_another_tenants_things_are_as_if_they_were_not(tenants: tuple[Tenant, Tenant], row: Row, who: str) -> None:
    red, blue = tenants
    asker: Asker = getattr(blue, who)
    things = _things(red)
    path, body = _filled(row, things, red.time)
    hidden = _to_the_end(asker, row.method, path, body)
    path, body = _filled(row, _VOID, red.time)
    absent = _to_the_end(asker, row.method, path, body)
    assert hidden.status == absent.status, f"{hidden} is not {absent}"
    assert _plain(hidden, things) == _plain(absent, _VOID)
    if row.problem and who == "owner":
        assert hidden.json["type"] == f"/problems/{row.problem}", hidden
    elif row.problem:
        assert hidden.status in (403, 404), hidden
    elif hidden.status == 200:
        assert hidden.json.get("items", []) == [], hidden
        assert not hidden.json.get("allowed"), hidden
    else:
        assert hidden.status in (403, 404), hidden


@pytest.mark.parametrize("row", _SEEN, ids=lambda row: f"{row.operation}-{row.path}")
def test_their_owner_is_shown_them(tenants: tuple[Tenant, Tenant], row: Row) -> None:
    """The rows speak of what is there."""
    red, _ = tenants
    path, _ = _filled(row, _things(red), red.time)
    shown = red.owner.do(200, "GET", path)
    assert shown.get("items") != [], shown


def test_every_operation_has_a_row(admin: Asker) -> None:
    document = admin.do(200, "GET", "/openapi.json")
    found = {operation["operationId"] for path in document["paths"].values() for operation in path.values()}
    assert found - {row.operation for row in ROWS} - OWN - ROLES - INSTALLATION == set()
    assert {row.operation for row in ROWS} <= found


def test_nothing_of_the_other_was_changed(tenants: tuple[Tenant, Tenant]) -> None:
    """After all that was tried above."""
    red, _ = tenants
    assert red.owner.do(200, "GET", "/me")["subject"] == "user:red-owner"
    assert [each["subject"] for each in red.owner.items("/groups/red-team/members")] == ["user:red-member"]
    assert {each["name"] for each in red.owner.items("/robots")} == {"red/app+ci"}
    assert len(red.owner.do(200, "GET", red.key)["secrets"]) == 1
    red.robot.do(200, "GET", "/me")
    red.owner.do(200, "GET", f"/grants/{red.grant}")
    assert red.owner.do(200, "GET", "/visibility?path=red/app")["visibility"] == "private"
    assert len(red.owner.items("/sessions")) == 1
    assert red.owner.do(200, "GET", "/repositories/red~1app/artifacts/1")["digest"] == red.digest
    assert [tag["name"] for tag in red.owner.items("/repositories/red~1app/tags")] == ["1"]
    assert "red/app" in [each["name"] for each in red.owner.items("/repositories")], "other tests push to others"
    assert [each["id"] for each in red.owner.items("/deleted-repositories")] == [red.deleted]
    assert "old" in [each["tag"] for each in red.owner.items("/deleted?repository=red/app")]
    assert [each["id"] for each in red.owner.items("/retention/plans")] == [red.plan]
    assert red.owner.do(200, "GET", f"/retention/plans/{red.plan}")["applied_at"] is None
    assert red.owner.do(200, "GET", f"/jobs/{red.job}")["cancelled_at"] is None
    assert [each["told_by"] for each in red.owner.items("/inventories")] == ["user:red-owner"]


_LISTS = (
    "/users",
    "/groups",
    "/robots",
    "/keys",
    "/sessions",
    "/grants",
    "/access-requests?closed=true",
    "/access-requests?own=true&closed=true",
    "/invitations?closed=true",
    "/namespaces",
    "/repositories",
    "/deleted-repositories",
    "/retention/plans",
    "/inventories",
    "/jobs",
    "/history?target=**",
    "/search?q=app",
)


def test_lists_hold_ones_own(tenants: tuple[Tenant, Tenant]) -> None:
    red, blue = tenants
    for tenant, other in ((red, blue), (blue, red)):
        for asker in (tenant.owner, tenant.member, tenant.robot):
            for path in _LISTS:
                assert not re.search(rf"\b{other.name}\b", json.dumps(asker.items(path))), path
        used = tenant.owner.items("/usage?since=2026-01-01T00:00:00Z")
        assert {each["repository"].partition("/")[0] for each in used} <= {tenant.name}
        assert [each["name"] for each in tenant.owner.items("/users")] == [f"{tenant.name}-owner"]
        assert [each["name"] for each in tenant.owner.items("/groups")] == [f"{tenant.name}-team"]


def test_a_role_belongs_to_its_maker(tenants: tuple[Tenant, Tenant]) -> None:
    """Owners see each other's roles by name, for any of them may grant any role; they change their own."""
    red, blue = tenants
    for method, path, body in (
        ("PATCH", "/roles/red-role", {"actions": ["pull", "list"]}),
        ("DELETE", "/roles/red-role", None),
    ):
        assert blue.owner.ask(method, path, body).status in (403, 404)
        blue.member.refused("unknown", method, path, body)
    red.owner.do(200, "GET", "/roles/red-role")


@pytest.mark.parametrize(
    "body",
    [
        {"name": "mallory", "password": "long enough for all", "administrator": True},
        {"name": "mallory", "password": "long enough for all", "role": "administrator"},
        {"name": "mallory", "password": "long enough for all", "id": 1},
        {"name": "mallory", "password": "long enough for all", "made_by": "user:admin"},
        {"name": "mallory", "password": "long enough for all", "verifier": "x"},
        {"name": "mallory", "password": "long enough for all", "provider": "corp"},
    ],
)
def test_nobody_makes_himself_more_by_a_field(admin: Asker, tenants: tuple[Tenant, Tenant], body: Any) -> None:
    problem = admin.refused("invalid", "POST", "/users", body)
    assert problem["fields"][0]["reason"] == "there is no such field"
    assert [each["name"] for each in admin.items("/users") if each["name"] == "mallory"] == []
    _, blue = tenants
    for field in ("administrator", "disabled", "disabled_at", "has_password", "name", "provider", "changed"):
        blue.owner.refused("invalid", "PATCH", "/users/blue-owner", {field: True})
        blue.owner.refused("invalid", "PATCH", "/robots/blue~1app+ci", {field: True})
    for field in ("id", "home", "made_by", "made_over", "effect", "actions"):
        grant = {"subject": "user:blue-member", "role": "reader", "scope": "blue/**", field: 1}
        blue.owner.refused("invalid", "POST", "/grants", grant)


def test_an_owner_makes_nobody_more_than_he_is(tenants: tuple[Tenant, Tenant]) -> None:
    _, blue = tenants
    for scope, role in (("**", "administrator"), ("**", "reader"), ("*/app", "reader"), ("re*/**", "writer")):
        blue.owner.refused("denied", "POST", "/grants", {"subject": "user:blue-owner", "role": role, "scope": scope})
    made = blue.owner.ask(
        "POST", "/grants", {"subject": "user:blue-owner", "role": "administrator", "scope": "blue/**"}
    )
    assert made.status in (201, 400, 403), made
    assert not blue.owner.do(200, "GET", "/me")["administrator"]
    blue.owner.refused("denied", "POST", "/users", {"name": "mine"})
