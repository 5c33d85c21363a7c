"""podman, buildah and umoci against the server, each with a storage of its own (vfs, no kernel support needed)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.clients import images
from tests.clients.programs import Client, Workshop
from tests.clients.wire import Wire
from tests.serving import Server

cell = pytest.mark.cell


def stored(workshop: Workshop, name: str, *, login: bool = True) -> Client:
    """Make a client of containers/storage whose images are under its home."""
    client: Client = workshop(name, login=login)
    more = ("--cgroup-manager", "cgroupfs", "--events-backend", "file", "--runtime", "runc") if name == "podman" else ()
    client.always = (
        *("--root", str(client.home / "storage"), "--runroot", str(client.home / "r")),
        *("--storage-driver", "vfs", *more),
    )
    return client


@pytest.fixture
def podman(workshop: Workshop) -> Client:
    return stored(workshop, "podman")


@pytest.fixture
def buildah(workshop: Workshop) -> Client:
    return stored(workshop, "buildah")


@pytest.mark.parametrize("name", [pytest.param(name, marks=cell(name, "login")) for name in ("podman", "buildah")])
def test_login(workshop: Workshop, server: Server, wire: Wire, repository: str, name: str) -> None:
    wire.push(repository, images.image("login"), "v1")
    client = stored(workshop, name, login=False)
    client("pull", f"{server.host}/{repository}:v1", fails=True)
    client("login", "-u", server.admin.username, "--password-stdin", server.host, stdin=server.admin.password.encode())
    client("pull", f"{server.host}/{repository}:v1")


@cell("podman", "push")
@pytest.mark.parametrize("form", ["oci", "v2s2"])
def test_podman_push(podman: Client, server: Server, wire: Wire, repository: str, tmp_path: Path, form: str) -> None:
    name = f"{server.host}/{repository}:v1"
    podman("load", "-i", images.write_docker_tar(tmp_path / "image.tar", "podman", [name]))
    podman("push", "--format", form, "--digestfile", tmp_path / "digest", name)
    pushed = wire.manifest(repository, "v1")
    assert pushed.digest == (tmp_path / "digest").read_text()
    wire.check_closure(repository, pushed)


@cell("podman", "push compressed")
@pytest.mark.parametrize("form", ["gzip", "zstd", "zstd:chunked"])
def test_podman_push_compressed(
    podman: Client, server: Server, wire: Wire, repository: str, tmp_path: Path, form: str
) -> None:
    name = f"{server.host}/{repository}:v1"
    podman("load", "-i", images.write_docker_tar(tmp_path / "image.tar", "podman", [name]))
    podman("push", "--format", "oci", "--compression-format", form, name)
    wire.check_closure(repository, wire.manifest(repository, "v1"))


@cell("podman", "pull")
@cell("podman", "multi-arch")
@pytest.mark.parametrize("docker", [False, True], ids=["oci", "docker"])
def test_podman_pull_of_an_index(podman: Client, server: Server, wire: Wire, repository: str, docker: bool) -> None:
    wire.push(repository, images.index("podman", docker=docker), "v1")
    name = f"{server.host}/{repository}:v1"
    podman("pull", "-q", name)
    assert podman("image", "inspect", "--format", "{{.Architecture}}", name).lines == [images.HERE]
    podman("pull", "-q", "--arch", images.OTHER, name)
    assert podman("image", "inspect", "--format", "{{.Architecture}}", name).lines == [images.OTHER]


@cell("podman", "pull")
def test_podman_pull_all_tags(podman: Client, server: Server, wire: Wire, repository: str) -> None:
    wire.push(repository, images.image("podman-all"), "v1", "v2")
    podman("pull", "-q", "--all-tags", f"{server.host}/{repository}")
    names = podman("images", "--format", "{{.Tag}}").lines
    assert sorted(names) == ["v1", "v2"]


@cell("podman", "run")
def test_podman_run(podman: Client, server: Server, wire: Wire, repository: str) -> None:
    wire.push(repository, images.index("podman-run"), "v1")
    limits = ("--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1000:1000")
    podman("run", "--rm", "--network=host", *limits, f"{server.host}/{repository}:v1", "/true")


@cell("podman", "list")
def test_podman_lists_tags(podman: Client, server: Server, wire: Wire, repository: str) -> None:
    wire.push(repository, images.image("podman-list"), "v1", "v2")
    listed = podman("search", "--list-tags", "--format", "json", f"{server.host}/{repository}").out
    assert [tag for entry in json.loads(listed) for tag in entry["Tags"]] == ["v1", "v2"]


@cell("podman", "manifest list")
def test_podman_manifest_push(podman: Client, server: Server, wire: Wire, repository: str) -> None:
    index = wire.push(repository, images.index("podman-list"), "v1")
    name = f"{server.host}/{repository}"
    podman("manifest", "create", "local")
    for child in index.children:
        podman("manifest", "add", "local", f"docker://{name}@{child.digest}")
    podman("manifest", "push", "--all", "local", f"docker://{name}/to:v1")
    pushed = wire.manifest(f"{repository}/to", "v1")
    assert len(json.loads(pushed.data)["manifests"]) == 2
    wire.check_closure(f"{repository}/to", pushed)


@cell("buildah", "push")
@cell("buildah", "pull")
def test_buildah_from_scratch(buildah: Client, server: Server, wire: Wire, repository: str) -> None:
    for path, content in images.programs(images.HERE).items():
        (buildah.home / path).write_bytes(content)
    (buildah.home / "noise").write_bytes(images.layers("buildah", images.HERE)[1])
    container = buildah("from", "scratch").lines[-1]
    buildah("copy", container, "pause", "/pause")
    buildah("commit", "-q", container, "first")
    container = buildah("from", "--pull-never", "first").lines[-1]
    buildah("copy", container, "noise", "/noise")
    buildah("config", "--cmd", "/pause", container)
    name = f"{server.host}/{repository}:v1"
    buildah("commit", "-q", container, name)
    buildah("push", name)
    pushed = wire.manifest(repository, "v1")
    assert len(json.loads(pushed.data)["layers"]) == 2
    wire.check_closure(repository, pushed)
    buildah("rmi", "--all", "--force")
    buildah("pull", "-q", name)
    assert json.loads(buildah("inspect", "--type", "image", name).out)["FromImageDigest"] == pushed.digest


@cell("buildah", "multi-arch")
def test_buildah_manifest_push(buildah: Client, server: Server, wire: Wire, repository: str) -> None:
    (buildah.home / "Containerfile").write_text("FROM scratch\nCOPY Containerfile /\n", encoding="utf-8")
    for architecture in ("amd64", "arm64"):
        buildah("bud", "-q", "--platform", f"linux/{architecture}", "--manifest", "local", ".")
    buildah("manifest", "push", "--all", "local", f"docker://{server.host}/{repository}:v1")
    pushed = wire.manifest(repository, "v1")
    assert len(json.loads(pushed.data)["manifests"]) == 2
    wire.check_closure(repository, pushed)


@cell("umoci", "push")
def test_umoci_layout_goes_through_skopeo(workshop: Workshop, server: Server, wire: Wire, repository: str) -> None:
    umoci, skopeo = workshop("umoci"), workshop("skopeo")
    (umoci.home / "rootfs").mkdir()
    (umoci.home / "rootfs" / "noise").write_bytes(images.layers("umoci", images.HERE)[1])
    umoci("init", "--layout", "layout")
    umoci("new", "--image", "layout:v1")
    umoci("insert", "--image", "layout:v1", "rootfs", "/data")
    skopeo("copy", f"oci:{umoci.home}/layout:v1", f"docker://{server.host}/{repository}:v1")
    wire.check_closure(repository, wire.manifest(repository, "v1"))


@cell("umoci", "pull")
def test_umoci_unpacks_what_skopeo_pulled(workshop: Workshop, server: Server, wire: Wire, repository: str) -> None:
    umoci, skopeo = workshop("umoci"), workshop("skopeo")
    wire.push(repository, images.image("umoci"), "v1")
    skopeo("copy", f"docker://{server.host}/{repository}:v1", f"oci:{umoci.home}/layout:v1")
    umoci("unpack", "--rootless", "--image", "layout:v1", "bundle")
    assert (umoci.home / "bundle/rootfs/etc/seed").read_text() == f"umoci {images.HERE}\n"
