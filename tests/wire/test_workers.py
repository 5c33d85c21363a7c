"""Several workers on one data directory: whichever answers, it answers alike."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.pairs import Pair
from tests.serving import Server, running_server
from tests.wire.client import connected
from tests.wire.content import OCI_INDEX, digest, image, index, noise
from tests.wire.repository import Repository
from tests.wire.test_upload_chunks import both

WORKERS = 3
PATIENCE = 60.0
DATA = noise(400_000, "workers")


@pytest.fixture(scope="module")
def several(tmp_path_factory: pytest.TempPathFactory, pair: Pair) -> Iterator[Server]:
    with running_server(tmp_path_factory.mktemp("several"), "--open", "--workers", str(WORKERS), pair=pair) as running:
        yield running


@contextlib.contextmanager
def anew(server: Server, name: str) -> Iterator[Repository]:
    """A repository over a new connection, which any worker may take."""
    with connected(server.port) as connection:
        yield Repository(connection, name)


def workers_of(server: Server, tries: int = 60) -> set[str]:
    """The beginnings of request ids, one for each worker that answered."""
    found = set()
    for _ in range(tries):
        with connected(server.port) as connection:
            found.add(connection.ask("GET", "/v2/")["x-request-id"].partition("-")[0])
    return found


def test_more_than_one_worker_answers(several: Server) -> None:
    until = time.monotonic() + PATIENCE
    while len(found := workers_of(several)) == 1:  # the first one serves before the others have begun
        assert time.monotonic() < until, "one worker answers everything"
    assert len(found) <= WORKERS


@pytest.mark.parametrize("step", [5000, 50_000])
def test_any_worker_takes_the_next_chunk(several: Server, step: int) -> None:
    name = f"workers/chunks-{step}"
    with anew(several, name) as repository:
        location = repository.session()
    for start in range(0, len(DATA), step):
        chunk = DATA[start : start + step]
        extent = {"Content-Range": f"{start}-{start + len(chunk) - 1}"}
        with anew(several, name) as repository:
            answer = repository.expect(202, "PATCH", location, chunk, extent)
        assert answer["range"] == f"0-{start + len(chunk) - 1}"
    for _ in range(6):
        with anew(several, name) as repository:
            repository.expect(201, "PUT", f"{location}?digest={digest(DATA)}")
        with anew(several, name) as repository:
            assert repository.expect(200, "GET", f"blobs/{digest(DATA)}").body == DATA


@pytest.mark.parametrize("size", [5000, 150_000])
def test_of_two_equal_chunks_at_two_workers_one_is_applied(several: Server, size: int) -> None:
    for _ in range(15):
        with anew(several, "workers/races") as repository:
            location = repository.begun(DATA[:100])
            with connected(several.port) as one, connected(several.port) as two:
                answers = both(one, two, location, 100, DATA[100 : 100 + size])
            assert sorted(answer.status for answer in answers) == [202, 416], answers
            assert repository.expect(204, "GET", location)["range"] == f"0-{99 + size}"
            repository.expect(204, "DELETE", location)


def push_and_look(server: Server, number: int) -> None:
    """Push, tag and delete over ever new connections, and find each time what was acknowledged."""
    config = noise(100, f"pusher {number}")
    for turn in range(12):
        data = image(config, annotations={"turn": str(turn)})
        listing = index([data])
        with anew(server, "workers/seen") as repository:
            repository.blob(config)
            repository.manifest(data, f"tag-{number}")
        with anew(server, "workers/seen") as repository:
            assert repository.expect(200, "GET", f"manifests/tag-{number}").body == data
        with anew(server, "workers/seen") as repository:
            assert f"tag-{number}" in repository.expect(200, "GET", "tags/list").json["tags"]
            repository.manifest(listing, f"index-{number}", OCI_INDEX)
        with anew(server, "workers/seen") as repository:
            repository.expect(202, "DELETE", f"manifests/{digest(listing)}")
        with anew(server, "workers/seen") as repository:
            repository.expect(404, "GET", f"manifests/index-{number}")


def test_what_one_worker_acknowledged_every_worker_sees(several: Server) -> None:
    with ThreadPoolExecutor(6) as threads:
        for outcome in [threads.submit(push_and_look, several, number) for number in range(6)]:
            outcome.result()
    with anew(several, "workers/seen") as repository:
        assert repository.expect(200, "GET", "tags/list").json["tags"] == [f"tag-{number}" for number in range(6)]


def test_ids_are_unique_over_workers(several: Server) -> None:
    seen: list[str] = []
    for _ in range(100):
        with connected(several.port) as connection:
            seen.append(connection.ask("GET", "/v2/")["x-request-id"])
    assert len(set(seen)) == len(seen)
