"""The sweeper of a worker: whatever fails in it, the worker serves on, sweeps again and ends as it should."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path
from typing import Any

import apsw
import pytest

from holdfast.app.application import Application
from holdfast.app.build import build, first_start
from holdfast.app.config import Settings
from holdfast.app.datadir import DataDirectory

REQUEST = {
    "type": "http",
    "method": "GET",
    "path": "/readyz",
    "headers": [],
    "query_string": b"",
    "http_version": "1.1",
}


def test_a_sweep_that_fails_takes_nothing_with_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A mistake of ours in the sweeper must not keep a worker from ending in order."""
    settings, directory = Settings(data=tmp_path / "data"), DataDirectory(tmp_path / "data")
    directory.prepare()
    asyncio.run(first_start(settings, directory))
    connection = apsw.Connection(directory.database)
    connection.execute("alter table doomed rename to hidden")
    connection.close()
    said: list[dict[str, Any]] = []

    async def main() -> None:
        stop = asyncio.Event()
        messages = iter([{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}])
        started = asyncio.Event()

        async def receive() -> dict[str, str]:
            if started.is_set():
                await stop.wait()
            return next(messages)

        async def send(message: Any) -> None:
            said.append(message)
            started.set()

        application = Application(partial(build, settings, directory), directory.sweep_lock)
        life = asyncio.create_task(application({"type": "lifespan"}, receive, send))
        await started.wait()
        while "sweep failed" not in "".join(capsys.readouterr()):
            await asyncio.sleep(0)
        await application(dict(REQUEST), receive, send)
        stop.set()
        await life

    asyncio.run(asyncio.wait_for(main(), 30))
    assert [message["type"] for message in said] == [
        "lifespan.startup.complete",
        "http.response.start",
        "http.response.body",
        "lifespan.shutdown.complete",
    ]
    assert said[1]["status"] == 200
