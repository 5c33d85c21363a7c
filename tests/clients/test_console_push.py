"""What the console shows to somebody who pushes, signs or makes a key, typed word by word with the real clients.

Docker Hub, from where the shown commands take their example, is this registry: as the engine's and podman's mirror.
The builder of buildx is begun as shown, and its configuration looked at; what builds is the engine's own, for the image
of a builder is on Docker Hub alone.
"""

from __future__ import annotations

import json
import shutil
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.clients import images
from tests.clients.console import PASSWORD, Console, copied, referring
from tests.clients.engines import CLASSIC, NEW, NEW_STORE, Engine, engine_of, unstable_program
from tests.clients.programs import INSTALLED, UNSTABLE, find
from tests.clients.terminal import Terminal, open_terminal
from tests.clients.wire import Wire
from tests.serving import Credentials, Server, running_server

SIGNED = "typed/signed"


@pytest.fixture(scope="module")
def console(server: Server, wire: Wire) -> Console:
    """A console whose registry has what Docker Hub is asked for."""
    wire.push("library/alpine", images.image("alpine", docker=True), "3.20")
    wire.push(SIGNED, images.image("signed"), "v1")
    found = Console(server)
    found.api("PUT", "/visibility", {"path": "library/alpine", "visibility": "public"})
    return found


@pytest.fixture(scope="module")
def bob(console: Console) -> Iterator[Credentials]:
    """Somebody who may push there."""
    yield console.person("typed-bob", ("owner", "typed/**"))
    console.api("DELETE", "/users/typed-bob")


@pytest.fixture(scope="module")
def docker(request: pytest.FixtureRequest, console: Console) -> Iterator[Engine]:
    """An engine that asks this registry for what Docker Hub has."""
    with engine_of(request.param, f"--registry-mirror={console.server.url}") as engine:
        yield engine


@pytest.fixture
def terminal(short_path: Path, console: Console) -> Terminal:
    return open_terminal(short_path / "home", mirror=console.host)


def of_docker(terminal: Terminal, engine: Engine) -> Terminal:
    terminal.have("docker", unstable_program("docker") if engine.unstable else find("docker", Path("/usr/bin")))
    terminal.env["DOCKER_HOST"] = f"unix://{engine.daemon.socket}"
    return terminal


def empty(console: Console, name: str, who: Credentials) -> dict[str, list[str]]:
    """What the page of a new repository shows."""
    console.submit("/n/typed/-/new", "/n/typed/-/new", who, name=name)
    return console.clients(f"/r/{name}", who)


@pytest.mark.parametrize("docker", [CLASSIC, NEW], indirect=True)
def test_docker_pushes(docker: Engine, terminal: Terminal, console: Console, wire: Wire, bob: Credentials) -> None:
    of_docker(terminal, docker)
    name = f"typed/docker-{docker.kind.rpartition(' ')[2]}"
    (text,) = empty(console, name, bob)["docker"]
    terminal.paste(text, type=PASSWORD)
    wire.check_closure(name, wire.manifest(name, "first"))
    (after,) = (each for each in copied(console.get(f"/r/{name}", bob).text) if each.startswith("docker login"))
    terminal.paste(after, type=PASSWORD)


@pytest.mark.parametrize("docker", [NEW], indirect=True)
def test_docker_pushes_by_the_sheet_of_home_and_by_empty_pages(
    docker: Engine, terminal: Terminal, console: Console, wire: Wire, bob: Credentials
) -> None:
    of_docker(terminal, docker)
    home = console.clients("/push", bob)["docker"][0]
    terminal.paste(home, type=PASSWORD)
    wire.check_closure("typed/app", wire.manifest("typed/app", "first"))
    for path in ("/n/typed/-/history", "/r/typed/app/-/uploads"):
        for line in copied(console.get(path, bob).text):
            if line.startswith("docker push"):
                terminal.paste(f"docker tag alpine:3.20 {line.split()[-1]}")
                terminal.paste(line)


