"""The life of a worker's application: what it tells the server that runs it."""

import asyncio
from typing import Any, NoReturn

import pytest

from holdfast.app.application import Application
from holdfast.db.errors import Unavailable


def test_a_worker_that_cannot_start_says_so_and_serves_nothing() -> None:
    said: list[Any] = []

    async def start() -> NoReturn:
        raise Unavailable("the database does not answer")

    async def receive() -> dict[str, str]:
        return {"type": "lifespan.startup"}

    async def send(message: Any) -> None:
        said.append(message)

    with pytest.raises(Unavailable):
        asyncio.run(Application(start)({"type": "lifespan"}, receive, send))
    assert said == [
        {"type": "lifespan.startup.failed", "message": "cannot start: the database does not answer"},
    ]
