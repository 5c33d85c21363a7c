"""nginx sends large layers by itself (X-Accel-Redirect): whole and in ranges, and nobody else learns where they lie."""

from __future__ import annotations

import base64
import hashlib
import http.client
import os
import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.clients.images import Blob
from tests.clients.wire import Wire
from tests.deploy.proxies import DEPLOY, nginx, replaced
from tests.ports import free_port
from tests.serving import Server, pause, running_server

MIB = 1 << 20
LOCATION = "/holdfast-files/"


def location(server: Server) -> str:
    """Give the shipped location, without its comment signs."""
    text = (DEPLOY / "proxies" / "nginx" / "holdfast.conf").read_text(encoding="utf-8")
    found = re.search(r"^    #location .*?^    #}\n", text, re.MULTILINE | re.DOTALL)
    assert found is not None
    plain = re.sub(r"^    #", "    ", found[0], flags=re.MULTILINE)
    return replaced(plain, {"/var/lib/holdfast/store/objects/": f"{server.data}/store/objects/"})


@dataclass(frozen=True, slots=True)
class Place:
    """A server with a layer of 256 MiB, and nginx in front of it."""

    server: Server
    port: int
    name: str
    sha256: str
    size: int

    def ask(self, method: str, path: str, *, direct: bool = False, **headers: str) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port if direct else self.port, timeout=120)
        try:
            connection.request(method, path, headers={"Authorization": self.server.admin.basic, **headers})
            answer = connection.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
        finally:
            connection.close()

    @property
    def path(self) -> str:
        return f"/v2/team/app/blobs/{self.name}"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    directory = tmp_path_factory.mktemp("accel")
    flags = ("--public-url", "http://127.0.0.1:1", "--trusted-proxies", "127.0.0.0/31", "--storage-accel", LOCATION)
    with ExitStack() as stack:
        server = stack.enter_context(running_server(directory, *flags))
        data = os.urandom(MIB) * 256
        digest = hashlib.sha256(data).hexdigest()
        Wire(server).push_blob("team/app", Blob("application/octet-stream", data))
        port = free_port()
        site = (
            f"server {{ listen 127.0.0.1:{port}; client_max_body_size 0;\n{location(server)}\n"
            f"location / {{ proxy_pass http://{server.host}; proxy_set_header Host $http_host; }} }}"
        )
        stack.enter_context(nginx(directory / "nginx", site, port))
        yield Place(server, port, f"sha256:{digest}", digest, len(data))


def test_the_whole_layer(place: Place) -> None:
    before = len(place.server.log_text())
    status, headers, body = place.ask("GET", place.path)
    assert (status, len(body), hashlib.sha256(body).hexdigest()) == (200, place.size, place.sha256)
    assert headers["content-length"] == str(place.size)
    assert headers["docker-content-digest"] == place.name
    assert headers["etag"] == f'"{place.name}"'
    assert headers["content-type"] == "application/octet-stream"
    assert headers["content-disposition"] == "attachment"
    assert headers["x-content-type-options"] == "nosniff"
    assert "last-modified" not in headers
    assert "x-accel-redirect" not in headers
    place.ask("GET", "/v2/")  # the log is written a little later: a second line is there when the first is
    assert '"sent":0' in _wait_for_log(place, before)


def _wait_for_log(place: Place, before: int) -> str:
    for _ in range(200):
        said = place.server.log_text()[before:]
        if place.path in said:
            return said
        pause(0.05)
    raise AssertionError("the request is not in the log")


@pytest.mark.parametrize("start", [0, 12345, 200 * MIB])
def test_ranges(place: Place, start: int) -> None:
    _, _, whole = place.ask("GET", place.path)
    for length in (1, 1000, 5 * MIB):
        status, headers, body = place.ask("GET", place.path, Range=f"bytes={start}-{start + length - 1}")
        assert (status, body == whole[start : start + length]) == (206, True)
        assert headers["content-range"] == f"bytes {start}-{start + length - 1}/{place.size}"
        assert headers["docker-content-digest"] == place.name
    status, headers, body = place.ask("GET", place.path, Range="bytes=-3000000")
    assert (status, body == whole[-3000000:]) == (206, True)


def test_ranges_that_are_none(place: Place) -> None:
    status, headers, body = place.ask("GET", place.path, Range=f"bytes={place.size}-")
    assert (status, headers["content-range"]) == (416, f"bytes */{place.size}")
    assert b'"errors"' in body
    status, _, body = place.ask("GET", place.path, Range="bytes=0-9,20-29")
    assert (status, len(body)) == (200, place.size)


def test_head_and_conditions_are_the_nodes_own(place: Place) -> None:
    status, headers, body = place.ask("HEAD", place.path)
    assert (status, headers["content-length"], body) == (200, str(place.size), b"")
    assert place.ask("GET", place.path, direct=False, **{"If-None-Match": f'"{place.name}"'})[0] == 304


def test_clients_cannot_ask_for_files(place: Place) -> None:
    (file,) = (path for path in (place.server.data / "store" / "objects").rglob("*") if path.is_file())
    name = f"{LOCATION}{file.parent.name}/{file.name}"
    assert place.ask("GET", name)[0] == 404
    assert place.ask("GET", place.path, Authorization="")[0] == 401


def test_who_is_not_trusted_gets_the_bytes_and_no_place(place: Place, tmp_path: Path) -> None:
    """From 127.0.0.2, which is none of the trusted addresses."""
    connection = http.client.HTTPConnection(
        "127.0.0.1", place.server.port, timeout=120, source_address=("127.0.0.2", 0)
    )
    try:
        connection.request("GET", place.path, headers={"Authorization": place.server.admin.basic})
        answer = connection.getresponse()
        assert answer.getheader("x-accel-redirect") is None
        assert hashlib.sha256(answer.read()).hexdigest() == place.sha256
    finally:
        connection.close()
    status, headers, body = place.ask("GET", place.path, direct=True)
    assert (status, body) == (200, b"")
    assert headers["x-accel-redirect"].startswith(LOCATION)


def test_content_that_is_encrypted_stays_with_the_node(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(base64.b64encode(os.urandom(32)).decode() + "\n")
    flags = (
        "--trusted-proxies",
        "127.0.0.1",
        "--storage-accel",
        LOCATION,
        "--encryption-key-file",
        str(tmp_path / "key"),
    )
    with running_server(tmp_path, *flags) as server:
        data = os.urandom(MIB) * 3
        Wire(server).push_blob("team/app", Blob("application/octet-stream", data))
        answer = Wire(server).expect(200, "GET", f"/v2/team/app/blobs/sha256:{hashlib.sha256(data).hexdigest()}")
        assert answer.body == data
        assert "x-accel-redirect" not in answer.headers


def test_a_file_that_is_gone_is_found_out(tmp_path: Path) -> None:
    with running_server(tmp_path, "--trusted-proxies", "127.0.0.1", "--storage-accel", LOCATION) as server:
        data = os.urandom(MIB) * 3
        Wire(server).push_blob("team/app", Blob("application/octet-stream", data))
        (file,) = (path for path in (server.data / "store" / "objects").rglob("*") if path.is_file())
        file.unlink()
        path = f"/v2/team/app/blobs/sha256:{hashlib.sha256(data).hexdigest()}"
        assert b"BLOB_UNKNOWN" in Wire(server).expect(404, "GET", path).body
