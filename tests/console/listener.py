"""A target of webhooks that answers as a test says, hostile text among it; a real HTTP server on loopback."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(slots=True)
class Listener:
    """Takes everything, unless `status` says otherwise. `seen`: the bodies that arrived."""

    url: str = ""
    status: int = 200
    body: str = "ok"
    headers: dict[str, str] = field(default_factory=dict)
    seen: list[bytes] = field(default_factory=list)


@contextmanager
def listening() -> Iterator[Listener]:
    """A listener, until the block is left."""
    listener = Listener()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            listener.seen.append(self.rfile.read(int(self.headers.get("content-length", "0"))))
            data = listener.body.encode()
            self.send_response(listener.status)
            for name, value in {"content-length": str(len(data)), **listener.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    listener.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield listener
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
