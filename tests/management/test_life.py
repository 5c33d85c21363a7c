"""What is made can be seen, changed and taken away, and each change holds at the next request."""

from __future__ import annotations

from typing import Any

import pytest
from tests.management.api import Asker, segment
from tests.management.conftest import Asking

LONG = "a long enough pass phrase"


def test_who_am_i(asking: Asking, admin: Asker) -> None:
    me = admin.do(200, "GET", "/me")
    assert (me["subject"], me["kind"], me["administrator"], me["credential"]) == (
        "user:admin",
        "user",
        True,
        "password",
    )
    assert [each["role"] for each in me["grants"] if each["subject"] == "user:admin"] == ["administrator"]
    asking.by().refused("unauthenticated", "GET", "/me")


def test_a_user_lives(asking: Asking, admin: Asker) -> None:
    made = admin.do(201, "POST", "/users", {"name": "lena", "password": LONG, "display": "Lena L."})
    assert (made["subject"], made["display"], made["disabled"], made["made_by"]) == (
        "user:lena",
        "Lena L.",
        False,
        "user:admin",
    )
    lena = asking.named("lena", LONG)
    assert [each for each in lena.do(200, "GET", "/me")["grants"] if each["subject"] == "user:lena"] == []
    assert admin.do(200, "PATCH", "/users/lena", {"description": "web"})["display"] == "Lena L."
    admin.do(200, "POST", "/users/lena/disable")
    lena.refused("unauthenticated", "GET", "/me")
    admin.do(200, "POST", "/users/lena/enable")
    lena.do(200, "GET", "/me")
    admin.do(204, "PUT", "/users/lena/password", {"password": "another pass phrase"})
    lena.refused("unauthenticated", "GET", "/me")
    again = asking.named("lena", "another pass phrase")
    assert again.refused("invalid", "PUT", "/users/lena/password", {"password": LONG, "old": "wrong wrong wrong"})[
        "fields"
    ] == [{"field": "old", "reason": "this is not your password"}]
    again.refused("invalid", "PUT", "/users/lena/password", {"password": LONG})
    again.do(204, "PUT", "/users/lena/password", {"password": LONG, "old": "another pass phrase"})
    lena.do(200, "GET", "/me")
    admin.do(204, "DELETE", "/users/lena")
    lena.refused("unauthenticated", "GET", "/me")
    admin.refused("unknown", "GET", "/users/lena")
    admin.refused("conflict", "POST", "/users", {"name": "lena"})


def test_the_last_administrator_stays(admin: Asker) -> None:
    admin.refused("conflict", "POST", "/users/admin/disable")
    admin.refused("conflict", "DELETE", "/users/admin")
    admin.do(200, "GET", "/me")


def test_a_robot_and_its_key_live(asking: Asking, admin: Asker) -> None:
    made = admin.do(201, "POST", "/robots", {"namespace": "life/deep", "name": "ci", "description": "builds"})
    assert made["name"] == "life/deep+ci"
    path = f"/robots/{segment(made['name'])}"
    assert admin.do(200, "GET", path)["description"] == "builds"
    assert admin.do(200, "GET", "/robots/life%2Fdeep+ci")["name"] == made["name"], "an escaped slash is understood"
    ends = admin.do(200, "PATCH", path, {"expires_at": "2999-01-01T01:00:00+01:00"})
    assert (ends["expires_at"], ends["description"]) == ("2999-01-01T00:00:00Z", "builds")
    new = admin.do(201, "POST", "/keys", {"name": "one", "owner": made["subject"]})
    key = f"/keys/{segment(made['subject'])}/one"
    old = asking.named(made["name"], new["secret"])
    assert old.do(200, "GET", "/me")["subject"] == made["subject"]
    fresh = admin.do(200, "POST", f"{key}/rotate", {"overlap": 3600})
    assert len(fresh["key"]["secrets"]) == 2
    young = asking.named("<token>", fresh["secret"])
    old.do(200, "GET", "/me")
    young.do(200, "GET", "/me")
    admin.do(200, "POST", f"{key}/finish")
    old.refused("unauthenticated", "GET", "/me")
    shown = admin.do(200, "GET", key)
    assert new["secret"] not in str(shown)
    assert fresh["secret"] not in str(shown)
    assert fresh["secret"].endswith(shown["secrets"][0]["hint"])
    admin.do(200, "POST", f"{path}/disable")
    young.refused("unauthenticated", "GET", "/me")
    admin.do(200, "POST", f"{path}/enable")
    young.do(200, "GET", "/me")
    admin.do(204, "DELETE", key)
    young.refused("unauthenticated", "GET", "/me")
    admin.do(204, "DELETE", path)
    admin.refused("unknown", "GET", path)


