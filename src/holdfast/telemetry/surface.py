"""Where a surface tells what it did: events, one access line a request, counters, and the ids that tie them."""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from typing import Any

from holdfast.telemetry.access_log import AccessLog
from holdfast.telemetry.counters import Counters
from holdfast.telemetry.events import Events
from holdfast.telemetry.meters import Meters
from holdfast.telemetry.request_id import RequestIds
from holdfast.telemetry.traces import Traces


class Telemetry:
    """What every surface of a process shares. `remote`: the address that a request (its ASGI scope) came from;
    `traces`: None where they are off."""

    def __init__(
        self,
        events: Events,
        access_log: AccessLog,
        remote: Callable[[MutableMapping[str, Any]], str],
        meters: Meters | None = None,
        traces: Traces | None = None,
    ) -> None:
        self.events = events
        self.access_log = access_log
        self.remote = remote
        self.counters = Counters(meters)
        self.ids = RequestIds()
        self.traces = traces
