"""How many clients of the soak are at work at once: as many as the machine answers within a lease.

Promises: never fewer than `LEAST`, so that pushes always meet deletes of others; a push that was slow counts once, and
none that began before the pace was last lowered.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

LEAST = 3


class Pace:
    """A bound on the steps at once, which only falls. For many threads."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._busy = 0
        self._changed = time.monotonic()
        self._free = threading.Condition()

    @contextmanager
    def step(self) -> Iterator[bool]:
        """Wait until one more may work; it does until the block ends. Gives whether it had to wait."""
        with self._free:
            waited = self._busy >= self._most
            self._free.wait_for(lambda: self._busy < self._most)
            self._busy += 1
        try:
            yield waited
        finally:
            with self._free:
                self._busy -= 1
                self._free.notify()

    def slow(self, began: float) -> None:
        """A push that began then (monotonic seconds) took longer than its lease: fewer at once from here on."""
        with self._free:
            if began >= self._changed and self._most > LEAST:
                self._most = max(LEAST, self._most // 2)
                self._changed = time.monotonic()
