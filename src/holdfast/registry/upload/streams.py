"""How many uploads a process receives at once, and who gives way when that is not enough.

Promises: never more than `most` streams run for long; when all places are taken, the one that has waited longest for
its client gives its place to the next, so that clients that stall cannot keep out those that do not; who is sending
is never interrupted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from holdfast.registry.errors import TooManyUploads

PATIENCE = 5.0
"""Seconds without a byte after which a stream may have to give way."""


class Stream:
    """One upload being received, by the task that made this."""

    __slots__ = ("gave_way", "task", "waits_since")

    def __init__(self) -> None:
        self.task = asyncio.current_task()
        self.waits_since: float | None = None
        self.gave_way = False

    def wait(self) -> None:
        """It is the client's turn."""
        self.waits_since = asyncio.get_running_loop().time()

    def go_on(self) -> None:
        """It is the server's turn."""
        self.waits_since = None


class Streams:
    """The streams of a process, at most `most` at once."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._open: set[Stream] = set()

    @contextmanager
    def take(self) -> Iterator[Stream]:
        """A place for the calling task. Raises `TooManyUploads` when there is none, or when it had to give way."""
        if len(self._open) >= self._most:
            self._make_room()
        stream = Stream()
        self._open.add(stream)
        try:
            yield stream
        except asyncio.CancelledError as error:
            if stream.gave_way:
                raise TooManyUploads("this upload stalled and gave way to others: send it again") from error
            raise
        finally:
            self._open.discard(stream)

    def _make_room(self) -> None:
        latest = asyncio.get_running_loop().time() - PATIENCE
        waiting = [each for each in self._open if each.waits_since is not None and each.waits_since <= latest]
        longest = min(waiting, key=lambda each: each.waits_since or 0.0, default=None)
        if longest is None or longest.task is None:
            raise TooManyUploads("this server is receiving as many uploads as it takes at once")
        self._open.discard(longest)
        longest.gave_way = True
        longest.task.cancel()
