"""Real worker processes: one is killed in the middle and another goes on; many share the work."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.db.engines import Engine, Postgres, Sqlite, make_engine, opened
from tests.jobs.place import marks

from holdfast.db.port import Database, Unit
from holdfast.jobs.model import JobState, NewJob
from holdfast.jobs.service import Jobs, enqueue

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 120.0
LEASE = 2.0
MANY = 10_000
_BATCH = 500


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Engine:
    return make_engine(request.param, tmp_path)


@contextlib.contextmanager
def worker(engine: Engine, name: str, lease: float = LEASE) -> Iterator[subprocess.Popen[str]]:
    """A worker process, gone when the block is left."""
    assert isinstance(engine, Sqlite | Postgres)
    place = engine.path if isinstance(engine, Sqlite) else engine.url
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.jobs.process", place, name, str(lease)],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


async def ended(db: Database) -> None:
    """Return when nothing waits or runs."""
    async with asyncio.timeout(PATIENCE):
        while any((await Jobs(db).pending()).values()):
            await asyncio.sleep(0.05)


def lines(process: subprocess.Popen[str], count: int) -> list[str]:
    """The next lines that a worker tells."""
    assert process.stdout is not None
    return [process.stdout.readline() for _ in range(count)]


def test_a_killed_workers_job_goes_on_in_another_where_it_was(engine: Engine) -> None:
    async def scenario() -> None:
        db = await opened(engine)
        try:
            job = NewJob("steps", {"steps": 40, "pause": 0.02}, attempts=2)
            id = await db.write(lambda unit: enqueue(unit, job))
            assert id is not None
            with worker(engine, "first") as first:
                told = await asyncio.to_thread(lines, first, 5)
                assert told[-1] == f"{id} 5\n"
                with worker(engine, "second") as second:
                    first.kill()
                    first.wait()
                    taken = await asyncio.to_thread(lines, second, 1)
                    assert int(taken[0].split()[1]) > 5, "what was done is not done again"
                    await ended(db)
            done = await Jobs(db).show(id)
            assert (done.state, done.attempts, done.worker) == (JobState.DONE, 2, "second")
            assert await marks(db) == [f"{id} {step:04}" for step in range(40)]
        finally:
            await db.close()

    asyncio.run(scenario())


def test_a_worker_that_stands_still_too_long_writes_nothing_more(engine: Engine) -> None:
    """SIGSTOP, as a machine does that is suspended: it wakes up after its lease."""
    import os
    import signal

    async def scenario() -> None:
        db = await opened(engine)
        try:
            id = await db.write(lambda unit: enqueue(unit, NewJob("steps", {"steps": 60, "pause": 0.05})))
            assert id is not None
            with worker(engine, "first") as first, worker(engine, "idle") as second:
                told = await asyncio.to_thread(_first_word, first, second)
                still, other = (first, second) if told == "first" else (second, first)
                os.kill(still.pid, signal.SIGSTOP)
                await asyncio.to_thread(lines, other, 2)
                os.kill(still.pid, signal.SIGCONT)
                await ended(db)
                assert still.poll() is None, "it lives on"
            done = await Jobs(db).show(id)
            assert (done.state, done.attempts) == (JobState.DONE, 2)
            assert await marks(db) == [f"{id} {step:04}" for step in range(60)]
        finally:
            await db.close()

    asyncio.run(scenario())


def _first_word(first: subprocess.Popen[str], second: subprocess.Popen[str]) -> str:
    """Which of two workers tells of a step."""
    import select

    assert first.stdout is not None
    assert second.stdout is not None
    ready, _, _ = select.select([first.stdout, second.stdout], [], [], PATIENCE)
    return "first" if first.stdout in ready else "second"


@pytest.mark.slow
def test_many_jobs_are_done_once_each_by_several_workers(engine: Engine) -> None:
    async def fill(unit: Unit) -> None:
        for _ in range(_BATCH):
            await enqueue(unit, NewJob("once"))

    async def scenario() -> None:
        db = await opened(engine)
        try:
            for _ in range(MANY // _BATCH):
                await db.write(fill)
            with contextlib.ExitStack() as stack:
                processes = [stack.enter_context(worker(engine, f"worker {n}", 30.0)) for n in range(3)]
                await ended(db)
                for process in processes:
                    process.terminate()
                    assert process.wait(PATIENCE) == 0
            done = await Jobs(db).list(limit=MANY)
            assert {(job.state, job.attempts, job.fence) for job in done} == {(JobState.DONE, 1, 1)}
            assert await marks(db) == sorted(f"{job.id:06}" for job in done)
            assert len(done) == MANY
            assert len({job.worker for job in done}) == 3
        finally:
            await db.close()

    asyncio.run(scenario())
