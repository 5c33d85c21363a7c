"""The clock of a database server, kept by this host: an offset to a local clock that never jumps.

Promises: `now()` is the server's time with an error below the round trip of the measurement; the host's own time of
day decides nothing, so hosts may differ by minutes.
"""

from __future__ import annotations

import time

from holdfast.db.errors import Unavailable

_MUCH_SLOWER = 4


def ticks() -> int:
    """Microseconds of a clock that goes on while the host sleeps and that nobody sets."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000


class ServerClock:
    """Microseconds since the epoch by the server's clock, as measured last."""

    def __init__(self) -> None:
        self._offset: int | None = None
        self._round_trip = 0
        self.measured = 0

    def note(self, server: int, before: int, after: int) -> None:
        """The server said `server` between the ticks `before` and `after`.

        A slow measurement that agrees with a much faster one tells nothing new; one that disagrees counts: the clock
        was set, or this is another server.
        """
        offset, round_trip = server - (before + after) // 2, after - before
        self.measured = after
        if (
            self._offset is not None
            and round_trip > _MUCH_SLOWER * self._round_trip
            and abs(offset - self._offset) <= round_trip // 2
        ):
            return
        self._offset, self._round_trip = offset, round_trip

    def __call__(self) -> int:
        """The server's time now. Raises `Unavailable` before the first measurement."""
        if self._offset is None:
            raise Unavailable("the database was not reached yet")
        return ticks() + self._offset

    @property
    def offset_to_host(self) -> int:
        """How far the server's clock is ahead of this host's time of day, in microseconds."""
        return self() - time.time_ns() // 1000
