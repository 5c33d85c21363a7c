"""A listener of its own for `/metrics`: plain HTTP without a credential, on an address that only operators reach.

One socket, opened before the server forks: whichever of its processes takes a connection answers for all of them, and
a process that ends leaves the others listening.
"""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from holdfast.app.config_addresses import Listen
from holdfast.app.metrics.numbers import Numbers
from holdfast.app.metrics.route import PATH

if TYPE_CHECKING:
    from aiohttp import web

_BACKLOG = 128
_HEADERS = {"cache-control": "no-store", "x-content-type-options": "nosniff"}


def open_socket(at: Listen) -> socket.socket:
    """The listening socket. Raises OSError that names the setting."""
    found = socket.socket(socket.AF_INET6 if ":" in at.host else socket.AF_INET, socket.SOCK_STREAM)
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind((at.host, at.port))
        found.listen(_BACKLOG)
    except OSError as error:
        found.close()
        raise OSError(error.errno, f"metrics cannot be told at {at}: {error.strerror}") from error
    found.setblocking(False)
    return found


async def _unnamed(_request: web.Request, response: web.StreamResponse) -> None:
    response.headers["server"] = "holdfast"


@asynccontextmanager
async def listening(numbers: Numbers, at: socket.socket | None) -> AsyncIterator[None]:
    """Answer at a socket as long as the block runs; None: there is none."""
    if at is None:
        yield
        return
    from aiohttp import web  # takes long to load, and only who listens needs it

    async def answer(request: web.Request) -> web.Response:
        page = await numbers.page(request.headers.get("accept", ""))
        return web.Response(body=page.body, headers={**_HEADERS, "content-type": page.media_type})

    application = web.Application(client_max_size=1024)
    application.router.add_get(PATH, answer)
    application.on_response_prepare.append(_unnamed)
    runner = web.AppRunner(application, access_log=None, keepalive_timeout=60, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await web.SockSite(runner, at).start()
        yield
    finally:
        await runner.cleanup()
