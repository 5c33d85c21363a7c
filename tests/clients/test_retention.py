"""After retention and a collection every client pulls what was kept, whole: indexes, nested ones, Docker lists, images
with referrers of referrers; and what was dropped is gone."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.clients import images
from tests.clients.images import OCI_INDEX, Blob, Image
from tests.clients.programs import Workshop
from tests.clients.wire import Wire
from tests.pairs import Pair
from tests.serving import Server, running_server

REPOSITORY = "clients/retention"
PATIENCE = 60.0
KEPT = ("v1", "v2", "nested", "signed")
_SHORT = ("--window", "0", "--lease", "1s", "--collect-grace", "0")
_RULES = {
    "rules": [
        {"name": "old", "action": "drop", "tags": ["old-*"]},
        {"name": "bare", "action": "drop", "untagged": True, "older_than": "0s"},
    ]
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, pair: Pair) -> Iterator[Server]:
    """Run a server that keeps no history, and on which retention and the collector have done their work."""
    with running_server(tmp_path_factory.mktemp("server"), *_SHORT, pair=pair) as running:
        _retain(Wire(running))
        yield running


def _ask(wire: Wire, status: int, method: str, path: str, body: object = None) -> dict[str, Any]:
    data = json.dumps(body).encode() if body is not None else b""
    return wire.expect(status, method, f"/api/v1/{path}", data, Content_Type="application/json").json


def _retain(wire: Wire) -> None:
    oci, docker = images.index("kept"), images.index("docker", docker=True)
    wire.push(REPOSITORY, oci, "v1")
    wire.push(REPOSITORY, docker, "v2")
    alone = images.image("alone")
    nested = _index(oci, alone)
    wire.push(REPOSITORY, nested, "nested")
    signed = wire.push(REPOSITORY, images.image("signed"), "signed")
    note = wire.push(REPOSITORY, images.artifact("application/vnd.example.note", b"about it", signed))
    wire.push(REPOSITORY, images.artifact("application/vnd.example.note", b"about the note", note))
    # Two tags go: a platform that an index lists, and an image that nothing else reaches.
    wire.push(REPOSITORY, oci.children[0], "old-platform")
    going = wire.push(REPOSITORY, images.image("going"), "old-image")
    bare = wire.push(REPOSITORY, images.image("bare"))
    _ask(wire, 200, "PUT", "settings/retention", {"path": "clients", "value": json.dumps(_RULES)})
    until = time.monotonic() + PATIENCE
    dropped = 0
    while dropped < 4:  # both tags, what was never tagged, and at last the image that has none any more
        assert time.monotonic() < until, f"{dropped} were dropped"
        plan = _ask(wire, 202, "POST", "retention/plans", {"path": "clients", "apply": True})["plan"]
        while (state := _ask(wire, 200, "GET", f"retention/plans/{plan}"))["state"] != "applied":
            assert time.monotonic() < until, state
            time.sleep(0.05)
        dropped += state["dropped"]
    # By GET: HEAD by who may push leases what it finds.
    while wire.ask("GET", _blob_path(going)).status == 200:
        assert time.monotonic() < until, "the collector leaves it"
        job = _ask(wire, 202, "POST", "collections", {})
        while (state := _ask(wire, 200, "GET", f"jobs/{job['id']}"))["state"] in ("waiting", "running"):
            assert time.monotonic() < until, state
            time.sleep(0.05)
    for each in (going, bare):
        assert not wire.has(REPOSITORY, each.digest)
    assert sorted(wire.tags(REPOSITORY)) == sorted(KEPT)


def _blob_path(image: Image) -> str:
    return f"/v2/{REPOSITORY}/blobs/{image.blobs[-1].digest}"


def _index(*children: Image) -> Image:
    """An OCI index over anything."""
    document = {
        "schemaVersion": 2,
        "mediaType": OCI_INDEX,
        "manifests": [
            {"mediaType": each.manifest.media_type, "digest": each.digest, "size": len(each.manifest.data)}
            for each in children
        ],
    }
    return Image(manifest=Blob(OCI_INDEX, images.encoded(document)), blobs=(), children=children)


@pytest.mark.parametrize("tag", KEPT)
def test_everything_is_served_whole(server: Server, tag: str) -> None:
    wire = Wire(server)
    wire.check_closure(REPOSITORY, wire.manifest(REPOSITORY, tag))


def test_referrers_of_referrers_are_there(server: Server) -> None:
    wire = Wire(server)
    (note,) = wire.referrers(REPOSITORY, wire.manifest(REPOSITORY, "signed").digest)
    (about,) = wire.referrers(REPOSITORY, note)
    for each in (note, about):
        wire.check_closure(REPOSITORY, wire.manifest(REPOSITORY, each))


@pytest.mark.cell("crane", "pull")
@pytest.mark.parametrize("tag", KEPT)
def test_crane_pulls_every_platform(workshop: Workshop, server: Server, tmp_path: Path, tag: str) -> None:
    crane = workshop("crane", "--insecure")
    crane("pull", "--format=oci", f"{server.host}/{REPOSITORY}:{tag}", tmp_path / "out")
    crane("validate", "--remote", f"{server.host}/{REPOSITORY}:{tag}")


@pytest.mark.cell("skopeo", "pull")
@pytest.mark.parametrize("tag", ["v1", "v2", "signed"])
def test_skopeo_copies_every_platform(workshop: Workshop, server: Server, tmp_path: Path, tag: str) -> None:
    skopeo = workshop("skopeo")
    source = f"docker://{server.host}/{REPOSITORY}:{tag}"
    skopeo("copy", "--all", "--preserve-digests", source, f"dir:{tmp_path}/out")


@pytest.mark.cell("regctl", "pull")
@pytest.mark.parametrize("tag", KEPT)
def test_regctl_copies_with_referrers(workshop: Workshop, server: Server, tmp_path: Path, tag: str) -> None:
    regctl = workshop("regctl", "--host", f"reg={server.host},tls=disabled")
    regctl("image", "copy", "--referrers", f"{server.host}/{REPOSITORY}:{tag}", f"ocidir://{tmp_path}/out:{tag}")


@pytest.mark.cell("oras", "pull")
@pytest.mark.parametrize("tag", KEPT)
def test_oras_copies_with_referrers(workshop: Workshop, server: Server, tmp_path: Path, tag: str) -> None:
    oras = workshop("oras", unstable=True)
    source = f"{server.host}/{REPOSITORY}:{tag}"
    oras("copy", "--recursive", "--from-plain-http", source, "--to-oci-layout", f"{tmp_path}/out:{tag}")
