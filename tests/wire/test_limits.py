"""What the server refuses because there is too much of it: open uploads, streams, bodies that stall, a full disk."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.pairs import Pair
from tests.serving import Server, running_server
from tests.wire.always import problems
from tests.wire.client import Answer, connected
from tests.wire.content import digest, image, noise
from tests.wire.repository import Repository

SESSIONS, STREAMS = 3, 2
DATA = noise(200_000, "limits")


@pytest.fixture(scope="module")
def narrow(tmp_path_factory: pytest.TempPathFactory, pair: Pair) -> Iterator[Server]:
    flags = ("--uploads-sessions", str(SESSIONS), "--uploads-streams", str(STREAMS), "--uploads-idle", "1s")
    with running_server(tmp_path_factory.mktemp("narrow"), "--open", *flags, pair=pair) as running:
        yield running


@pytest.fixture
def limited(narrow: Server, request: pytest.FixtureRequest) -> Iterator[Repository]:
    with connected(narrow.port) as connection:
        yield Repository(connection, "limits/" + request.node.originalname.replace("_", "-"))


def test_open_uploads_are_capped_and_their_end_makes_room(limited: Repository) -> None:
    held = [limited.begun(DATA[:100]) for _ in range(SESSIONS)]
    # A session is nothing until it holds bytes, so any number may be opened.
    waiting = [limited.session() for _ in range(SESSIONS)]
    for body in (DATA[:100], DATA):
        answer = limited.expect(429, "PATCH", waiting[0], body, code="TOOMANYREQUESTS")
        assert int(answer["retry-after"]) > 0
    limited.expect(202, "PATCH", held[0], DATA[100:])
    limited.expect(201, "PUT", f"{waiting[1]}?digest={digest(DATA)}", DATA)
    limited.expect(201, "PUT", f"{held[0]}?digest={digest(DATA)}")
    limited.expect(202, "PATCH", waiting[0], DATA)
    limited.expect(429, "PATCH", waiting[2], DATA, code="TOOMANYREQUESTS")
    limited.expect(204, "DELETE", held[1])
    for location in (held[2], waiting[0]):
        limited.expect(204, "DELETE", location)


def test_streams_are_capped_and_the_next_is_told_to_wait(limited: Repository, narrow: Server) -> None:
    target = f"{limited.path}/blobs/uploads/?digest={digest(DATA)}"
    with connected(narrow.port) as one, connected(narrow.port) as two:
        slow = {connection: connection.begin("POST", target, len(DATA)) for connection in (one, two)}
        assert len(slow) == STREAMS
        answer = limited.expect(429, "POST", target, DATA, code="TOOMANYREQUESTS")
        assert int(answer["retry-after"]) > 0
        limited.expect(200, "GET", "/v2/")
        for connection, request in slow.items():
            connection.send(DATA)
            assert connection.receive(request).status == 201
    limited.expect(201, "POST", target, DATA)


def test_a_body_that_stalls_is_given_up(limited: Repository, narrow: Server) -> None:
    location = limited.begun(DATA[:100])
    with connected(narrow.port) as stalling:
        request = stalling.begin("PATCH", location, 1000)
        stalling.send(DATA[100:600])
        answer = stalling.receive(request)
    assert (answer.status, answer.code) == (408, "BLOB_UPLOAD_INVALID")
    assert not problems(answer)
    assert limited.expect(204, "GET", location)["range"] == "0-99"
    limited.expect(201, "PUT", f"{location}?digest={digest(DATA)}", DATA[100:])


class TestNoRoom:
    """Below the reserve pushes are refused, and everything else goes on. A bucket does not say how much room it has."""

    CONFIG = noise(50, "config")

    @pytest.fixture
    def full(self, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Repository]:
        path = tmp_path_factory.mktemp("full")
        with running_server(path, "--open", pair=Pair.EMBEDDED) as server, connected(server.port) as connection:
            repository = Repository(connection, "limits/full")
            repository.blob(self.CONFIG)
            repository.blob(DATA)
            repository.manifest(image(self.CONFIG, [DATA]), "v1")
            repository.manifest(image(self.CONFIG), "v2")
        with (
            running_server(path, "--open", "--storage-reserve", "100TiB", pair=Pair.EMBEDDED) as server,
            connected(server.port) as connection,
        ):
            yield Repository(connection, "limits/full")

    def test_no_push_and_everything_else(self, full: Repository) -> None:
        new = noise(300_000, "new")
        name = digest(new)
        refused: list[Answer] = [
            full.connection.ask("POST", f"{full.path}/blobs/uploads/"),
            full.connection.ask("POST", f"{full.path}/blobs/uploads/?digest={name}", new),
            full.connection.ask("POST", f"{full.path}/blobs/uploads/?digest={digest(b'small')}", b"small"),
            full.connection.ask("PUT", f"{full.path}/manifests/v3", image(self.CONFIG, annotations={"n": "3"})),
            full.connection.ask("POST", f"/v2/elsewhere/blobs/uploads/?mount={digest(DATA)}&from={full.name}"),
        ]
        for answer in refused:
            assert problems(answer) == ["a status of 507"]
            assert (answer.status, answer.code) == (507, "DENIED")
        assert full.expect(200, "GET", f"blobs/{digest(DATA)}").body == DATA
        full.expect(200, "HEAD", "manifests/v1")
        assert full.expect(200, "GET", "tags/list").json["tags"] == ["v1", "v2"]
        full.expect(202, "DELETE", "manifests/v2")
        full.expect(202, "DELETE", f"manifests/{digest(image(self.CONFIG, [DATA]))}")
        full.expect(202, "DELETE", f"blobs/{digest(DATA)}")
