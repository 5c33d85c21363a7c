"""Jobs as they run in this process: how many, how long, how they ended. Told beside the queue of the database."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping

from holdfast.db.errors import DatabaseError
from holdfast.jobs.model import Cancelled, Later, Stopping, Superseded
from holdfast.jobs.run import Run, Task
from holdfast.telemetry.family import MICROS, Family, Kind, Label
from holdfast.telemetry.meters import Meters

_KIND = Label("kind", most=100)
RUNS = Family(
    "holdfast_job_runs",
    "Runs of jobs that ended, by kind and outcome: done, failed, put off (an outage), or given up (cancelled, stopped,"
    " taken over).",
    Kind.COUNTER,
    (_KIND, Label("outcome", ("done", "failed", "put-off", "given-up"))),
)
SECONDS = Family(
    "holdfast_job_run_duration_seconds", "Time of runs of jobs, by kind.", Kind.HISTOGRAM, (_KIND,), MICROS
)
LAST = Family(
    "holdfast_job_last_done_timestamp_seconds",
    "When a job of a kind was done last, by a process that still runs.",
    Kind.PEAK,
    (_KIND,),
)


def counted(tasks: Mapping[str, Task], meters: Meters, clock: Callable[[], float] = time.time) -> Mapping[str, Task]:
    """The same tasks, counted."""
    meters.declare(RUNS, SECONDS, LAST)
    return {kind: _counted(kind, task, meters, clock) for kind, task in tasks.items()}


def _counted(kind: str, task: Task, meters: Meters, clock: Callable[[], float]) -> Task:
    for often in ("done", "failed"):
        meters.tally(RUNS, kind, often)  # from the start, so that the first one is seen to be one more

    async def run(run: Run) -> None:
        began = time.perf_counter()
        outcome = "failed"
        try:
            await task(run)
            outcome = "done"
            meters.tally(LAST, kind).set(int(clock()))
        except (Later, DatabaseError):
            outcome = "put-off"
            raise
        except (asyncio.CancelledError, Cancelled, Superseded, Stopping):
            outcome = "given-up"
            raise
        finally:
            meters.tally(RUNS, kind, outcome).add()
            meters.durations(SECONDS, kind).add(time.perf_counter() - began)

    return run
