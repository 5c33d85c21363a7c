"""The shipped proxy files in front of real nodes: pushes and pulls, streams both ways, addresses, a lost node."""

from __future__ import annotations

import hashlib
import http.client
import ssl
import tarfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any

import pytest
from tests.clients.programs import INSTALLED, Client, find, make_home
from tests.deploy.proxies import (
    NAME,
    Tls,
    caddy,
    caddy_configuration,
    haproxy,
    haproxy_configuration,
    make_tls,
    nginx,
    nginx_site,
)
from tests.ports import free_port
from tests.serving import Server, running_server

Running = Callable[[Path, str, int], AbstractContextManager[int]]
KINDS: dict[str, tuple[Running, Callable[..., str]]] = {
    "nginx": (nginx, nginx_site),
    "haproxy": (haproxy, haproxy_configuration),
    "caddy": (caddy, caddy_configuration),
}
MIB = 1 << 20
REPOSITORY = "team/app"


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Tls:
    return make_tls(tmp_path_factory.mktemp("tls") / "tls")


@pytest.fixture(scope="module")
def port() -> int:
    """Where clients find the proxy, and the public URL leads: one after another stands there."""
    return free_port()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, port: int) -> Iterator[Server]:
    flags = ("--public-url", f"https://127.0.0.1:{port}", "--trusted-proxies", "127.0.0.1")
    with running_server(tmp_path_factory.mktemp("server"), *flags) as running:
        yield running


class Reached:
    """A server behind a proxy with TLS, asked over one connection."""

    def __init__(self, server: Server, tls: Tls, port: int) -> None:
        self.server, self.tls, self.port = server, tls, port
        self.connection = http.client.HTTPSConnection(
            "127.0.0.1", port, timeout=60, context=ssl.create_default_context(cafile=str(tls.ca))
        )

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, dict[str, str], bytes]:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        chunked = not isinstance(body, bytes | None)
        sent = {"Authorization": self.server.admin.basic, "Host": NAME, **named}
        self.connection.request(method, path, body=body, headers=sent, encode_chunked=chunked)
        answer = self.connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()

    def push(self, pieces: Callable[[], Iterator[bytes]]) -> str:
        """Push a blob in one chunked PATCH, as docker does; give its digest."""
        digest = hashlib.sha256()
        for piece in pieces():
            digest.update(piece)
        name = f"sha256:{digest.hexdigest()}"
        status, headers, said = self.ask("POST", f"/v2/{REPOSITORY}/blobs/uploads/")
        assert status == 202, said
        status, headers, said = self.ask("PATCH", self.path(headers), pieces(), Transfer_Encoding="chunked")
        assert status == 202, said
        status, headers, said = self.ask("PUT", f"{self.path(headers)}?digest={name}", b"")
        assert status == 201, said
        assert headers["location"] == f"/v2/{REPOSITORY}/blobs/{name}"
        return name

    @staticmethod
    def path(headers: dict[str, str]) -> str:
        """Give where an answer leads: a path, so that scheme and host stay the client's."""
        assert headers["location"].startswith("/v2/")
        return headers["location"]


@pytest.fixture(params=list(KINDS))
def reached(request: pytest.FixtureRequest, server: Server, tls: Tls, tmp_path: Path, port: int) -> Iterator[Reached]:
    run, configured = KINDS[request.param]
    with run(tmp_path / "proxy", configured(tls, port, server.host), port):
        found = Reached(server, tls, port)
        yield found
        found.connection.close()


def large(seed: str, size: int) -> Callable[[], Iterator[bytes]]:
    """Give a maker of `size` bytes in pieces of 256 KiB, no two alike."""

    def pieces() -> Iterator[bytes]:
        piece = hashlib.sha256(seed.encode()).digest() * 8192
        for number in range(size // len(piece)):
            yield number.to_bytes(8, "big") + piece[8:]

    return pieces


def test_a_large_layer_goes_in_and_out(reached: Reached, tmp_path: Path) -> None:
    pieces = large(str(tmp_path), 64 * MIB)
    name = reached.push(pieces)
    path = f"/v2/{REPOSITORY}/blobs/{name}"
    status, headers, body = reached.ask("GET", path, Accept_Encoding="gzip")
    assert (status, headers["content-length"]) == (200, str(64 * MIB))
    assert hashlib.sha256(body).hexdigest() == name.partition(":")[2]
    assert "content-encoding" not in headers
    status, headers, part = reached.ask("GET", path, Range="bytes=1000000-1999999")
    assert (status, headers["content-range"]) == (206, f"bytes 1000000-1999999/{64 * MIB}")
    assert part == body[1000000:2000000]
    status, headers, nothing = reached.ask("HEAD", path)
    assert (status, headers["content-length"], nothing) == (200, str(64 * MIB), b"")
    # Nothing of it went through the proxy's disk.
    kept = sum(file.stat().st_size for file in (tmp_path / "proxy").rglob("*") if file.is_file())
    assert kept < MIB


def test_a_refusal_comes_through_as_it_is(reached: Reached) -> None:
    status, headers, body = reached.ask("GET", f"/v2/{REPOSITORY}/manifests/none")
    assert (status, headers["content-type"]) == (404, "application/json")
    assert b"MANIFEST_UNKNOWN" in body
    status, headers, _ = reached.ask("GET", "/v2/", Authorization="")
    assert (status, headers["www-authenticate"].split()[0]) == (401, "Bearer")


def test_crane(reached: Reached, tmp_path: Path) -> None:
    home = make_home(tmp_path / "home", f"127.0.0.1:{reached.port}", reached.server.admin)
    crane = Client(find("crane", *INSTALLED), home, env={"SSL_CERT_FILE": str(reached.tls.ca)})
    (tmp_path / "file").write_bytes(b"".join(large("crane", 2 * MIB)()))
    layer = tmp_path / "layer.tar"
    with tarfile.open(layer, "w") as archive:
        archive.add(tmp_path / "file", "file")
    image = f"127.0.0.1:{reached.port}/team/crane:1"
    crane("append", "--new_layer", layer, "--new_tag", image)
    crane("validate", "--remote", image)


@pytest.mark.parametrize("kind", KINDS)
def test_one_of_two_nodes_is_away(kind: str, server: Server, tls: Tls, tmp_path: Path) -> None:
    """Requests go to the node that is there, whichever the proxy would have asked."""
    run, configured = KINDS[kind]
    port = free_port()
    with ExitStack() as stack:
        stack.enter_context(
            run(tmp_path / "proxy", configured(tls, port, f"127.0.0.1:{free_port()}", server.host), port)
        )
        reached = Reached(server, tls, port)
        stack.callback(reached.connection.close)
        assert [reached.ask("GET", "/v2/")[0] for _ in range(10)] == [200] * 10
