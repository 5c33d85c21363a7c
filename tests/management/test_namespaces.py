"""Namespaces, settings, immutable tags, deletion with a way back and purge, over the API and on the wire."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from tests.management.api import Asker, segment
from tests.serving import pause
from tests.wire.client import Answer
from tests.wire.content import OCI_MANIFEST, digest, image, noise

_NUMBER = itertools.count()
LAYER = noise(40_000, "a layer of namespaces")


class Place:
    """A namespace of its own, and what clients do in it."""

    def __init__(self, admin: Asker) -> None:
        self.admin = admin
        self.path = f"place-{next(_NUMBER)}"
        self.app = f"{self.path}/app"

    def v2(self, method: str, where: str, body: bytes = b"", *, repository: str = "", **headers: str) -> Answer:
        """A request of the wire."""
        target = f"/v2/{repository or self.app}/{where}"
        return self.admin.connection.ask(method, target, body, headers)

    def push(self, tag: str, name: str = "one", repository: str = "") -> tuple[Answer, bytes]:
        """Push an image; gives the answer to its manifest, and the manifest."""
        config = f'{{"name":"{name}"}}'.encode()
        answers = [
            self.v2("POST", f"blobs/uploads/?digest={digest(data)}", data, repository=repository)
            for data in (config, LAYER)
        ]
        data = image(config, [LAYER])
        put = self.v2("PUT", f"manifests/{tag}", data, repository=repository, **{"Content-Type": OCI_MANIFEST})
        return next((each for each in answers if each.status >= 300), put), data

    def ended(self, job: dict[str, Any]) -> dict[str, Any]:
        """A job once it has ended well."""
        for _ in range(1200):
            found: dict[str, Any] = self.admin.do(200, "GET", f"/jobs/{job['id']}")
            if found["state"] not in ("waiting", "running"):
                assert found["state"] == "done", found
                return found
            pause(0.05)
        raise AssertionError(job)


@pytest.fixture
def place(admin: Asker) -> Place:
    return Place(admin)


def test_settings_hold_below_and_say_where_they_come_from(place: Place, admin: Asker) -> None:
    place.push("v1")
    change = admin.do(200, "PUT", "/settings/window", {"path": place.path, "value": "90d", "dry_run": True})
    assert (change["changed"], change["overriding"], change["applied"]) == (1, 0, False)
    admin.do(200, "PUT", "/settings/window", {"path": place.path, "value": "90d"})
    held = admin.do(200, "GET", f"/settings/window?path={place.app}")
    assert (held["value"], held["source"], held["set_at"]) == ("90d", "path", place.path)
    assert [each["source"] for each in held["overrides"]] == ["default"]
    names = [each["name"] for each in admin.do(200, "GET", f"/settings?path={place.app}")["settings"]]
    assert names == sorted(names)
    assert {"window", "immutable", "sparse-indexes", "redirect", "visibility"} <= set(names)
    assert admin.do(200, "DELETE", f"/settings/window?path={place.path}")["setting"]["source"] == "default"
    admin.refused("conflict", "PUT", "/settings/visibility", {"path": place.path, "value": "public"})
    admin.refused("unknown", "PUT", "/settings/none", {"path": place.path, "value": "x"})
    assert admin.refused("invalid", "PUT", "/settings/window", {"path": place.path, "value": "long"})["fields"]


def test_an_immutable_tag_stays(place: Place, admin: Asker) -> None:
    admin.do(200, "PUT", "/settings/immutable", {"path": place.path, "value": "v* except *-dev"})
    put, _ = place.push("v1")
    assert put.status == 201
    assert place.push("v1")[0].status == 201
    refused, _ = place.push("v1", "two")
    assert (refused.status, refused.json["errors"][0]["code"]) == (403, "DENIED")
    assert f"(rule 'v* except *-dev' of {place.path}): push under a new tag" in refused.json["errors"][0]["message"]
    assert {"tag": "v1", "change": "move", "path": place.path}.items() <= refused.json["errors"][0]["detail"].items()
    assert place.push("v1-dev", "one")[0].status == place.push("v1-dev", "two")[0].status == 201
    for where in ("manifests/v1", f"manifests/{put['docker-content-digest']}"):
        refused = place.v2("DELETE", where)
        assert (refused.status, refused.json["errors"][0]["detail"]["change"]) == (403, "delete")
    admin.refused("immutable", "DELETE", f"/repositories/{segment(place.app)}")
    admin.refused("immutable", "DELETE", f"/namespaces/{place.path}")
    assert admin.do(200, "GET", f"/repositories/{segment(place.app)}/deletion")["held_back"]
    admin.do(200, "DELETE", f"/repositories/{segment(place.app)}?force=true")


def test_a_deleted_repository_is_gone_until_it_comes_back(place: Place, admin: Asker) -> None:
    _, data = place.push("v1")
    where = f"/repositories/{segment(place.app)}"
    admin.do(200, "PATCH", where, {"description": "# App", "labels": {"tier": "1"}})
    assert admin.do(200, "GET", f"{where}/deletion")["tags"] == 1
    gone = admin.do(200, "DELETE", where)
    assert (gone["name"], gone["tags"]) == (place.app, 1)
    for method, what in (
        ("GET", "manifests/v1"),
        ("HEAD", "manifests/v1"),
        ("GET", f"manifests/{digest(data)}"),
        ("GET", f"blobs/{digest(LAYER)}"),
        ("GET", "tags/list"),
        ("DELETE", "manifests/v1"),
    ):
        assert place.v2(method, what).status == 404, what
    assert place.v2("GET", f"referrers/{digest(data)}").json["manifests"] == []
    admin.refused("unknown", "GET", where)
    assert [each["name"] for each in admin.items(f"/deleted-repositories?below={place.path}")] == [place.app]
    mounted = place.v2("POST", f"blobs/uploads/?mount={digest(LAYER)}&from={place.app}", repository=f"{place.path}/b")
    assert mounted.status == 202, "what is gone is no source"
    admin.do(200, "POST", f"{where}/restore", {})
    assert place.v2("GET", "manifests/v1").body == data
    found = admin.do(200, "GET", where)
    assert (found["description"], found["labels"], found["tags"]) == ("# App", {"tier": "1"}, 1)
    assert [each["name"] for each in admin.items(f"/repositories?below={place.path}&label=tier=1")] == [place.app]
    admin.refused("unknown", "POST", f"{where}/restore", {})
    admin.refused("invalid", "GET", "/repositories?label=tier")


def test_a_namespace_goes_and_comes_back(place: Place, admin: Asker) -> None:
    for name in ("app", "lib", "deep/er"):
        assert place.push("v1", repository=f"{place.path}/{name}")[0].status == 201
    admin.do(201, "POST", "/namespaces", {"path": f"{place.path}/empty", "description": "Later."})
    below = [each["path"] for each in admin.items(f"/namespaces?below={place.path}")]
    assert below == [f"{place.path}/deep", f"{place.path}/empty"]
    assert admin.do(200, "GET", f"/namespaces/{place.path}")["repositories"] == 3
    assert admin.do(200, "GET", f"/namespaces/{place.path}/deletion")["tags"] == 3
    done = place.ended(admin.do(202, "DELETE", f"/namespaces/{place.path}"))
    assert done["result"]["repositories"] == 3
    admin.refused("unknown", "GET", f"/namespaces/{place.path}")
    assert place.v2("GET", "manifests/v1").status == 404
    done = place.ended(admin.do(202, "POST", f"/namespaces/{place.path}/restore"))
    assert (done["result"]["repositories"], done["result"]["kept"]) == (3, [])
    assert place.v2("GET", "manifests/v1").status == 200
    assert admin.do(200, "GET", f"/namespaces/{segment(place.path + '/empty')}")["description"] == "Later."


def test_what_is_purged_is_refused_everywhere(place: Place, admin: Asker) -> None:
    secret = noise(50_000, f"a secret of {place.path}")
    for repository in (place.app, f"{place.path}/copy"):
        put = place.v2("POST", f"blobs/uploads/?digest={digest(secret)}", secret, repository=repository)
        assert put.status == 201
    data = image(b"{}", [secret])
    place.v2("POST", f"blobs/uploads/?digest={digest(b'{}')}", b"{}")
    assert place.v2("PUT", "manifests/v1", data, **{"Content-Type": OCI_MANIFEST}).status == 201
    harm = admin.do(200, "GET", f"/purges/harm?repository={place.app}&reference={digest(secret)}")
    assert harm["repositories"] == [place.app, f"{place.path}/copy"]
    assert harm["users"] == [{"repository": place.app, "name": digest(data)}]
    given = {"repository": place.app, "reference": digest(secret), "reason": "a key got into it"}
    asked = admin.do(202, "POST", "/purges", given)
    for repository in (place.app, f"{place.path}/copy"):
        assert place.v2("GET", f"blobs/{digest(secret)}", repository=repository).status == 404
    assert place.ended(asked["job"])["result"] == {"repositories": 2, "tags": 0}
    put = place.v2("POST", f"blobs/uploads/?digest={digest(secret)}", secret, repository=f"{place.path}/third")
    assert (put.status, put.json["errors"][0]["code"]) == (403, "DENIED")
    assert put.json["errors"][0]["message"].endswith("was purged from this registry and is refused: a key got into it")
    named = image(b"{}", [secret], annotations={"again": "yes"})
    assert place.v2("PUT", "manifests/v2", named, **{"Content-Type": OCI_MANIFEST}).status == 403
    mounted = place.v2(
        "POST", f"blobs/uploads/?mount={digest(secret)}&from={place.app}", repository=f"{place.path}/third"
    )
    assert mounted.status == 202
    admin.refused("unknown", "GET", f"/purges/harm?repository={place.app}&reference={digest(secret)}")
    purged = [each for each in admin.items("/purges") if each["digest"] == digest(secret)]
    assert [(each["reason"], each["purged_by"]) for each in purged] == [("a key got into it", "user:admin")]
    admin.do(204, "DELETE", f"/purges/{digest(secret)}")
    admin.refused("unknown", "DELETE", f"/purges/{digest(secret)}")
    assert place.v2("GET", f"blobs/{digest(secret)}").status == 404
    assert place.v2("POST", f"blobs/uploads/?digest={digest(secret)}", secret).status == 201
    assert place.v2("GET", f"blobs/{digest(secret)}").body == secret
