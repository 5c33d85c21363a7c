"""Whatever id or name of another tenant stands in a path, a query or a body: it is as if it did not exist.

The rows are the operations of the API; an operation without a row fails. Each is tried on what is there and on what is
not, by another tenant's owner, member and robot: both answers are the same but for the name that was asked for.
"""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple

import pytest
from tests.management.api import Asker
from tests.management.conftest import Tenant

_RED, _VOID = "red", "void"
_NOWHERE = 987_654_321


class Row(NamedTuple):
    """One attempt. `N` stands for the tenant's name, `G` for the id of its grant, `S` for that of its session."""

    operation: str
    method: str
    path: str
    body: Any = None
    problem: str = "unknown"


_POLICY = {"path": "N/app", "grants": [{"subject": "user:blue-member", "role": "reader", "scope": "N/app/**"}]}
_GRANT = {"subject": "user:blue-member", "role": "reader", "scope": "N/**"}
ROWS = [
    Row("show_user", "GET", "/users/N-owner"),
    Row("change_user", "PATCH", "/users/N-owner", {"display": "x"}),
    Row("delete_user", "DELETE", "/users/N-owner"),
    Row("disable_user", "POST", "/users/N-owner/disable"),
    Row("enable_user", "POST", "/users/N-owner/enable"),
    Row("set_password", "PUT", "/users/N-owner/password", {"password": "another long pass phrase"}, "denied"),
    Row("show_group", "GET", "/groups/N-team"),
    Row("delete_group", "DELETE", "/groups/N-team"),
    Row("list_members", "GET", "/groups/N-team/members"),
    Row("add_member", "PUT", "/groups/N-team/members/user:blue-member"),
    Row("remove_member", "DELETE", "/groups/N-team/members/user:N-member"),
    Row("list_robots", "GET", "/robots?namespace=N/app", None, ""),
    Row("create_robot", "POST", "/robots", {"namespace": "N/app", "name": "ci"}, "denied"),
    Row("create_robot", "POST", "/robots", {"namespace": "N", "name": "fresh"}, "denied"),
    Row("show_robot", "GET", "/robots/N~1app+ci"),
    Row("change_robot", "PATCH", "/robots/N~1app+ci", {"description": "x"}),
    Row("delete_robot", "DELETE", "/robots/N~1app+ci"),
    Row("disable_robot", "POST", "/robots/N~1app+ci/disable"),
    Row("enable_robot", "POST", "/robots/N~1app+ci/enable"),
    Row("list_keys", "GET", "/keys?owner=robot:N/app%2Bci"),
    Row("list_keys", "GET", "/keys?owner=user:N-owner"),
    Row("create_key", "POST", "/keys", {"name": "x", "owner": "robot:N/app+ci"}),
    Row("create_key", "POST", "/keys", {"name": "x", "owner": "user:N-owner"}),
    Row("show_key", "GET", "/keys/robot:N~1app+ci/pipeline"),
    Row("revoke_key", "DELETE", "/keys/robot:N~1app+ci/pipeline"),
    Row("rotate_key", "POST", "/keys/robot:N~1app+ci/pipeline/rotate", {"overlap": 0}),
    Row("finish_key", "POST", "/keys/robot:N~1app+ci/pipeline/finish"),
    Row("list_sessions", "GET", "/sessions?account=N-owner"),
    Row("end_sessions", "DELETE", "/sessions?account=N-owner"),
    Row("end_session", "DELETE", "/sessions/S"),
    Row("list_grants", "GET", "/grants?path=N/app", None, ""),
    Row("add_grant", "POST", "/grants", _GRANT, "denied"),
    Row("add_grant", "POST", "/grants", {**_GRANT, "subject": "user:N-member"}, "denied"),
    Row("add_grant", "POST", "/grants", {**_GRANT, "role": None, "deny": ["pull"]}, "denied"),
    Row("show_grant", "GET", "/grants/G"),
    Row("remove_grant", "DELETE", "/grants/G"),
    Row("show_visibility", "GET", "/visibility?path=N/app"),
    Row("set_visibility", "PUT", "/visibility", {"path": "N/app", "visibility": "public"}, "denied"),
    Row("reset_visibility", "DELETE", "/visibility?path=N/app", None, "denied"),
    Row("explain", "GET", "/why?subject=user:N-owner&action=pull&repository=N/app"),
    Row("explain", "GET", "/why?subject=user:blue-owner&action=pull&repository=N/app", None, ""),
    Row("list_holders", "GET", "/why/holders?action=pull&repository=N/app"),
    Row("show_federation_rule", "GET", "/federation/rules/N~1app/main"),
    Row("remove_federation_rule", "DELETE", "/federation/rules/N~1app/main"),
    Row("list_usage", "GET", "/usage?repository=N/app", None, ""),
    Row("export_policy", "GET", "/policy?path=N/app", None, "denied"),
    Row("apply_policy", "PUT", "/policy", _POLICY, "denied"),
    Row("compare_policy", "POST", "/policy/difference", _POLICY, "denied"),
    Row("test_policy", "POST", "/policy/test", {"policy": _POLICY, "days": 1}, "denied"),
    Row("list_federation_rules", "GET", "/federation/rules?namespace=N/app", None, ""),
    Row("show_quota", "GET", "/quotas?path=N/app"),
    Row("set_quota", "PUT", "/quotas", {"path": "N/app", "tags": 1}, "denied"),
    Row("unset_quota", "DELETE", "/quotas?path=N/app", None, "denied"),
    Row("show_path_storage", "GET", "/storage/path?path=N"),
    Row("show_path_storage", "GET", "/storage/path?path=N/app"),
    Row("list_storage", "GET", "/storage/repositories?path=N/app", None, ""),
]
OWN = {
    "show_me",
    "list_users",
    "list_groups",
    "list_roles",
    "create_group",
    "create_role",
    "end_current_session",
    "list_quotas",
}
"""Operations that name nothing of anybody's (what their lists hold: test_lists.py)."""
ROLES = {"show_role", "change_role", "delete_role"}
"""Roles are lists of actions that every owner may use; who may change which is tried below."""
INSTALLATION = {
    "create_user",
    "list_providers",
    "add_provider",
    "show_provider",
    "change_provider",
    "remove_provider",
    "test_provider",
    "list_issuers",
    "add_issuer",
    "show_issuer",
    "change_issuer",
    "remove_issuer",
    "add_federation_rule",
    "test_federation",
    "list_audit",
    "show_audit_tail",
    "check_audit",
    "check_audit_checkpoint",
    "list_audit_keys",
    "list_audit_segments",
    "list_audit_hashes",
    "drop_audit_segments",
    "show_storage",
    "count_storage",
    "list_damage",
}
"""Operations of the installation as a whole: tried beside their rooms (tests/security holds the whole matrix)."""


