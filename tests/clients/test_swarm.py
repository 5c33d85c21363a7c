"""Docker Swarm against the server: a service's image is pulled with the credentials that were sent with it."""

from __future__ import annotations

import shlex
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.clients import images
from tests.clients.connecting import connect
from tests.clients.engines import CLASSIC, Engine
from tests.clients.programs import Client, Workshop
from tests.clients.wire import Wire
from tests.ports import free_port
from tests.serving import Server, pause

cell = pytest.mark.cell
NAME = "docker swarm"
SECONDS = 60.0
pytestmark = pytest.mark.parametrize("engine", [CLASSIC], indirect=True)


@pytest.fixture
def swarm(engine: Engine, workshop: Workshop) -> Iterator[Client]:
    """Give the docker client of a one-node swarm whose services and membership end with the test."""
    docker = engine.client(workshop)
    docker("swarm", "init", "--advertise-addr", "127.0.0.1", "--listen-addr", f"127.0.0.1:{free_port()}")
    try:
        yield docker
    finally:
        for service in docker.run("service", "ls", "-q").lines:
            docker.run("service", "rm", service)
        docker.run("swarm", "leave", "--force")
        for container in docker.run("ps", "-aq").lines:
            docker.run("rm", "--force", container)


def wait_for(docker: Client, image: str) -> None:
    """Poll until a container of this image runs; raise AssertionError with the tasks' states at the bound."""
    deadline = time.monotonic() + SECONDS
    while True:
        tasks = docker("service", "ps", "--no-trunc", "--format", "{{.Image}} {{.CurrentState}} {{.Error}}", "demo")
        if any(line.startswith(image) and " Running " in line for line in tasks.lines):
            return
        assert time.monotonic() < deadline, tasks.out
        pause(0.2)


@cell(NAME, "login")
@cell(NAME, "pull")
def test_service_with_registry_auth(swarm: Client, server: Server, wire: Wire, repository: str) -> None:
    name = f"{server.host}/{repository}"
    for tag in ("v1", "v2"):
        wire.push(repository, images.index(f"swarm-{tag}", docker=True), tag)
    quick = ("--stop-grace-period", "1s", "--with-registry-auth")
    swarm("service", "create", "-d", "--name", "demo", "--network", "host", *quick, f"{name}:v1")
    wait_for(swarm, f"{name}:v1")
    swarm("service", "update", "-d", "--with-registry-auth", "--image", f"{name}:v2", "demo")
    wait_for(swarm, f"{name}:v2")


@cell(NAME, "login")
def test_service_with_a_key_of_its_own(
    swarm: Client, server: Server, wire: Wire, repository: str, tmp_path: Path
) -> None:
    """What `holdfast connect swarm` prints logs the manager in; nodes have the key by the service alone."""
    name = f"{server.host}/{repository}"
    for tag in ("v1", "v2"):
        wire.push(repository, images.index(f"swarm-key-{tag}", docker=True), tag)
    wire.push(f"{repository}/other", images.index("swarm-key-other", docker=True), "v1")
    swarm("logout", server.host)
    script = connect(server, tmp_path, "swarm", repository).out
    client = f'docker() {{ {shlex.join([str(swarm.path), *swarm.always])} "$@"; }}\n'
    sh = Client(Path("/bin/sh"), swarm.home, env=swarm.env)
    assert "Login Succeeded" in sh(stdin=(client + script).encode()).said
    create = ("service", "create", "-d", "--network", "host", "--stop-grace-period", "1s")
    swarm(*create, "--name", "demo", "--with-registry-auth", f"{name}:v1")
    wait_for(swarm, f"{name}:v1")
    swarm("service", "update", "-d", "--with-registry-auth", "--image", f"{name}:v2", "demo")
    wait_for(swarm, f"{name}:v2")
    swarm("pull", "-q", f"{name}/other:v1", fails=True)


def test_service_without_registry_auth_does_not_start(
    swarm: Client, server: Server, wire: Wire, repository: str
) -> None:
    wire.push(repository, images.index("swarm-bare", docker=True), "v1")
    name = f"{server.host}/{repository}:v1"
    swarm("service", "create", "-d", "--name", "bare", "--network", "host", "--restart-condition", "none", name)
    deadline = time.monotonic() + SECONDS
    question = ("service", "ps", "--no-trunc", "--format", "{{.CurrentState}} {{.Error}}", "bare")
    while "No such image" not in (tasks := swarm(*question).out):
        assert time.monotonic() < deadline, tasks
        pause(0.2)


@cell(NAME, "stack")
def test_stack_deploy(swarm: Client, server: Server, wire: Wire, repository: str) -> None:
    name = f"{server.host}/{repository}:v1"
    wire.push(repository, images.image("swarm-stack", docker=True), "v1")
    network = "networks: {outside: {external: true, name: host}}"
    service = f"services: {{demo: {{image: '{name}', networks: [outside], stop_grace_period: 1s}}}}"
    (swarm.home / "stack.yml").write_text(f"version: '3.8'\n{service}\n{network}\n", encoding="utf-8")
    swarm("stack", "deploy", "--with-registry-auth", "-c", "stack.yml", "s")
    deadline = time.monotonic() + SECONDS
    question = ("stack", "ps", "--format", "x {{.CurrentState}} {{.Error}}", "s")
    # It fails while no task was made yet.
    while " Running " not in (tasks := swarm.run(*question).said):
        assert time.monotonic() < deadline, tasks
        pause(0.2)
