"""The job worker of a server: what it does, how it ends, how it dies, and what of the server it has no part in."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
from datetime import timedelta
from functools import partial
from pathlib import Path

from tests.app.test_server import PATIENCE, members, until
from tests.serving import Server, program, running_server

from holdfast.app.build import first_start
from holdfast.app.config import Settings
from holdfast.app.config_record import Jobs as JobSettings
from holdfast.app.datadir import DataDirectory
from holdfast.app.engines import engines
from holdfast.app.tasks import SCHEDULES, SWEEP, tasks
from holdfast.blobs.errors import Unavailable
from holdfast.db.port import Unit
from holdfast.db.query import Command
from holdfast.db.sqlite import SqliteDatabase
from holdfast.jobs.model import Job, JobState, NewJob
from holdfast.jobs.service import Jobs, enqueue
from holdfast.jobs.worker import Worker
from holdfast.telemetry.events import make_events

DEFAULTS = JobSettings()
DOOM = Command("insert into doomed (key, due) values ('key', 0)")


def laid(tmp_path: Path, jobs: JobSettings = DEFAULTS) -> Settings:
    """Settings of a directory that a first start has laid."""
    settings = Settings(data=tmp_path / "data", jobs=jobs)
    directory = DataDirectory(settings.data)
    directory.prepare()
    asyncio.run(first_start(settings, directory))
    return settings


def jobs_of(data: Path) -> list[Job]:
    """Every job in a data directory, newest first."""

    async def read() -> list[Job]:
        db = SqliteDatabase(str(data / "holdfast.db"))
        try:
            return list(await Jobs(db).list(limit=1000))
        finally:
            await db.close()

    return asyncio.run(read())


def put(data: Path, *jobs: NewJob) -> None:
    """Enqueue jobs in a data directory."""

    async def write() -> None:
        db = SqliteDatabase(str(data / "holdfast.db"))
        try:
            for job in jobs:
                await db.write(partial(_enqueue, job))
        finally:
            await db.close()

    asyncio.run(write())


async def _enqueue(job: NewJob, unit: Unit) -> int | None:
    return await enqueue(unit, job)


def worker_of(server: Server, gone: set[int]) -> int:
    """The job worker: the process of the server that holds neither its directory nor its port."""
    found: set[int] = set()

    def seen() -> bool:
        found.clear()
        found.update(members(server.group) - {server.pid} - gone)
        held = {pid for pid in found if "serve.lock" in descriptors(pid)}
        found.difference_update(held)
        return len(found) == len(held) == 1

    until(seen, "there is no job worker, or more than one")
    return found.pop()


def descriptors(pid: int) -> str:
    """What a process has open; sockets that listen are called so."""
    kinds = []
    listening = listening_inodes()
    with contextlib.suppress(FileNotFoundError):
        for entry in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):
                target = os.readlink(entry)
                kinds.append("listening" if target.removeprefix("socket:[").removesuffix("]") in listening else target)
    return " ".join(kinds)


def listening_inodes() -> set[str]:
    """The TCP sockets of this machine that listen."""
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    return {line.split()[9] for line in lines if line.split()[3] == "0A"}


def test_a_server_works_off_what_is_enqueued(tmp_path: Path) -> None:
    with running_server(tmp_path, "--open") as server:
        put(server.data, NewJob(SWEEP))
        until(lambda: jobs_of(server.data)[0].state is JobState.DONE, "nobody runs the job")


def test_a_server_without_jobs_leaves_them_alone(tmp_path: Path) -> None:
    with running_server(tmp_path, "--open", "--no-jobs") as server:
        put(server.data, NewJob(SWEEP))
        assert len(members(server.group)) == 2
        worker = subprocess.Popen(
            [str(program()), "worker", "--data", str(server.data)], stderr=subprocess.PIPE, cwd=tmp_path
        )
        try:
            until(lambda: jobs_of(server.data)[0].state is JobState.DONE, "the worker does not run the job")
            worker.terminate()
            assert worker.wait(PATIENCE) == 0
        finally:
            worker.kill()
            _, said = worker.communicate()
        assert b"Traceback" not in said


def test_a_job_worker_that_dies_is_replaced_and_has_no_part_of_the_port(tmp_path: Path) -> None:
    with running_server(tmp_path, "--open") as server:
        first = worker_of(server, set())
        until(lambda: "holdfast.db" in descriptors(first), "it does not open the database")
        assert "listening" not in descriptors(first)
        os.kill(first, signal.SIGKILL)
        second = worker_of(server, {first})
        assert second != first
        until(lambda: "holdfast.db" in descriptors(second), "it does not open the database")
        assert "listening" not in descriptors(second), "one that is started later has no part of the port either"
        put(server.data, NewJob(SWEEP))
        until(lambda: jobs_of(server.data)[0].state is JobState.DONE, "the new one runs nothing")
        assert server.stop() == 0
        assert members(server.group) == set()
        assert "Traceback" not in server.log_text()


def test_it_dies_with_a_supervisor_that_is_killed(tmp_path: Path) -> None:
    with running_server(tmp_path, "--open") as server:
        worker_of(server, set())
        server.kill9(children=False)
        until(lambda: members(server.group) == set(), "somebody outlives the supervisor")
        until(lambda: is_free(server.port), "somebody has its port yet")


def is_free(port: int) -> bool:
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:  # the last of them has ended, and the system is about to close what it had
        return False
    return True


def test_a_worker_without_a_registry_says_so(tmp_path: Path) -> None:
    done = subprocess.run(
        [str(program()), "worker", "--data", str(tmp_path / "nothing")],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 1
    assert "there is no registry" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "nothing").exists()


def test_every_schedule_has_its_task(tmp_path: Path) -> None:
    settings = laid(tmp_path)

    async def kinds() -> set[str]:
        async with engines(settings) as opened:
            return set(tasks(settings, opened))

    assert {each.kind for each in SCHEDULES} <= asyncio.run(kinds())


def test_a_sweep_whose_store_is_away_waits_and_keeps_its_attempts(tmp_path: Path) -> None:
    settings = laid(tmp_path)

    async def main() -> Job:
        async with engines(settings) as opened:

            class Away:
                staging = None

                async def mark(self, name: str) -> None:
                    raise Unavailable

            broken = opened._replace(blobs=Away())  # type: ignore[arg-type]
            id = await opened.db.write(lambda unit: enqueue(unit, NewJob(SWEEP)))
            await opened.db.write(doom)
            worker = Worker(opened.db, tasks(settings, broken), name="test", events=make_events("error"), look=0.01)
            return await until_seen(worker, Jobs(opened.db), id or 0)

    job = asyncio.run(main())
    assert (job.state, job.attempts, job.deferrals) == (JobState.WAITING, 0, 1)
    assert job.error is not None
    assert "Later" in job.error


def test_ended_jobs_are_forgotten_after_their_time(tmp_path: Path) -> None:
    settings = laid(tmp_path, jobs=JobSettings(history=timedelta(0)))

    async def main() -> list[Job]:
        async with engines(settings) as opened:
            worker = Worker(opened.db, tasks(settings, opened), name="test", events=make_events("error"), look=0.01)
            first = await opened.db.write(lambda unit: enqueue(unit, NewJob(SWEEP)))
            await until_seen(worker, Jobs(opened.db), first or 0)
            second = await opened.db.write(lambda unit: enqueue(unit, NewJob("forget-jobs")))
            await until_seen(worker, Jobs(opened.db), second or 0)
            return list(await Jobs(opened.db).list())

    assert [job.kind for job in asyncio.run(main())] == ["forget-jobs"]


async def doom(unit: Unit) -> None:
    """Something for the sweeper to delete."""
    await unit.run(DOOM)


async def until_seen(worker: Worker, jobs: Jobs, id: int) -> Job:
    """Let the worker work until the job ended, or was put off."""
    stop = asyncio.Event()
    working = asyncio.create_task(worker.run(stop))
    try:
        async with asyncio.timeout(PATIENCE):
            while True:
                job = await jobs.show(id)
                if job.state >= JobState.DONE or job.deferrals:
                    return job
                await asyncio.sleep(0.01)
    finally:
        stop.set()
        await working
