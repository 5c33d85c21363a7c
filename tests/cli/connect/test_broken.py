"""`holdfast connect` over a network that loses answers: whatever was made is taken back, or said."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from tests.cli.connect.place import Place


class Losing(ThreadingHTTPServer):
    """A way to the registry at `port` that forwards all, and loses the answer of a POST to `path`; after that, with
    `dead`, it forwards nothing any more."""

    def __init__(self, port: int, path: str, *, dead: bool) -> None:
        super().__init__(("127.0.0.1", 0), _Forward)
        self.port = port
        self.path = path
        self.dead = dead
        self.lost = False

    def losing(self, method: str, path: str) -> bool:
        """Whether the answer to this is lost."""
        return method == "POST" and path == f"/api/v1{self.path}" and not self.lost


class _Forward(BaseHTTPRequestHandler):
    server: Losing

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _forward(self) -> None:
        if self.server.dead and self.server.lost:
            return
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=30)
        headers = {name: value for name, value in self.headers.items() if name.lower() not in ("host", "connection")}
        connection.request(self.command, self.path, body or None, headers)
        answer = connection.getresponse()
        data = answer.read()
        connection.close()
        if self.server.losing(self.command, self.path):
            self.server.lost = True
            return
        self.send_response(answer.status)
        for name in ("Content-Type", "ETag"):
            if answer.getheader(name):
                self.send_header(name, answer.headers[name])
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_DELETE = _forward  # noqa: N815 - what the standard library asks for


@contextmanager
def way(place: Place, path: str, *, dead: bool = False) -> Iterator[Losing]:
    """Let the terminal's verbs go this way."""
    with Losing(place.server.port, path, dead=dead) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        place.shell.environment["HOLDFAST_URL"] = f"http://127.0.0.1:{server.server_address[1]}"
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize("path", ["/robots", "/grants", "/keys"])
def test_an_answer_that_is_lost_leaves_nothing(place: Place, path: str) -> None:
    repository = f"lost{path}"
    with way(place, path) as server:
        refused = place.connect("docker", repository, status=3)
        assert server.lost
    assert "broke off" in refused.stderr
    assert refused.stdout == ""
    assert "holdfast robot delete" not in refused.stderr
    assert place.robots("lost") == []


@pytest.mark.parametrize("path", ["/robots", "/grants", "/keys"])
def test_what_cannot_be_taken_back_is_said(place: Place, path: str) -> None:
    repository = f"stuck{path}"
    with way(place, path, dead=True):
        refused = place.connect("docker", repository, status=3)
    (robot,) = [name for name in place.robots("stuck") if f"-docker-{path[1:]}-" in name]
    assert f"robot:{robot} may be there" in refused.stderr
    assert f"holdfast robot delete '{robot}'" in refused.stderr


def test_a_registry_that_takes_no_writes_is_no_riddle(place: Place) -> None:
    """Nothing was made, so nothing is said to be left."""
    where = ("--data", str(place.server.data))
    kept, place.shell.environment = place.shell.environment, {**place.server.env}
    place.shell.run("read-only", "on", *where, "--reason", "moving")
    try:
        place.shell.environment |= kept
        refused = place.connect("docker", "frozen/app", status=1)
    finally:
        place.shell.environment = {**place.server.env}
        place.shell.run("read-only", "off", *where)
    assert "moving" in refused.stderr
    assert "may be there" not in refused.stderr
    assert place.robots("frozen") == []
