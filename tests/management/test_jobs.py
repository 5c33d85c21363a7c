"""`/jobs` and `holdfast jobs follow`: what a caller started is shown to the end, and nobody else's."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.cli.shell import Shell
from tests.management.api import Asker
from tests.management.conftest import PASSWORD, Asking
from tests.serving import Server

from holdfast.app.datadir import DataDirectory
from holdfast.db.query import Query
from holdfast.db.sqlite import SqliteDatabase
from holdfast.jobs.model import NewJob
from holdfast.jobs.service import Jobs, enqueue
from holdfast.jobs.store import Id

LATER = 3600_000_000
ACCOUNT = Query("select id from account where name = :name", Id)
FAR = "a long enough pass phrase"


def _put(server: Server, name: str, kind: str, *, later: int = 0) -> int:
    """Put a job of `name` into the queue."""

    async def put() -> int:
        db = SqliteDatabase(DataDirectory(server.data).database)
        try:
            account = await db.one(ACCOUNT, name=name)
            assert account is not None
            job = NewJob(kind, {"content": 0}, account=account.id, run_at=db.now() + later)
            id = await db.write(lambda unit: enqueue(unit, job))
            assert id is not None
            return id
        finally:
            await db.close()

    return asyncio.run(put())


def _cancel(server: Server, id: int) -> None:
    async def cancel() -> None:
        db = SqliteDatabase(DataDirectory(server.data).database)
        try:
            await Jobs(db).cancel(id)
        finally:
            await db.close()

    asyncio.run(cancel())


def test_a_job_is_its_makers(asking: Asking, admin: Asker, server: Server) -> None:
    for name in ("jobs-ada", "jobs-ben"):
        admin.do(201, "POST", "/users", {"name": name, "password": FAR})
    ada, ben = asking.named("jobs-ada", FAR), asking.named("jobs-ben", FAR)
    id = _put(server, "jobs-ada", "compact", later=LATER)
    shown = ada.do(200, "GET", f"/jobs/{id}")
    assert (shown["state"], shown["kind"], shown["data"], shown["result"]) == (
        "waiting",
        "compact",
        {"content": 0},
        None,
    )
    assert [job["id"] for job in ada.items("/jobs?state=waiting", limit=1)] == [id]
    assert ada.items("/jobs?state=done&state=failed") == []
    assert ben.items("/jobs") == []
    ada.refused("invalid", "GET", "/jobs?state=asleep")
    for asker in (ben, asking.by()):
        assert asker.ask("GET", f"/jobs/{id}").status == (404 if asker is ben else 401)
    hidden, absent = ben.refused("unknown", "GET", f"/jobs/{id}"), ben.refused("unknown", "GET", "/jobs/987654")
    assert hidden["detail"].replace(str(id), "N") == absent["detail"].replace("987654", "N")
    ben.refused("unknown", "POST", f"/jobs/{id}/cancel")
    assert id in [job["id"] for job in admin.items("/jobs")]
    ended = ada.do(200, "POST", f"/jobs/{id}/cancel")
    assert ended["state"] == "cancelled"
    assert ended["cancelled_at"] == ended["ended_at"]
    ada.refused("conflict", "POST", f"/jobs/{id}/cancel")


def test_following_ends_with_the_job(server: Server, tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    shell.run("login", server.url, "-u", "admin", "--password-stdin", stdin=PASSWORD + "\n")
    done = _put(server, "admin", "compact")  # of content that is not there: nothing to do
    assert shell.says("jobs", "follow", str(done)) == f"job {done} is done\n"
    assert shell.json("jobs", "follow", str(done))["state"] == "done"
    waiting = _put(server, "admin", "compact", later=LATER)
    _cancel(server, waiting)
    assert f"job {waiting} was cancelled" in shell.refused("jobs", "follow", str(waiting))
    assert "in your sight" in shell.refused("jobs", "follow", "4711999")
