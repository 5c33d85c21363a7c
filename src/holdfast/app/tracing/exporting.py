"""Traces by OpenTelemetry, sent to a collector by OTLP over HTTP. The only file that knows the library.

Promises: ending a span costs microseconds and never waits; what is not sent yet is bounded (2,048 spans, the others are
dropped), and a collector that is away costs a line of the log a minute. No text of an error gets into a span.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from opentelemetry.context import Context, attach, detach
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_INSTANCE_ID, SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import (
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    format_span_id,
    format_trace_id,
    get_current_span,
    set_span_in_context,
)

from holdfast import __version__
from holdfast.telemetry.counters import METHODS
from holdfast.telemetry.events import Events
from holdfast.telemetry.traces import HEADER, Leg, Parent, Served

CLOSING = 2.0
"""Seconds that a stop waits for the collector."""
_TELL_EVERY = 60.0
_LONGEST = 300
_OTHER = "_OTHER"
_Value = str | int


class OpenTelemetry:
    """The `Traces` of this process. `endpoint`: the base URL of the collector; `ratio`: the part of traces that is
    recorded, 0 to 1; `role`: what this process is. `OTEL_` variables say the rest (headers, certificates, ...)."""

    def __init__(self, endpoint: str, ratio: float, role: str, events: Events) -> None:
        _Bridge(events).install()
        self._ratio = ratio
        self._provider = TracerProvider(
            sampler=ParentBased(TraceIdRatioBased(ratio)),
            resource=_resource(role),
            shutdown_on_exit=False,
            span_limits=SpanLimits(max_span_attribute_length=_LONGEST),
        )
        exporter = OTLPSpanExporter(endpoint=endpoint.rstrip("/") + "/v1/traces")
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("holdfast", __version__)

    @contextmanager
    def request(self, method: str, parent: Parent | None, *, trusted: bool) -> Iterator[None]:
        """The span of a request that came."""
        context = Context()
        if parent is not None:
            # Who is not trusted names the trace, and chance decides: he could choose an id that is always recorded.
            sampled = parent.sampled if trusted else random.random() < self._ratio  # noqa: S311 - no secret
            flags = TraceFlags(TraceFlags.SAMPLED if sampled else TraceFlags.DEFAULT)
            asking = SpanContext(parent.trace, parent.span, is_remote=True, trace_flags=flags)
            context = set_span_in_context(NonRecordingSpan(asking), context)
        with self._current(_method(method), SpanKind.SERVER, context):
            yield

    def served(self, served: Served) -> str:
        """Tell the current span of a request what became of it."""
        span = get_current_span()
        if span.is_recording():
            method = _method(served.method)
            span.update_name(f"{method} {served.endpoint}")
            span.set_attribute("http.request.method", method)
            span.set_attribute("http.route", served.endpoint)
            span.set_attribute("http.response.status_code", served.status)
            span.set_attribute("http.request.body.size", served.received)
            span.set_attribute("http.response.body.size", served.sent)
            span.set_attribute("holdfast.request", served.request)
            if served.repository:
                span.set_attribute("holdfast.repository", served.repository)
            if served.status >= 500:
                span.set_status(Status(StatusCode.ERROR))
        return _trace_of(span)

    @contextmanager
    def job(self, kind: str, number: int, attempt: int) -> Iterator[None]:
        """The span of a run of a job."""
        about: dict[str, _Value] = {
            "holdfast.job": number,
            "holdfast.job.kind": kind,
            "holdfast.job.attempt": attempt,
        }
        with self._current(f"job {kind}", SpanKind.CONSUMER, Context(), about):
            yield

    @contextmanager
    def within(self, name: str) -> Iterator[None]:
        """A span in the current one."""
        if not get_current_span().is_recording():
            yield
            return
        with self._current(name, SpanKind.INTERNAL, None):
            yield

    def beside(self, name: str) -> Callable[[], None]:
        """Begin a span in the current one that does not become current."""
        if not get_current_span().is_recording():
            return _nothing
        return self._tracer.start_span(name).end

    @contextmanager
    def outbound(self, method: str, host: str) -> Iterator[Leg]:
        """The span of a request to `host`, and the headers that tell of it."""
        about: dict[str, _Value] = {"http.request.method": method, "server.address": host}
        with self._current(method, SpanKind.CLIENT, None, about) as span:
            leg = Leg({HEADER: _traceparent(span)})
            yield leg
            if leg.status:
                span.set_attribute("http.response.status_code", leg.status)
                if leg.status >= 400:
                    span.set_status(Status(StatusCode.ERROR))

    def trace_id(self) -> str:
        """The id of the current trace."""
        return _trace_of(get_current_span())

    async def close(self) -> None:
        """Send what was not sent yet, for two seconds at most: the thread that still tries then ends with us."""
        loop = asyncio.get_running_loop()
        sent = asyncio.Event()

        def end() -> None:
            self._provider.shutdown()
            with suppress(RuntimeError):  # nobody waits any more
                loop.call_soon_threadsafe(sent.set)

        threading.Thread(target=end, name="holdfast-traces", daemon=True).start()
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSING):
                await sent.wait()

    @contextmanager
    def _current(
        self, name: str, kind: SpanKind, context: Context | None, about: dict[str, _Value] | None = None
    ) -> Iterator[Span]:
        """A span that is current, in `context` or the current one; what it is left by is told by its kind alone."""
        span = self._tracer.start_span(name, context, kind=kind, attributes=about)
        token = attach(set_span_in_context(span, context))
        try:
            yield span
        except BaseException as error:
            span.set_attribute("error.type", type(error).__name__)
            if isinstance(error, Exception):
                span.set_status(Status(StatusCode.ERROR))
            raise
        finally:
            detach(token)
            span.end()


class _Bridge(logging.Handler):
    """What the library says, as events of ours: one a minute at most, for a collector may be away for long."""

    def __init__(self, events: Events) -> None:
        super().__init__(logging.WARNING)
        self._events = events
        self._next = 0.0

    def install(self) -> None:
        """Take the place of the library's own lines."""
        logger = logging.getLogger("opentelemetry")
        logger.handlers = [self]
        logger.propagate = False

    def emit(self, record: logging.LogRecord) -> None:
        """Tell of `record`, unless one was told a moment ago."""
        now = time.monotonic()
        if now >= self._next:
            self._next = now + _TELL_EVERY
            self._events.warning("traces not sent", why=record.getMessage()[:_LONGEST])


def _resource(role: str) -> Resource:
    """Who tells: the variables of OpenTelemetry may give it another name."""
    about = Resource.create(
        {
            SERVICE_VERSION: __version__,
            SERVICE_INSTANCE_ID: f"{socket.gethostname()}/{os.getpid()}",
            "holdfast.role": role,
        }
    )
    named = str(about.attributes.get(SERVICE_NAME, "unknown_service"))
    return about.merge(Resource({SERVICE_NAME: "holdfast"})) if named.startswith("unknown_service") else about


def _method(method: str) -> str:
    return method if method in METHODS else _OTHER


def _trace_of(span: Span) -> str:
    context = span.get_span_context()
    return format_trace_id(context.trace_id) if context.is_valid else ""


def _traceparent(span: Span) -> str:
    context = span.get_span_context()
    return f"00-{format_trace_id(context.trace_id)}-{format_span_id(context.span_id)}-{context.trace_flags:02x}"


def _nothing() -> None:
    """The end of a span that was not begun."""
