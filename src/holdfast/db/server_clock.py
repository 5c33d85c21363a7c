"""The clock of a database server, kept by this host: an offset to a local clock that never jumps.

Promises: it is the server's time with an error below half the round trip of the best measurement, and what two clocks
drift apart since; a slower measurement makes it no worse. The host's own time of day decides nothing, so hosts may
differ by minutes.
"""

from __future__ import annotations

import time

from holdfast.db.errors import Unavailable

_DRIFT = 2_000
"""Ticks in which two clocks drift apart by one at most: 500 parts in a million, what the kernel corrects at most."""


def ticks() -> int:
    """Microseconds of a clock that goes on while the host sleeps and that nobody sets."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000


class ServerClock:
    """Microseconds since the epoch by the server's clock, as measured last."""

    def __init__(self) -> None:
        self._offset: int | None = None
        self._error = 0
        self.measured = 0

    def note(self, server: int, before: int, after: int) -> None:
        """The server said `server` between the ticks `before` and `after`.

        A measurement that is less exact than what is known by now tells nothing new while the two agree; where they
        cannot both be right it counts: the clock was set, or this is another server.
        """
        offset, error = server - (before + after) // 2, (after - before) // 2
        known = self._error + (after - self.measured) // _DRIFT
        agrees = self._offset is not None and abs(offset - self._offset) <= error + known
        if agrees and error > known:
            self._error = known
        else:
            self._offset, self._error = offset, error
        self.measured = after

    def __call__(self) -> int:
        """The server's time now. Raises `Unavailable` before the first measurement."""
        if self._offset is None:
            raise Unavailable("the database was not reached yet")
        return ticks() + self._offset

    @property
    def offset_to_host(self) -> int:
        """How far the server's clock is ahead of this host's time of day, in microseconds."""
        return self() - time.time_ns() // 1000
