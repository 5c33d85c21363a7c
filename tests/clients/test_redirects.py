"""Where content lies in clear in a bucket, clients are sent there for large layers: they follow, and get the bytes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.clients import images
from tests.clients.connecting import connect
from tests.clients.engines import CONTAINERDS, ENGINES, Containerd, Engine
from tests.clients.programs import Client, Workshop
from tests.clients.wire import Wire
from tests.serving import Server, pause

_SECONDS = 10.0


def sent_to_bucket(server: Server, repository: str) -> int:
    """How many pulls of the repository were answered by the bucket's address; waits for one, as the log is behind."""
    path = f"/v2/{repository}/blobs/"
    for _ in range(int(_SECONDS / 0.05)):
        lines = (json.loads(line) for line in server.log_text().splitlines() if path in line and line[0] == "{")
        found = len([line for line in lines if line.get("status") == 307])
        if found:
            return found
        pause(0.05)
    return 0


def fetch(workshop: Workshop, server: Server, name: str, source: str, into: Path) -> None:
    """Pull an image by a client that keeps no daemon."""
    if name == "skopeo":
        workshop("skopeo")("copy", "--preserve-digests", f"docker://{source}", f"dir:{into}")
    elif name == "crane":
        workshop("crane", "--insecure")("pull", "--format=oci", source, into)
    elif name == "oras":
        workshop("oras", unstable=True)("copy", "--from-plain-http", source, "--to-oci-layout", f"{into}:v1")
    else:
        regctl = workshop("regctl", "--host", f"reg={server.host},tls=disabled")
        regctl("image", "copy", source, f"ocidir://{into}:v1")


@pytest.mark.parametrize("name", ["skopeo", "crane", "oras", "regctl"])
def test_a_pull_is_sent_to_the_bucket(
    workshop: Workshop, server: Server, wire: Wire, repository: str, tmp_path: Path, name: str
) -> None:
    image = wire.push(repository, images.image("redirects"), "v1")
    assert not any(f"{repository}/blobs/" in line and '"status":307' in line for line in server.log_text().splitlines())
    fetch(workshop, server, name, f"{server.host}/{repository}:v1", tmp_path / "out")
    written = {path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()}
    assert {blob.data for blob in image.blobs} <= written
    assert sent_to_bucket(server, repository) == 1, "one layer is large"


@pytest.mark.parametrize("engine", ENGINES, indirect=True)
def test_an_engine_is_sent_to_the_bucket(
    engine: Engine, workshop: Workshop, server: Server, wire: Wire, repository: str
) -> None:
    docker: Client = engine.client(workshop)
    wire.push(repository, images.image(f"redirects {repository}"), "v1")
    docker("pull", "-q", f"{server.host}/{repository}:v1")
    assert sent_to_bucket(server, repository) >= 1
    assert docker("run", "--rm", "--network=none", f"{server.host}/{repository}:v1", "/true").status == 0


@pytest.mark.parametrize("containerd", CONTAINERDS, indirect=True)
def test_a_credential_in_hosts_toml_stays_with_the_registry(
    containerd: Containerd, workshop: Workshop, server: Server, wire: Wire, repository: str, tmp_path: Path
) -> None:
    """The bucket refuses a request that brings a header of somebody else beside its own signature."""
    wire.push(repository, images.image(f"redirects {repository}"), "v1")
    connect(server, tmp_path, "containerd", repository, "--write", "c")
    ctr = containerd.client(workshop)
    ctr("images", "pull", "--hosts-dir", tmp_path / "c" / "certs.d", f"{server.host}/{repository}:v1")
    assert sent_to_bucket(server, repository) >= 1
