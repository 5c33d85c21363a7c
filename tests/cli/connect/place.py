"""Somebody who connects clients: a terminal, and a look at what robots there are and what their keys can do."""

from __future__ import annotations

import json
import re
import subprocess
from base64 import b64decode
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from tests.access.federation.wire import basic, registry_of
from tests.cli.shell import Shell
from tests.clients.wire import Wire
from tests.serving import Server

from holdfast.cli.client import segment

PASSWORD = "Planted-Password-4711"
DORA = "dora likes long words"
TARGETS = ("kubernetes", "swarm", "containerd", "docker", "podman", "github", "gitlab")
_ROBOT = re.compile(r"robot delete (\S+)")


@dataclass(frozen=True, slots=True)
class Login:
    """What a configuration logs in with."""

    user: str
    secret: str


@dataclass
class Place:
    """A terminal at a server."""

    server: Server
    shell: Shell

    def log_in(self, name: str, password: str) -> None:
        """Be this user from now on."""
        self.shell.environment |= {
            "HOLDFAST_URL": self.server.url,
            "HOLDFAST_USER": name,
            "HOLDFAST_KEY": password,
        }

    def api(self, method: str, path: str, body: Any = None) -> Any:
        """Call the management API as the administrator."""
        with registry_of(self.server) as registry:
            return registry.api(method, path, body)

    def user(self, name: str, role: str, scope: str, **conditions: Any) -> None:
        """Let there be a user with the password `DORA` and one grant."""
        self.api("POST", "/users", {"name": name, "password": DORA})
        grant = {"subject": f"user:{name}", "role": role, "scope": scope}
        self.api("POST", "/grants", {**grant, **({"conditions": conditions} if conditions else {})})

    def connect(self, target: str, repository: str, *words: str, status: int = 0) -> subprocess.CompletedProcess[str]:
        """Type `holdfast connect TARGET --repository REPOSITORY WORDS`."""
        return self.shell.run("connect", target, "--repository", repository, *words, status=status)

    def robots(self, namespace: str) -> list[str]:
        """The names of the robots of a namespace."""
        return [each["name"] for each in self.api("GET", f"/robots?namespace={namespace}")["items"]]

    def robot(self, name: str) -> dict[str, Any]:
        """One robot."""
        found: dict[str, Any] = self.api("GET", f"/robots/{segment(name)}")
        return found

    def keys(self, robot: str) -> list[dict[str, Any]]:
        """The keys of a robot."""
        found: list[dict[str, Any]] = self.api("GET", f"/keys?owner={quote(f'robot:{robot}', safe='')}")["items"]
        return found

    def pushed(self, repository: str, tag: str = "v1") -> None:
        """Let an image be there."""
        from tests.clients import images

        Wire(self.server).push(repository, images.image(repository), tag)

    def may(self, login: Login, repository: str) -> tuple[bool, bool]:
        """Whether the log-in pulls `v1` of the repository, and whether it pushes to it."""
        authorization = basic(login.user, login.secret)
        with registry_of(self.server) as registry:
            pulls = registry.pull(repository, "v1", authorization)
            pushes = registry.push(repository, "other", authorization)
        return pulls == 200, pushes == 201


def made_robot(said: str) -> str:
    """The robot whose end is explained on standard error."""
    found = _ROBOT.search(said)
    assert found is not None, said
    return found[1]


def login_in(target: str, out: str, err: str) -> Login:
    """The log-in that a configuration holds; of pipelines, the one that is said beside it."""
    if target in ("github", "gitlab"):
        user = re.search(r'HOLDFAST_USER: "([^"]+)"', out)
        secret = re.search(r"hf_[0-9A-Za-z]{36}", err)
        assert user
        assert secret
        assert "hf_" not in out
        return Login(user[1], secret[0])
    if target == "swarm":
        user, secret = re.search(r"--username (\S+)", out), re.search(r"hf_[0-9A-Za-z]{36}", out)
        assert user
        assert secret
        return Login(user[1], secret[0])
    if target == "kubernetes":
        encoded = re.search(r"\.dockerconfigjson: (\S+)", out)
        assert encoded is not None
        pair = auths(b64decode(encoded[1]).decode())
    elif target == "containerd":
        header = re.search(r'authorization = \["Basic (\S+)"\]', out)
        assert header is not None
        pair = b64decode(header[1]).decode()
    else:
        pair = auths(out)
    user_, _, secret_ = pair.partition(":")
    return Login(user_, secret_)


def auths(text: str) -> str:
    """The only pair in a docker configuration."""
    document: dict[str, Any] = json.loads(text)
    (entry,) = document["auths"].values()
    return b64decode(entry["auth"], validate=True).decode()
