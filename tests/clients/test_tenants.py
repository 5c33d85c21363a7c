"""Clients as users and robots with some rights: log-ins by the token endpoint, keys, and pushes without the right to
pull, which clients go on with only after the one answer that they expect."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest
from tests.clients import images
from tests.clients.engines import CONTAINERDS, ENGINES, Containerd, Engine
from tests.clients.programs import Client, Workshop
from tests.clients.wire import Wire
from tests.serving import Server

PASSWORD = "a-password-of-the-tenants"
PLAIN = "--plain-http"
DROPBOX = ["create-tag", "overwrite", "create-repository"]
"""Push, and nothing of pull."""


class Tenants:
    """Makes users, robots, keys and grants on the server of the session, each once."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def api(self, method: str, path: str, body: object = None) -> dict[str, object]:
        """Ask the management API as the administrator; what is there already stays."""
        data = json.dumps(body).encode() if body is not None else b""
        answer = self._wire.ask(method, f"/api/v1{path}", data, Content_Type="application/json")
        assert answer.status in (200, 201, 204, 409), answer
        return answer.json if answer.body else {}

    def user(self, name: str, role: str, scope: str, actions: list[str] | None = None) -> str:
        """A user with a role at `scope`; gives `name:password`."""
        self.api("POST", "/users", {"name": name, "password": PASSWORD})
        if actions is not None:
            self.api("POST", "/roles", {"name": role, "actions": actions})
        self.api("POST", "/grants", {"subject": f"user:{name}", "role": role, "scope": scope})
        return f"{name}:{PASSWORD}"

    def robot(self, namespace: str, name: str, role: str, scope: str) -> str:
        """A robot with a role; gives the secret of a new key."""
        self.api("POST", "/robots", {"namespace": namespace, "name": name})
        robot = f"robot:{namespace}+{name}"
        self.api("POST", "/grants", {"subject": robot, "role": role, "scope": scope})
        made = self.api("POST", "/keys", {"name": f"k{len(self.keys(robot))}", "owner": robot})
        return str(made["secret"])

    def keys(self, owner: str) -> list[object]:
        """The keys of an account."""
        found = self.api("GET", f"/keys?owner={quote(owner)}")["items"]
        assert isinstance(found, list)
        return found


@pytest.fixture
def tenants(wire: Wire) -> Tenants:
    return Tenants(wire)


def log_in(client: Client, host: str, pair: str, *words: str) -> None:
    """`CLIENT login` with a password on standard input."""
    name, _, secret = pair.partition(":")
    client(*words, "-u", name, "--password-stdin", host, stdin=secret.encode())


@pytest.mark.parametrize("engine", ENGINES, indirect=True)
def test_docker_pushes_without_the_right_to_pull(
    engine: Engine, workshop: Workshop, server: Server, wire: Wire, tenants: Tenants, repository: str, tmp_path: Path
) -> None:
    pair = tenants.user("dropper", "dropbox", "clients/**", DROPBOX)
    docker = engine.client(workshop, login=False)
    log_in(docker, server.host, pair, "login")
    name = f"{server.host}/{repository}"
    docker(
        "load", "-q", "-i", images.write_docker_tar(tmp_path / "image.tar", repository, [f"{name}:v1", f"{name}:v2"])
    )
    for tag in ("v1", "v2", "v1"):
        docker("push", "-q", f"{name}:{tag}")
        wire.check_closure(repository, wire.manifest(repository, tag))
    refused = docker("pull", "-q", f"{name}:v1", fails=True).said
    assert "denied" in refused or "403 Forbidden" in refused
    docker("push", "-q", f"{server.host}/elsewhere/app:v1", fails=True)


@pytest.mark.parametrize("containerd", CONTAINERDS, indirect=True)
@pytest.mark.parametrize("form", ["oci", "docker"])
def test_containerd_pushes_without_the_right_to_pull(
    containerd: Containerd,
    workshop: Workshop,
    server: Server,
    wire: Wire,
    tenants: Tenants,
    repository: str,
    tmp_path: Path,
    form: str,
) -> None:
    who = (PLAIN, "--user", tenants.user("dropper", "dropbox", "clients/**", DROPBOX))
    ctr = containerd.client(workshop)
    index = images.index(repository, docker=form == "docker")
    name = f"{server.host}/{repository}"
    ctr(
        *("images", "import", "--all-platforms", "--base-name", name),
        images.write_layout_tar(tmp_path / "image.tar", {"v1": index}),
    )
    for _ in range(2):
        ctr("images", "push", *who, f"{name}:v1")
        wire.check(repository, index, "v1")
    said = ctr("images", "pull", *who, f"{name}:v1", fails=True).said
    assert re.search("denied|403|forbidden", said.lower())


def _crane(client: Client, layout: Path, target: str) -> None:
    client("push", "--index", layout, target)


def _skopeo(client: Client, layout: Path, target: str) -> None:
    client("copy", "--all", "--dest-tls-verify=false", f"oci:{layout}:v1", f"docker://{target}")


PUSHERS: dict[str, Callable[[Client, Path, str], None]] = {"crane": _crane, "skopeo": _skopeo}


