"""An HTTP/1.1 client for many requests at once on one event loop, over connections that stay open."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from dataclasses import dataclass

_PATIENCE = 60.0


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, headers (lower-case names) and body of one answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Line:
    """A connection to 127.0.0.1:`port`, opened when it is needed; one request at a time."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def ask(self, method: str, target: str, body: bytes = b"", **headers: str) -> Answer:
        """Send one request and give its answer; header names are given with `_` for `-`. Raises OSError."""
        async with asyncio.timeout(_PATIENCE):
            if self._reader is None or self._writer is None or self._reader.at_eof():
                self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self.port)
            named = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
            length = f"Content-Length: {len(body)}\r\n" if body or method in ("POST", "PUT", "PATCH") else ""
            self._writer.write(f"{method} {target} HTTP/1.1\r\nHost: a\r\n{length}{named}\r\n".encode() + body)
            try:
                return await self._answer(self._reader, method)
            except (OSError, asyncio.IncompleteReadError) as error:
                self.close()
                raise ConnectionError(f"{method} {target}: {error!r}") from error

    async def _answer(self, reader: asyncio.StreamReader, method: str) -> Answer:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        status = int(head[0].split(" ", 2)[1])
        pairs = (line.partition(":") for line in head[1:] if line)
        fields = {name.lower(): value.strip() for name, _, value in pairs}
        bare = method == "HEAD" or status in (204, 304)
        body = b"" if bare else await reader.readexactly(int(fields.get("content-length", "0")))
        if "close" in fields.get("connection", ""):
            self.close()
        return Answer(status, fields, body)

    def close(self) -> None:
        """Close the connection; the next request opens another."""
        if self._writer is not None:
            self._writer.close()
        self._reader = self._writer = None

    async def end(self) -> None:
        """Close the connection, and return when it is closed."""
        writer = self._writer
        self.close()
        if writer is not None:
            with contextlib.suppress(OSError):
                await writer.wait_closed()
