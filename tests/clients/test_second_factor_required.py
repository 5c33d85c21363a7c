"""What clients tell an administrator of whom a second factor is required, and who logs in with a password: podman and
skopeo have words of their own for each refusal, the others say what the registry says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.clients.engines import CLASSIC, NEW, Engine, unstable_program
from tests.clients.programs import INSTALLED, UNSTABLE, find
from tests.clients.terminal import Terminal, open_terminal
from tests.serving import Server, running_server

SAID = "requires a second factor of this account"


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A registry that requires one of its administrators; its first one has none."""
    flags = ("--signin-second-factor-required", "administrators")
    with running_server(tmp_path_factory.mktemp("strict"), *flags) as server:
        yield server


@pytest.fixture
def terminal(short_path: Path) -> Terminal:
    return open_terminal(short_path / "home")


@pytest.mark.parametrize("engine", [CLASSIC, NEW], indirect=True)
def test_docker_says_what_to_do(engine: Engine, terminal: Terminal, strict: Server) -> None:
    terminal.have("docker", unstable_program("docker") if engine.unstable else find("docker", Path("/usr/bin")))
    terminal.env["DOCKER_HOST"] = f"unix://{engine.daemon.socket}"
    check_told(terminal, strict, f"docker login --username admin {strict.host}")


@pytest.mark.parametrize(
    ("client", "line"),
    [
        ("helm", "helm registry login --plain-http --username admin"),
        ("oras", "oras login --plain-http --username admin"),
    ],
)
def test_others_say_what_to_do(terminal: Terminal, strict: Server, client: str, line: str) -> None:
    terminal.have(client, find(client, *INSTALLED, *UNSTABLE))
    check_told(terminal, strict, f"{line} {strict.host}")


def check_told(terminal: Terminal, strict: Server, line: str) -> None:
    """The password is refused, with what to do instead; a wrong one is refused as any."""
    said = terminal.paste(line, type=strict.admin.password, fails=True)
    assert SAID in " ".join(said.split()), said
    wrong = terminal.paste(line, type="not the password at all", fails=True)
    assert SAID not in " ".join(wrong.split())
