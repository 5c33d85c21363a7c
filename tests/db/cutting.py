"""A TCP proxy in front of PostgreSQL that cuts a connection at a chosen message of a client."""

from __future__ import annotations

import asyncio
from types import TracebackType

_BLOCK = 65536


class Cutting:
    """Forwards to `port` of loopback. `arm(k)`: the k-th block that a client sends from now on is its last one; with
    `delivered` the server still gets it, and its answer is never seen."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._server: asyncio.Server | None = None
        self._left = 0
        self._delivered = False
        self._tasks: set[asyncio.Task[None]] = set()
        self.seen = 0
        self.port = 0

    def arm(self, block: int, *, delivered: bool = False) -> None:
        """Cut at the `block`-th block from now on, counted from 1; 0: never."""
        self._left, self._delivered, self.seen = block, delivered, 0

    def url(self, direct: str) -> str:
        """The way through this to the database at `direct`."""
        return direct.replace(f":{self._target}/", f":{self.port}/")

    async def __aenter__(self) -> Cutting:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
        back = asyncio.create_task(self._pump(far_reader, writer))
        try:
            while data := await reader.read(_BLOCK):
                self.seen += 1
                if self._left and self.seen == self._left:
                    if self._delivered:
                        back.cancel()
                        far_writer.write(data)
                        await far_writer.drain()
                        await far_reader.read(_BLOCK)  # the server has done it
                    break
                far_writer.write(data)
        except OSError:
            pass
        finally:
            back.cancel()
            for each in (writer, far_writer):
                each.transport.abort()
            self._tasks.discard(task)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(_BLOCK):
                writer.write(data)
        except OSError:
            pass
        finally:
            writer.close()
