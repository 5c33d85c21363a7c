"""No error says more than it must: no path, driver, statement or stack, and nothing of what is hidden."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.pairs import Pair
from tests.serving import Server, running_server
from tests.wire.always import problems
from tests.wire.client import Answer, Connection, connected
from tests.wire.content import OCI_MANIFEST, digest, image, noise
from tests.wire.repository import Repository

CONFIG, LAYER = noise(100, "config"), noise(2 << 20, "layer")
IMAGE = image(CONFIG, [LAYER])


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with running_server(tmp_path, "--open", pair=Pair.EMBEDDED) as running:
        with connected(running.port) as connection:
            repository = Repository(connection, "hidden/content")
            repository.blob(CONFIG)
            repository.blob(LAYER)
            repository.manifest(IMAGE, "v1")
        yield running


def says_nothing(answer: Answer, server: Server) -> None:
    """A failure in the error shape without anything of the inside."""
    assert problems(answer) in ([], [f"a status of {answer.status}"]), str(answer)
    for word in (str(server.data), server.data.name + "/", "holdfast.", "Error", "errno", "File "):
        assert word.encode() not in answer.body, str(answer)


def ask_everything(connection: Connection) -> Iterator[Answer]:
    base = "/v2/hidden/content"
    body = noise(300_000, "new")
    for method, target, data in (
        *(("GET", f"{base}/manifests/v1", b""), ("GET", f"{base}/blobs/{digest(CONFIG)}", b"")),
        *(("GET", f"{base}/blobs/{digest(LAYER)}", b""), ("HEAD", f"{base}/blobs/{digest(LAYER)}", b"")),
        *(
            ("GET", f"{base}/tags/list", b""),
            ("GET", "/v2/_catalog", b""),
            ("GET", f"{base}/referrers/{digest(IMAGE)}", b""),
        ),
        *(("POST", f"{base}/blobs/uploads/?digest={digest(body)}", body), ("POST", f"{base}/blobs/uploads/", b"")),
        *(("PUT", f"{base}/manifests/v2", IMAGE), ("DELETE", f"{base}/manifests/v1", b"")),
    ):
        yield connection.ask(method, target, data, {"Content-Type": OCI_MANIFEST} if data is IMAGE else {})


def test_a_store_that_is_gone_is_not_described(server: Server) -> None:
    shutil.move(server.data / "store", server.data / "elsewhere")
    with connected(server.port) as connection:
        seen = set()
        for answer in ask_everything(connection):
            says_nothing(answer, server)
            seen.add(answer.status)
        assert 503 in seen
        assert seen <= {200, 201, 202, 404, 503, 507}
    shutil.move(server.data / "elsewhere", server.data / "store")
    with connected(server.port) as connection:
        assert connection.ask("GET", f"/v2/hidden/content/blobs/{digest(LAYER)}").body == LAYER


def test_a_database_that_is_wrong_is_not_described(server: Server) -> None:
    with sqlite3.connect(server.data / "holdfast.db") as database:
        database.execute("drop table tag_event")
        database.execute("alter table tag rename to elsewhere")
    database.close()
    with connected(server.port) as connection:
        seen = set()
        for answer in ask_everything(connection):
            says_nothing(answer, server)
            seen.add(answer.status)
        assert seen & {500, 503}
        assert connection.ask("GET", "/v2/").status == 200


def test_damaged_content_is_never_served_as_good(server: Server) -> None:
    with sqlite3.connect(server.data / "holdfast.db") as database:
        database.execute("update body set bytes = zeroblob(length(bytes))")
    database.close()
    with connected(server.port) as connection:
        for path in (f"blobs/{digest(CONFIG)}", f"manifests/{digest(IMAGE)}", "manifests/v1"):
            answer = connection.ask("GET", f"/v2/hidden/content/{path}")
            assert answer.status == 404
            says_nothing(answer, server)
        repository = Repository(connection, "hidden/content")
        repository.blob(CONFIG)
        repository.manifest(IMAGE, "v1")
        assert repository.expect(200, "GET", "manifests/v1").body == IMAGE
        assert repository.expect(200, "GET", f"blobs/{digest(CONFIG)}").body == CONFIG


def test_an_object_that_is_cut_is_not_served(server: Server) -> None:
    found = [
        path for path in (server.data / "store").rglob("*") if path.is_file() and path.stat().st_size == len(LAYER)
    ]
    assert len(found) == 1
    with found[0].open("r+b") as file:
        file.truncate(len(LAYER) - 1)
    with connected(server.port) as connection:
        for _ in range(2):
            answer = connection.ask("GET", f"/v2/hidden/content/blobs/{digest(LAYER)}")
            assert answer.status == 404
            says_nothing(answer, server)
        repository = Repository(connection, "hidden/content")
        repository.blob(LAYER)
        assert repository.expect(200, "GET", f"blobs/{digest(LAYER)}").body == LAYER
