"""History, rollback and undelete by the API, over a real server: what clients push and delete, told and taken back."""

from __future__ import annotations

from typing import Any

import pytest
from tests.clients import images
from tests.clients.wire import Wire
from tests.management.api import Asker
from tests.management.conftest import Asking
from tests.serving import Server


class Shop:
    """A repository of its own for a test."""

    def __init__(self, server: Server, admin: Asker, name: str) -> None:
        self.wire, self.admin, self.name = Wire(server), admin, name

    def push(self, what: str, *tags: str, below: str = "") -> str:
        """Push an image; its digest."""
        image = self.wire.push(self.name + below, images.image(what), *tags)
        return str(image.manifest.digest)

    def delete(self, reference: str) -> None:
        self.wire.expect(202, "DELETE", f"/v2/{self.name}/manifests/{reference}")

    def history(self, target: str = "", **query: str) -> list[Any]:
        more = "".join(f"&{name}={value}" for name, value in query.items())
        return self.admin.items(f"/history?target={target or self.name}{more}", limit=2)

    def now(self) -> str:
        """The time of the newest change."""
        return str(self.history()[0]["at"])

    def roll_back(self, status: int = 200, **wish: object) -> Any:
        return self.admin.do(status, "POST", "/rollbacks", {"target": self.name, **wish})


@pytest.fixture
def shop(server: Server, admin: Asker, request: pytest.FixtureRequest) -> Shop:
    return Shop(server, admin, "history/" + request.node.name.partition("[")[0].replace("_", "-")[-40:].strip("-"))


def test_tags_are_told_and_taken_back(shop: Shop, admin: Asker) -> None:
    one = shop.push("one", "v1", "stable")
    good = shop.now()
    two = shop.push("two", "v2", "stable")
    shop.delete("v1")
    whole = shop.history()
    assert sorted((each["tag"], each["action"]) for each in whole) == [
        ("stable", "created"),
        ("stable", "moved"),
        ("v1", "created"),
        ("v1", "deleted"),
        ("v2", "created"),
    ]
    assert {each["actor"] for each in whole} == {"user:admin"}
    assert all(each["request"] for each in whole)
    stood = admin.items(f"/history/tags?repository={shop.name}&at={good}", limit=1)
    assert {each["tag"]: each["digest"] for each in stood} == {"v1": one, "stable": one}
    differences = admin.items(f"/history/differences?target={shop.name}&since={good}", limit=1)
    assert {each["tag"]: each["change"] for each in differences} == {
        "v1": "deleted",
        "v2": "created",
        "stable": "moved",
    }

    plan = shop.roll_back(to=good, exact=True, dry_run=True)
    assert {each["tag"]: each["effect"] for each in plan["items"]} == {"v1": "create", "v2": "delete", "stable": "move"}
    assert (plan["create"], plan["move"], plan["delete"], plan["blocked"]) == (1, 1, 1, 0)
    page = admin.do(200, "POST", "/rollbacks?limit=2", {"target": shop.name, "to": good, "dry_run": True})
    rest = admin.do(
        200, "POST", f"/rollbacks?limit=2&after={page['next']}", {"target": shop.name, "to": good, "dry_run": True}
    )
    assert len(page["items"] + rest["items"]) == 3
    assert rest["next"] is None

    done = shop.roll_back(to=good, exact=True, fingerprint=plan["fingerprint"])
    assert (done["create"], done["move"], done["delete"], done["repositories"]) == (1, 1, 1, 1)
    assert sorted(shop.wire.tags(shop.name)) == ["stable", "v1"]
    assert shop.wire.manifest(shop.name, "stable").digest == one
    assert shop.wire.has(shop.name, two), "what a tag moved away from stays pullable by digest"
    admin.refused(
        "changed-since",
        "POST",
        "/rollbacks",
        {"target": shop.name, "to": good, "fingerprint": plan["fingerprint"]},
    )


