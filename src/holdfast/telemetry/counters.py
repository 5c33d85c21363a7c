"""Counters of a process, as plain integers: cheap enough for every request, read by whoever exposes them."""

from __future__ import annotations

from collections import Counter


class Counters:
    """Requests by endpoint and status, and bytes in and out, since the process started."""

    def __init__(self) -> None:
        self.requests: Counter[tuple[str, int]] = Counter()
        self.received = 0
        self.sent = 0

    def count(self, endpoint: str, status: int, received: int, sent: int) -> None:
        """Note one request."""
        self.requests[endpoint, status] += 1
        self.received += received
        self.sent += sent
