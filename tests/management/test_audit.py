"""`/audit`, `/usage` and `/policy` over HTTP: what happens is found there, by whom it may be found."""

from __future__ import annotations

import json
import time
from typing import Any
from urllib.parse import quote

from tests.management.api import Asker
from tests.management.conftest import Asking, Tenant
from tests.serving import pause


def until(asker: Asker, path: str, many: int = 1) -> list[dict[str, Any]]:
    """The items of a list, once there are so many: what happens is shown a moment later."""
    end = time.monotonic() + 60
    while True:
        items: list[dict[str, Any]] = asker.items(path)
        if len(items) >= many:
            return items
        assert time.monotonic() < end, f"{path} has {items}"
        pause(0.1)


def test_a_change_is_in_the_audit_with_who_and_in_which_request(admin: Asker, tenants: tuple[Tenant, Tenant]) -> None:
    red, blue = tenants
    answer = red.owner.ask("POST", "/grants", {"subject": "anonymous", "role": "reader", "scope": "red/seen/**"})
    assert answer.status == 201
    request = answer["x-request-id"]
    (row,) = until(red.owner, f"/audit?request_id={request}")
    assert (row["actor"], row["kind"], row["path"]) == ("user:red-owner", "grant.added", "red/seen")
    assert row["address"] == "127.0.0.1"
    assert row["credential"] == "password"
    assert row["data"]["scope"] == "red/seen/**"
    assert blue.owner.items(f"/audit?request_id={request}") == []
    assert admin.items("/audit?actor=user:red-owner&kind=grant&repository=red/**")[0]["pos"] >= row["pos"]


def test_what_the_api_refuses_is_a_denial(admin: Asker, tenants: tuple[Tenant, Tenant]) -> None:
    red, blue = tenants
    refused = red.owner.refused(
        "denied", "POST", "/grants", {"subject": "user:red-owner", "role": "reader", "scope": "blue/**"}
    )
    rows = until(admin, f"/audit?kind=access.denied&request_id={refused['request_id']}")
    assert (rows[0]["actor"], rows[0]["data"]["action"]) == ("user:red-owner", "manage-access")
    assert blue.owner.do(200, "GET", "/audit?kind=access.denied&repository=red/**&limit=5")["items"] == []


def test_a_failed_log_in_is_in_the_audit_without_its_secret(admin: Asker, asking: Asking) -> None:
    secret = "A-Secret-That-Is-Wrong"
    asking.named("admin", secret).refused("unauthenticated", "GET", "/me")
    asking.named("no-such-user", secret).refused("unauthenticated", "GET", "/me")
    rows = until(admin, "/audit?kind=login.failed", 2)
    assert secret not in json.dumps(rows)
    assert {row["path"] for row in rows} == {""}


def test_tenants_do_not_see_the_audit_of_others(tenants: tuple[Tenant, Tenant]) -> None:
    red, blue = tenants
    assert until(red.owner, "/audit")
    for row in red.owner.items("/audit"):
        assert row["path"].partition("/")[0] == "red"
        assert "blue" not in json.dumps(row["data"]), row
    for tenant in tenants:
        tenant.member.refused("denied", "GET", "/audit")
        tenant.robot.refused("denied", "GET", "/audit")
    red.owner.refused("denied", "GET", "/audit?repository=blue/app")
    red.owner.refused("denied", "GET", "/audit?repository=nothing/here")
    for method, path, body in (
        ("GET", "/audit/tail", None),
        ("GET", "/audit/keys", None),
        ("GET", "/audit/hashes", None),
        ("GET", "/audit/segments?sealed_before=2099-01-01T00:00:00Z", None),
        ("POST", "/audit/check", {}),
        ("POST", "/audit/check-checkpoint", {"checkpoint": "a.b.c"}),
        ("POST", "/audit/drop", {"through": 1, "hash": "0" * 64}),
        ("GET", "/policy", None),
        ("GET", "/policy?path=blue", None),
        ("PUT", "/policy", {"path": "blue", "grants": []}),
        ("POST", "/policy/difference", {"grants": []}),
        ("POST", "/policy/test", {"policy": {"grants": []}, "days": 1}),
    ):
        red.owner.refused("denied", method, path, body)
        red.member.refused("denied", method, path, body)
    used = blue.owner.items("/usage?since=2026-01-01T00:00:00Z")
    assert {row["repository"].partition("/")[0] for row in used} <= {"blue"}


def test_the_chain_is_checked_and_its_keys_are_shown(admin: Asker) -> None:
    until(admin, "/audit")
    part = admin.do(200, "POST", "/audit/check", {})
    while part["next"] is not None:
        assert part["findings"] == []
        part = admin.do(200, "POST", "/audit/check", {"after": part["next"], "head": part["head"]})
    assert part["findings"] == []
    tail = admin.do(200, "GET", "/audit/tail")
    assert tail["segment"] >= 1
    (key,) = admin.do(200, "GET", "/audit/keys")["keys"]
    assert set(key) == {"kty", "crv", "use", "alg", "kid", "x", "y"}, "nothing private"
    admin.refused("invalid", "POST", "/audit/check-checkpoint", {"checkpoint": "a.b.c"})
    admin.refused("invalid", "POST", "/audit/check", {"head": "x"})


