"""Request ids: unique over processes and restarts, cheap, and safe in a header, a log line and a URL."""

from __future__ import annotations

import itertools
import os


class RequestIds:
    """Ids of one process: twelve random hex digits, then a counter."""

    def __init__(self) -> None:
        self._prefix = os.urandom(6).hex() + "-"
        self._next = itertools.count(1).__next__

    def next(self) -> str:
        """A new id of at most 30 characters of [0-9a-f-]."""
        return f"{self._prefix}{self._next():x}"
