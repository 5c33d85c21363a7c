"""`/collections`: what is due goes now, a dry run takes nothing, and only operators may ask."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from tests.management.api import Asker
from tests.pairs import Pair
from tests.registry.house import image
from tests.serving import Credentials, Server, running_server
from tests.wire.client import Connection, basic

from holdfast.oci.digest import Digest

PASSWORD = "Planted-Password-4711"
PATIENCE = 30.0


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, pair: Pair) -> Iterator[Server]:
    """Run a server without a window, whose leases are over at once."""
    settings = {
        "HOLDFAST_ADMIN_PASSWORD": PASSWORD,
        "HOLDFAST_LEASE": "0s",
        "HOLDFAST_COLLECT_GRACE": "0s",
    }
    with running_server(tmp_path_factory.mktemp("collections"), env=settings, pair=pair) as running:
        running.known_admin = Credentials("admin", PASSWORD)
        yield running


@pytest.fixture(scope="module")
def admin(server: Server) -> Iterator[Asker]:
    """Ask as the administrator."""
    asker = Asker.named(server, "admin", PASSWORD)
    yield asker
    asker.close()


def ended(admin: Asker, job: dict[str, Any]) -> dict[str, Any]:
    """The job, once it has ended well."""
    until = time.monotonic() + PATIENCE
    while job["state"] in ("waiting", "running"):
        assert time.monotonic() < until, job
        time.sleep(0.05)
        job = admin.do(200, "GET", f"/jobs/{job['id']}")
    assert job["state"] == "done", job
    return job


def collected(admin: Asker, **asked: object) -> dict[str, Any]:
    """What came of a collection."""
    job = admin.do(202, "POST", "/collections", asked)
    assert job["kind"] == "collect"
    result = ended(admin, job)["result"]
    assert isinstance(result, dict)
    return result


def push(server: Server, repository: str, name: str, *tags: str) -> bytes:
    """Push an image with a layer of its own, which is kept in an object."""
    config, layer = f'{{"name":"{name}"}}'.encode(), f"{name} ".encode() * 9000
    connection = Connection(server.port, {"Authorization": basic("admin", PASSWORD)})
    for data in (config, layer):
        connection.ask("POST", f"/v2/{repository}/blobs/uploads/?digest={Digest.of(data)}", data)
    data = image(config, layer)
    for reference in tags or (Digest.of(data),):
        answer = connection.ask(
            "PUT",
            f"/v2/{repository}/manifests/{reference}",
            data,
            {"Content-Type": "application/vnd.oci.image.manifest.v1+json"},
        )
        assert answer.status == 201, answer
    connection.close()
    return data


def delete(server: Server, path: str) -> None:
    """DELETE on `/v2`."""
    connection = Connection(server.port, {"Authorization": basic("admin", PASSWORD)})
    assert connection.ask("DELETE", f"/v2/{path}").status == 202
    connection.close()


def test_an_emergency_has_a_preview_and_takes_history(server: Server, admin: Asker) -> None:
    gone = push(server, "team/app", "gone", "v1")
    kept = push(server, "team/app", "kept", "v2")
    other = push(server, "teamwork/app", "other", "v1")
    for repository in ("team/app", "teamwork/app"):
        delete(server, f"{repository}/manifests/v1")
    assert collected(admin)["links"] == 0
    told = collected(admin, dry_run=True, namespace="team")
    assert (told["manifests"], told["examples"][0]["digest"]) == (1, Digest.of(gone))
    assert collected(admin, dry_run=True)["manifests"] == 0
    assert collected(admin, namespace="team")["dry_run"] is False  # the clock's own collection may have had a share
    reader = Connection(server.port, {"Authorization": basic("admin", PASSWORD)})
    for repository, data, status in (("team/app", gone, 404), ("team/app", kept, 200), ("teamwork/app", other, 200)):
        assert reader.ask("GET", f"/v2/{repository}/manifests/{Digest.of(data)}").status == status
    reader.close()
    until = time.monotonic() + PATIENCE
    while not {"history.cut", "collection.started", "collection.finished"} <= {
        row["kind"] for row in admin.items("/audit")
    }:
        assert time.monotonic() < until, "it is not in the audit"  # a row is sealed a moment after it is written
        time.sleep(0.1)
    again = push(server, "team/app", "gone", "v1")
    delete(server, "team/app/manifests/v1")
    assert collected(admin)["links"] == 0, "what happens after the cut has a window again"
    assert again == gone


def test_only_operators_may(admin: Asker, server: Server) -> None:
    admin.do(201, "POST", "/users", {"name": "ann", "password": "a long enough pass phrase"})
    admin.do(201, "POST", "/grants", {"subject": "user:ann", "role": "owner", "scope": "team/**"})
    ann = Asker.named(server, "ann", "a long enough pass phrase")
    ann.refused("denied", "POST", "/collections", {"dry_run": True})
    ann.refused("denied", "POST", "/collections", {"namespace": "team"})
    admin.refused("invalid", "POST", "/collections", {"namespace": "Team!"})
    ann.close()