def test_a_bounded_key_says_its_bounds(asking: Asking, admin: Asker) -> None:
    bounds = [{"role": "reader", "repository": "life/**", "tag": "v*"}]
    made = admin.do(201, "POST", "/keys", {"name": "narrow", "bounds": bounds})
    assert made["key"]["bounds"] == [{"actions": ["pull"], "repository": "life/**", "tag": "v*"}]
    narrow = asking.named("admin", made["secret"])
    me = narrow.do(200, "GET", "/me")
    assert (me["administrator"], me["bounds"]) == (False, made["key"]["bounds"])
    narrow.refused("denied", "POST", "/users", {"name": "by-key"})
    admin.do(204, "DELETE", "/keys/me/narrow")


def test_groups_roles_and_grants_live(asking: Asking, admin: Asker) -> None:
    admin.do(201, "POST", "/users", {"name": "gina", "password": LONG})
    gina = asking.named("gina", LONG)
    admin.do(201, "POST", "/groups", {"name": "life-group"})
    admin.do(201, "POST", "/roles", {"name": "life-role", "actions": ["pull", "list"]})
    ask = "/why?subject=user:gina&action=pull&repository=life/x"
    assert not gina.do(200, "GET", ask)["allowed"]
    grant = {"subject": "group:life-group", "role": "life-role", "scope": "life/**", "note": "for the test"}
    given = admin.do(201, "POST", "/grants", grant)
    assert (given["effect"], given["note"], given["notice"]) == ("allow", "for the test", "")
    admin.refused("conflict", "POST", "/grants", grant)
    admin.do(204, "PUT", "/groups/life-group/members/user:gina")
    told = gina.do(200, "GET", ask)
    assert told["allowed"]
    assert told["decisive"][0]["grant"]["id"] == given["id"]
    assert [each["subject"] for each in admin.items("/groups/life-group/members")] == ["user:gina"]
    assert [each["subject"] for each in admin.items("/why/holders?action=pull&repository=life/x")] == [
        "user:admin",
        "user:gina",
    ]
    admin.do(200, "PATCH", "/roles/life-role", {"actions": ["list"]})
    assert not gina.do(200, "GET", ask)["allowed"]
    admin.refused("conflict", "DELETE", "/roles/life-role")
    deny = admin.do(201, "POST", "/grants", {"subject": "user:gina", "deny": ["pull"], "scope": "life/**:prod-*"})
    assert (deny["effect"], deny["role"], deny["tag"]) == ("deny", None, "prod-*")
    assert "stays readable by digest" in deny["notice"]
    assert {each["id"] for each in admin.items("/grants?subject=user:gina")} == {deny["id"]}
    assert {each["id"] for each in admin.items("/grants?path=life/x")} >= {deny["id"], given["id"]}
    admin.do(204, "DELETE", f"/grants/{given['id']}")
    admin.refused("unknown", "GET", f"/grants/{given['id']}")
    admin.do(204, "DELETE", "/groups/life-group/members/user:gina")
    admin.do(204, "DELETE", "/groups/life-group")
    admin.do(204, "DELETE", "/roles/life-role")
    for path in ("/groups/life-group", "/roles/life-role"):
        admin.refused("unknown", "GET", path)


