"""Real clients without a stored password: docker's credential helper hands them the token of a CI job."""

from __future__ import annotations

import json
import stat
import subprocess
from importlib.resources import files

import pytest
from tests.access.federation.issuing import Issuing, github, github_pull_request, jwk_set, key_of, kubernetes
from tests.access.federation.wire import Registry, registry_of
from tests.clients import images
from tests.clients.engines import CONTAINERDS, ENGINES, Containerd, Engine
from tests.clients.programs import Client, Workshop
from tests.clients.test_podman_family import stored
from tests.clients.wire import Wire
from tests.serving import Server

ISS = "https://token.actions.githubusercontent.com"
NAMESPACE = "clients/keyless"


@pytest.fixture(scope="module")
def issuer(server: Server) -> Issuing:
    """A GitHub-shaped issuer with pinned keys, whose repository 74 may write below clients/keyless."""
    with registry_of(server) as registry:
        register(registry)
    return Issuing(ISS, [key_of("RS256", "keyless")])


def register(registry: Registry) -> None:
    registry.issuer("github", ISS, jwks=jwk_set(key_of("RS256", "keyless")))
    robot = registry.robot(NAMESPACE, "ci", ("writer", f"{NAMESPACE}/**"))
    registry.rule("all", "github", robot, repository_id="74")


def with_helper(client: Client, server: Server, token: str) -> Client:
    """`client`, which asks the helper for `server` and finds the job's token there."""
    place = client.home / "bin"
    place.mkdir(exist_ok=True)
    helper = place / "docker-credential-holdfast"
    helper.write_text(files("holdfast.cli").joinpath("shell", helper.name).read_text())
    helper.chmod(helper.stat().st_mode | stat.S_IXUSR)
    config = {"credHelpers": {server.host: "holdfast"}}
    (client.home / ".docker" / "config.json").write_text(json.dumps(config))
    client.env |= {
        "PATH": f"{place}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "HOLDFAST_REGISTRY": server.host,
        "HOLDFAST_ID_TOKEN": token,
    }
    return client


def tokens(issuer: Issuing, server: Server) -> tuple[str, str]:
    """The token of a push, and that of a pull request, for this registry."""
    audience = {"aud": server.host}
    return issuer.token(github(**audience)), issuer.token(github_pull_request(**audience))


@pytest.mark.parametrize("engine", ENGINES, indirect=True)
def test_docker(engine: Engine, workshop: Workshop, server: Server, wire: Wire, issuer: Issuing) -> None:
    job, proposal = tokens(issuer, server)
    name = f"{server.host}/{NAMESPACE}/docker:{engine.kind.replace(' ', '-')}"
    docker = with_helper(engine.client(workshop, login=False), server, job)
    docker("load", "-q", "-i", images.write_docker_tar(docker.home / "image.tar", engine.kind, [name]))
    docker("push", "-q", name)
    docker("rmi", name)
    docker("pull", "-q", name)
    docker = with_helper(docker, server, proposal)
    docker("pull", "-q", name)
    docker("tag", name, f"{name}-2")
    refused = docker("push", "-q", f"{name}-2", fails=True).said
    assert "refused" in refused, refused
    docker("rmi", name, f"{name}-2")


def test_podman(workshop: Workshop, server: Server, wire: Wire, issuer: Issuing) -> None:
    job, proposal = tokens(issuer, server)
    name = f"{server.host}/{NAMESPACE}/podman:v1"
    podman = with_helper(stored(workshop, "podman", login=False), server, job)
    podman("load", "-i", images.write_docker_tar(podman.home / "image.tar", "podman", [name]))
    podman("push", name)
    podman = with_helper(podman, server, proposal)
    podman("pull", name)
    refused = podman("push", name, fails=True).said
    assert "refused" in refused, refused


@pytest.mark.parametrize("client", ["skopeo", "crane"])
def test_others(workshop: Workshop, server: Server, wire: Wire, issuer: Issuing, client: str) -> None:
    job, proposal = tokens(issuer, server)
    repository = f"{NAMESPACE}/{client}"
    wire.push(repository, images.image(client), "v1")
    made = with_helper(workshop(client, login=False), server, job)
    source, target = (f"{server.host}/{repository}:{tag}" for tag in ("v1", "v2"))
    if client == "skopeo":
        source, target = f"docker://{source}", f"docker://{target}"
    made("copy", source, target)
    assert wire.tags(repository) == ["v1", "v2"]
    made = with_helper(made, server, proposal)
    refused = made("copy", source, target.replace(":v2", ":v3"), fails=True).said
    assert "refused" in refused, refused


@pytest.mark.parametrize("containerd", CONTAINERDS, indirect=True)
def test_a_pod(containerd: Containerd, workshop: Workshop, server: Server, wire: Wire) -> None:
    """What a kubelet does: ask the provider with the pod's token, and give containerd what it answers."""
    repository = f"{NAMESPACE}/pod-{containerd.kind.replace(' ', '-')}"
    wire.push(repository, images.image("pod"), "v1")
    name = f"{server.host}/{repository}:v1"
    uid = "14ee3fa4-a7e2-420f-9f9a-dbc4507c3798"
    issuer = Issuing("https://kubernetes.default.svc", [key_of("ES256", containerd.kind)])
    short = containerd.kind.replace(" ", "-")
    with registry_of(server) as registry:
        registry.issuer(short, issuer.iss, preset="kubernetes", jwks=jwk_set(*issuer.keys))
        robot = registry.robot(f"{NAMESPACE}/{short}", "pull", ("reader", repository))
        registry.rule("pod", short, robot, **{"kubernetes.io/serviceaccount/uid": uid})
    asked = {
        "apiVersion": "credentialprovider.kubelet.k8s.io/v1",
        "kind": "CredentialProviderRequest",
        "image": name,
        "serviceAccountToken": issuer.token(kubernetes(aud=server.host)),
        "serviceAccountAnnotations": {},
    }
    provider = files("holdfast.cli").joinpath("shell", "holdfast-credential-provider").read_text()
    done = subprocess.run(["sh", "-c", provider], input=json.dumps(asked), capture_output=True, text=True, check=True)
    auth = json.loads(done.stdout)["auth"][server.host]
    ctr = containerd.client(workshop)
    ctr("images", "pull", "--plain-http", name, fails=True)
    ctr("images", "pull", "--plain-http", "--user", f"{auth['username']}:{auth['password']}", name)
