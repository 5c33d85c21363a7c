"""A collector of traces for tests: a real OTLP/HTTP receiver in the process of the test."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

PATIENCE = 120.0


@dataclass(frozen=True, slots=True)
class Span:
    """One span as it was sent."""

    trace: str
    id: str
    parent: str
    name: str
    kind: int
    status: int
    about: dict[str, Any]
    resource: dict[str, Any]


@dataclass(slots=True)
class Collector:
    """What arrived. `said`: every byte of every request, paths and headers too."""

    url: str = ""
    spans: list[Span] = field(default_factory=list)
    said: bytearray = field(default_factory=bytearray)
    paths: set[str] = field(default_factory=set)
    news: threading.Condition = field(default_factory=threading.Condition)

    def take(self, request: BaseHTTPRequestHandler) -> None:
        """Keep what a request brings."""
        body = request.rfile.read(int(request.headers["Content-Length"]))
        if request.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        message = ExportTraceServiceRequest.FromString(body)
        with self.news:
            self.paths.add(request.path)
            self.said += f"{request.path}\n{request.headers}\n".encode() + body
            for each in message.resource_spans:
                resource = _values(each.resource.attributes)
                for scope in each.scope_spans:
                    self.spans.extend(_span(span, resource) for span in scope.spans)
            self.news.notify_all()

    def until(self, wanted: Callable[[Span], bool]) -> Span:
        """The first span that is `wanted`, once it is here."""

        def found() -> Span | None:
            return next((span for span in self.spans if wanted(span)), None)

        with self.news:
            span = self.news.wait_for(found, PATIENCE)
            assert span is not None, sorted({span.name for span in self.spans})
            return span

    def children(self, of: Span) -> list[str]:
        """The names of the spans in `of`, sorted."""
        with self.news:
            return sorted(span.name for span in self.spans if span.parent == of.id and span.trace == of.trace)


@contextmanager
def collector() -> Iterator[Collector]:
    """Run one on a free loopback port."""
    found = Collector()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            found.take(self)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_args: Any) -> None:
            pass

        def handle(self) -> None:
            with suppress(OSError):  # the server ended
                super().handle()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    found.url = f"http://127.0.0.1:{server.server_port}/otlp"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _values(attributes: Any) -> dict[str, Any]:
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in attributes}


def _span(span: Any, resource: dict[str, Any]) -> Span:
    return Span(
        span.trace_id.hex(),
        span.span_id.hex(),
        span.parent_span_id.hex(),
        span.name,
        span.kind,
        span.status.code,
        _values(span.attributes),
        resource,
    )
