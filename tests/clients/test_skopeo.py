"""skopeo against the server: copies of every kind, sync, lists, deletes, and layers that their owner encrypted."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from tests.clients import images
from tests.clients.programs import Client, Workshop
from tests.clients.wire import Wire
from tests.serving import Server

cell = pytest.mark.cell


@pytest.fixture
def skopeo(workshop: Workshop) -> Client:
    return workshop("skopeo")


@cell("skopeo", "login")
def test_login(workshop: Workshop, server: Server, wire: Wire, repository: str) -> None:
    wire.push(repository, images.image("login"), "v1")
    skopeo = workshop("skopeo", login=False)
    name = f"docker://{server.host}/{repository}:v1"
    assert "is refused" in skopeo("inspect", name, fails=True).said
    skopeo("login", "-u", server.admin.username, "--password-stdin", server.host, stdin=server.admin.password.encode())
    assert json.loads(skopeo("inspect", name).out)["Digest"] == images.image("login").digest


@cell("skopeo", "push")
@pytest.mark.parametrize("docker", [False, True], ids=["oci", "docker"])
def test_push(skopeo: Client, server: Server, wire: Wire, repository: str, tmp_path: Path, docker: bool) -> None:
    image = images.image("skopeo", docker=docker)
    source = images.write_directory(tmp_path / "image", image)
    skopeo("copy", "--preserve-digests", f"dir:{source}", f"docker://{server.host}/{repository}:v1")
    wire.check(repository, image, "v1")


@cell("skopeo", "pull")
def test_pull(skopeo: Client, server: Server, wire: Wire, repository: str, tmp_path: Path) -> None:
    image = wire.push(repository, images.image("pull"), "v1")
    skopeo("copy", "--preserve-digests", f"docker://{server.host}/{repository}:v1", f"dir:{tmp_path}/out")
    assert (tmp_path / "out/manifest.json").read_bytes() == image.manifest.data
    for blob in image.blobs:
        assert (tmp_path / "out" / blob.digest.removeprefix("sha256:")).read_bytes() == blob.data


@cell("skopeo", "copy")
@cell("skopeo", "multi-arch")
@pytest.mark.parametrize("docker", [False, True], ids=["oci", "docker"])
def test_copy_of_all_architectures(skopeo: Client, server: Server, wire: Wire, repository: str, docker: bool) -> None:
    index = wire.push(repository, images.index("copy", docker=docker), "v1")
    name = f"docker://{server.host}/{repository}"
    skopeo("copy", "--all", "--preserve-digests", f"{name}:v1", f"{name}/to:v1")
    wire.check(f"{repository}/to", index, "v1")


@cell("skopeo", "convert")
@pytest.mark.parametrize("form", ["oci", "v2s2"])
def test_copy_in_another_form(skopeo: Client, server: Server, wire: Wire, repository: str, form: str) -> None:
    wire.push(repository, images.image("convert", docker=form == "oci"), "v1")
    name = f"docker://{server.host}/{repository}"
    skopeo("copy", "--format", form, f"{name}:v1", f"{name}:v2")
    found = wire.manifest(repository, "v2")
    assert found.media_type == (images.OCI_MANIFEST if form == "oci" else images.DOCKER_MANIFEST)
    wire.check_closure(repository, found)


@cell("skopeo", "compress")
@pytest.mark.parametrize("form", ["zstd", "gzip"])
def test_push_with_compression(
    skopeo: Client, server: Server, wire: Wire, repository: str, tmp_path: Path, form: str
) -> None:
    source = images.write_directory(tmp_path / "image", images.image("compress"))
    name = f"docker://{server.host}/{repository}:{form}"
    skopeo("copy", "--dest-compress-format", form, "--format", "oci", f"dir:{source}", name)
    wire.check_closure(repository, wire.manifest(repository, form))


@cell("skopeo", "list")
def test_list_tags(skopeo: Client, server: Server, wire: Wire, repository: str) -> None:
    wire.push(repository, images.image("list"), "v1", "v2")
    assert json.loads(skopeo("list-tags", f"docker://{server.host}/{repository}").out)["Tags"] == ["v1", "v2"]


@cell("skopeo", "inspect")
def test_inspect(skopeo: Client, server: Server, wire: Wire, repository: str) -> None:
    index = wire.push(repository, images.index("inspect"), "v1")
    name = f"docker://{server.host}/{repository}:v1"
    assert skopeo("inspect", "--raw", name).out.encode() == index.manifest.data
    chosen = json.loads(skopeo("--override-arch", "arm64", "inspect", name).out)
    assert (chosen["Architecture"], len(chosen["Layers"])) == ("arm64", 3)


@cell("skopeo", "delete")
def test_delete(skopeo: Client, server: Server, wire: Wire, repository: str) -> None:
    image = wire.push(repository, images.image("delete"), "v1")
    skopeo("delete", f"docker://{server.host}/{repository}:v1")
    assert not wire.has(repository, image.digest)


@cell("skopeo", "sync")
def test_sync_from_and_to_the_server(
    skopeo: Client, server: Server, wire: Wire, repository: str, tmp_path: Path
) -> None:
    index = wire.push(repository, images.index("sync"), "v1", "v2")
    skopeo("sync", "--all", "--src", "docker", "--dest", "dir", f"{server.host}/{repository}", tmp_path)
    name = repository.rsplit("/", 1)[1]
    skopeo("sync", "--all", "--src", "dir", "--dest", "docker", tmp_path, f"{server.host}/{repository}/to")
    assert wire.tags(f"{repository}/to/{name}") == ["v1", "v2"]
    wire.check(f"{repository}/to/{name}", index, "v2")


@cell("skopeo", "encrypted layers")
def test_encrypted_layers_pass_untouched(
    skopeo: Client, server: Server, wire: Wire, repository: str, tmp_path: Path
) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private, public = tmp_path / "private.pem", tmp_path / "public.pem"
    clear = serialization.NoEncryption()
    form = serialization.PrivateFormat.TraditionalOpenSSL
    private.write_bytes(key.private_bytes(serialization.Encoding.PEM, form, clear))
    spki = serialization.PublicFormat.SubjectPublicKeyInfo
    public.write_bytes(key.public_key().public_bytes(serialization.Encoding.PEM, spki))
    image = images.image("encrypted")
    layout = images.write_layout(tmp_path / "layout", {"v1": image})
    name = f"docker://{server.host}/{repository}:v1"
    skopeo("copy", "--encryption-key", f"jwe:{public}", f"oci:{layout}:v1", name)
    pushed = wire.manifest(repository, "v1")
    types = [layer["mediaType"] for layer in json.loads(pushed.data)["layers"]]
    assert types == [f"{images.OCI_LAYER}+encrypted"] * 3
    wire.check_closure(repository, pushed)
    skopeo("copy", "--decryption-key", private, name, f"oci:{tmp_path / 'out'}:v1")
    assert json.loads((tmp_path / "out" / "index.json").read_bytes())["manifests"][0]["digest"] == image.digest
