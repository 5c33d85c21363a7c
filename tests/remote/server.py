"""A small HTTP server for tests of requests that go out."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

from aiohttp import web

T = TypeVar("T")


class Elsewhere:
    """Answers what a test says; `seen` are the requests that arrived."""

    def __init__(self) -> None:
        self.seen: list[web.Request] = []
        self.url = ""
        self.port = 0
        self.leaving = asyncio.Event()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.seen.append(request)
        match request.path:
            case "/json":
                return web.json_response({"hello": "there"})
            case "/redirect":
                return web.Response(status=302, headers={"Location": f"{self.url}/json", "Set-Cookie": "a=b"})
            case "/html":
                return web.Response(text="<html>", content_type="text/html")
            case "/long":
                return web.Response(body=b"x" * 5000)
            case "/endless":
                return await self._endless(request)
            case "/silent":
                await self.leaving.wait()
                return web.Response()
            case "/packed":
                return web.Response(body=b"\x1f\x8b", headers={"Content-Encoding": "gzip"})
            case "/form":
                return web.json_response(dict(await request.post()))
            case _:
                return web.Response(status=404)

    async def _endless(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(1000):
            await response.write(b"x" * 1000)
        return response


@asynccontextmanager
async def elsewhere(tls: ssl.SSLContext | None = None) -> AsyncIterator[Elsewhere]:
    """Run it on a free loopback port."""
    server = Elsewhere()
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", server.answer)
    runner = web.AppRunner(application, shutdown_timeout=0)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
        await site.start()
        server.port = runner.addresses[0][1]
        server.url = f"{'https' if tls else 'http'}://127.0.0.1:{server.port}"
        yield server
    finally:
        server.leaving.set()
        await runner.cleanup()


def run(scenario: Callable[[Elsewhere], Awaitable[T]], tls: ssl.SSLContext | None = None) -> T:
    """Run `scenario` with such a server."""

    async def main() -> T:
        async with elsewhere(tls) as server:
            return await scenario(server)

    return asyncio.run(main())
