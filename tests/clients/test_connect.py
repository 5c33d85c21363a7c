"""What `holdfast connect` gives, used by the clients that it is for: each pulls from one repository, and no more."""

from __future__ import annotations

import json
import re
from base64 import b64decode
from pathlib import Path

import pytest
from tests.clients import images
from tests.clients.connecting import connect, revoke
from tests.clients.engines import (
    CLASSIC,
    CONTAINERDS,
    NEW,
    OLD_CONTAINERD,
    Containerd,
    Engine,
    installed_program,
)
from tests.clients.programs import SYSTEM, Client, Workshop, find
from tests.clients.test_podman_family import stored
from tests.clients.wire import Wire
from tests.deploy.yaml_reader import read_yaml
from tests.docs import pages
from tests.serving import Server

OTHER = "clients/connect-other"


@pytest.fixture
def name(server: Server, wire: Wire, repository: str) -> str:
    """Give an image of the test's repository that is there, beside another repository's."""
    wire.push(repository, images.image(repository), "v1")
    wire.push(OTHER, images.image("other"), "v1")
    return f"{server.host}/{repository}:v1"


@pytest.mark.parametrize("engine", [CLASSIC, NEW], indirect=True)
def test_docker(engine: Engine, workshop: Workshop, server: Server, repository: str, name: str, tmp_path: Path) -> None:
    said = connect(server, tmp_path, "docker", repository, "--write", "d").err
    docker = engine.client(workshop, login=False)
    docker("pull", "-q", name, fails=True)
    docker.always = ("--config", str(tmp_path / "d"), *docker.always)
    docker("pull", "-q", name)
    docker("pull", "-q", f"{server.host}/{OTHER}:v1", fails=True)
    docker("tag", name, f"{name}-2")
    docker("push", "-q", f"{name}-2", fails=True)
    docker("rmi", name, f"{name}-2")
    revoke(server, tmp_path, said)
    docker("pull", "-q", name, fails=True)


def test_docker_login_by_hand(workshop: Workshop, server: Server, repository: str, name: str, tmp_path: Path) -> None:
    """The pair in the configuration is one that a person can type."""
    (login,) = json.loads(connect(server, tmp_path, "docker", repository).out)["auths"].values()
    user, _, key = b64decode(login["auth"]).decode().partition(":")
    crane = workshop("crane", login=False)
    crane("auth", "login", server.host, "-u", user, "-p", key)
    crane("manifest", name)
    crane("manifest", f"{server.host}/{OTHER}:v1", fails=True)


@pytest.mark.parametrize("program", ["podman", "buildah"])
def test_podman_and_buildah(
    workshop: Workshop, server: Server, repository: str, name: str, tmp_path: Path, program: str
) -> None:
    connect(server, tmp_path, "podman", repository, "--write", "p")
    client = stored(workshop, program, login=False)
    insecure = client.home / ".config" / "containers" / "registries.conf"
    insecure.write_text((tmp_path / "p" / "registries.conf.d" / "holdfast.conf").read_text())
    client("pull", name, fails=True)
    client("pull", "--authfile", tmp_path / "p" / "auth.json", name)
    client("pull", "--authfile", tmp_path / "p" / "auth.json", f"{server.host}/{OTHER}:v1", fails=True)
    client("push", "--authfile", tmp_path / "p" / "auth.json", name, f"{name}-2", fails=True)


def test_skopeo_with_two_repositories_in_one_file(
    workshop: Workshop, server: Server, repository: str, name: str, tmp_path: Path
) -> None:
    logins: dict[str, object] = {}
    for each in (repository, OTHER):
        logins |= json.loads(connect(server, tmp_path, "podman", each).out)["auths"]
    skopeo = workshop("skopeo", login=False)
    (skopeo.home / ".docker" / "config.json").write_text(json.dumps({"auths": logins}))
    for image in (name, f"{server.host}/{OTHER}:v1"):
        skopeo("inspect", "--raw", f"docker://{image}")
    assert skopeo("list-tags", f"docker://{name.rpartition(':')[0]}").out.count('"v1"') == 1


@pytest.mark.parametrize("containerd", CONTAINERDS, indirect=True)
def test_containerd(
    containerd: Containerd, workshop: Workshop, server: Server, repository: str, name: str, tmp_path: Path
) -> None:
    connect(server, tmp_path, "containerd", repository, "--write", "c")
    ctr = containerd.client(workshop)
    ctr("images", "pull", "--plain-http", name, fails=True)
    known = ("--hosts-dir", str(tmp_path / "c" / "certs.d"))
    ctr("images", "pull", *known, name)
    ctr("images", "pull", *known, f"{server.host}/{OTHER}:v1", fails=True)
    ctr("images", "tag", name, f"{name}-2")
    ctr("images", "push", *known, f"{name}-2", fails=True)


def test_the_secret_of_kubernetes_is_a_docker_configuration(
    workshop: Workshop, server: Server, repository: str, name: str, tmp_path: Path
) -> None:
    manifest = read_yaml(connect(server, tmp_path, "kubernetes", repository).out, tmp_path / "yaml")
    crane = workshop("crane", login=False)
    decoded = b64decode(manifest["data"][".dockerconfigjson"], validate=True)
    (crane.home / ".docker" / "config.json").write_bytes(decoded)
    crane("pull", name, tmp_path / "image.tar")
    assert crane("ls", name.rpartition(":")[0]).lines == ["v1"]
    crane("manifest", f"{server.host}/{OTHER}:v1", fails=True)
    crane("tag", name, "v2", fails=True)


def test_what_watches_tags_asks_with_the_secret(
    workshop: Workshop, server: Server, wire: Wire, repository: str, tmp_path: Path
) -> None:
    """As Argo CD Image Updater and Flux do: all tags, page by page, then a manifest by its tag."""
    tags = [f"1.2.{number}" for number in range(30)]
    wire.push(repository, images.image("watched"), *tags)
    found = read_yaml(connect(server, tmp_path, "kubernetes", repository).out, tmp_path / "yaml")
    crane: Client = workshop("crane", login=False)
    (crane.home / ".docker" / "config.json").write_bytes(b64decode(found["data"][".dockerconfigjson"]))
    image = f"{server.host}/{repository}"
    assert set(crane("ls", image).lines) == set(tags)
    crane("digest", f"{image}:1.2.29")


@pytest.mark.parametrize("kind", CONTAINERDS)
def test_containerd_takes_what_the_page_has_for_its_own_configuration(kind: str, tmp_path: Path) -> None:
    """`containerd config dump` shows the place of `hosts.toml` where kubelets' pulls look for it."""
    (block,) = [each for each in pages.blocks(pages.HOW_TO / "runtimes.md") if "io.containerd.cri.v1" in each.text]
    text = block.text
    if kind == OLD_CONTAINERD:  # as the sentence below it says
        text = text.replace("'io.containerd.cri.v1.images'", '"io.containerd.grpc.v1.cri"').replace("= 3", "= 2")
    (tmp_path / "config.toml").write_text(text)
    program = find("containerd", *SYSTEM) if kind == OLD_CONTAINERD else installed_program("containerd")
    dumped = Client(program, tmp_path)("--config", tmp_path / "config.toml", "config", "dump").out
    assert re.search(r"""^ +config_path = ['"]/etc/containerd/certs.d['"]$""", dumped, re.MULTILINE)
