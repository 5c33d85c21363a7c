"""A target of webhooks for tests: a real HTTP server on loopback that does what a test says."""

from __future__ import annotations

import asyncio
import base64
import hmac
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web


@dataclass(slots=True)
class Request:
    """What arrived."""

    path: str
    headers: dict[str, str]
    body: bytes
    finished: bool = False

    @property
    def id(self) -> str:
        """By which a receiver knows what it has had."""
        return self.headers["webhook-id"]

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    def signed_by(self, secret: str) -> bool:
        """Whether one of its signatures is of `secret` (Standard Webhooks, written here once more)."""
        key = base64.b64decode(secret.removeprefix("whsec_"))
        text = f"{self.id}.{self.headers['webhook-timestamp']}.".encode() + self.body
        made = "v1," + base64.b64encode(hmac.digest(key, text, "sha256")).decode()
        return made in self.headers.get("webhook-signature", "").split()


Behaviour = Callable[["Receiver", Request], "web.StreamResponse | int | str | None"]


@dataclass(slots=True)
class Receiver:
    """Takes everything, unless `behaves` says otherwise for a request: a status, a response, `hang`, `slow` or
    `close`. `seen`: every request that arrived, in that order."""

    seen: list[Request] = field(default_factory=list)
    behaves: Behaviour | None = None
    url: str = ""
    news: asyncio.Event = field(default_factory=asyncio.Event)
    leaving: asyncio.Event = field(default_factory=asyncio.Event)
    at_once: int = 0
    most_at_once: int = 0

    async def answer(self, request: web.Request) -> web.StreamResponse:
        headers = {name.lower(): value for name, value in request.headers.items()}
        arrived = Request(request.path, headers, await request.read())
        self.seen.append(arrived)
        self.news.set()
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            return await self._answer(request, arrived)
        finally:
            self.at_once -= 1

    async def _answer(self, request: web.Request, arrived: Request) -> web.StreamResponse:
        said = self.behaves(self, arrived) if self.behaves is not None else None
        if said == "hang":
            await self.leaving.wait()
        elif said == "slow":
            await asyncio.sleep(0.2)
        elif said == "close":
            assert request.transport is not None
            request.transport.close()
        elif isinstance(said, web.StreamResponse):
            return said
        elif isinstance(said, int):
            return web.Response(status=said, text="no" * 1000)
        arrived.finished = True
        return web.Response(text="taken")

    async def until(self, holds: Callable[[], bool], seconds: float = 20.0) -> None:
        """Return when something holds of what was seen."""
        async with asyncio.timeout(seconds):
            while not holds():
                self.news.clear()
                await self.news.wait()

    def ids(self) -> list[str]:
        return [each.id for each in self.seen]


@asynccontextmanager
async def receiver() -> AsyncIterator[Receiver]:
    """Run one on a free loopback port."""
    found = Receiver()
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", found.answer)
    runner = web.AppRunner(application, shutdown_timeout=0, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        found.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield found
    finally:
        found.leaving.set()
        await runner.cleanup()
