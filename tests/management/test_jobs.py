"""`/jobs` and `holdfast jobs follow`: what a caller started is shown to the end, and nobody else's."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

from tests.cli.shell import Shell
from tests.clients import images
from tests.clients.wire import Wire
from tests.management.api import Asker
from tests.management.conftest import PASSWORD, Asking
from tests.serving import Server, pause

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


def test_what_runs_said_is_told_and_a_job_runs_again(asking: Asking, admin: Asker, server: Server) -> None:
    admin.do(201, "POST", "/users", {"name": "jobs-cleo", "password": FAR})
    cleo = asking.named("jobs-cleo", FAR)
    id = _put(server, "jobs-cleo", "compact", later=LATER)
    assert cleo.do(200, "GET", f"/jobs/{id}/lines")["items"] == []
    cleo.refused("denied", "POST", f"/jobs/{id}/retry")
    assert admin.do(200, "POST", f"/jobs/{id}/retry")["id"] == id
    ended = _ended(admin, id)
    said = [line["text"] for line in cleo.do(200, "GET", f"/jobs/{id}/lines")["items"]]
    assert said[0].startswith("attempt 1 begins")
    assert said[-1] == "done" if ended["state"] == "done" else said[-1].startswith("attempt")
    admin.refused("conflict", "POST", f"/jobs/{id}/retry")
    for verb, path in (("GET", "lines"), ("POST", "retry")):
        assert asking.by("").ask(verb, f"/jobs/{id}/{path}").status == 401
    admin.refused("unknown", "GET", "/jobs/987654/lines")


def test_the_command_line_tells_what_runs_said(server: Server, tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    shell.run("login", server.url, "-u", "admin", "--password-stdin", stdin=PASSWORD + "\n")
    id = _put(server, "admin", "compact")
    shell.run("jobs", "follow", str(id))
    assert "attempt 1 begins" in shell.says("jobs", "log", str(id))
    assert shell.json("jobs", "log", str(id))["items"][0]["text"].startswith("attempt 1 begins")


def test_what_a_job_left_is_told_and_tried_again(admin: Asker, server: Server) -> None:
    wire = Wire(server)
    for name in ("gone", "taken"):
        wire.push(f"leaving/{name}", images.image(name), "v1")
    _ended(admin, admin.do(202, "DELETE", "/namespaces/leaving")["id"])
    wire.push("leaving/taken", images.image("another"), "v1")
    job = admin.do(202, "POST", "/namespaces/leaving/restore")
    result = _ended(admin, job["id"])["result"]
    assert (result["repositories"], result["kept"]) == (1, ["leaving/taken"])
    assert result["left"] == [{"name": "leaving/taken", "reason": "its name is taken by another repository"}]
    said = [line["text"] for line in admin.do(200, "GET", f"/jobs/{job['id']}/lines")["items"]]
    assert "leaving/taken stays as it is: its name is taken by another repository" in said
    admin.do(200, "DELETE", "/repositories/leaving~1taken")
    again = admin.do(200, "POST", f"/jobs/{job['id']}/retry")
    assert again["id"] > job["id"]
    result = _ended(admin, again["id"])["result"]
    assert (result["repositories"], result["left"]) == (1, [])
    admin.refused("conflict", "POST", f"/jobs/{again['id']}/retry")


def _ended(asker: Asker, id: int) -> dict[str, Any]:
    ends = time.monotonic() + 60.0
    while (job := asker.do(200, "GET", f"/jobs/{id}"))["state"] in ("waiting", "running"):
        assert time.monotonic() < ends
        pause(0.05)
    found: dict[str, Any] = job
    return found
