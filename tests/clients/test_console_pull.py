"""What the console shows for a pull, taken from its pages as the copy button gives it, and typed word by word with the
real clients: by tag and by digest, of what is private (with the line that logs in) and of what is public.

nerdctl is shown, and not run: neither Debian nor PyPI has it, and the module proxy has no sums to verify it by. What is
shown is what its own documentation says of logging in, of registries without TLS and of `hosts.toml`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.clients import images
from tests.clients.console import PASSWORD, Console, copied
from tests.clients.engines import CLASSIC, CONTAINERDS, NEW, Containerd, Engine, unstable_program
from tests.clients.programs import INSTALLED, UNSTABLE, find
from tests.clients.terminal import Terminal, open_terminal
from tests.clients.wire import Wire
from tests.serving import Credentials, Server

PRIVATE, PUBLIC = "shown/private", "shown/public"
CHART, NOTES = "shown/chart", "shown/notes"
BY = ("", "?by=digest")


def notes() -> images.Image:
    """An artifact as oras makes it: its file has a name."""
    plain = images.artifact("text/plain", b"some notes\n")
    title = {"org.opencontainers.image.title": "notes.txt"}
    document = {**plain.document, "layers": [plain.blobs[1].descriptor(annotations=title)]}
    return images.Image(images.Blob(images.OCI_MANIFEST, images.encoded(document)), plain.blobs)


@pytest.fixture(scope="module")
def console(server: Server, wire: Wire) -> Console:
    """A console beside which two images, a chart and an artifact lie."""
    for repository in (PRIVATE, PUBLIC):
        wire.push(repository, images.image(repository, docker=True), "v1")
    wire.push(NOTES, notes(), "v1")
    found = Console(server)
    found.api("PUT", "/visibility", {"path": PUBLIC, "visibility": "public"})
    return found


@pytest.fixture(scope="module")
def ann(console: Console) -> Credentials:
    """Somebody who may pull there."""
    return console.person("shown-ann", ("reader", "shown/**"))


@pytest.fixture
def terminal(short_path: Path) -> Terminal:
    return open_terminal(short_path / "home")


def of_docker(terminal: Terminal, engine: Engine) -> Terminal:
    """With the docker of an engine, and nothing else than its socket told to it."""
    terminal.have("docker", unstable_program("docker") if engine.unstable else find("docker", Path("/usr/bin")))
    terminal.env["DOCKER_HOST"] = f"unix://{engine.daemon.socket}"
    return terminal


def of_containerd(terminal: Terminal, containerd: Containerd) -> Terminal:
    terminal.have("ctr", containerd.ctr)
    terminal.env |= {"CONTAINERD_ADDRESS": str(containerd.daemon.socket), "CONTAINERD_NAMESPACE": "shown"}
    return terminal


def block(console: Console, repository: str, client: str, by: str, who: Credentials) -> str:
    """The commands of a client on the page of a repository."""
    text = console.clients(f"/r/{repository}{by}", who)[client][0]
    assert ("@sha256:" in text) is bool(by), text
    return text


@pytest.mark.parametrize("by", BY, ids=["tag", "digest"])
@pytest.mark.parametrize("engine", [CLASSIC, NEW], indirect=True)
def test_docker_pulls(engine: Engine, terminal: Terminal, console: Console, ann: Credentials, by: str) -> None:
    of_docker(terminal, engine)
    shown = block(console, PRIVATE, "docker", by, ann)
    line = shown.splitlines()[-1]
    if not by:  # by its digest docker has it then
        terminal.paste(line, fails=True)
    terminal.paste(shown, type=PASSWORD)
    terminal.paste(f"docker logout {console.host}")
    terminal.paste(block(console, PUBLIC, "docker", by, ann))


@pytest.mark.parametrize("by", BY, ids=["tag", "digest"])
@pytest.mark.parametrize("client", ["podman", "skopeo", "crane"])
def test_clients_without_a_daemon_pull(
    terminal: Terminal, console: Console, ann: Credentials, client: str, by: str
) -> None:
    terminal.have(client, find(client, *INSTALLED))
    terminal.paste(block(console, PUBLIC, client, by, ann))
    for left in ("image.tar", "image/index.json"):
        (terminal.home / left).unlink(missing_ok=True)
    shown = block(console, PRIVATE, client, by, ann)
    terminal.paste(shown.splitlines()[-1], fails=True)
    terminal.paste(shown, type=PASSWORD)
    left = {"podman": "s/vfs-images/images.json", "skopeo": "image/index.json", "crane": "image.tar"}[client]
    assert (terminal.home / left).exists()


@pytest.mark.parametrize("by", BY, ids=["tag", "digest"])
@pytest.mark.parametrize("containerd", CONTAINERDS, indirect=True)
def test_ctr_pulls(containerd: Containerd, terminal: Terminal, console: Console, ann: Credentials, by: str) -> None:
    of_containerd(terminal, containerd)
    terminal.paste(block(console, PUBLIC, "ctr", by, ann))
    shown = block(console, PRIVATE, "ctr", by, ann)
    terminal.paste(shown, type="not the password", fails=True)
    terminal.paste(shown, type=PASSWORD)


@pytest.mark.parametrize("by", BY, ids=["tag", "digest"])
def test_helm_and_skopeo_pull_a_chart(
    terminal: Terminal, console: Console, ann: Credentials, server: Server, by: str
) -> None:
    terminal.have("helm", find("helm", *INSTALLED))
    terminal.have("skopeo", find("skopeo"))
    terminal.paste(
        "helm create web && helm package web && helm registry login --plain-http --username "
        f"{server.admin.username} {server.host} && helm push --plain-http web-0.1.0.tgz oci://{server.host}/{CHART}",
        type=server.admin.password,
    )
    terminal.paste(f"rm web-0.1.0.tgz && helm registry logout {server.host}")
    for client, left in (("helm", "web*.tgz"), ("skopeo", "artifact/index.json")):
        shown = block(console, f"{CHART}/web", client, by, ann)
        terminal.paste(shown.splitlines()[-1], fails=True)
        terminal.paste(shown, type=PASSWORD)
        assert len([*terminal.home.glob(left)]) == 1


@pytest.mark.parametrize("by", BY, ids=["tag", "digest"])
def test_oras_and_skopeo_pull_an_artifact(terminal: Terminal, console: Console, ann: Credentials, by: str) -> None:
    terminal.have("oras", find("oras", *UNSTABLE))
    terminal.have("skopeo", find("skopeo"))
    for client, left in (("oras", "notes.txt"), ("skopeo", "artifact/index.json")):
        shown = block(console, NOTES, client, by, ann)
        terminal.env["REGISTRY_AUTH_FILE"] = f"{terminal.home}/{client}.json"
        terminal.env["DOCKER_CONFIG"] = f"{terminal.home}/{client}"
        terminal.paste(shown.splitlines()[-1], fails=True)
        terminal.paste(shown, type=PASSWORD)
        assert (terminal.home / left).exists()


@pytest.mark.parametrize("engine", [NEW], indirect=True)
def test_docker_runs_what_lists_and_artifacts_show(
    engine: Engine, terminal: Terminal, console: Console, ann: Credentials
) -> None:
    """The box of an artifact with its line that logs in; the buttons of rows; the lines of several tags."""
    of_docker(terminal, engine)
    at = f"/r/{PRIVATE}/-/tags"
    by_tag, by_digest, *more = copied(console.get(f"{at}/v1", ann).text.partition('id="pull"')[2])
    (login,) = (each for each in more if each.startswith("docker login "))
    assert (":v1" in by_tag, "@sha256:" in by_digest) == (True, True)
    row = next(each for each in copied(console.get(at, ann).text) if each.startswith("docker pull "))
    picked = console.submit(at, f"/r/{PRIVATE}/-/selected", ann, pick="v1", do="copy")
    several = [each for each in copied(picked.text) if each.startswith("docker pull ")]
    assert len(several) == 2
    terminal.paste(login, type=PASSWORD)
    for line in (by_tag, by_digest, row, *several):
        terminal.paste(line)


@pytest.fixture(scope="module", autouse=True)
def _ended(console: Console, ann: Credentials) -> Iterator[None]:
    """The person goes with the file: other files have the same server."""
    yield
    console.api("DELETE", f"/users/{ann.username}")