def _filled(row: Row, name: str, grant: int, session: int) -> tuple[str, Any]:
    def fill(text: str) -> str:
        return text.replace("N", name).replace("/G", f"/{grant}").replace("/S", f"/{session}")

    body = json.loads(json.dumps(row.body).replace("N", name)) if row.body is not None else None
    return fill(row.path), body


def _plain(answer: Any, name: str, *numbers: int) -> Any:
    """An answer without what was asked for and its id."""
    document = answer.json
    document.pop("request_id", None)
    text = json.dumps(document).replace(name, "NAME")
    for number in numbers:
        text = re.sub(rf"(grant|session) {number}\b", r"\1 ID", text)
    return text


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.operation}-{row.path}-{row.problem}")
@pytest.mark.parametrize("who", ["owner", "member", "robot"])
def test_another_tenants_things_are_as_if_they_were_not(tenants: tuple[Tenant, Tenant], row: Row, who: str) -> None:
    red, blue = tenants
    asker: Asker = getattr(blue, who)
    path, body = _filled(row, _RED, red.grant, red.session)
    hidden = asker.ask(row.method, path, body)
    path, body = _filled(row, _VOID, _NOWHERE, _NOWHERE)
    absent = asker.ask(row.method, path, body)
    assert hidden.status == absent.status, f"{hidden} is not {absent}"
    assert _plain(hidden, _RED, red.grant, red.session) == _plain(absent, _VOID, _NOWHERE)
    if row.problem and who == "owner":
        assert hidden.json["type"] == f"/problems/{row.problem}", hidden
    elif row.problem:
        assert hidden.status in (403, 404), hidden
    elif hidden.status == 200:
        assert hidden.json.get("items", []) == [], hidden
        assert not hidden.json.get("allowed"), hidden
    else:
        assert hidden.status in (403, 404), hidden


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


def test_lists_hold_ones_own(tenants: tuple[Tenant, Tenant]) -> None:
    red, blue = tenants
    for tenant, other in ((red, blue), (blue, red)):
        for asker in (tenant.owner, tenant.member, tenant.robot):
            for path in ("/users", "/groups", "/robots", "/keys", "/sessions", "/grants"):
                assert other.name not in json.dumps(asker.items(path)), path
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
