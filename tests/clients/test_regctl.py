"""regctl against the server: indexes with their referrers, artifacts, tag and manifest deletes, blobs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.clients import images
from tests.clients.programs import Client, Workshop
from tests.clients.wire import Wire
from tests.serving import Server

cell = pytest.mark.cell
KIND = "application/vnd.example.note"


@pytest.fixture
def regctl(workshop: Workshop, server: Server) -> Client:
    return workshop("regctl", "--host", f"reg={server.host},tls=disabled")


@cell("regctl", "login")
def test_login(workshop: Workshop, server: Server, wire: Wire, repository: str) -> None:
    wire.push(repository, images.image("login"), "v1")
    regctl = workshop("regctl", login=False)
    regctl("registry", "set", "--skip-check", "--tls", "disabled", server.host)
    regctl("image", "digest", f"{server.host}/{repository}:v1", fails=True)
    regctl("registry", "login", server.host, "-u", server.admin.username, "-p", server.admin.password)
    assert regctl("image", "digest", f"{server.host}/{repository}:v1").lines == [images.image("login").digest]


@cell("regctl", "push")
def test_import_of_a_layout(regctl: Client, server: Server, wire: Wire, repository: str, tmp_path: Path) -> None:
    image = images.image("regctl")
    archive = images.write_layout_tar(tmp_path / "image.tar", {"v1": image})
    regctl("image", "import", f"{server.host}/{repository}:v1", archive)
    wire.check(repository, image, "v1")


@cell("regctl", "pull")
def test_export(regctl: Client, server: Server, wire: Wire, repository: str, tmp_path: Path) -> None:
    image = wire.push(repository, images.image("export"), "v1")
    regctl("image", "export", f"{server.host}/{repository}:v1", tmp_path / "image.tar")
    exported = (tmp_path / "image.tar").read_bytes()
    assert all(blob.data in exported for blob in image.closure())


@cell("regctl", "copy")
def test_copy_with_referrers(regctl: Client, server: Server, wire: Wire, repository: str) -> None:
    image = wire.push(repository, images.image("copy"), "v1")
    note = wire.push(repository, images.artifact(KIND, b"a note", image))
    regctl("image", "copy", "--referrers", f"{server.host}/{repository}:v1", f"{server.host}/{repository}/to:v1")
    wire.check(f"{repository}/to", image, "v1")
    assert wire.referrers(f"{repository}/to", image.digest) == [note.digest]


@cell("regctl", "multi-arch")
@pytest.mark.parametrize("docker", [False, True], ids=["oci", "docker"])
def test_copy_of_an_index(regctl: Client, server: Server, wire: Wire, repository: str, docker: bool) -> None:
    index = wire.push(repository, images.index("copy", docker=docker), "v1")
    name = f"{server.host}/{repository}"
    regctl("image", "copy", f"{name}:v1", f"{name}/to:v1")
    wire.check(f"{repository}/to", index, "v1")
    found = regctl("image", "digest", "--platform", "linux/arm64", f"{name}:v1").lines
    assert found == [index.children[1].digest]


@cell("regctl", "list")
def test_lists(regctl: Client, server: Server, wire: Wire, repository: str) -> None:
    wire.push(repository, images.image("list"), "v1", "v2", "v3")
    assert regctl("tag", "ls", f"{server.host}/{repository}").lines == ["v1", "v2", "v3"]
    assert regctl("tag", "ls", "--limit", "1", "--last", "v1", f"{server.host}/{repository}").lines[:1] == ["v2"]
    assert repository in regctl("repo", "ls", server.host).lines


@cell("regctl", "referrers")
def test_artifacts(regctl: Client, server: Server, wire: Wire, repository: str) -> None:
    image = wire.push(repository, images.image("artifacts"), "v1")
    name = f"{server.host}/{repository}"
    regctl("artifact", "put", "--artifact-type", KIND, "--subject", f"{name}:v1", stdin=b"first")
    regctl("artifact", "put", "--artifact-type", f"{KIND}.other", "--subject", f"{name}:v1", stdin=b"second")
    listed = json.loads(regctl("artifact", "list", f"{name}:v1", "--format", "{{json .Descriptors}}").out)
    assert sorted(entry["digest"] for entry in listed) == sorted(wire.referrers(repository, image.digest))
    (other,) = wire.referrers(repository, image.digest, f"{KIND}.other")
    assert other in regctl("artifact", "tree", f"{name}:v1").out
    got = regctl("artifact", "get", "--subject", f"{name}:v1", "--filter-artifact-type", KIND)
    assert got.out == "first"


@cell("regctl", "artifact")
def test_artifact_by_tag(regctl: Client, server: Server, repository: str) -> None:
    name = f"{server.host}/{repository}:note"
    regctl("artifact", "put", "--artifact-type", KIND, name, stdin=b"a note")
    assert regctl("artifact", "get", name).out == "a note"


@cell("regctl", "delete")
def test_tag_delete_keeps_the_digest(regctl: Client, server: Server, wire: Wire, repository: str) -> None:
    image = wire.push(repository, images.image("tag-delete"), "v1", "v2")
    regctl("tag", "delete", f"{server.host}/{repository}:v1")
    assert wire.tags(repository) == ["v2"]
    wire.check(repository, image, "v2")


@cell("regctl", "delete")
def test_manifest_delete(regctl: Client, server: Server, wire: Wire, repository: str) -> None:
    image = wire.push(repository, images.image("manifest-delete"), "v1")
    regctl("manifest", "delete", f"{server.host}/{repository}@{image.digest}")
    assert not wire.has(repository, image.digest)


@cell("regctl", "blob")
def test_blobs(regctl: Client, server: Server, wire: Wire, repository: str) -> None:
    name = f"{server.host}/{repository}"
    content = images.layers("blob", images.HERE)[1]
    blob = images.Blob("", content)
    assert regctl("blob", "put", name, stdin=content).lines == [blob.digest]
    assert wire.blob(repository, blob.digest) == content
    regctl("blob", "copy", name, f"{name}/to", blob.digest)
    assert f"{len(content)}" in regctl("blob", "head", f"{name}/to", blob.digest).said
    regctl("blob", "delete", f"{name}/to", blob.digest)
    regctl("blob", "head", f"{name}/to", blob.digest, fails=True)


@cell("regctl", "image create")
def test_image_create_has_no_layers(regctl: Client, server: Server, wire: Wire, repository: str) -> None:
    regctl("image", "create", f"{server.host}/{repository}:scratch")
    assert not json.loads(wire.manifest(repository, "scratch").data)["layers"]


@cell("regctl", "image mod")
def test_image_mod(regctl: Client, server: Server, wire: Wire, repository: str) -> None:
    wire.push(repository, images.index("mod"), "v1")
    name = f"{server.host}/{repository}"
    regctl("image", "mod", f"{name}:v1", "--create", f"{name}:labelled", "--label", "a=b", "--to-oci-referrers")
    wire.check_closure(repository, wire.manifest(repository, "labelled"))
