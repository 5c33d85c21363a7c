"""The client half goes on where its access token ends in the middle of a verb."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from holdfast.cli.client import Client, Problem
from holdfast.cli.contexts import Context


class Registry(ThreadingHTTPServer):
    """Gives tokens that are good once or never; counts what it was asked."""

    good_for = 1
    left = 0
    tokens = 0


class Handler(BaseHTTPRequestHandler):
    server: Registry

    def do_POST(self) -> None:
        self.server.tokens += 1
        self.server.left = self.server.good_for
        self._answer(200, {"access_token": f"t{self.server.tokens}"})

    def do_GET(self) -> None:
        good = self.server.left > 0
        self.server.left -= 1
        self._answer(200 if good else 401, {"ok": True} if good else {"type": "/problems/x", "detail": "no"})

    def _answer(self, status: int, body: dict[str, Any]) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:
        return


@pytest.fixture
def registry() -> Iterator[Registry]:
    server = Registry(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def client(registry: Registry) -> Client:
    return Client(Context(f"http://127.0.0.1:{registry.server_address[1]}", "dora", refresh="hfr_x"))


def test_a_token_that_ended_is_replaced(registry: Registry) -> None:
    asking = client(registry)
    for _ in range(3):
        assert asking.get("/audit") == {"ok": True}
    assert registry.tokens == 3


def test_a_refusal_is_not_asked_for_ever(registry: Registry) -> None:
    registry.good_for = 0
    asking = client(registry)
    for _ in range(2):
        with pytest.raises(Problem):
            asking.get("/audit")
    assert registry.tokens == 2
