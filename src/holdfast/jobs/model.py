"""What a job is: its states, what is asked for when one is enqueued, and what ends a run from outside.

A job is at least once: it runs again until a run of it ends well or its attempts are used up. What a run writes
through its fence is written exactly once a run; a run that was superseded writes nothing any more.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

DATA_LIMIT = 64 << 10
"""The most characters of a job's data, of its checkpoint and of its result, as JSON."""
ATTEMPTS = 5
STANDING_ATTEMPTS = 1 << 40
"""The attempts of a standing job: it is never given up, and never waits long after an error."""
_KEY_LIMIT = 200
LEFT = "left"
"""The name under which a result lists what could not be done: `{"name": ..., "reason": ...}` each. The same job made
anew does only that."""


class JobState(IntEnum):
    """Where a job stands. The last three are ends."""

    WAITING = 0
    RUNNING = 1
    DONE = 2
    FAILED = 3
    CANCELLED = 4


class Priority(IntEnum):
    """Which due job is taken first; a lower one waits as long as a higher one is due."""

    HIGH = 0
    NORMAL = 1
    LOW = 2


class Superseded(Exception):
    """The run is not the job's any more: its lease ran out and another worker took over, or the job ended."""


class Cancelled(Exception):
    """Somebody asked that the job end."""


class Stopping(Exception):
    """The worker stops: the run ended at its checkpoint, and the job goes back to be carried on."""


class Later(Exception):
    """What the job needs is out of order for now; it waits and comes again without using up an attempt."""


@dataclass(frozen=True, slots=True)
class NewJob:
    """A job to be enqueued.

    `data`: small JSON without secrets. `dedupe`: jobs of an equal key are the same work: one waits at most, and one
    runs at most. `run_at`: not before (microseconds by the database's clock), None for at once. `attempts`: after so
    many runs that ended in an error the job has failed. `account`: who started it and may look at it, 0: the
    installation itself.
    """

    kind: str
    data: Mapping[str, Any] = field(default_factory=dict)
    dedupe: str | None = None
    priority: Priority = Priority.NORMAL
    run_at: int | None = None
    attempts: int = ATTEMPTS
    account: int = 0

    def __post_init__(self) -> None:
        if not 1 <= len(self.kind) <= _KEY_LIMIT or (self.dedupe is not None and len(self.dedupe) > _KEY_LIMIT):
            raise ValueError(f"kind and dedupe key have at most {_KEY_LIMIT} characters")
        if self.attempts < 1:
            raise ValueError("a job has at least one attempt")


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a job is. `rate`: per second in this run; `left`: seconds to the end; each None where it is unknown."""

    done: int
    total: int | None
    rate: float | None
    left: float | None


@dataclass(frozen=True, slots=True)
class Job:
    """A job as it stands. Times are microseconds since the epoch by the database's clock.

    `attempts`: runs that count, the present one among them. `error`: what the last run that did not end well said.
    `merged`: how often it was enqueued again while it waited. `result`: what came out of it, as far as it is known.
    """

    id: int
    kind: str
    data: dict[str, Any]
    dedupe: str | None
    priority: Priority
    state: JobState
    run_at: int
    made_at: int
    started_at: int | None
    ended_at: int | None
    attempts: int
    attempts_max: int
    deferrals: int
    merged: int
    fence: int
    worker: str | None
    lease_until: int | None
    cancel_at: int | None
    checkpoint: dict[str, Any] | None
    progress: Progress | None
    error: str | None
    account: int
    result: dict[str, Any] | None

    @property
    def left(self) -> list[Any]:
        """What it could not do, as its result lists it."""
        found = (self.result or {}).get(LEFT)
        return found if isinstance(found, list) else []

    @property
    def key(self) -> str:
        """The idempotency key of its effects outside the database: the same in every run."""
        return f"{self.made_at:x}-{self.id:x}"
