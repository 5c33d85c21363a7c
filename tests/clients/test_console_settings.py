"""What the console shows that clients have to be told of a registry: that its certificate is of a private authority, or
that it has no TLS at an address that is not the machine's own. As it is copied, it works; without it they are refused.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from shutil import copyfile

import pytest
from tests.clients import images
from tests.clients.apart import ADDRESS, dockerd_apart
from tests.clients.console import PASSWORD, Console, copied, referring
from tests.clients.engines import CONTAINERDS, NEW_CONTAINERD, containerd_of
from tests.clients.programs import INSTALLED, SYSTEM, UNSTABLE, Client, find
from tests.clients.terminal import Terminal, open_terminal
from tests.serving import Credentials, Server, program, running_server

REPOSITORY, CHART, NOTES = "told/app", "told/web", "told/notes"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of `holdfast tls init`, for both addresses."""
    directory = tmp_path_factory.mktemp("authority") / "tls"
    made = [str(program()), "tls", "init", ADDRESS, "127.0.0.1", "--out", str(directory)]
    subprocess.run(made, check=True, capture_output=True)
    return directory


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory, authority: Path) -> Iterator[Console]:
    """The console of a registry with a certificate of that authority."""
    flags = ("--tls-cert", str(authority / "server.crt"), "--tls-key", str(authority / "server.key"))
    with running_server(tmp_path_factory.mktemp("told"), *flags) as server:
        fill(server, tmp_path_factory.mktemp("pusher"))
        yield Console(server)


def fill(server: Server, home: Path) -> None:
    """Push an image, by whoever asks for no certificate, and what Docker Hub has for the commands that push."""
    creds = ("--dest-creds", server.admin.pair, "--dest-tls-verify=false")
    shell = open_terminal(home / "home")
    skopeo = Client(find("skopeo"), shell.home)
    policy = ("--policy", str(shell.etc / "containers" / "policy.json"))
    for repository, tag in ((REPOSITORY, "v1"), ("library/alpine", "3.20")):
        layout = home / tag
        images.write_layout(layout, {tag: images.image(repository)})
        skopeo(*policy, "copy", *creds, f"oci:{layout}:{tag}", f"docker://{server.host}/{repository}:{tag}")
    Console(server).api("PUT", "/visibility", {"path": "library/alpine", "visibility": "public"})


@pytest.fixture(scope="module")
def eve(console: Console) -> Credentials:
    """Somebody who may pull and push there."""
    return console.person("told-eve", ("owner", "told/**"))


@pytest.fixture
def terminal(short_path: Path, authority: Path) -> Terminal:
    """A terminal in whose directory the authority's certificate is."""
    made = open_terminal(short_path / "home")
    copyfile(authority / "ca.crt", made.home / "ca.crt")
    return made


@pytest.mark.parametrize("client", ["podman", "skopeo"])
def test_podman_and_skopeo_are_told_of_the_authority(
    terminal: Terminal, console: Console, eve: Credentials, client: str
) -> None:
    terminal.have(client, find(client))
    shown, setting = console.clients(f"/r/{REPOSITORY}", eve)[client]
    assert "x509" in terminal.paste(shown, type=PASSWORD, fails=True)
    terminal.paste(setting)
    terminal.paste(shown, type=PASSWORD)


def test_crane_is_told_of_the_authority(terminal: Terminal, console: Console, eve: Credentials) -> None:
    terminal.have("crane", find("crane", *INSTALLED))
    (shown,) = console.clients(f"/r/{REPOSITORY}", eve)["crane"]
    terminal.paste(shown, type=PASSWORD)
    (terminal.home / "ca.crt").write_text("")
    assert "x509" in terminal.paste(shown, type=PASSWORD, fails=True)


@pytest.mark.parametrize("client", ["helm", "oras"])
def test_helm_and_oras_are_told_of_the_authority(
    terminal: Terminal, console: Console, eve: Credentials, client: str
) -> None:
    terminal.have(client, find(client, *INSTALLED, *UNSTABLE))
    name = CHART if client == "helm" else NOTES
    console.submit("/n/told/-/new", "/n/told/-/new", eve, name=name)
    (push,) = console.clients(f"/r/{name}", eve)[client]
    assert "x509" in terminal.paste(push.replace(" --ca-file ca.crt", ""), type=PASSWORD, fails=True)
    terminal.paste(f"{push}\nrm -f *.tgz hello.txt", type=PASSWORD)
    (pull,) = console.clients(f"/r/{name}", eve)[client]
    terminal.paste(pull, type=PASSWORD)
    assert [*terminal.home.glob("*.tgz"), *terminal.home.glob("hello.txt")]


def test_cosign_and_oras_are_told_of_the_authority(terminal: Terminal, console: Console, eve: Credentials) -> None:
    """A signature and an SBOM of an image beside which nothing lies."""
    terminal.have("cosign", find("cosign", *INSTALLED))
    terminal.have("oras", find("oras", *UNSTABLE))
    sign, attach, login = referring(console.get(f"/r/{REPOSITORY}/-/tags/v1?view=referrers", eve))
    terminal.env["COSIGN_PASSWORD"] = ""
    terminal.paste("cosign generate-key-pair && echo '{}' > sbom.spdx.json")
    assert "x509" in terminal.paste(login.replace(" --ca-file ca.crt", ""), type=PASSWORD, fails=True)
    terminal.paste(login, type=PASSWORD)
    assert "x509" in terminal.paste(sign.replace(" --registry-cacert ca.crt", ""), type="y", fails=True)
    assert "x509" in terminal.paste(attach.replace(" --ca-file ca.crt", ""), fails=True)
    terminal.paste(sign, type="y")
    terminal.paste(attach)
    said = console.get(f"/r/{REPOSITORY}/-/tags/v1?view=referrers", eve).text
    assert 'id="k-signature"' in said
    assert 'id="k-sbom"' in said