@pytest.mark.parametrize("docker", [CLASSIC, NEW], indirect=True)
def test_docker_takes_the_first_steps(docker: Engine, terminal: Terminal, tmp_path: Path) -> None:
    """What the first administrator of an empty registry is shown; then the step is done, and shows it no more."""
    of_docker(terminal, docker)
    with running_server(tmp_path) as server:
        empty_one = Console(server)

        def pushing() -> list[str]:
            page = empty_one.get("/start", server.admin)
            return [each for each in copied(page.text) if each.startswith("docker ")]

        (text,) = pushing()
        terminal.paste(text, type=server.admin.password)
        mine = Wire(server)
        mine.check_closure("team-a/app", mine.manifest("team-a/app", "first"))
        assert not pushing()


def test_podman_pushes(terminal: Terminal, console: Console, wire: Wire, bob: Credentials) -> None:
    terminal.have("podman", find("podman"))
    (text,) = empty(console, "typed/podman", bob)["podman"]
    terminal.paste(text, type=PASSWORD)
    wire.check_closure("typed/podman", wire.manifest("typed/podman", "first"))


@pytest.mark.parametrize("docker", [NEW_STORE], indirect=True)
def test_buildx_pushes_for_two_platforms(
    docker: Engine, terminal: Terminal, console: Console, wire: Wire, bob: Credentials
) -> None:
    of_docker(terminal, docker)
    plugins = terminal.home / ".docker" / "cli-plugins"
    plugins.mkdir()
    (plugins / "docker-buildx").symlink_to(unstable_program("docker-buildx"))
    (terminal.home / "Dockerfile").write_text("FROM scratch\nCOPY Dockerfile /\n")
    (text,) = empty(console, "typed/buildx", bob)["buildx"]
    login, written, create, build = text.splitlines()
    terminal.paste("\n".join((login, written, create)), type=PASSWORD)
    shown = terminal.paste("docker buildx inspect")
    assert 'network="host"' in shown
    assert "http = true" in (terminal.home / "buildkitd.toml").read_text()
    assert console.host in shown
    terminal.env["BUILDX_BUILDER"] = "default"
    terminal.paste(build)
    platforms = json.loads(wire.manifest("typed/buildx", "first").data)["manifests"]
    assert {each["platform"]["architecture"] for each in platforms} >= {"amd64", "arm64"}


@pytest.mark.parametrize("client", ["helm", "oras"])
def test_helm_and_oras_push(terminal: Terminal, console: Console, wire: Wire, bob: Credentials, client: str) -> None:
    terminal.have(client, find(client, *INSTALLED, *UNSTABLE))
    name = f"typed/{client}-it"
    (text,) = empty(console, name, bob)[client]
    terminal.paste(text, type=PASSWORD)
    (tag,) = wire.tags(name)
    wire.check_closure(name, wire.manifest(name, tag))


def test_cosign_signs_and_oras_attaches(terminal: Terminal, console: Console, wire: Wire, bob: Credentials) -> None:
    terminal.have("cosign", find("cosign", *INSTALLED))
    terminal.have("oras", find("oras", *UNSTABLE))
    digest = wire.manifest(SIGNED, "v1").digest
    sign, attach, login = referring(console.get(f"/r/{SIGNED}/-/tags/v1?view=referrers", bob))
    terminal.env["COSIGN_PASSWORD"] = ""
    terminal.paste("cosign generate-key-pair && echo '{}' > sbom.spdx.json")
    terminal.paste(login, type=PASSWORD)
    terminal.paste(sign, type="y")
    terminal.paste(attach)
    assert len(wire.referrers(SIGNED, digest)) == 2


# -- keys -------------------------------------------------------------------------------------------------------------


def docker_configuration(command: str) -> str:
    """What `kubectl create secret docker-registry` puts into the secret, by the flags of the command."""
    flags = dict(each[2:].split("=", 1) for each in command.split() if each.startswith("--docker-"))
    flags = {name: value.strip("'\"") for name, value in flags.items()}
    user, key = flags["docker-username"], flags["docker-password"]
    auth = b64encode(f"{user}:{key}".encode()).decode()
    return json.dumps({"auths": {flags["docker-server"]: {"username": user, "password": key, "auth": auth}}})


