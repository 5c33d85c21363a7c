"""Clients against a server with a certificate of `holdfast tls init`: trusted with its authority, refused without."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.clients import images
from tests.clients.apart import ADDRESS, dockerd_apart
from tests.clients.connecting import connect
from tests.clients.engines import CLASSIC, CONTAINERDS, Containerd
from tests.clients.programs import INSTALLED, SYSTEM, UNSTABLE, Client, find, make_home
from tests.serving import Server, program, running_server

TAG = "clients/tls:v1"


def trusting(client: str) -> pytest.MarkDecorator:
    return pytest.mark.cell(client, "tls")


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Path]]:
    """Run a server with TLS; give it and the authority's certificate."""
    directory = tmp_path_factory.mktemp("secure")
    made = [str(program()), "tls", "init", "127.0.0.1", "--out", str(directory / "tls")]
    subprocess.run(made, check=True, capture_output=True)
    flags = ("--tls-cert", str(directory / "tls/server.crt"), "--tls-key", str(directory / "tls/server.key"))
    with running_server(directory, *flags) as server:
        yield server, directory / "tls" / "ca.crt"


@pytest.fixture
def home(short_path: Path, secure: tuple[Server, Path]) -> Path:
    """Give a client's home that is logged in and does not take the server for a plain-http one."""
    made = make_home(short_path / "home", secure[0].host, secure[0].admin)
    (made / ".config/containers/registries.conf").unlink()
    images.write_layout(made / "layout", {"v1": images.image("tls")})
    return made


@trusting("skopeo")
def test_skopeo(home: Path, secure: tuple[Server, Path]) -> None:
    server, authority = secure
    skopeo = Client(find("skopeo"), home)
    name = f"docker://{server.host}/{TAG}"
    assert "x509" in skopeo("copy", "oci:layout:v1", name, fails=True).said
    trusted = home / "trusted"
    trusted.mkdir()
    (trusted / "ca.crt").write_bytes(authority.read_bytes())
    skopeo("copy", "--dest-cert-dir", trusted, "oci:layout:v1", name)
    skopeo("copy", "--src-cert-dir", trusted, name, "oci:again:v1")


@trusting("podman")
def test_podman(home: Path, secure: tuple[Server, Path]) -> None:
    server, authority = secure
    (home / "trusted").mkdir()
    (home / "trusted" / "ca.crt").write_bytes(authority.read_bytes())
    podman = Client(find("podman"), home, ("--root", f"{home}/s", "--runroot", f"{home}/r", "--storage-driver", "vfs"))
    who = ("-u", server.admin.username, "-p", server.admin.password)
    assert "x509" in podman("login", *who, server.host, fails=True).said
    podman("login", *who, "--cert-dir", "trusted", server.host)


@trusting("oras")
def test_oras(home: Path, secure: tuple[Server, Path]) -> None:
    server, authority = secure
    oras = Client(find("oras", *UNSTABLE), home)
    name = f"{server.host}/clients/tls:oras"
    (home / "note").write_text("a note", encoding="utf-8")
    assert "x509" in oras("push", "--plain-http=false", name, "note", fails=True).said
    oras("push", "--plain-http=false", "--ca-file", authority, name, "note")


@trusting("regctl")
def test_regctl(home: Path, secure: tuple[Server, Path]) -> None:
    server, authority = secure
    regctl = Client(find("regctl", *INSTALLED), home)
    name = f"{server.host}/clients/tls:regctl"
    assert "x509" in regctl("image", "copy", "ocidir://layout:v1", name, fails=True).said
    regctl("registry", "set", "--skip-check", "--cacert", authority.read_text(encoding="utf-8"), server.host)
    regctl("image", "copy", "ocidir://layout:v1", name)


