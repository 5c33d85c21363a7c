"""Whether this process traces, and by what."""

from __future__ import annotations

from holdfast.app.config import Settings
from holdfast.telemetry.events import Events, make_events
from holdfast.telemetry.pages import Role
from holdfast.telemetry.traces import Traces


def open_traces(settings: Settings, role: Role) -> Traces | None:
    """The traces of this process, which is `role`; None where they are off. It starts a thread: never before a fork."""
    if settings.traces.endpoint is None:
        return None
    from holdfast.app.tracing.exporting import OpenTelemetry

    events = make_events(settings.log.level, settings.log.format)
    return OpenTelemetry(settings.traces.endpoint, settings.traces.ratio, role.name.lower(), events)


def open_told(settings: Settings, role: Role) -> tuple[Traces | None, Events]:
    """The traces of this process, and its events, which name them."""
    traces = open_traces(settings, role)
    return traces, open_events(settings, traces)


def open_events(settings: Settings, traces: Traces | None) -> Events:
    """The events of this process, with the traces that they belong to."""
    return make_events(settings.log.level, settings.log.format, traces.trace_id if traces is not None else None)