def test_what_was_deleted_comes_back(shop: Shop, admin: Asker) -> None:
    digest = shop.push("one", "v1", "v2")
    shop.delete(digest)
    assert not shop.wire.has(shop.name, digest)
    gone = admin.items(f"/deleted?repository={shop.name}", limit=1)
    assert {(each["kind"], each["tag"], each["digest"]) for each in gone} == {
        ("image", None, digest),
        ("tag", "v1", digest),
        ("tag", "v2", digest),
    }
    admin.refused("unknown", "POST", "/deleted/restore", {"reference": f"{shop.name}:v3"})
    back = admin.do(200, "POST", "/deleted/restore", {"reference": f"{shop.name}@{digest}", "tags": True})
    assert sorted(back["tags"]) == ["v1", "v2"]
    assert sorted(shop.wire.tags(shop.name)) == ["v1", "v2"]
    assert shop.wire.has(shop.name, digest)
    admin.refused("conflict", "POST", "/deleted/restore", {"reference": f"{shop.name}:v1"})
    assert admin.items(f"/deleted?repository={shop.name}") == []


def test_rights_decide_tag_by_tag(shop: Shop, admin: Asker, asking: Asking) -> None:
    shop.push("one", "dev-1", "prod-1")
    good = shop.now()
    shop.push("two", "dev-1", "prod-1")
    admin.do(201, "POST", "/users", {"name": "history-dora", "password": "dora likes long words"})
    scope = f"{shop.name}:dev-*"
    admin.do(201, "POST", "/grants", {"subject": "user:history-dora", "role": "writer", "scope": scope})
    admin.do(201, "POST", "/grants", {"subject": "user:history-dora", "role": "reader", "scope": shop.name})
    dora = asking.named("history-dora", "dora likes long words")
    wish = {"target": shop.name, "to": good}
    plan = dora.do(200, "POST", "/rollbacks", {**wish, "dry_run": True})
    assert {each["tag"]: each["effect"] for each in plan["items"]} == {"dev-1": "move", "prod-1": "blocked"}
    problem = dora.refused("rollback-blocked", "POST", "/rollbacks", wish)
    assert "prod-1" in problem["detail"]
    done = dora.do(200, "POST", "/rollbacks", {**wish, "skip_blocked": True})
    assert (done["move"], done["blocked"]) == (1, 1)
    assert [each["tag"] for each in done["items"]] == ["prod-1"]
    audit = admin.do(200, "GET", f"/history?target={shop.name}:dev-1&limit=1")["items"]
    assert audit[0]["actor"] == "user:history-dora"
    for path in ("/history?target=history/none", "/deleted?repository=history/none"):
        dora.refused("unknown", "GET", path)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/history?target=A", None),
        ("GET", "/history?target=a&action=eaten", None),
        ("GET", "/history?target=a&tags=%5Ba", None),
        ("GET", "/history?target=a&since=yesterday", None),
        ("GET", "/history?target=a&after=IjEi", None),
        ("GET", "/history", None),
        ("GET", "/history/differences?target=a", None),
        ("GET", "/history/differences?target=a&since=2027-01-01T00:00:00Z&after=IngvIg==", None),
        ("GET", "/deleted?repository=a&after=IjEvMi94Ig==", None),
        ("POST", "/rollbacks", {"target": "a"}),
        ("POST", "/rollbacks", {"target": "a", "to": "2h"}),
        ("POST", "/rollbacks", {"target": "a", "to": "9000-01-01T00:00:00Z"}),
        ("POST", "/rollbacks", {"target": "a", "to": "2024-01-01T00:00:00Z", "tags": "["}),
        ("POST", "/rollbacks", {"target": "a", "to": "2024-01-01T00:00:00Z", "force": True}),
        ("POST", "/rollbacks?limit=5001", {"target": "a", "to": "2024-01-01T00:00:00Z", "dry_run": True}),
        ("POST", "/deleted/restore", {"reference": "a"}),
        ("POST", "/deleted/restore", {"reference": "a@sha256:1"}),
    ],
)
def test_what_makes_no_sense_is_refused(admin: Asker, method: str, path: str, body: object) -> None:
    admin.refused("invalid", method, path, body)