@pytest.mark.parametrize("containerd", [pytest.param(k, marks=trusting(k)) for k in CONTAINERDS], indirect=True)
def test_containerd(containerd: Containerd, home: Path, secure: tuple[Server, Path], tmp_path: Path) -> None:
    server, authority = secure
    place = ("--address", str(containerd.daemon.socket), "--namespace", "tls")
    ctr = Client(containerd.ctr, home, place)
    name = f"{server.host}/clients/tls-containerd"
    archive = images.write_layout_tar(tmp_path / "image.tar", {"v1": images.image("tls")})
    ctr("images", "import", "--base-name", name, archive)
    hosts = tmp_path / "certs.d" / server.host
    hosts.mkdir(parents=True)
    access = ("--hosts-dir", str(tmp_path / "certs.d"), "--user", server.admin.pair, f"{name}:v1")
    text = f'server = "{server.url}"\n[host."{server.url}"]\n'
    (hosts / "hosts.toml").write_text(text, encoding="utf-8")
    assert "x509" in ctr("images", "push", *access, fails=True).said
    (hosts / "hosts.toml").write_text(f'{text}ca = "{authority}"\n', encoding="utf-8")
    ctr("images", "push", *access)
    ctr("images", "pull", *access)


@pytest.mark.parametrize("containerd", [pytest.param(k, marks=trusting(k)) for k in CONTAINERDS], indirect=True)
def test_containerd_by_connect(containerd: Containerd, home: Path, secure: tuple[Server, Path], tmp_path: Path) -> None:
    """The authority and the credential are where `connect` says; only the place itself is the test's."""
    server, _ = secure
    repository = "clients/tls-connect"
    skopeo = Client(find("skopeo"), home)
    skopeo("copy", "--dest-tls-verify=false", "oci:layout:v1", f"docker://{server.host}/{repository}:v1")
    connect(server, tmp_path / "typed", "containerd", repository, "--write", str(tmp_path / "etc"))
    hosts = tmp_path / "etc" / "certs.d" / server.host / "hosts.toml"
    written = hosts.read_text(encoding="utf-8")
    hosts.write_text(written.replace('"/etc/containerd/', f'"{tmp_path}/etc/'), encoding="utf-8")
    ctr = Client(containerd.ctr, home, ("--address", str(containerd.daemon.socket), "--namespace", "connect"))
    ctr("images", "pull", "--hosts-dir", tmp_path / "etc" / "certs.d", f"{server.host}/{repository}:v1")


@trusting("podman")
def test_podman_by_connect(home: Path, secure: tuple[Server, Path], tmp_path: Path) -> None:
    server, _ = secure
    repository = "clients/tls-connect-podman"
    skopeo = Client(find("skopeo"), home)
    name = f"docker://{server.host}/{repository}:v1"
    skopeo("copy", "--dest-tls-verify=false", "oci:layout:v1", name)
    connect(server, tmp_path / "typed", "podman", repository, "--write", str(tmp_path / "p"))
    known = ("--authfile", str(tmp_path / "p" / "auth.json"), "--cert-dir", str(tmp_path / "p/certs.d" / server.host))
    skopeo("inspect", "--raw", *known, name)
    podman = Client(find("podman"), home, ("--root", f"{home}/s", "--runroot", f"{home}/r", "--storage-driver", "vfs"))
    podman("pull", *known, f"{server.host}/{repository}:v1")


@trusting(CLASSIC)
def test_docker_by_connect(home: Path, short_path: Path, tmp_path: Path) -> None:
    """In a network of its own, as docker looks at no certificate of the machine itself."""
    made = [str(program()), "tls", "init", ADDRESS, "--out", str(tmp_path / "tls")]
    subprocess.run([*made, "127.0.0.1"], check=True, capture_output=True)
    flags = ("--tls-cert", str(tmp_path / "tls/server.crt"), "--tls-key", str(tmp_path / "tls/server.key"))
    with running_server(tmp_path, *flags) as server:
        skopeo = Client(find("skopeo"), make_home(short_path / "pusher", server.host, server.admin))
        images.write_layout(skopeo.home / "layout", {"v1": images.image("tls")})
        skopeo("copy", "--dest-tls-verify=false", "oci:layout:v1", f"docker://{server.host}/team/app:v1")
        known = ("--registry", f"https://{ADDRESS}:{server.port}", "--write", str(tmp_path / "d"))
        connect(server, tmp_path / "typed", "docker", "team/app", *known)
        (tmp_path / "empty").mkdir()
        name = f"{ADDRESS}:{server.port}/team/app:v1"
        for settings, said in ((tmp_path / "empty", "x509"), (tmp_path / "d", "")):
            with dockerd_apart(settings, server.port) as daemon:
                docker = Client(find("docker", *SYSTEM), home, ("-H", f"unix://{daemon.socket}"))
                done = docker("--config", tmp_path / "d", "pull", "-q", name, fails=bool(said))
                assert said in done.said
