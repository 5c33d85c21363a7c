"""`holdfast jobs`: lists, shows, retries and cancels, and says what it cannot do."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from tests.cli.program import holdfast

from holdfast.app.build import first_start
from holdfast.app.config import Settings
from holdfast.app.datadir import DataDirectory
from holdfast.db.port import Unit
from holdfast.db.sqlite import SqliteDatabase
from holdfast.jobs import claims
from holdfast.jobs.model import Job, JobState, NewJob
from holdfast.jobs.run import Run
from holdfast.jobs.service import enqueue, job_of
from holdfast.jobs.store import GET

LEASE = 60_000_000


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A registry with a job in every state: 1 failed, 2 is done, 3 was cancelled, 4 runs, 5 waits."""
    settings = Settings(data=tmp_path / "data")
    directory = DataDirectory(settings.data)
    directory.prepare()
    asyncio.run(first_start(settings, directory))
    asyncio.run(_fill(directory.database))
    return settings.data


async def _fill(path: str) -> None:
    db = SqliteDatabase(path)

    async def fill(unit: Unit) -> None:
        await enqueue(unit, NewJob("sweep", {"n": 1}, attempts=1))
        for _ in range(3):
            await enqueue(unit, NewJob("sweep"))
        await enqueue(unit, NewJob("sweep", dedupe="five", run_at=unit.now + LEASE))
        jobs = (await claims.claim(unit, ["sweep"], "host/1", LEASE, 4)).jobs
        await claims.fail(unit, jobs[0], "ValueError: out of luck")
        await claims.end(unit, jobs[1], JobState.DONE)
        await claims.end(unit, jobs[2], JobState.CANCELLED)

    try:
        await db.write(fill)
        running = await db.write(_job_four)
        run = Run(db, running, lambda: False)
        await run.progress(250, 1000)
    finally:
        await db.close()


async def _job_four(unit: Unit) -> Job:
    row = await unit.one(GET, id=4)
    assert row is not None
    return job_of(row)


def test_list_shows_what_needs_eyes(data: Path, tmp_path: Path) -> None:
    said = holdfast(tmp_path, "jobs", "list", "--data", str(data)).stdout
    assert [line.split()[:5] for line in said.splitlines()] == [
        ["ID", "KIND", "STATE", "ATTEMPT", "WHEN"],
        ["5", "sweep", "waiting", "0", "of"],
        ["4", "sweep", "running", "1", "of"],
        ["1", "sweep", "failed", "1", "of"],
    ]
    assert "250 of 1,000" in said
    assert "ValueError: out of luck" in said
    every = holdfast(tmp_path, "jobs", "list", "--data", str(data), "--all").stdout
    assert [line.split()[0] for line in every.splitlines()] == ["ID", "5", "4", "3", "2", "1"]
    page = holdfast(tmp_path, "jobs", "list", "--data", str(data), "--all", "--before", "4", "--limit", "2").stdout
    assert [line.split()[0] for line in page.splitlines()] == ["ID", "3", "2"]


def test_json_is_for_programs(data: Path, tmp_path: Path) -> None:
    said = holdfast(tmp_path, "jobs", "list", "--data", str(data), "--state", "failed", "--state", "done", "--json")
    jobs = json.loads(said.stdout)["jobs"]
    assert [(job["id"], job["state"]) for job in jobs] == [(2, "done"), (1, "failed")]
    one = json.loads(holdfast(tmp_path, "jobs", "show", "4", "--data", str(data), "--json").stdout)
    assert one["progress"] == {"done": 250, "total": 1000, "rate": None, "seconds_left": None}
    assert (one["worker"], one["attempts"]) == ("host/1", 1)


def test_show_tells_everything(data: Path, tmp_path: Path) -> None:
    said = holdfast(tmp_path, "jobs", "show", "1", "--data", str(data)).stdout
    facts = dict(line.split(maxsplit=1) for line in said.splitlines())
    assert (facts["state"], facts["data"]) == ("failed", '{"n": 1}')
    assert "UTC" in said


def test_retry_and_cancel(data: Path, tmp_path: Path) -> None:
    done = holdfast(tmp_path, "jobs", "retry", "1", "3", "--data", str(data))
    assert done.stdout == "job 1 runs again\njob 3 runs again\n"
    done = holdfast(tmp_path, "jobs", "cancel", "4", "5", "--data", str(data))
    assert done.stdout == "job 4 runs: its worker was told to end it\njob 5 is cancelled\n"
    listed = json.loads(holdfast(tmp_path, "jobs", "list", "--data", str(data), "--all", "--json").stdout)["jobs"]
    assert [job["state"] for job in listed] == ["cancelled", "running", "waiting", "done", "waiting"]


def test_what_cannot_be_done_is_said(data: Path, tmp_path: Path) -> None:
    failed = holdfast(tmp_path, "jobs", "retry", "2", "1", "--data", str(data), status=1)
    assert failed.stderr == "holdfast: job 2 is done\n"
    assert failed.stdout == "job 1 runs again\n", "the others are done all the same"
    assert "there is no job 99" in holdfast(tmp_path, "jobs", "show", "99", "--data", str(data), status=1).stderr
    assert (
        holdfast(tmp_path, "jobs", "cancel", "2", "--data", str(data), status=1).stderr == "holdfast: job 2 is done\n"
    )
    missing = holdfast(tmp_path, "jobs", "list", "--data", str(tmp_path / "nothing"), status=1)
    assert "there is no registry" in missing.stderr
    assert not (tmp_path / "nothing").exists()


def test_a_terminal_gets_a_table(data: Path, tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    try:
        done = subprocess.run(
            [sys.executable, "-m", "holdfast", "jobs", "list", "--data", str(data)],
            stdout=theirs,
            stdin=subprocess.DEVNULL,
            env={**os.environ, "TERM": "xterm", "COLUMNS": "120"},
            cwd=tmp_path,
            timeout=60,
            check=False,
        )
        said = os.read(ours, 65536).decode()
    finally:
        os.close(ours)
        os.close(theirs)
    assert done.returncode == 0
    assert "\x1b[" in said
    assert "250 of 1,000" in said


@pytest.mark.parametrize("verb", [("worker",), ("jobs",), ("jobs", "list"), ("jobs", "show"), ("jobs", "retry")])
def test_help_teaches(tmp_path: Path, verb: tuple[str, ...]) -> None:
    said = holdfast(tmp_path, *verb, "--help").stdout
    assert "Examples:" in said
    assert f"holdfast {' '.join(verb)}" in said
