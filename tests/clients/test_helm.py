"""helm against the server: charts with provenance are OCI artifacts."""

from __future__ import annotations

import json

import pytest
from tests.clients.programs import Client, Workshop
from tests.clients.wire import Wire
from tests.serving import Server

cell = pytest.mark.cell
CHART = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"


def with_chart(helm: Client) -> Client:
    """Give helm with a packaged chart `demo-1.2.3+build.4.tgz` in its home."""
    helm("create", "demo")
    helm("package", "demo", "--version", "1.2.3+build.4")
    return helm


@pytest.fixture
def helm(workshop: Workshop) -> Client:
    client = workshop("helm")
    client.env["HELM_REGISTRY_CONFIG"] = str(client.home / ".docker" / "config.json")
    return with_chart(client)


@cell("helm", "login")
def test_login(workshop: Workshop, server: Server, repository: str) -> None:
    helm = with_chart(workshop("helm", login=False))
    target = f"oci://{server.host}/{repository}"
    helm("push", "--plain-http", "demo-1.2.3+build.4.tgz", target, fails=True)
    who = ("-u", server.admin.username, "--password-stdin")
    helm("registry", "login", "--plain-http", *who, server.host, stdin=server.admin.password.encode())
    helm("push", "--plain-http", "demo-1.2.3+build.4.tgz", target)


@cell("helm", "push")
@cell("helm", "pull")
def test_push_and_pull(helm: Client, server: Server, wire: Wire, repository: str) -> None:
    chart = (helm.home / "demo-1.2.3+build.4.tgz").read_bytes()
    target = f"oci://{server.host}/{repository}"
    helm("push", "--plain-http", "demo-1.2.3+build.4.tgz", target)
    pushed = json.loads(wire.manifest(f"{repository}/demo", "1.2.3_build.4").data)
    assert [layer["mediaType"] for layer in pushed["layers"]] == [CHART]
    (helm.home / "out").mkdir()
    helm("pull", "--plain-http", f"{target}/demo", "--version", "1.2.3+build.4", "-d", "out")
    (pulled,) = (helm.home / "out").iterdir()
    assert pulled.read_bytes() == chart


@cell("helm", "list")
def test_newest_version_of_a_range(helm: Client, server: Server, repository: str) -> None:
    target = f"oci://{server.host}/{repository}"
    for version in ("1.9.0", "1.10.0", "2.0.0"):
        helm("package", "demo", "--version", version)
        helm("push", "--plain-http", f"demo-{version}.tgz", target)
    shown = helm("show", "chart", "--plain-http", f"{target}/demo", "--version", "^1")
    assert "version: 1.10.0" in shown.out


@cell("helm", "template")
def test_template_from_the_registry(helm: Client, server: Server, repository: str) -> None:
    target = f"oci://{server.host}/{repository}"
    helm("push", "--plain-http", "demo-1.2.3+build.4.tgz", target)
    shown = helm("template", "--plain-http", f"{target}/demo", "--version", "1.2.3+build.4")
    assert "kind: Deployment" in shown.out
