"""docker 28's buildx against the server: images of two architectures with provenance, a build cache, imagetools."""

from __future__ import annotations

import json

import pytest
from tests.clients import images
from tests.clients.engines import NEW_STORE, Engine
from tests.clients.programs import Client, Workshop
from tests.clients.wire import Wire
from tests.serving import Server

cell = pytest.mark.cell
NAME = "docker 28 buildx"
pytestmark = pytest.mark.parametrize("engine", [NEW_STORE], indirect=True)


@pytest.fixture
def docker(engine: Engine, workshop: Workshop) -> Client:
    client = engine.client(workshop)
    context = client.home / "context"
    context.mkdir()
    (context / "noise").write_bytes(images.layers("buildx", images.HERE)[1])
    (context / "Dockerfile").write_text("FROM scratch\nCOPY noise /\nCOPY Dockerfile /\n", encoding="utf-8")
    return client


@cell(NAME, "push")
@cell(NAME, "multi-arch")
def test_build_for_two_architectures_with_provenance(
    docker: Client, server: Server, wire: Wire, repository: str
) -> None:
    name = f"{server.host}/{repository}:v1"
    both = ("--platform", "linux/amd64,linux/arm64", "--provenance=mode=max")
    docker("buildx", "build", "--push", *both, "-t", name, docker.home / "context")
    pushed = wire.manifest(repository, "v1")
    wire.check_closure(repository, pushed)
    platforms = [entry["platform"]["architecture"] for entry in json.loads(pushed.data)["manifests"]]
    assert sorted(platforms) == ["amd64", "arm64", "unknown", "unknown"]
    shown = docker("buildx", "imagetools", "inspect", "--format", "{{json .Provenance}}", name).out
    assert set(json.loads(shown)) == {"linux/amd64", "linux/arm64"}


@cell(NAME, "cache")
def test_cache_to_and_from_the_registry(docker: Client, server: Server, wire: Wire, repository: str) -> None:
    name = f"{server.host}/{repository}"
    form = f"type=registry,ref={name}:cache,mode=max,image-manifest=true,oci-mediatypes=true"
    docker("buildx", "build", "--cache-to", form, "--push", "-t", f"{name}:v1", docker.home / "context")
    wire.check_closure(repository, wire.manifest(repository, "cache"))
    docker("buildx", "prune", "--all", "--force")
    cached = f"type=registry,ref={name}:cache"
    said = docker("buildx", "build", "--cache-from", cached, "--progress=plain", docker.home / "context").said
    assert "CACHED" in said


@cell(NAME, "copy")
@cell(NAME, "imagetools")
def test_imagetools(docker: Client, server: Server, wire: Wire, repository: str) -> None:
    index = wire.push(repository, images.index("imagetools"), "v1")
    extra = wire.push(repository, images.image("imagetools-extra"), "extra")
    name = f"{server.host}/{repository}"
    docker("buildx", "imagetools", "create", "-t", f"{name}/to:v1", f"{name}:v1")
    wire.check_closure(f"{repository}/to", wire.manifest(f"{repository}/to", "v1"))
    docker("buildx", "imagetools", "create", "--append", "-t", f"{name}:v1", f"{name}@{extra.digest}")
    entries = json.loads(wire.manifest(repository, "v1").data)["manifests"]
    assert {child.digest for child in index.children} | {extra.digest} == {entry["digest"] for entry in entries}
    raw = docker("buildx", "imagetools", "inspect", "--raw", f"{name}@{index.digest}").out
    assert json.loads(raw) == index.document
