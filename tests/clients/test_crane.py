"""crane against the server: OCI and Docker images, indexes, copies, lists, deletes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.clients import images
from tests.clients.programs import Client, Workshop
from tests.clients.wire import Wire
from tests.serving import Server

cell = pytest.mark.cell


@pytest.fixture
def crane(workshop: Workshop) -> Client:
    return workshop("crane", "--insecure")


@cell("crane", "login")
def test_login(workshop: Workshop, server: Server, wire: Wire, repository: str) -> None:
    wire.push(repository, images.image("login"), "v1")
    crane = workshop("crane", "--insecure", login=False)
    assert "DENIED" in crane("digest", f"{server.host}/{repository}:v1", fails=True).said
    crane("auth", "login", "-u", server.admin.username, "-p", server.admin.password, server.host)
    assert crane("digest", f"{server.host}/{repository}:v1").lines == [images.image("login").digest]


@cell("crane", "push")
def test_push_of_a_layout(crane: Client, server: Server, wire: Wire, repository: str, tmp_path: Path) -> None:
    image = images.image("crane")
    layout = images.write_layout(tmp_path / "layout", {"v1": image})
    crane("push", layout, f"{server.host}/{repository}:v1")
    wire.check(repository, image, "v1")


@cell("crane", "multi-arch")
@pytest.mark.parametrize("docker", [False, True], ids=["oci", "docker"])
def test_push_of_an_index(
    crane: Client, server: Server, wire: Wire, repository: str, tmp_path: Path, docker: bool
) -> None:
    index = images.index("crane", docker=docker)
    layout = images.write_layout(tmp_path / "layout", {"v1": index})
    crane("push", "--index", layout, f"{server.host}/{repository}:v1")
    pushed = json.loads(wire.manifest(repository, "v1").data)
    wire.check_closure(repository, wire.manifest(repository, "v1"))
    assert index.digest in json.dumps(pushed) or pushed == index.document


@cell("crane", "pull")
@pytest.mark.parametrize("docker", [False, True], ids=["oci", "docker"])
def test_pull_gives_the_bytes(
    crane: Client, server: Server, wire: Wire, repository: str, tmp_path: Path, docker: bool
) -> None:
    image = wire.push(repository, images.image("pull", docker=docker), "v1")
    layout = tmp_path / "out"
    crane("pull", "--format=oci", f"{server.host}/{repository}:v1", layout)
    for blob in image.closure():
        assert (layout / "blobs/sha256" / blob.digest.removeprefix("sha256:")).read_bytes() == blob.data
    crane("validate", "--remote", f"{server.host}/{repository}:v1")


@cell("crane", "validate")
def test_validate_of_an_index(crane: Client, server: Server, wire: Wire, repository: str) -> None:
    wire.push(repository, images.index("validate"), "v1")
    said = crane("validate", "--remote", f"{server.host}/{repository}:v1").said
    assert "PASS" in said


@cell("crane", "copy")
def test_copy_of_an_index_between_repositories(crane: Client, server: Server, wire: Wire, repository: str) -> None:
    index = wire.push(repository, images.index("copy"), "v1")
    crane("copy", f"{server.host}/{repository}:v1", f"{server.host}/{repository}/to:v2")
    wire.check(f"{repository}/to", index, "v2")


@cell("crane", "copy")
def test_copy_of_all_tags(crane: Client, server: Server, wire: Wire, repository: str) -> None:
    wire.push(repository, images.image("copy"), "v1", "v2")
    crane("copy", "--all-tags", f"{server.host}/{repository}", f"{server.host}/{repository}/to")
    assert wire.tags(f"{repository}/to") == ["v1", "v2"]


@cell("crane", "list")
def test_lists(crane: Client, server: Server, wire: Wire, repository: str) -> None:
    wire.push(repository, images.image("list"), "v1", "v10", "latest")
    assert sorted(crane("ls", f"{server.host}/{repository}").lines) == ["latest", "v1", "v10"]
    assert repository in crane("catalog", server.host).lines


@cell("crane", "digest")
def test_digest_by_tag_and_platform(crane: Client, server: Server, wire: Wire, repository: str) -> None:
    index = wire.push(repository, images.index("digest"), "v1")
    name = f"{server.host}/{repository}:v1"
    assert crane("digest", name).lines == [index.digest]
    assert crane("digest", "--platform", "linux/arm64", name).lines == [index.children[1].digest]
    assert crane("manifest", name).out.encode() == index.manifest.data


@cell("crane", "delete")
def test_delete_by_digest(crane: Client, server: Server, wire: Wire, repository: str) -> None:
    image = wire.push(repository, images.image("delete"), "v1")
    crane("delete", f"{server.host}/{repository}@{image.digest}")
    assert not wire.has(repository, image.digest)
    assert not wire.has(repository, "v1")


@cell("crane", "append")
def test_append_makes_an_image_from_nothing(
    crane: Client, server: Server, wire: Wire, repository: str, tmp_path: Path
) -> None:
    layer = tmp_path / "layer.tar"
    layer.write_bytes(images.layers("append", images.HERE)[1])
    name = f"{server.host}/{repository}"
    crane("append", "--oci-empty-base", "-f", layer, "-t", f"{name}:v1")
    crane("append", "-b", f"{name}:v1", "-f", layer, "-t", f"{name}:v2")
    assert [len(wire.manifest(repository, tag).data) > 0 for tag in ("v1", "v2")] == [True, True]
    crane("validate", "--remote", f"{name}:v2")


@cell("crane", "mutate and tag")
def test_mutate_and_tag(crane: Client, server: Server, wire: Wire, repository: str) -> None:
    image = wire.push(repository, images.image("mutate"), "v1")
    name = f"{server.host}/{repository}"
    crane("mutate", f"{name}:v1", "--label", "a=b", "-t", f"{name}:labelled")
    crane("tag", f"{name}:v1", "stable")
    assert wire.manifest(repository, "stable") == image.manifest
    assert json.loads(crane("config", f"{name}:labelled").out)["config"]["Labels"] == {"a": "b"}


@cell("crane", "blob and export")
def test_blob_and_export(crane: Client, server: Server, wire: Wire, repository: str, tmp_path: Path) -> None:
    image = wire.push(repository, images.image("export"), "v1")
    name = f"{server.host}/{repository}"
    assert crane("blob", f"{name}@{image.blobs[0].digest}").out.encode() == image.blobs[0].data
    crane("export", f"{name}:v1", tmp_path / "root.tar")
    assert b"etc/seed" in (tmp_path / "root.tar").read_bytes()


@cell("crane", "manifest list")
def test_index_append(crane: Client, server: Server, wire: Wire, repository: str) -> None:
    wire.push(repository, images.image("here"), "here")
    wire.push(repository, images.image("there", images.OTHER), "there")
    name = f"{server.host}/{repository}"
    crane("index", "append", "-m", f"{name}:here", "-m", f"{name}:there", "-t", f"{name}:both")
    assert len(json.loads(wire.manifest(repository, "both").data)["manifests"]) == 2
