"""Requests as every surface counts them: by route, method and status, with bytes and durations.

One request costs about a microsecond: a look into a dict and six additions.
"""

from __future__ import annotations

from bisect import bisect_left

from holdfast.telemetry.family import BOUNDS, MICROS, OTHER, Family, Kind, Label
from holdfast.telemetry.meters import Meters, Tally

METHODS = frozenset({"GET", "HEAD", "PUT", "POST", "PATCH", "DELETE"})
_ROUTE = Label("route", most=400)
REQUESTS = Family(
    "holdfast_http_requests",
    "Requests that ended, by route, method and status of the answer (499: the client left).",
    Kind.COUNTER,
    (_ROUTE, Label("method", tuple(sorted(METHODS))), Label("status", most=60)),
)
SECONDS = Family(
    "holdfast_http_request_duration_seconds",
    "Time from the first byte of a request to the last of its answer, by route; those of the API together.",
    Kind.HISTOGRAM,
    (Label("route", most=40), Label("method", tuple(sorted(METHODS)))),
    MICROS,
)
RECEIVED = Family("holdfast_http_received_bytes", "Bytes of bodies of requests.", Kind.COUNTER, (_ROUTE,))
SENT = Family("holdfast_http_sent_bytes", "Bytes of bodies of answers.", Kind.COUNTER, (_ROUTE,))
IN_FLIGHT = Family("holdfast_http_requests_in_flight", "Requests that are being served now.", Kind.GAUGE)


class _Known:
    """Where the numbers of one route, method and status are."""

    __slots__ = ("buckets", "received", "requests", "sent", "total")

    def __init__(self, requests: Tally, buckets: tuple[int, ...], total: int, received: Tally, sent: Tally) -> None:
        self.requests = requests.slot
        self.buckets = buckets
        self.total = total
        self.received = received.slot
        self.sent = sent.slot


class Counters:
    """What a process served. One a process, for all of its surfaces."""

    def __init__(self, meters: Meters | None = None) -> None:
        self._meters = meters or Meters()
        self._meters.declare(REQUESTS, SECONDS, RECEIVED, SENT)
        self._values = self._meters.values
        self._known: dict[tuple[str, str, int], _Known] = {}
        self.in_flight = self._meters.tally(IN_FLIGHT)

    def count(  # noqa: PLR0917 - what a request is made of
        self, endpoint: str, method: str, status: int, received: int, sent: int, seconds: float
    ) -> None:
        """Note one request. `endpoint` and `status`: of the program's own; `method`: as it came."""
        if method not in METHODS:
            method = OTHER
        known = self._known.get((endpoint, method, status)) or self._learn(endpoint, method, status)
        values = self._values
        values[known.requests] += 1
        values[known.buckets[bisect_left(BOUNDS, seconds)]] += 1
        values[known.total] += int(seconds * 1e6)
        if received:
            values[known.received] += received
        if sent:
            values[known.sent] += sent

    def _learn(self, endpoint: str, method: str, status: int) -> _Known:
        room, _, operation = endpoint.partition(":")
        route = OTHER if "unrouted" in (room, operation) else endpoint
        durations = self._meters.durations(SECONDS, route if route == OTHER else room, method)
        known = _Known(
            self._meters.tally(REQUESTS, route, method, str(status)),
            durations.buckets,
            durations.total,
            self._meters.tally(RECEIVED, route),
            self._meters.tally(SENT, route),
        )
        self._known[endpoint, method, status] = known
        return known
