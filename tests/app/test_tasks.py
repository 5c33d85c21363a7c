"""The background jobs over open engines, each run by a worker: compaction, and sweeping that refuses."""

from __future__ import annotations

import asyncio
import base64
import secrets
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from holdfast.access.model import UNCHECKED, PullPermit, PushPermit, Subject
from holdfast.app.build import first_start
from holdfast.app.config import Settings
from holdfast.app.config_record import Encryption
from holdfast.app.datadir import DataDirectory
from holdfast.app.engines import Engines, engines
from holdfast.app.registry_settings import registry_settings
from holdfast.app.tasks import COMPACT_MISSED, SCHEDULES, SWEEP, SWEEP_LITTER, tasks
from holdfast.blobs.key import new_key
from holdfast.db.query import Command
from holdfast.jobs.model import Job, JobState, NewJob
from holdfast.jobs.service import Jobs, enqueue
from holdfast.jobs.worker import Worker
from holdfast.journal.model import Origin
from holdfast.oci.digest import Digest
from holdfast.oci.name import RepositoryName
from holdfast.registry.content import COMPACT
from holdfast.registry.objects import Objects
from holdfast.registry.pull.service import Pull
from holdfast.registry.sweep.guard import Guard
from holdfast.registry.upload.intake import Chunk
from holdfast.registry.upload.service import Upload
from holdfast.registry.upload.session import SessionSigner
from holdfast.telemetry.events import make_events

WHO, REPO = Subject(1, "admin"), RepositoryName("team/app")
PUSH, PULL = PushPermit(WHO, REPO, UNCHECKED, Origin("test")), PullPermit(WHO, REPO, UNCHECKED, Origin("test"))
PARTS = [b"first" * 20_000, b"second" * 20_000]
DIGEST = Digest.of(b"".join(PARTS))
PATIENCE = 30.0


def laid(tmp_path: Path) -> Settings:
    """Settings of a directory that a first start has laid, with encryption: chunks are objects."""
    key = tmp_path / "key"
    key.write_text(base64.b64encode(secrets.token_bytes(32)).decode())
    settings = Settings(data=tmp_path / "data", encryption=Encryption(key_file=key))
    directory = DataDirectory(settings.data)
    directory.prepare()
    asyncio.run(first_start(settings, directory))
    return settings


async def body(data: bytes) -> AsyncIterator[bytes]:
    yield data


async def upload(settings: Settings, objects: Objects, opened: Engines) -> None:
    uploads = Upload(opened.db, objects, registry_settings(settings), SessionSigner(bytes(32)))
    token = (await uploads.start(PUSH, "sha256")).token
    for part in PARTS:
        await uploads.append(PUSH, token, Chunk(body(part)))
    await uploads.finish(PUSH, token, DIGEST, Chunk(body(b"")))


async def ended(settings: Settings, opened: Engines, *new: NewJob) -> list[Job]:
    """Let a worker run until every job has ended; gives them, oldest first."""
    for job in new:
        await opened.db.write(lambda unit, job=job: enqueue(unit, job))  # type: ignore[misc]
    stop, jobs = asyncio.Event(), Jobs(opened.db)
    worker = Worker(opened.db, tasks(settings, opened), name="test", events=make_events("critical"), look=0.01)
    running = asyncio.create_task(worker.run(stop))
    try:
        async with asyncio.timeout(PATIENCE):
            while sum((await jobs.pending()).values()):
                await asyncio.sleep(0.01)
    finally:
        stop.set()
        await running
    return sorted(await jobs.list(), key=lambda job: job.id)


def test_every_schedule_has_its_task(tmp_path: Path) -> None:
    settings = laid(tmp_path)

    async def main() -> set[str]:
        async with engines(settings) as opened:
            return set(tasks(settings, opened))

    kinds = asyncio.run(main())
    assert {each.kind for each in SCHEDULES} < kinds
    assert COMPACT in kinds


@pytest.mark.parametrize("missed", [False, True])
def test_an_upload_of_several_objects_becomes_one(tmp_path: Path, missed: bool) -> None:
    settings = laid(tmp_path)

    async def main() -> None:
        async with engines(settings) as opened:
            await upload(settings, opened.objects, opened)
            new = []
            if missed:
                await opened.db.write(lambda unit: unit.run(Command("delete from job")))
                new.append(NewJob(COMPACT_MISSED))
            jobs = await ended(settings, opened, *new)
            assert [job.kind for job in jobs] == [COMPACT_MISSED, COMPACT][1 - missed :]
            assert all(job.state is JobState.DONE for job in jobs)
            assert jobs[-1].progress is not None
            assert jobs[-1].progress.done == sum(map(len, PARTS))
            pull = Pull(opened.db, opened.objects, registry_settings(settings))
            blob = await pull.blob(PULL, DIGEST)
            assert blob.stored is not None
            assert blob.stored.key is not None, "it is one object"
            pieces = await pull.stream(PULL, blob, 0, blob.size)
            assert b"".join([piece async for piece in pieces]) == b"".join(PARTS)

    asyncio.run(main())


def test_sweeping_with_a_restored_database_fails_and_says_why(tmp_path: Path) -> None:
    settings = laid(tmp_path)
    database = settings.data / "holdfast.db"
    shutil.copyfile(database, tmp_path / "copy.db")

    async def before() -> None:
        async with engines(settings) as opened:
            assert [job.state for job in await ended(settings, opened, NewJob(SWEEP))] == [JobState.DONE]

    async def after() -> None:
        async with engines(settings) as opened:
            await opened.blobs.put(new_key(1), [b"left behind"], "sha256")
            jobs = await ended(settings, opened, NewJob(SWEEP, attempts=1), NewJob(SWEEP_LITTER, attempts=1))
            assert [job.state for job in jobs] == [JobState.FAILED] * 2
            assert all("holdfast verify --adopt" in str(job.error) for job in jobs)
            await Guard(opened.db, opened.blobs).adopt()
            jobs = await ended(settings, opened, NewJob(SWEEP), NewJob(SWEEP_LITTER))
            assert [job.state for job in jobs[2:]] == [JobState.DONE] * 2
            pages = opened.blobs.keys()
            assert [key async for page in pages for key in page] == []

    asyncio.run(before())
    for path in settings.data.glob("holdfast.db*"):
        path.unlink()
    shutil.copyfile(tmp_path / "copy.db", database)
    asyncio.run(after())


def test_a_sweep_of_much_of_the_store_fails_and_says_why(tmp_path: Path) -> None:
    settings = laid(tmp_path)

    async def main() -> None:
        async with engines(settings) as opened:
            for _ in range(101):
                await opened.blobs.put(new_key(1), [b"left behind"], "sha256")
            (job,) = await ended(settings, opened, NewJob(SWEEP_LITTER, attempts=1))
            assert job.state is JobState.FAILED
            assert "101 of 101 objects have no row" in str(job.error)
            assert "holdfast collect --force" in str(job.error)

    asyncio.run(main())
