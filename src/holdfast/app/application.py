"""The root ASGI application of a worker: `/v2`, the health routes, and the life of the worker's services.

`/healthz`: the process answers; with `?mirror=SECONDS` it says how the request looked, too (mirror.py). `/readyz`: the
database and the blob store answer too, else 503 with Retry-After. Other rooms are told by the first segment of the
path; what belongs to none is the surface's, which has an answer for it.
"""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable

from holdfast import __version__
from holdfast.app.build import Services
from holdfast.app.metrics.listener import listening
from holdfast.app.metrics.numbers import beat
from holdfast.app.upkeep import end_upkeep, renew_keys
from holdfast.blobs.errors import BlobError
from holdfast.db.errors import DatabaseError
from holdfast.db.nodes import Pulse, Tree
from holdfast.distribution.request import Receive, Scope, Send

SERVING_AFTER = 0.1
_PLAIN = (b"content-type", b"application/json")


class Application:
    """One worker. `start` makes its services inside the worker's loop; `serving` is called once requests are served;
    `tree` is the node whose signs of life it gives, with its siblings; `listener`: where it tells its numbers beside
    the requests it serves."""

    def __init__(
        self,
        start: Callable[[], Awaitable[Services]],
        serving: Callable[[], None] = lambda: None,
        tree: Tree | None = None,
        listener: socket.socket | None = None,
    ) -> None:
        self._listener = listener
        self._start = start
        self._serving = serving
        self._tree = tree
        self._services: Services | None = None
        self._upkeep: list[asyncio.Task[None]] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI scope."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        services = self._services
        if scope["type"] != "http" or services is None:
            return
        services.identity.take(scope)
        path: str = scope["path"]
        if path == "/healthz":
            pause = services.mirror.asked(scope)
            if pause is None:
                await _answer(scope, send, 200, {"status": "ok"})
            else:
                await services.mirror.answer(scope, send, pause)
        elif path == "/readyz":
            await self._ready(scope, send, services)
        else:
            _, _, below = path.partition("/")  # a path may be none: `*`
            room = services.rooms.get(below.partition("/")[0])
            services.in_flight.add()
            try:
                await (services.surface if room is None else room)(scope, receive, send)
            finally:
                services.in_flight.add(-1)

    async def _live(self, receive: Receive, send: Send) -> None:
        """The lifespan protocol: services before the first request, everything closed after the last."""
        await receive()
        try:
            self._services = await self._start()
            await self._services.last_use.begin(self._tree.id if self._tree is not None else "")
        except Exception as error:
            # Said, not only raised: a server takes silence for an application without a start, and serves it.
            await send({"type": "lifespan.startup.failed", "message": f"cannot start: {error}"})
            raise
        self._upkeep = [asyncio.create_task(renew_keys(self._services.objects, self._services.events))]
        self._upkeep.append(asyncio.create_task(Pulse(self._services.db, "serve", __version__, self._tree).run()))
        self._upkeep.append(asyncio.create_task(self._services.watch.run()))
        self._upkeep.append(asyncio.create_task(self._services.last_use.run()))
        self._upkeep.append(asyncio.create_task(self._services.logins.keys.run()))
        if self._services.redirects is not None:
            self._upkeep.append(asyncio.create_task(self._services.redirects.watch()))
        self._upkeep.append(asyncio.create_task(beat(self._services.meters)))
        async with listening(self._services.numbers, self._listener):
            await send({"type": "lifespan.startup.complete"})
            # The loop comes round to this only when the server runs it again, which is when it serves.
            asyncio.get_running_loop().call_later(SERVING_AFTER, self._serving)
            await receive()
        await end_upkeep(self._upkeep, self._services.events)
        await self._services.close()
        await send({"type": "lifespan.shutdown.complete"})

    async def _ready(self, scope: Scope, send: Send, services: Services) -> None:
        try:
            await services.access.policy_version()
            services.blobs.free()
        except (DatabaseError, BlobError):
            await _answer(scope, send, 503, {"status": "unavailable"}, (b"retry-after", b"5"))
            return
        await _answer(scope, send, 200, {"status": "ready"})


async def _answer(scope: Scope, send: Send, status: int, body: dict[str, str], *headers: tuple[bytes, bytes]) -> None:
    data = json.dumps(body).encode()
    length = (b"content-length", b"%d" % len(data))
    await send({"type": "http.response.start", "status": status, "headers": [_PLAIN, length, *headers]})
    await send({"type": "http.response.body", "body": data if scope["method"] != "HEAD" else b""})