def test_oldest_first_there_is_always_a_next_page(admin: Asker) -> None:
    everything = until(admin, "/audit", 3)
    page = admin.do(200, "GET", "/audit?order=oldest&limit=2")
    assert [row["pos"] for row in page["items"]] == [row["pos"] for row in everything[:-3:-1]]
    for _ in range(1000):
        page = admin.do(200, "GET", f"/audit?order=oldest&limit=500&after={page['next']}")
        if not page["items"]:
            break
    assert page["next"] is not None


def test_fields_that_cannot_be_are_refused(admin: Asker) -> None:
    for query in (
        "since=yesterday",
        "since=2027-01-01",
        "order=sideways",
        "repository=a*b",
        "who=x",
        "after=AAAA",
        "kind=" + "&kind=".join(map(str, range(60))),
        "actor=" + "x" * 600,
    ):
        assert admin.ask("GET", f"/audit?{query}").status in {400, 422}, query
    for query in ("action=fly", "repository=a*b", "allowed=perhaps", "after=x", "after=" + quote("InR4dCI=")):
        assert admin.ask("GET", f"/usage?{query}").status in {400, 422}, query


def test_a_policy_is_exported_compared_tried_and_applied(admin: Asker, tenants: tuple[Tenant, Tenant]) -> None:
    owner = tenants[1].owner
    answer = owner.ask("GET", "/policy?path=blue")
    policy, version = answer.json, answer["etag"]
    assert owner.do(200, "POST", "/policy/difference", policy) == {"changes": []}
    policy["grants"].append({"subject": "user:blue-member", "role": "reader", "scope": "blue/more/**"})
    found = owner.do(200, "POST", "/policy/difference", policy)["changes"]
    assert found == [{"kind": "grant", "how": "add", "said": "user:blue-member reader blue/more/**"}]
    trial = owner.do(200, "POST", "/policy/test", {"policy": policy, "days": 7})
    assert (trial["next"], trial["changes"]) == (None, [])
    assert owner.do(200, "PUT", "/policy", policy, If_Match=version)["changes"] == found
    assert owner.do(200, "PUT", "/policy", policy)["changes"] == []
    owner.refused("changed", "PUT", "/policy", policy, If_Match=version)
    owner.refused("invalid", "PUT", "/policy", {"path": "blue", "grants": [{"subject": "x"}]})
    owner.refused("invalid", "PUT", "/policy", {"path": "blue", "secrets": []})
    owner.refused(
        "unknown", "PUT", "/policy", {**policy, "grants": [{"subject": "user:z", "role": "reader", "scope": "blue"}]}
    )
    assert owner.do(200, "GET", "/policy?path=blue")["grants"] == sorted(
        policy["grants"], key=lambda each: (each["subject"], each.get("role", ""))
    )
    admin.refused("invalid", "POST", "/policy/test", {"policy": {}, "days": 0})


def test_pushes_and_pulls_are_counted_by_what_they_used(admin: Asker, tenants: tuple[Tenant, Tenant]) -> None:
    red, blue = tenants
    kind = "application/vnd.oci.image.index.v1+json"

    def push(reference: str, said: str = "") -> str:
        index = {"schemaVersion": 2, "mediaType": kind, "manifests": [], "annotations": {"said": said}}
        where = f"/v2/red/used/manifests/{reference}"
        answer = red.member.connection.ask("PUT", where, json.dumps(index).encode(), {"Content-Type": kind})
        assert answer.status == 201, answer
        return answer["docker-content-digest"]

    push("v1")
    push("v1", "again")
    digest = push("v2")
    for reference in ("v1", "v1", digest):
        assert red.member.connection.ask("GET", f"/v2/red/used/manifests/{reference}").status == 200
    assert red.member.connection.ask("GET", "/v2/red/used/manifests/none").status == 404
    red.member.connection.ask("DELETE", "/v2/red/used/manifests/v2")
    rows = until(red.owner, "/usage?repository=red/used", 6)
    assert sorted((row["action"], row["reference"], row["allowed"], row["count"]) for row in rows) == [
        ("create-tag", "v1", True, 1),
        ("create-tag", "v2", True, 1),
        ("delete-tag", "v2", False, 1),
        ("overwrite", "v1", True, 1),
        ("pull", digest, True, 1),
        ("pull", "v1", True, 2),
    ]
    assert {(row["subject"], *(row["groups"] or ())) for row in rows} == {("user:red-member", "red-team")}
    assert {row["network"] for row in rows} == {"127.0.0.0/24"}
    assert blue.owner.items("/usage?repository=red/used") == []
    assert len(admin.items("/usage?repository=red/**&subject=user:red-member&action=pull")) == 2
