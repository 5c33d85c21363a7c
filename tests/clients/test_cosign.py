"""cosign against the server with a local key and no transparency log: bundles as referrers, and the old tags."""

from __future__ import annotations

import json

import pytest
from tests.clients import images
from tests.clients.programs import Client, Workshop
from tests.clients.wire import Wire
from tests.serving import Server

cell = pytest.mark.cell
BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
HTTP = "--allow-http-registry"
OFFLINE = ("--yes", "--key", "cosign.key", "--use-signing-config=false", "--tlog-upload=false", HTTP)
CHECK = ("--key", "cosign.pub", "--insecure-ignore-tlog=true", HTTP)


@pytest.fixture
def cosign(workshop: Workshop) -> Client:
    client = workshop("cosign", COSIGN_PASSWORD="")
    client("generate-key-pair")
    return client


@cell("cosign", "login")
def test_login(workshop: Workshop, server: Server, wire: Wire, repository: str) -> None:
    image = wire.push(repository, images.image("cosign"), "v1")
    cosign = workshop("cosign", login=False, COSIGN_PASSWORD="")
    cosign("generate-key-pair")
    name = f"{server.host}/{repository}@{image.digest}"
    cosign("sign", *OFFLINE, name, fails=True)
    cosign("login", server.host, "-u", server.admin.username, "-p", server.admin.password)
    cosign("sign", *OFFLINE, name)


@cell("cosign", "push")
@cell("cosign", "referrers")
def test_sign_and_verify_a_bundle(cosign: Client, server: Server, wire: Wire, repository: str) -> None:
    image = wire.push(repository, images.image("cosign"), "v1")
    name = f"{server.host}/{repository}@{image.digest}"
    cosign("sign", *OFFLINE, name)
    (signature,) = wire.referrers(repository, image.digest, BUNDLE)
    wire.check_closure(repository, wire.manifest(repository, signature))
    cosign("verify", *CHECK, name)
    other = wire.push(repository, images.image("cosign-unsigned"))
    cosign("verify", *CHECK, f"{server.host}/{repository}@{other.digest}", fails=True)


@cell("cosign", "multi-arch")
def test_sign_recursively(cosign: Client, server: Server, wire: Wire, repository: str) -> None:
    index = wire.push(repository, images.index("cosign"), "v1")
    name = f"{server.host}/{repository}"
    cosign("sign", "--recursive", *OFFLINE, f"{name}@{index.digest}")
    for digest in (index.digest, *(child.digest for child in index.children)):
        cosign("verify", *CHECK, f"{name}@{digest}")


@cell("cosign", "old format")
def test_sign_in_the_old_format(cosign: Client, server: Server, wire: Wire, repository: str) -> None:
    image = wire.push(repository, images.image("cosign"), "v1")
    name = f"{server.host}/{repository}@{image.digest}"
    old = "--new-bundle-format=false"
    cosign("sign", old, *OFFLINE, name)
    cosign("sign", old, "-a", "second=true", *OFFLINE, name)
    tag = image.digest.replace(":", "-") + ".sig"
    assert len(json.loads(wire.manifest(repository, tag).data)["layers"]) == 2
    assert len(json.loads(cosign("verify", old, *CHECK, name).out)) == 2


@cell("cosign", "attest")
@pytest.mark.parametrize("bundle", ["true", "false"], ids=["bundle", "old"])
def test_attest(cosign: Client, server: Server, wire: Wire, repository: str, bundle: str) -> None:
    image = wire.push(repository, images.image("cosign"), "v1")
    name = f"{server.host}/{repository}@{image.digest}"
    (cosign.home / "predicate.json").write_text('{"a":"b"}', encoding="utf-8")
    form = (f"--new-bundle-format={bundle}", "--type", "custom")
    cosign("attest", *form, "--predicate", "predicate.json", *OFFLINE, name)
    cosign("verify-attestation", *form, *CHECK, name)
    cosign("tree", HTTP, name)


@cell("cosign", "attach")
def test_attach_an_sbom(cosign: Client, server: Server, wire: Wire, repository: str) -> None:
    image = wire.push(repository, images.image("cosign"), "v1")
    name = f"{server.host}/{repository}@{image.digest}"
    (cosign.home / "sbom.json").write_text('{"spdxVersion":"SPDX-2.3"}', encoding="utf-8")
    cosign("attach", "sbom", HTTP, "--sbom", "sbom.json", "--type", "spdx", name)
    attached = wire.manifest(repository, image.digest.replace(":", "-") + ".sbom")
    wire.check_closure(repository, attached)


@cell("cosign", "pull")
def test_download(cosign: Client, server: Server, wire: Wire, repository: str) -> None:
    image = wire.push(repository, images.image("cosign"), "v1")
    name = f"{server.host}/{repository}@{image.digest}"
    cosign("sign", "--new-bundle-format=false", *OFFLINE, name)
    assert "Base64Signature" in json.loads(cosign("download", "signature", HTTP, name).out)


@cell("cosign", "copy")
def test_copy_with_signatures(cosign: Client, server: Server, wire: Wire, repository: str) -> None:
    image = wire.push(repository, images.image("cosign"), "v1")
    name = f"{server.host}/{repository}"
    cosign("sign", "--new-bundle-format=false", *OFFLINE, f"{name}@{image.digest}")
    cosign("copy", HTTP, f"{name}:v1", f"{name}/to:v1")
    wire.check(f"{repository}/to", image, "v1")
    cosign("verify", "--new-bundle-format=false", *CHECK, f"{name}/to@{image.digest}")


@cell("cosign", "delete")
def test_clean_removes_signatures(cosign: Client, server: Server, wire: Wire, repository: str) -> None:
    image = wire.push(repository, images.image("cosign"), "v1")
    name = f"{server.host}/{repository}@{image.digest}"
    cosign("sign", "--new-bundle-format=false", *OFFLINE, name)
    cosign("clean", "--force", HTTP, name)
    assert not wire.has(repository, image.digest.replace(":", "-") + ".sig")
    wire.check(repository, image, "v1")