def pulls_with(terminal: Terminal, console: Console, configuration: str) -> None:
    """A node that has the secret, and nothing else, can pull."""
    terminal.have("crane", find("crane", *INSTALLED))
    name = f"crane manifest --insecure {console.host}/{SIGNED}:v1"
    terminal.paste(name, fails=True)
    (terminal.home / ".docker" / "config.json").write_text(configuration)
    terminal.paste(name)


def made_by_kubectl(terminal: Terminal, command: str) -> str | None:
    """The same by kubectl itself, which needs no cluster for it; None: it is not on this machine."""
    if shutil.which("kubectl") is None:
        return None
    said = terminal.paste(f"{command} --dry-run=client -o jsonpath='{{.data.\\.dockerconfigjson}}' | base64 -d")
    return said.strip()


@pytest.mark.parametrize("docker", [NEW], indirect=True)
def test_a_key_of_ones_own_logs_in(docker: Engine, terminal: Terminal, console: Console, bob: Credentials) -> None:
    of_docker(terminal, docker)
    told = copied(console.get("/me/keys", bob).text)
    page = console.submit("/me/keys", "/me/keys", bob, name="laptop")
    secret, login, piped, secret_of = copied(page.text)
    assert login in told, "the empty page says it already"
    terminal.paste(login, type=secret)
    terminal.paste(f"docker logout {console.host}")
    terminal.env["HOLDFAST_KEY"] = secret
    terminal.paste(piped)
    terminal.paste(f"docker pull {console.host}/{SIGNED}:v1")
    (terminal.home / ".docker" / "config.json").write_text("{}")
    configuration = docker_configuration(secret_of.replace("$HOLDFAST_KEY", secret))
    known = made_by_kubectl(terminal, secret_of)
    assert known is None or json.loads(known) == json.loads(configuration)
    pulls_with(terminal, console, configuration)


@pytest.mark.parametrize("docker", [NEW], indirect=True)
def test_the_key_of_a_robot_logs_in(docker: Engine, terminal: Terminal, console: Console, bob: Credentials) -> None:
    of_docker(terminal, docker)
    console.api("POST", "/robots", {"name": "ci_2", "namespace": "typed"})
    console.api("POST", "/grants", {"subject": "robot:typed+ci_2", "role": "reader", "scope": "typed/**"})
    at = "/n/typed/-/access/robots/ci_2"
    page = console.submit(at, f"{at}/keys", bob, name="main")
    secret, login, secret_of = (each for each in copied(page.text) if each)
    terminal.paste(login)
    terminal.paste(f"docker pull {console.host}/{SIGNED}:v1")
    (terminal.home / ".docker" / "config.json").write_text("{}")
    assert secret in secret_of
    configuration = docker_configuration(secret_of)
    known = made_by_kubectl(terminal, secret_of)
    assert known is None or json.loads(known) == json.loads(configuration)
    pulls_with(terminal, console, configuration)


def test_the_secret_of_the_pull_box_pulls(terminal: Terminal, console: Console, bob: Credentials) -> None:
    """The manifest names the secret that the command below it makes, of a key in `KEY`."""
    page = console.submit("/me/keys", "/me/keys", bob, name="cluster")
    secret = copied(page.text)[0]
    manifest, command, *_ = console.clients(f"/r/{SIGNED}", bob)["kubernetes"]
    assert f"- name: {command.split()[4]}" in manifest
    assert f"image: {console.host}/{SIGNED}:v1" in manifest
    configuration = docker_configuration(command.replace("$KEY", secret))
    terminal.env["KEY"] = secret
    known = made_by_kubectl(terminal, command)
    assert known is None or json.loads(known) == json.loads(configuration)
    pulls_with(terminal, console, configuration)
