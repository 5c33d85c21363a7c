"""What waits for one webhook, as the deliverer holds it in memory: lanes, and the circuit of its target. Pure.

Promises: of one repository (a lane) one delivery is under way at most, and a later one waits until the earlier one was
delivered or given up; a lane that waits to be tried again stops no other; what is held is bounded, however much waits:
rows beyond are read again when their lane comes to them.
"""

from __future__ import annotations

import heapq
import random
from collections import deque
from collections.abc import Sequence
from itertools import count

from holdfast.webhooks.delivery_store import DeliveryRow
from holdfast.webhooks.model import SECOND, Pace

AT_ONCE = 200
"""Rows read at once."""
IN_LANE = 20
"""Deliveries of one repository that are held."""
_HELD = 1_000
_LANES = 5_000


class Lane:
    """The deliveries of one repository, the oldest first. `more`: others follow that are not held; `last`: the place of
    the last that is; `busy`: the first is under way, or what came of it is not yet stored."""

    __slots__ = ("busy", "last", "more", "path", "rows")

    def __init__(self, path: str) -> None:
        self.path = path
        self.rows: deque[DeliveryRow] = deque()
        self.last = 0
        self.more = False
        self.busy = False


class Lanes:
    """Every lane of a webhook. `concurrency`: how many may be under way at once."""

    def __init__(self, concurrency: int) -> None:
        self._concurrency = concurrency
        self._lanes: dict[str, Lane] = {}
        self._ready: deque[Lane] = deque()
        self._delayed: list[tuple[int, int, Lane]] = []
        self._number = count()
        self._held = 0
        self.under_way = 0
        self.busy = 0
        self.after = 0
        """The place up to which rows were read."""
        self.more = True
        """Whether there may be rows beyond."""

    @property
    def wants(self) -> bool:
        """Whether more rows should be read."""
        return self.more and self._held < _HELD and len(self._lanes) < _LANES

    def add(self, rows: Sequence[DeliveryRow], now: int) -> None:
        """Take rows that were read beyond `after`, at most `AT_ONCE`."""
        self.more = len(rows) == AT_ONCE
        for row in rows:
            self.after = row.pos
            lane = self._lanes.get(row.path)
            if lane is None:
                lane = self._lanes[row.path] = Lane(row.path)
                self._put(lane, row)
                self._queue(lane, row.due_at, now)
            elif row.pos <= lane.last:
                continue  # it was read with its lane
            elif lane.more or len(lane.rows) >= IN_LANE:
                lane.more = True
            else:
                self._put(lane, row)

    def refill(self, lane: Lane, rows: Sequence[DeliveryRow], now: int) -> None:
        """Take the rows of a lane that were read beyond its last, at most `IN_LANE`."""
        lane.more = len(rows) == IN_LANE
        for row in rows:
            self._put(lane, row)
        if lane.rows:
            self._free(lane, lane.rows[0].due_at, now)
        else:
            self._drop(lane)

    def next(self, now: int) -> Lane | None:
        """A lane whose first delivery is to be tried now, which is under way from here on."""
        if self.under_way >= self._concurrency:
            return None
        while self._delayed and self._delayed[0][0] <= now:
            self._ready.append(heapq.heappop(self._delayed)[2])
        return self._begin(self._ready.popleft()) if self._ready else None

    def probe(self) -> Lane | None:
        """A lane to try a failing target with, when none is under way."""
        if self.under_way:
            return None
        if self._ready:
            return self._begin(self._ready.popleft())
        return self._begin(heapq.heappop(self._delayed)[2]) if self._delayed else None

    def answered(self) -> None:
        """A request ended; what came of it is not yet stored."""
        self.under_way -= 1

    def settle(self, lane: Lane, row: DeliveryRow | None, now: int) -> bool:
        """What came of the first of `lane` is stored: it ended (None), or waits as `row` to be tried again. Tells
        whether rows of the lane are to be read (`refill`)."""
        if row is not None:
            lane.rows[0] = row
            self._free(lane, row.due_at, now)
            return False
        lane.rows.popleft()
        self._held -= 1
        if lane.rows:
            self._free(lane, lane.rows[0].due_at, now)
        elif lane.more:
            return True
        else:
            self._drop(lane)
        return False

    def hurry(self) -> None:
        """Nothing waits any more to be tried again: the target takes what it is sent."""
        while self._delayed:
            self._ready.append(heapq.heappop(self._delayed)[2])

    def due(self) -> int | None:
        """When the first of those is due that wait to be tried again."""
        return self._delayed[0][0] if self._delayed else None

    @property
    def waits(self) -> bool:
        """Whether anything is held that is not under way."""
        return bool(self._ready or self._delayed)

    def _free(self, lane: Lane, due: int, now: int) -> None:
        lane.busy = False
        self.busy -= 1
        self._queue(lane, due, now)

    def _drop(self, lane: Lane) -> None:
        lane.busy = False
        self.busy -= 1
        del self._lanes[lane.path]

    def _begin(self, lane: Lane) -> Lane:
        lane.busy = True
        self.busy += 1
        self.under_way += 1
        return lane

    def _put(self, lane: Lane, row: DeliveryRow) -> None:
        lane.rows.append(row)
        lane.last = row.pos
        self._held += 1

    def _queue(self, lane: Lane, due: int, now: int) -> None:
        if due <= now:
            self._ready.append(lane)
        else:
            heapq.heappush(self._delayed, (due, next(self._number), lane))


class Circuit:
    """Whether a target takes anything. While it fails (`since`: from when on) one request now and then tries it."""

    __slots__ = ("_pace", "failures", "probe_at", "probes", "since")

    def __init__(self, pace: Pace, since: int | None = None, probe_at: int | None = None, probes: int = 0) -> None:
        self._pace = pace
        self.failures = 0 if since is None else pace.failures
        self.since = since
        self.probe_at = probe_at or 0
        self.probes = probes

    @property
    def is_open(self) -> bool:
        """Whether nothing is sent but probes."""
        return self.since is not None

    def taken(self) -> bool:
        """The target took something; tells whether the circuit closes by that."""
        was_open = self.since is not None
        self.failures, self.since, self.probe_at, self.probes = 0, None, 0, 0
        return was_open

    def failed(self, now: int) -> bool:
        """The target took nothing; tells whether that changes when it is tried next: it opens, or a probe failed."""
        self.failures += 1
        if self.failures < self._pace.failures:
            return False
        if self.since is None:
            self.since = now
        elif now < self.probe_at:
            return False  # a request that was under way when it opened
        pause = min(self._pace.probe_most, self._pace.probe_first * 2 ** min(self.probes, 20))
        self.probes += 1
        self.probe_at = now + spread(pause)
        return True


def spread(seconds: float) -> int:
    """So many seconds in microseconds, less up to a half by chance: spreads load, hides nothing."""
    return round(seconds * random.uniform(0.5, 1.0) * SECOND)  # noqa: S311 - see above


def back_off(pace: Pace, row: DeliveryRow, patience: int, now: int) -> int | None:
    """When a delivery that failed is tried again; None: its time is over. The pauses double: each is about as long as
    all that went before."""
    if now >= row.until_at:
        return None
    waited = (now - (row.until_at - patience)) / SECOND
    return min(now + spread(min(pace.most, max(pace.first, waited))), row.until_at)
