"""Lists: every item that stays is seen exactly once, whatever is added and removed between two pages."""

from __future__ import annotations

import base64
import json
import random
from collections import Counter

import pytest
from tests.management.api import Asker
from tests.management.conftest import Asking

_STAYS = 23


@pytest.fixture(scope="module")
def kept(admin: Asker) -> list[str]:
    """Make grants, users, groups, roles and robots that stay."""
    names = [f"page-{number:02}" for number in range(_STAYS)]
    for name in names:
        admin.do(201, "POST", "/users", {"name": name})
        admin.do(201, "POST", "/groups", {"name": name})
        admin.do(201, "POST", "/roles", {"name": name, "actions": ["pull"]})
        admin.do(201, "POST", "/robots", {"namespace": "pages", "name": name})
        admin.do(201, "POST", "/grants", {"subject": f"user:{name}", "role": "reader", "scope": f"pages/{name}"})
    return names


@pytest.mark.parametrize("limit", [1, 2, 7, 100, 500, 501, 10**9])
@pytest.mark.parametrize("path", ["/users", "/groups", "/roles", "/robots", "/grants"])
def test_pages_hold_everything_once(admin: Asker, kept: list[str], path: str, limit: int) -> None:
    found = [json.dumps(each, sort_keys=True) for each in admin.items(path, limit=limit)]
    assert len(found) == len(set(found))
    for name in kept:
        assert sum(name in each for each in found) == 1, name


@pytest.mark.parametrize("path", ["/users", "/groups", "/roles", "/robots", "/grants"])
def test_writes_between_pages_hide_and_repeat_nothing(admin: Asker, kept: list[str], path: str) -> None:
    chance = random.Random(path)
    made: list[str] = []
    seen: Counter[str] = Counter()
    after = ""
    turn = 0
    while True:
        page = admin.do(200, "GET", f"{path}?limit=3{after}")
        seen.update(str(each["id"] if path == "/grants" else each["name"]) for each in page["items"])
        if page["next"] is None:
            break
        after = f"&after={page['next']}"
        name = f"page-{chance.randrange(100):02}x{turn}{path.strip('/')[:2]}"
        turn += 1
        bodies: dict[str, dict[str, object]] = {
            "/users": {"name": name},
            "/groups": {"name": name},
            "/roles": {"name": name, "actions": ["pull"]},
            "/robots": {"namespace": "pages", "name": name},
            "/grants": {"subject": "user:page-00", "role": "reader", "scope": f"pages/{name}"},
        }
        answer = admin.do(201, "POST", path, bodies[path])
        made.append(str(answer["id"] if path == "/grants" else answer["name"]).replace("/", "~1"))
        if len(made) % 2 == 0:
            admin.do(204, "DELETE", f"{path}/{made.pop(chance.randrange(len(made)))}")
    assert max(seen.values()) == 1
    stay = {f"pages+{name}" for name in kept} if path == "/robots" else set(kept)
    if path == "/grants":
        stay = {str(each["id"]) for each in admin.items("/grants") if each["repository"][6:] in kept}
        assert len(stay) == _STAYS
    assert stay <= set(seen)


def test_a_page_is_bounded(admin: Asker) -> None:
    assert len(admin.do(200, "GET", "/users")["items"]) <= 100
    for wrong in ("0", "-1", "x", "1.5", "", "9" * 40):
        answer = admin.ask("GET", f"/users?limit={wrong}")
        assert answer.status == 200 if wrong == "9" * 40 else answer.json["fields"][0]["field"] == "limit", answer


def _cursor(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode()


@pytest.mark.parametrize(
    "cursor",
    [
        "x",
        "",
        "%00",
        "AAAA",
        "a" * 3000,
        _cursor({"a": 1}),
        _cursor([1]),
        _cursor(None),
        _cursor(True),
        _cursor(1.5),
        _cursor(-1),
        _cursor(2**63),
        _cursor(2**200),
        _cursor("a\0b"),
        _cursor("a") + "=",
        _cursor("a")[:-1],
        " " + _cursor("a"),
        base64.urlsafe_b64encode(b' "a"').decode(),
        base64.urlsafe_b64encode(b"\xff").decode(),
        base64.urlsafe_b64encode(b"[" * 900).decode(),
        base64.urlsafe_b64encode(b'"\\ud800"').decode(),
    ],
)
@pytest.mark.parametrize("path", ["/users", "/grants"])
def test_what_is_no_cursor_is_refused(admin: Asker, path: str, cursor: str) -> None:
    answer = admin.ask("GET", f"{path}?after={cursor.replace(' ', '%20')}")
    assert answer.status == 400, answer
    assert answer.json["fields"][0]["field"] == "after"


def test_a_cursor_of_another_list_is_refused(admin: Asker) -> None:
    admin.refused("invalid", "GET", f"/users?after={_cursor(7)}")
    admin.refused("invalid", "GET", f"/grants?after={_cursor('page-01')}")


def test_a_cursor_gives_no_right(asking: Asking, admin: Asker, kept: list[str]) -> None:
    cursor = admin.do(200, "GET", "/users?limit=1")["next"]
    admin.do(204, "PUT", f"/users/{kept[0]}/password", {"password": "a long enough pass phrase"})
    page = asking.named(kept[0], "a long enough pass phrase").do(200, "GET", f"/users?after={cursor}")
    assert {each["name"] for each in page["items"]} == {kept[0]}
