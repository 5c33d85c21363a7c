"""What the bucket's public address answers to a signed URL of an object that does not exist, and what that tells."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from tests.ports import free_port

from holdfast.app.redirects import is_missing_object

DENIED = b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"
SIGNATURE = b"<Error><Code>SignatureDoesNotMatch</Code></Error>"


@contextmanager
def answering(status: int, body: bytes, date: str | None) -> Iterator[str]:
    """A server that answers so; gives a URL of it."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response_only(status)
            if date is not None:
                self.send_header("Date", date)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/object?X-Amz-Signature=0"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize(
    ("status", "body", "off", "reachable"),
    [
        (404, b"", 0, True),
        (403, DENIED, 0, True),
        (403, DENIED, 420, False),
        (403, DENIED, -1000, False),
        (403, DENIED, None, False),
        (403, SIGNATURE, 0, False),
        (200, b"hello", 0, False),
        (503, DENIED, 0, False),
    ],
)
def test_what_an_answer_tells(status: int, body: bytes, off: int | None, reachable: bool) -> None:
    """`off`: seconds by which the bucket's clock is ahead of this one; None: it tells no time."""
    date = formatdate(time.time() + off, usegmt=True) if off is not None else None
    with answering(status, body, date) as url:
        assert asyncio.run(is_missing_object(url)) is reachable


def test_nobody_there() -> None:
    assert asyncio.run(is_missing_object(f"http://127.0.0.1:{free_port()}/object")) is False
