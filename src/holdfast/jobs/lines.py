"""What a run of a job says: lines for people, the last ones of which are kept with the job.

Promises: at most `LINES` lines a job are kept, each of at most `holdfast.jobs.reason.LIMIT` characters and without
what would open a door; a run that is not the job's any more adds none; a line is kept once, however often its unit is
repeated. What the registry does by itself, and well, it does silently.
"""

from __future__ import annotations

import json
from collections import deque
from typing import NamedTuple

from holdfast.db.port import Unit
from holdfast.jobs import store
from holdfast.jobs.model import Job
from holdfast.jobs.reason import clean

LINES = 100
_BITS = 20


class Line(NamedTuple):
    """A line; `at`: microseconds by the database's clock."""

    at: int
    text: str


class Lines:
    """The lines of one run, those among them that are not stored yet."""

    def __init__(self, job: Job) -> None:
        self._id, self._fence = job.id, job.fence
        self._silent = job.account == 0
        self._said = 0
        self._waiting: deque[tuple[int, int, str]] = deque(maxlen=LINES)

    def say(self, at: int, text: str, *, quiet: bool = False) -> None:
        """Add a line. `quiet`: it is worth nothing alone, where nobody asked for the job."""
        self._silent = self._silent and quiet
        self._waiting.append(self._line(at, text))
        self._said += 1

    @property
    def last(self) -> int:
        """How many lines were said."""
        return self._said

    def stored(self, last: int) -> None:
        """The first `last` lines are stored."""
        end = self._seq(last)
        while self._waiting and self._waiting[0][0] < end:
            self._waiting.popleft()

    async def write(self, unit: Unit, ending: str = "") -> None:
        """Store what waits, and after it the line `ending`, '' none."""
        rows = list(self._waiting)
        if ending:
            rows.append(self._line(unit.now, ending))
        if self._silent or not rows:
            return
        await unit.run(store.ADD_LINES, id=self._id, fence=self._fence, rows=json.dumps(rows))
        if self._fence > 1 or self._said + 1 > LINES:
            await unit.run(store.TRIM_LINES, id=self._id, most=LINES)

    def _line(self, at: int, text: str) -> tuple[int, int, str]:
        return self._seq(self._said), at, clean(text)

    def _seq(self, place: int) -> int:
        return (self._fence << _BITS) + place
