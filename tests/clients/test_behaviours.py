"""What real clients taught, one test a lesson: each was a client that broke on a registry that did otherwise."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.clients import images
from tests.clients.engines import CLASSIC, CONTAINERDS, NEW, Containerd, Engine
from tests.clients.programs import Client, Workshop
from tests.clients.wire import Wire
from tests.serving import Server

KIND = "application/vnd.example.note"
PLAIN = "--plain-http"


def lesson(number: int) -> pytest.MarkDecorator:
    return pytest.mark.cell("behaviours", str(number))


@lesson(1)
def test_the_api_version_is_on_every_answer(wire: Wire, repository: str) -> None:
    image = wire.push(repository, images.image("version"), "v1")
    paths = {
        "/v2/": (200, 401),
        f"/v2/{repository}/manifests/v1": (200, 401),
        f"/v2/{repository}/manifests/{image.digest}": (200, 401),
        f"/v2/{repository}/blobs/{image.blobs[0].digest}": (200, 401),
        f"/v2/{repository}/tags/list": (200, 401),
        f"/v2/{repository}/referrers/{image.digest}": (200, 401),
        "/v2/_catalog": (200, 401),
        f"/v2/{repository}/manifests/none": (404, 401),
        f"/v2/{repository}/blobs/sha256:nonsense": (400, 401),
    }
    for path, statuses in paths.items():
        for status, headers in zip(statuses, ({}, {"Authorization": ""}), strict=True):
            answer = wire.expect(status, "GET", path, b"", **headers)
            assert answer.headers.get("docker-distribution-api-version") == "registry/2.0", (status, path)


@lesson(2)
@pytest.mark.parametrize("engine", [CLASSIC, NEW], indirect=True)
def test_the_classic_store_pushes_schema_2(
    engine: Engine, workshop: Workshop, server: Server, wire: Wire, repository: str, tmp_path: Path
) -> None:
    docker = engine.client(workshop)
    name = f"{server.host}/{repository}:v1"
    docker("load", "-q", "-i", images.write_docker_tar(tmp_path / "image.tar", "schema2", [name]))
    docker("push", "-q", name)
    pushed = wire.manifest(repository, "v1")
    assert pushed.media_type == images.DOCKER_MANIFEST
    (digest,) = json.loads(docker("image", "inspect", "--format", "{{json .RepoDigests}}", name).out)
    assert digest.endswith(pushed.digest)


@lesson(3)
@pytest.mark.parametrize("engine", [CLASSIC], indirect=True)
def test_a_child_stays_when_its_own_tag_moves(
    engine: Engine, workshop: Workshop, server: Server, wire: Wire, repository: str
) -> None:
    child = wire.push(repository, images.image("child", docker=True), images.HERE)
    docker = engine.client(workshop)
    name = f"{server.host}/{repository}"
    docker("manifest", "create", "--insecure", f"{name}:list", f"{name}:{images.HERE}")
    docker("manifest", "push", "--insecure", f"{name}:list")
    wire.push(repository, images.image("moved", docker=True), images.HERE)
    assert wire.has(repository, child.digest)
    docker("pull", "-q", "--all-tags", name)


@lesson(4)
def test_any_media_type_is_a_layer(workshop: Workshop, server: Server, wire: Wire, repository: str) -> None:
    odd = "text/plain; charset=utf-8"
    note = wire.push(repository, images.artifact(KIND, b"a note", layer=odd), "note")
    assert json.loads(wire.manifest(repository, "note").data)["layers"][0]["mediaType"] == odd
    regctl = workshop("regctl", "--host", f"reg={server.host},tls=disabled")
    assert regctl("artifact", "get", f"{server.host}/{repository}:note").out == "a note"
    empty = dict(note.document, layers=None)
    wire.push(repository, images.Image(images.Blob(images.OCI_MANIFEST, images.encoded(empty)), note.blobs), "null")


@lesson(5)
@pytest.mark.parametrize("name", ["skopeo", "oras", "regctl", "crane"])
@pytest.mark.parametrize("form", ["oci", "docker"])
def test_a_child_of_an_index_is_not_deleted(
    workshop: Workshop, server: Server, wire: Wire, repository: str, name: str, form: str
) -> None:
    index = wire.push(repository, images.index("child", docker=form == "docker"), "v1")
    child = index.children[0]
    target = f"{server.host}/{repository}@{child.digest}"
    command = {
        "skopeo": ("delete", f"docker://{target}"),
        "oras": ("manifest", "delete", PLAIN, "--force", target),
        "regctl": ("manifest", "delete", target),
        "crane": ("delete", "--insecure", target),
    }[name]
    always = ("--host", f"reg={server.host},tls=disabled") if name == "regctl" else ()
    said = workshop(name, *always, unstable=name == "oras")(*command, fails=True).said
    assert index.digest in said or "405" in said or "UNSUPPORTED" in said.upper()
    refused = wire.expect(405, "DELETE", f"/v2/{repository}/manifests/{child.digest}")
    (error,) = json.loads(refused.body)["errors"]
    assert error["code"] == "UNSUPPORTED"
    assert index.digest in refused.body.decode()
    wire.check(repository, index, "v1")
    wire.expect(202, "DELETE", f"/v2/{repository}/manifests/{index.digest}")
    wire.expect(202, "DELETE", f"/v2/{repository}/manifests/{child.digest}")


@lesson(5)
def test_a_blob_that_a_manifest_uses_is_not_deleted(wire: Wire, repository: str) -> None:
    image = wire.push(repository, images.image("used"), "v1")
    refused = wire.expect(405, "DELETE", f"/v2/{repository}/blobs/{image.blobs[1].digest}")
    assert image.digest in refused.body.decode()
    wire.check(repository, image, "v1")


@lesson(6)
def test_referrers_by_api_and_by_tag_agree(workshop: Workshop, server: Server, wire: Wire, repository: str) -> None:
    image = wire.push(repository, images.image("referrers"), "v1")
    oras = workshop("oras", unstable=True)
    name = f"{server.host}/{repository}:v1"
    (oras.home / "note").write_text("a note", encoding="utf-8")
    by_tag = ("--distribution-spec", "v1.1-referrers-tag")
    for kind in ("one", "two"):
        oras("attach", PLAIN, *by_tag, "--artifact-type", f"{KIND}.{kind}", name, "note")
    fallback = json.loads(wire.manifest(repository, image.digest.replace(":", "-")).data)["manifests"]
    listed = sorted(wire.referrers(repository, image.digest))
    assert sorted(entry["digest"] for entry in fallback) == listed
    assert len(listed) == 2


@lesson(6)
def test_an_index_under_the_fallback_tag_adds_nothing_twice(wire: Wire, repository: str) -> None:
    image = images.image("older")
    note = wire.push(repository, images.artifact(KIND, b"pushed before its subject", image))
    index = {"schemaVersion": 2, "mediaType": images.OCI_INDEX, "manifests": [note.manifest.descriptor()]}
    fallback = images.Image(images.Blob(images.OCI_INDEX, images.encoded(index)))
    wire.push(repository, fallback, image.digest.replace(":", "-"))
    wire.push(repository, image, "v1")
    assert wire.referrers(repository, image.digest) == [note.digest]
    assert wire.referrers(repository, image.digest, KIND) == [note.digest]
    assert wire.referrers(repository, image.digest, "application/vnd.example.other") == []


@lesson(7)
def test_podman_with_a_wrong_password(workshop: Workshop, server: Server, wire: Wire, repository: str) -> None:
    wire.push(repository, images.image("password"), "v1")
    podman = workshop("podman", login=False)
    podman.always = ("--root", f"{podman.home}/s", "--runroot", f"{podman.home}/r", "--storage-driver", "vfs")
    name = f"{server.host}/{repository}:v1"
    for _ in range(3):
        assert "unauthorized" in podman("pull", "-q", "--creds", "admin:wrong", name, fails=True).said.lower()
    podman("pull", "-q", "--creds", server.admin.pair, name)


@lesson(7)
@pytest.mark.parametrize("containerd", CONTAINERDS, indirect=True)
def test_containerd_with_a_wrong_password(
    containerd: Containerd, workshop: Workshop, server: Server, wire: Wire, repository: str
) -> None:
    wire.push(repository, images.image("password"), "v1")
    ctr: Client = containerd.client(workshop)
    name = f"{server.host}/{repository}:v1"
    for _ in range(3):
        ctr("images", "pull", PLAIN, "--user", "admin:wrong", name, fails=True)
    ctr("images", "pull", PLAIN, "--user", server.admin.pair, name)