@pytest.mark.parametrize("kind", CONTAINERDS)
def test_containerd_is_told_of_the_authority(terminal: Terminal, console: Console, eve: Credentials, kind: str) -> None:
    """By the file that kubelets and nerdctl read as well."""
    with containerd_of(kind) as containerd:
        terminal.have("ctr", containerd.ctr)
        terminal.env |= {"CONTAINERD_ADDRESS": str(containerd.daemon.socket), "CONTAINERD_NAMESPACE": "told"}
        shown = console.clients(f"/r/{REPOSITORY}", eve)
        pull, setting = shown["ctr"]
        assert setting in shown["nerdctl"]
        assert setting in shown["kubernetes"]
        terminal.paste(setting)
        # The daemon is not in the terminal, and finds its files where they are.
        written = terminal.etc / "containerd/certs.d" / console.host / "hosts.toml"
        written.write_text(written.read_text().replace("/etc/", f"{terminal.etc}/"))
        terminal.paste(pull.replace("/etc/", f"{terminal.etc}/"), type=PASSWORD)
        written.write_text(written.read_text().partition("  ca =")[0])
        terminal.paste(f"ctr images rm {console.host}/{REPOSITORY}:v1")
        refused = pull.replace("/etc/", f"{terminal.etc}/")
        assert "x509" in terminal.paste(refused, type=PASSWORD, fails=True)


def told_of(terminal: Terminal, server: Server, setting: str, refused: str, typed: Sequence[tuple[str, str]]) -> None:
    """A docker at whose machine the registry has another address: refused, then told, then does what is `typed`, each
    text with the password that it asks for. Docker Hub is this registry, as the mirror of what it has."""
    terminal.have("docker", find("docker", *SYSTEM))
    settings = terminal.etc / "docker"
    with dockerd_apart(settings, server.port) as daemon:
        terminal.env["DOCKER_HOST"] = f"unix://{daemon.socket}"
        for text, password in typed:
            assert refused in terminal.paste(text, type=password, fails=True)
    if setting.startswith("{"):
        (settings / "daemon.json").write_text(setting)
    else:
        terminal.paste(setting)
    mirror = server.url.replace("127.0.0.1", ADDRESS)
    with dockerd_apart(settings, server.port, f"--registry-mirror={mirror}") as daemon:
        terminal.env["DOCKER_HOST"] = f"unix://{daemon.socket}"
        for text, password in typed:
            terminal.paste(text, type=password)


@pytest.mark.parametrize("secure", [True, False], ids=["private authority", "no TLS"])
def test_docker_is_told(terminal: Terminal, authority: Path, tmp_path: Path, secure: bool) -> None:
    """At an address that docker does not take for its own: who pulls, who pushes, and who takes the first steps."""
    certificate = ("--tls-cert", str(authority / "server.crt"), "--tls-key", str(authority / "server.key"))
    with running_server(tmp_path / "server", *(certificate if secure else ())) as server:
        here, origin = server.flags, server.url.replace("127.0.0.1", ADDRESS)

        def stands(*flags: str) -> None:
            server.flags = (*here, *flags)
            server.restart()

        stands("--public-url", origin)
        console = Console(server, origin)
        first = [each for each in copied(console.get("/start", server.admin).text) if "holdfast " not in each]
        stands()  # who fills it asks for tokens where it says that it is
        fill(server, tmp_path)
        stands("--public-url", origin)
        eve = console.person("told-eve", ("owner", "told/**"))
        pull, push = (console.clients(path, eve)["docker"] for path in (f"/r/{REPOSITORY}", "/push"))
        assert first[1:] == pull[1:] == push[1:], "everybody is told the same"
        typed = ((pull[0], PASSWORD), (push[0], PASSWORD), (first[0], server.admin.password))
        told_of(terminal, server, pull[1], "x509" if secure else "https", typed)
        for name, tag in (("told/app", "first"), ("team-a/app", "first")):
            assert console.get(f"/r/{name}/-/tags/{tag}", server.admin).status == 200


def test_containerd_is_told_of_plain_http(short_path: Path, tmp_path: Path) -> None:
    """Kubelets' and nerdctl's containerd: by the line for nodes."""
    terminal = open_terminal(short_path / "home")
    with running_server(tmp_path / "server") as server, containerd_of(NEW_CONTAINERD) as containerd:
        fill(server, tmp_path)
        console = Console(server)
        shown = console.clients(f"/r/{REPOSITORY}", server.admin)
        (setting,) = (each for each in shown["kubernetes"] if each.startswith("sudo"))
        terminal.paste(setting)
        terminal.have("ctr", containerd.ctr)
        terminal.env |= {"CONTAINERD_ADDRESS": str(containerd.daemon.socket), "CONTAINERD_NAMESPACE": "told"}
        by_file = f"--hosts-dir {terminal.etc}/containerd/certs.d"
        terminal.paste(shown["ctr"][0].replace("--plain-http", by_file), type=server.admin.password)
