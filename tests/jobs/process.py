"""A worker process for tests: `python -m tests.jobs.process PLACE NAME LEASE`, ended by SIGTERM or SIGKILL.

PLACE is the path of a SQLite file or the URL of a PostgreSQL database. Its tasks leave marks that the database takes
only once; `steps` tells of every step on standard output.
"""

from __future__ import annotations

import asyncio
import signal
import sys

from tests.jobs.place import mark

from holdfast.db.port import Database, Unit
from holdfast.db.postgres import PostgresDatabase
from holdfast.db.sqlite import SqliteDatabase
from holdfast.jobs.run import Run
from holdfast.jobs.worker import Worker
from holdfast.telemetry.events import make_events


async def steps(run: Run) -> None:
    """As many steps as the job asks for; the effect of each and the checkpoint are one."""
    step: int = (run.checkpoint or {"step": 0})["step"]
    while step < run.job.data["steps"]:

        async def work(unit: Unit, step: int = step) -> None:
            await mark(f"{run.job.id} {step:04}")(unit)
            await run.keep(unit, {"step": step + 1})

        await run.write(work)
        step += 1
        sys.stdout.write(f"{run.job.id} {step}\n")
        sys.stdout.flush()
        await asyncio.sleep(run.job.data["pause"])


async def once(run: Run) -> None:
    """One effect, which ends the job."""
    await run.finish(mark(f"{run.job.id:06}"))


async def main(place: str, name: str, lease: str) -> None:
    """Work until SIGTERM."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    db: Database
    if place.startswith("postgresql:"):
        db = PostgresDatabase(place)
        await db.open()
    else:
        db = SqliteDatabase(place)
    events = make_events("warning")
    worker = Worker(
        db, {"steps": steps, "once": once}, name=name, events=events, slots=16, lease=float(lease), look=0.05
    )
    try:
        await worker.run(stop)
    finally:
        await db.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
