"""Real servers that are killed between a commit and its delivery, and in the middle of an attempt: everything that was
acknowledged is told, in the order of each repository, and what comes twice has the same id."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from tests.management.api import Asker
from tests.pairs import BOTH, Pair, pairs
from tests.serving import Server, pause, running_server
from tests.wire.client import connected
from tests.wire.content import OCI_MANIFEST, digest, encoded, image

PATIENCE = 90.0
ROUNDS = 3
REPOSITORIES = 4


class Target:
    """Takes webhooks in the process of the test, however often the server is killed. `hold`: answer nothing."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str, str]] = []
        self.hold = threading.Event()
        self.news = threading.Condition()
        self.url = ""

    def taken(self, request: BaseHTTPRequestHandler) -> None:
        body = json.loads(request.rfile.read(int(request.headers["Content-Length"])))
        told = body.get("data", {})
        with self.news:
            self.seen.append((told.get("path", ""), told.get("digest", ""), request.headers["webhook-id"]))
            self.news.notify_all()
        while self.hold.is_set():
            time.sleep(0.01)

    def until(self, count: int) -> None:
        """Return when so many requests arrived."""
        with self.news:
            assert self.news.wait_for(lambda: len(self.seen) >= count, PATIENCE), f"{len(self.seen)} of {count}"


@contextmanager
def target() -> Iterator[Target]:
    """Run one on a free loopback port."""
    found = Target()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            found.taken(self)
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_args: Any) -> None:
            pass

        def handle(self) -> None:
            with suppress(OSError):  # the server was killed
                super().handle()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    found.url = f"http://127.0.0.1:{server.server_port}/hook"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        found.hold.clear()
        server.shutdown()
        server.server_close()
        thread.join()


def push(server: Server, repository: str, number: int) -> str:
    """Push an image of its own; its digest, once it is acknowledged."""
    with connected(server.port) as connection:
        config = encoded({"architecture": "amd64", "os": "linux", "author": f"{repository} {number}"})
        data = image(config)
        connection.ask("POST", f"/v2/{repository}/blobs/uploads/?digest={digest(config)}", config)
        put = connection.ask("PUT", f"/v2/{repository}/manifests/v1", data, {"Content-Type": OCI_MANIFEST})
        assert put.status == 201, put
    return digest(data)


@pytest.fixture(params=pairs(*BOTH))
def pair(request: pytest.FixtureRequest) -> Pair:
    found: Pair = request.param
    return found


def test_whatever_is_killed_when_everything_is_told_in_order(tmp_path: Path, pair: Pair) -> None:
    flags = ("--open", "--allow-private-targets", "127.0.0.1/32", "--jobs-lease", "5s")
    pushed: dict[str, list[str]] = {f"team/app{n}": [] for n in range(REPOSITORIES)}
    with target() as receiver, running_server(tmp_path, *flags, pair=pair) as server:
        asker = Asker(server, "")
        made = asker.do(201, "POST", "/webhooks", {"path": "team", "url": receiver.url})
        asker.close()
        number = 0
        for round_ in range(ROUNDS):
            receiver.hold.set()  # attempts under way are cut by the kill
            for _ in range(3):
                for repository, digests in pushed.items():
                    number += 1
                    digests.append(push(server, repository, number))
            if round_ % 2:
                before = len(receiver.seen)
                receiver.until(before + 1)  # killed in the middle of an attempt; else right after the last commit
            server.kill9()
            receiver.hold.clear()
            server.start()
        deadline = time.monotonic() + PATIENCE
        wanted = {(repository, each) for repository, digests in pushed.items() for each in digests}
        while {(path, each) for path, each, _ in receiver.seen} != wanted:
            assert time.monotonic() < deadline, f"{len(receiver.seen)} of {len(wanted)} were told"
            pause(0.05)
        asker = Asker(server, "")
        while asker.do(200, "GET", f"/webhooks/{made['id']}")["waiting"]:
            assert time.monotonic() < deadline, "something waits yet"
            pause(0.05)
        rows = asker.items(f"/webhooks/{made['id']}/deliveries")
        asker.close()
    assert {row["state"] for row in rows} == {"delivered"}
    assert len(rows) == len(wanted), "one delivery an event"
    ids: dict[tuple[str, str], set[str]] = {}
    for path, each, id in receiver.seen:
        ids.setdefault((path, each), set()).add(id)
    assert all(len(each) == 1 for each in ids.values()), "what comes twice has the same id"
    for repository, digests in pushed.items():
        last = [each for path, each, _ in reversed(receiver.seen) if path == repository]
        order = list(dict.fromkeys(each for path, each, _ in receiver.seen if path == repository))
        assert order == digests, "first seen in order"
        assert last[0] == digests[-1], "and nothing old comes last"
