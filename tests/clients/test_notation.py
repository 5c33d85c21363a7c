"""notation against the server: signatures by the referrers tag (its default) and by the referrers API."""

from __future__ import annotations

import json

import pytest
from tests.clients import images
from tests.clients.programs import Client, Workshop
from tests.clients.wire import Wire
from tests.serving import Server

cell = pytest.mark.cell
SIGNATURE = "application/vnd.cncf.notary.signature"
HTTP = "--insecure-registry"


def prepared(notation: Client) -> Client:
    """Give notation with a test certificate as its default key and a policy that trusts it."""
    notation("cert", "generate-test", "--default", "holdfast.example")
    policy = {
        "version": "1.0",
        "trustPolicies": [
            {
                "name": "tests",
                "registryScopes": ["*"],
                "signatureVerification": {"level": "strict"},
                "trustStores": ["ca:holdfast.example"],
                "trustedIdentities": ["*"],
            }
        ],
    }
    (notation.home / "policy.json").write_text(json.dumps(policy), encoding="utf-8")
    notation("policy", "import", "--force", "policy.json")
    return notation


@pytest.fixture
def notation(workshop: Workshop) -> Client:
    return prepared(workshop("notation", unstable=True))


@cell("notation", "login")
def test_credentials(workshop: Workshop, server: Server, wire: Wire, repository: str) -> None:
    image = wire.push(repository, images.image("notation"), "v1")
    notation = prepared(workshop("notation", unstable=True, login=False))
    name = f"{server.host}/{repository}@{image.digest}"
    notation("sign", HTTP, name, fails=True)
    notation("sign", HTTP, "-u", server.admin.username, "-p", server.admin.password, name)


@cell("notation", "push")
@cell("notation", "pull")
@cell("notation", "referrers")
@pytest.mark.parametrize("tag", ["true", "false"], ids=["tag", "api"])
@pytest.mark.parametrize("form", ["jws", "cose"])
def test_sign_and_verify(notation: Client, server: Server, wire: Wire, repository: str, tag: str, form: str) -> None:
    image = wire.push(repository, images.image("notation"), "v1")
    name = f"{server.host}/{repository}@{image.digest}"
    notation("sign", HTTP, f"--force-referrers-tag={tag}", "--signature-format", form, name)
    (signature,) = wire.referrers(repository, image.digest, SIGNATURE)
    wire.check_closure(repository, wire.manifest(repository, signature))
    notation("verify", HTTP, name)


@cell("notation", "list")
def test_list_of_both_kinds(notation: Client, server: Server, wire: Wire, repository: str) -> None:
    image = wire.push(repository, images.image("notation"), "v1")
    name = f"{server.host}/{repository}@{image.digest}"
    for tag in ("true", "false"):
        notation("sign", HTTP, f"--force-referrers-tag={tag}", name)
    listed = notation("ls", HTTP, name).out
    found = wire.referrers(repository, image.digest, SIGNATURE)
    assert len(found) == 2
    assert all(digest in listed for digest in found)


@cell("notation", "multi-arch")
def test_sign_an_index(notation: Client, server: Server, wire: Wire, repository: str) -> None:
    index = wire.push(repository, images.index("notation"), "v1")
    name = f"{server.host}/{repository}"
    notation("sign", HTTP, f"{name}@{index.digest}")
    notation("verify", HTTP, f"{name}@{index.digest}")
    notation("verify", HTTP, f"{name}@{index.children[0].digest}", fails=True)


@cell("notation", "unsigned")
def test_verify_refuses_what_is_not_signed(notation: Client, server: Server, wire: Wire, repository: str) -> None:
    image = wire.push(repository, images.image("notation"), "v1")
    said = notation("verify", HTTP, f"{server.host}/{repository}@{image.digest}", fails=True).said
    assert "no signature" in said