def test_conditions_come_back_as_they_were_given(admin: Asker) -> None:
    conditions: dict[str, Any] = {
        "networks": ["10.0.0.0/8", "2001:db8::/32"],
        "times": [{"days": ["mon", "fri"], "start": "08:00", "end": "18:00", "zone": "Europe/Berlin"}],
        "claims": {"ref": "refs/heads/*"},
    }
    given = {"subject": "anonymous", "role": "reader", "scope": "life/when", "conditions": conditions}
    made = admin.do(201, "POST", "/grants", {**given, "expires_at": "2999-01-01T00:00:00Z"})
    shown = admin.do(200, "GET", f"/grants/{made['id']}")
    assert shown == made
    assert shown["expires_at"] == "2999-01-01T00:00:00Z"
    assert shown["conditions"]["networks"] == conditions["networks"]
    assert shown["conditions"]["claims"] == conditions["claims"]
    (window,) = shown["conditions"]["times"]
    assert {name: value for name, value in window.items() if value is not None} == conditions["times"][0]
    admin.do(204, "DELETE", f"/grants/{made['id']}")


def test_visibility_lives(admin: Asker) -> None:
    assert admin.do(200, "GET", "/visibility?path=life/open/x") == {
        "path": "life/open/x",
        "visibility": "private",
        "set_at": None,
    }
    admin.do(200, "PUT", "/visibility", {"path": "life/open", "visibility": "public"})
    assert admin.do(200, "GET", "/visibility?path=life/open/x")["set_at"] == "life/open"
    admin.do(200, "PUT", "/visibility", {"path": "life/open/x", "visibility": "private"})
    assert admin.do(200, "GET", "/visibility?path=life/open/x/y")["visibility"] == "private"
    assert admin.do(200, "DELETE", "/visibility?path=life/open/x")["visibility"] == "public"
    admin.do(200, "DELETE", "/visibility?path=life/open")


def test_sessions_live(asking: Asking, admin: Asker) -> None:
    admin.do(201, "POST", "/users", {"name": "sven", "password": LONG})
    form = {
        "grant_type": "password",
        "username": "sven",
        "password": LONG.replace(" ", "+"),
        "access_type": "offline",
        "client_id": "a laptop",
        "scope": "registry:management:*",
    }
    body = "&".join(f"{name}={value}" for name, value in form.items()).encode()
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    tokens = [admin.connection.ask("POST", "/token", body, kind).json for _ in range(3)]
    sven = asking.by(f"Bearer {tokens[0]['access_token']}")
    listed = sven.items("/sessions")
    assert [each["client"] for each in listed] == ["a laptop"] * 3
    assert admin.items("/sessions?account=sven") == listed
    refresh = f"grant_type=refresh_token&refresh_token={tokens[1]['refresh_token']}&scope=registry:management:*"
    by_refresh = admin.connection.ask("POST", "/token", refresh.encode(), kind).json["access_token"]
    came = asking.by(f"Bearer {by_refresh}")
    assert [each["current"] for each in came.items("/sessions")] == [False, True, False]
    sven.refused("unknown", "DELETE", "/sessions/current")
    came.do(204, "DELETE", "/sessions/current")
    came.refused("unauthenticated", "GET", "/me")
    assert admin.connection.ask("POST", "/token", refresh.encode(), kind).status == 401
    sven.do(204, "DELETE", f"/sessions/{listed[0]['id']}")
    assert admin.do(200, "DELETE", "/sessions?account=sven") == {"ended": 1}
    assert admin.items("/sessions?account=sven") == []


@pytest.mark.parametrize("scope", ["registry:catalog:*", "repository:life/x:pull", ""])
def test_a_token_that_was_asked_for_something_else_is_not_taken(asking: Asking, admin: Asker, scope: str) -> None:
    form = f"grant_type=password&username=admin&password=Planted-Password-4711&scope={scope}".encode()
    answer = admin.connection.ask("POST", "/token", form, {"Content-Type": "application/x-www-form-urlencoded"})
    asker = asking.by(f"Bearer {answer.json['access_token']}")
    refused = asker.ask("GET", "/me")
    assert refused.json["type"] == "/problems/insufficient-scope"
    assert 'scope="registry:management:*"' in refused["www-authenticate"]
    assert 'error="insufficient_scope"' in refused["www-authenticate"]
