"""Clients that leave in the middle cost what they took, and leave one line in the log each."""

from __future__ import annotations

import pytest
from tests.serving import Server
from tests.wire.client import connected
from tests.wire.content import digest, noise
from tests.wire.repository import Repository
from tests.wire.test_every_answer import log_lines

LENGTH = 192 << 20


@pytest.fixture(scope="module")
def blob(server: Server) -> str:
    """The path of a blob that no socket buffer holds."""
    data = noise(1 << 20, "leaving") * (LENGTH >> 20)
    with connected(server.port) as connection:
        repository = Repository(connection, "leaving/clients")
        return f"{repository.path}/blobs/{repository.blob(data)}"


@pytest.mark.parametrize("extent", ["", "Range: bytes=1-\r\n"], ids=["whole", "range without end"])
def test_a_download_that_is_left_is_not_read_to_its_end(server: Server, blob: str, extent: str) -> None:
    for _ in range(4):
        with connected(server.port) as leaving:
            request = f"GET {blob} HTTP/1.1\r\nHost: a\r\n{extent}\r\n".encode()
            leaving.send(request)
            name = leaving.head()["x-request-id"]
        (line,) = log_lines(server, {name})[name]
        assert line["status"] == (206 if extent else 200)
        assert line["sent"] < LENGTH // 2
    with connected(server.port) as honest:
        assert len(honest.ask("GET", blob, headers={"Range": "bytes=5-2000004"}).body) == 2_000_000


def test_an_upload_that_is_left_is_a_line_too(server: Server) -> None:
    data = noise(100_000, "left")
    with connected(server.port) as honest:
        repository = Repository(honest, "leaving/uploads")
        location = repository.session()
        for target in (location, f"{repository.path}/blobs/uploads/?digest={digest(data)}"):
            with connected(server.port) as leaving:
                leaving.begin("POST" if "?" in target else "PATCH", target, len(data))
                leaving.send(data[:50_000])
        assert repository.expect(204, "GET", location)["range"] == "0-0"
        repository.expect(404, "GET", f"blobs/{digest(data)}", code="BLOB_UNKNOWN")