@pytest.mark.parametrize("program", PUSHERS)
def test_others_push_without_the_right_to_pull(
    program: str, workshop: Workshop, server: Server, wire: Wire, tenants: Tenants, repository: str, tmp_path: Path
) -> None:
    pair = tenants.user("dropper", "dropbox", "clients/**", DROPBOX)
    client = workshop(program, *(("--insecure",) if program == "crane" else ()), login=False)
    write_login(client, server.host, pair)
    index = images.index(repository)
    layout = images.write_layout(tmp_path / "layout", {"v1": index})
    for _ in range(2):
        PUSHERS[program](client, layout, f"{server.host}/{repository}:v1")
        wire.check_closure(repository, wire.manifest(repository, "v1"))


def write_login(client: Client, host: str, pair: str) -> None:
    """Log in by the file that every client reads."""
    auths = {host: {"auth": b64encode(pair.encode()).decode()}}
    (client.home / ".docker" / "config.json").write_text(json.dumps({"auths": auths}), encoding="utf-8")


@pytest.mark.parametrize("engine", ENGINES, indirect=True)
def test_docker_keeps_a_refresh_token_and_not_the_password(
    engine: Engine, workshop: Workshop, server: Server, wire: Wire, tenants: Tenants, repository: str
) -> None:
    wire.push(repository, images.image("kept", docker=True), "v1")
    pair = tenants.user("reader", "reader", "clients/**")
    docker = engine.client(workshop, login=False)
    log_in(docker, server.host, pair, "login")
    kept = json.loads((docker.home / ".docker" / "config.json").read_text())["auths"][server.host]
    assert kept["identitytoken"].startswith("hfr_")
    assert PASSWORD not in json.dumps(kept)
    docker("pull", "-q", f"{server.host}/{repository}:v1")
    sessions = tenants.api("GET", "/sessions?account=reader&limit=100")["items"]
    assert isinstance(sessions, list)
    for session in sessions:
        tenants.api("DELETE", f"/sessions/{session['id']}")
    docker("rmi", "-f", f"{server.host}/{repository}:v1")
    docker("pull", "-q", f"{server.host}/{repository}:v1", fails=True)


@pytest.mark.parametrize("engine", ENGINES, indirect=True)
def test_developers_push_and_only_operations_pull_production(
    engine: Engine, workshop: Workshop, server: Server, wire: Wire, tenants: Tenants, repository: str, tmp_path: Path
) -> None:
    """The first story: by tags, `prod-*` among all."""
    tenants.user("developer", "writer", "clients/**")
    tenants.api("POST", "/grants", {"subject": "user:developer", "deny": ["pull"], "scope": "clients/**:prod-*"})
    tenants.user("operator", "reader", "clients/**:prod-*")
    docker = engine.client(workshop, login=False)
    name = f"{server.host}/{repository}"
    tags = [f"{name}:dev-1", f"{name}:prod-1"]
    docker("load", "-q", "-i", images.write_docker_tar(tmp_path / "image.tar", repository, tags))
    log_in(docker, server.host, f"developer:{PASSWORD}", "login")
    for tag in tags:
        docker("push", "-q", tag)
    docker("rmi", "-f", *tags)
    docker("pull", "-q", f"{name}:dev-1")
    docker("pull", "-q", f"{name}:prod-1", fails=True)
    docker("logout", server.host)
    docker("rmi", "-f", f"{name}:dev-1")
    log_in(docker, server.host, f"operator:{PASSWORD}", "login")
    docker("pull", "-q", f"{name}:prod-1")
    docker("pull", "-q", f"{name}:dev-1", fails=True)
    docker("tag", f"{name}:prod-1", f"{name}:prod-2")
    docker("push", "-q", f"{name}:prod-2", fails=True)


@pytest.mark.parametrize("name", ["clients+ci", "<token>", "oauth2accesstoken", "AWS"])
def test_crane_with_a_key(
    workshop: Workshop, server: Server, wire: Wire, tenants: Tenants, repository: str, name: str
) -> None:
    image = wire.push(repository, images.image("key"), "v1")
    secret = tenants.robot("clients", "ci", "reader", "clients/**")
    crane = workshop("crane", "--insecure", login=False)
    write_login(crane, server.host, f"{name}:{secret}")
    assert crane("digest", f"{server.host}/{repository}:v1").lines == [image.digest]


LOGINS = {"podman": ("login",), "skopeo": ("login", "--tls-verify=false"), "buildah": ("login",)}


@pytest.mark.parametrize("program", LOGINS)
def test_a_robot_logs_in_with_its_key(
    program: str, workshop: Workshop, server: Server, wire: Wire, tenants: Tenants, repository: str
) -> None:
    image = wire.push(repository, images.image("robot"), "v1")
    secret = tenants.robot("clients", "ci", "reader", "clients/**")
    client = workshop(program, login=False)
    name = f"{server.host}/{repository}:v1"
    if program == "podman":
        client.always = ("--root", f"{client.home}/s", "--runroot", f"{client.home}/r", "--storage-driver", "vfs")
    log_in(client, server.host, f"clients+ci:{secret}", *LOGINS[program])
    skopeo = workshop("skopeo", login=False)
    (skopeo.home / ".docker" / "config.json").write_text((client.home / ".docker" / "config.json").read_text())
    found = json.loads(skopeo("inspect", "--tls-verify=false", f"docker://{name}").out)
    assert found["Digest"] == image.digest
