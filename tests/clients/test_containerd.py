"""containerd's own client against the server, old and new: whole indexes, a mirror by `hosts.toml`, a container."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.clients import images
from tests.clients.engines import CONTAINERDS, Containerd
from tests.clients.programs import Client, Workshop
from tests.clients.wire import Wire
from tests.serving import Server

cell = pytest.mark.cell


def on_containerds(*operations: str) -> pytest.MarkDecorator:
    """Run the test once a containerd, and fill these cells of each."""
    marked = [pytest.param(kind, marks=[cell(kind, name) for name in operations]) for kind in CONTAINERDS]
    return pytest.mark.parametrize("containerd", marked, indirect=True)


@pytest.fixture
def ctr(containerd: Containerd, workshop: Workshop) -> Client:
    return containerd.client(workshop)


@pytest.fixture
def access(server: Server) -> tuple[str, ...]:
    return "--plain-http", "--user", server.admin.pair


@on_containerds("login")
def test_wrong_password_is_refused(ctr: Client, server: Server, wire: Wire, repository: str) -> None:
    wire.push(repository, images.image("login"), "v1")
    name = f"{server.host}/{repository}:v1"
    refused = ctr("images", "pull", "--plain-http", "--user", "admin:wrong", name, fails=True).said
    assert any(word in refused.lower() for word in ("401", "unauthorized", "authorization failed"))
    ctr("images", "pull", "--plain-http", name, fails=True)
    ctr("images", "pull", "--plain-http", "--user", server.admin.pair, name)


@on_containerds("push", "multi-arch")
@pytest.mark.parametrize("form", ["oci", "docker"])
def test_push_of_an_index(
    ctr: Client, access: tuple[str, ...], server: Server, wire: Wire, repository: str, tmp_path: Path, form: str
) -> None:
    index = images.index("containerd", docker=form == "docker")
    name = f"{server.host}/{repository}"
    archive = images.write_layout_tar(tmp_path / "image.tar", {"v1": index})
    ctr("images", "import", "--all-platforms", "--base-name", name, archive)
    ctr("images", "push", *access, f"{name}:v1")
    wire.check(repository, index, "v1")


@on_containerds("pull")
@pytest.mark.parametrize("form", ["oci", "docker"])
def test_pull_of_every_platform(
    ctr: Client, access: tuple[str, ...], server: Server, wire: Wire, repository: str, form: str
) -> None:
    index = wire.push(repository, images.index("ctr-pull", docker=form == "docker"), "v1")
    name = f"{server.host}/{repository}:v1"
    ctr("images", "pull", "--all-platforms", *access, name)
    assert index.digest in ctr("images", "ls", f"name=={name}").out
    for blob in index.closure():
        assert ctr("content", "get", blob.digest).out == blob.data.decode("utf-8", "replace")


@on_containerds("copy")
def test_push_under_another_name(
    ctr: Client, access: tuple[str, ...], server: Server, wire: Wire, repository: str
) -> None:
    index = wire.push(repository, images.index("ctr-copy"), "v1")
    name = f"{server.host}/{repository}"
    ctr("images", "pull", "--all-platforms", *access, f"{name}:v1")
    ctr("images", "tag", f"{name}:v1", f"{name}/to:v1")
    ctr("images", "push", *access, f"{name}/to:v1")
    wire.check(f"{repository}/to", index, "v1")


@on_containerds("run")
def test_run(ctr: Client, access: tuple[str, ...], server: Server, wire: Wire, repository: str) -> None:
    wire.push(repository, images.index("ctr-run"), "v1")
    name = f"{server.host}/{repository}:v1"
    ctr("images", "pull", *access, name)
    ctr("run", "--rm", name, f"run-{repository.rsplit('/', 1)[1]}"[:60], "/true")


@on_containerds("mirror")
def test_mirror_of_another_registry(ctr: Client, server: Server, wire: Wire, repository: str, tmp_path: Path) -> None:
    index = wire.push(repository, images.index("ctr-mirror"), "v1")
    upstream = tmp_path / "certs.d" / "registry.example"
    upstream.mkdir(parents=True)
    header = f'[host."{server.url}".header]\nauthorization = "{server.admin.basic}"\n'
    text = f'server = "https://registry.example"\n[host."{server.url}"]\ncapabilities = ["pull", "resolve"]\n{header}'
    (upstream / "hosts.toml").write_text(text, encoding="utf-8")
    name = f"registry.example/{repository}:v1"
    ctr("images", "pull", "--hosts-dir", tmp_path / "certs.d", name)
    assert index.digest in ctr("images", "ls", f"name=={name}").out
    assert json.loads(ctr("content", "get", index.digest).out) == index.document
