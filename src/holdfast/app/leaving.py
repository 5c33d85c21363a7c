"""Whether the workers of a server are about to end: a number in memory that the supervisor shares with them.

The web server lets what is in flight come to its end before it says that it stops; what has none asks here.
"""

from __future__ import annotations

import mmap

_SIZE = 8


class Leaving:
    """Made by the supervisor before it has workers, and inherited by them."""

    def __init__(self) -> None:
        self._shared = mmap.mmap(-1, _SIZE)
        self._born = 0

    def ask(self) -> None:
        """In the supervisor: every worker that there is now is about to end."""
        self._shared[:] = (self._now() + 1).to_bytes(_SIZE, "big")

    def enter(self) -> None:
        """In a worker, when it is born."""
        self._born = self._now()

    def asked(self) -> bool:
        """In a worker: whether it is about to end."""
        return self._now() != self._born

    def _now(self) -> int:
        return int.from_bytes(self._shared[:], "big")
