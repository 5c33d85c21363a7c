"""Docker against the server: the classic engine and both stores of the new one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.clients import images
from tests.clients.engines import CLASSIC, ENGINES, NEW, Engine, engine_of
from tests.clients.programs import Client, Workshop
from tests.clients.wire import Wire
from tests.serving import Server, running_server

cell = pytest.mark.cell


def on_engines(*operations: str, kinds: tuple[str, ...] = ENGINES) -> pytest.MarkDecorator:
    """Run the test once an engine, and fill these cells of each."""
    marked = [pytest.param(kind, marks=[cell(kind, name) for name in operations]) for kind in kinds]
    return pytest.mark.parametrize("engine", marked, indirect=True)


@pytest.fixture
def docker(engine: Engine, workshop: Workshop) -> Client:
    return engine.client(workshop)


@on_engines("login")
def test_login(engine: Engine, workshop: Workshop, server: Server, wire: Wire, repository: str) -> None:
    wire.push(repository, images.image("login"), "v1")
    docker = engine.client(workshop, login=False)
    name = f"{server.host}/{repository}:v1"
    docker("pull", "-q", name, fails=True)
    who = ("-u", server.admin.username, "--password-stdin")
    docker("login", *who, server.host, stdin=b"not the password", fails=True)
    said = docker("login", *who, server.host, stdin=server.admin.password.encode()).said
    assert "Login Succeeded" in said
    docker("pull", "-q", name)
    docker("logout", server.host)
    docker("pull", "-q", f"{server.host}/{repository}:v2", fails=True)


@on_engines("push")
def test_push(docker: Client, server: Server, wire: Wire, repository: str, tmp_path: Path) -> None:
    name = f"{server.host}/{repository}"
    archive = images.write_docker_tar(tmp_path / "image.tar", "docker", [f"{name}:v1", f"{name}:v2"])
    docker("load", "-q", "-i", archive)
    docker("push", "-q", "--all-tags", name)
    for tag in ("v1", "v2"):
        wire.check_closure(repository, wire.manifest(repository, tag))
    assert wire.tags(repository) == ["v1", "v2"]


@on_engines("push")
def test_second_push_mounts_the_layers(
    docker: Client, server: Server, wire: Wire, repository: str, tmp_path: Path
) -> None:
    name = f"{server.host}/{repository}"
    docker("load", "-q", "-i", images.write_docker_tar(tmp_path / "image.tar", "mount", [f"{name}:v1"]))
    docker("push", "-q", f"{name}:v1")
    docker("tag", f"{name}:v1", f"{name}/other:v1")
    docker("push", "-q", f"{name}/other:v1")
    wire.check_closure(f"{repository}/other", wire.manifest(f"{repository}/other", "v1"))


@on_engines("pull")
@pytest.mark.parametrize("form", ["oci", "docker"])
def test_pull(docker: Client, server: Server, wire: Wire, repository: str, form: str) -> None:
    image = wire.push(repository, images.image("pull", docker=form == "docker"), "v1")
    name = f"{server.host}/{repository}"
    docker("pull", "-q", f"{name}:v1")
    docker("pull", "-q", f"{name}@{image.digest}")
    shown = json.loads(docker("image", "inspect", f"{name}:v1").out)[0]
    assert f"{name}@{image.digest}" in shown["RepoDigests"]
    assert docker("run", "--rm", "--network=none", f"{name}:v1", "/true").status == 0


@on_engines("pull -a")
def test_pull_of_all_tags(docker: Client, server: Server, wire: Wire, repository: str) -> None:
    wire.push(repository, images.image("all", docker=True), "v1", "v2")
    docker("pull", "-q", "--all-tags", f"{server.host}/{repository}")
    listed = docker("images", "--format", "{{.Tag}}", f"{server.host}/{repository}").lines
    assert sorted(listed) == ["v1", "v2"]


@on_engines("multi-arch")
@pytest.mark.parametrize("form", ["oci", "docker"])
def test_pull_of_one_architecture(docker: Client, server: Server, wire: Wire, repository: str, form: str) -> None:
    index = wire.push(repository, images.index("platform", docker=form == "docker"), "v1")
    name = f"{server.host}/{repository}:v1"
    docker("pull", "-q", "--platform", f"linux/{images.OTHER}", name)
    shown = json.loads(docker("image", "inspect", name).out)[0]
    assert f"{server.host}/{repository}@{index.digest}" in shown["RepoDigests"]


@on_engines("manifest list")
def test_manifest_create_annotate_push(docker: Client, server: Server, wire: Wire, repository: str) -> None:
    children = [wire.push(repository, images.image("list", arch, docker=True), arch) for arch in ("amd64", "arm64")]
    name = f"{server.host}/{repository}"
    docker("manifest", "create", "--insecure", f"{name}:both", f"{name}:amd64", f"{name}:arm64")
    docker("manifest", "annotate", f"{name}:both", f"{name}:arm64", "--variant", "v8")
    docker("manifest", "push", "--insecure", f"{name}:both")
    pushed = wire.manifest(repository, "both")
    entries = json.loads(pushed.data)["manifests"]
    assert [entry["digest"] for entry in entries] == [child.digest for child in children]
    assert entries[1]["platform"]["variant"] == "v8"
    assert "arm64" in docker("manifest", "inspect", "--insecure", f"{name}:both").out


@on_engines("build")
def test_build_on_a_pulled_base(docker: Client, server: Server, wire: Wire, repository: str) -> None:
    name = f"{server.host}/{repository}"
    wire.push(repository, images.image("base", docker=True), "base")
    context = docker.home / "context"
    context.mkdir()
    (context / "Dockerfile").write_text(f'FROM {name}:base\nCOPY Dockerfile /\nCMD ["/true"]\n', encoding="utf-8")
    docker("build", "-q", "-t", f"{name}:built", context)
    docker("push", "-q", f"{name}:built")
    pushed = wire.manifest(repository, "built")
    wire.check_closure(repository, pushed)
    docker("rmi", "--force", f"{name}:built")
    docker("run", "--rm", "--network=none", f"{name}:built")


@pytest.mark.parametrize("kind", [pytest.param(kind, marks=cell(kind, "mirror")) for kind in (CLASSIC, NEW)])
def test_mirror_of_the_hub(workshop: Workshop, tmp_path: Path, kind: str) -> None:
    """Docker sends a mirror no credentials: the server is open, and stands in for the hub's own names."""
    with running_server(tmp_path, "--open") as mirror, engine_of(kind, "--registry-mirror", mirror.url) as engine:
        image = Wire(mirror).push("library/holdfast-mirrored", images.image("mirror", docker=True), "v1")
        docker = engine.client(workshop)
        docker("pull", "-q", "holdfast-mirrored:v1")
        assert docker("image", "inspect", "--format", "{{.Id}}", "holdfast-mirrored:v1").lines == [
            image.blobs[0].digest
        ]
