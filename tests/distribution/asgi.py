"""One ASGI request for unit tests: its scope, a body that comes in messages, and what was sent."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from holdfast.distribution.request import Message, Request

HOST = (b"host", b"registry.example.com")


class Exchange:
    """A request and what goes back. After its messages the client says nothing more, or is gone."""

    def __init__(
        self,
        method: str = "GET",
        path: str = "/v2/",
        *,
        query: bytes = b"",
        headers: Sequence[tuple[bytes, bytes]] = (HOST,),
        body: Sequence[bytes | None] = (),
        version: str = "1.1",
        idle: float = 30.0,
    ) -> None:
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "query_string": query,
            "headers": list(headers),
            "http_version": version,
        }
        self.sent: list[Message] = []
        self._messages: list[Message] = [
            {"type": "http.disconnect"}
            if piece is None
            else {"type": "http.request", "body": piece, "more_body": number < len(body) - 1}
            for number, piece in enumerate(body)
        ]
        self.request = Request(scope, self._receive, self._send, "id-1", idle)

    async def _receive(self) -> Message:
        if self._messages:
            return self._messages.pop(0)
        await asyncio.Event().wait()
        raise AssertionError("nobody sets this event")

    async def _send(self, message: Message) -> None:
        self.sent.append(message)

    @property
    def left(self) -> int:
        """How many messages of the body nobody asked for."""
        return len(self._messages)

    @property
    def headers(self) -> dict[str, str]:
        """The headers that were sent; each name once."""
        pairs: list[Any] = self.sent[0]["headers"]
        found = {name.decode(): value.decode() for name, value in pairs}
        assert len(found) == len(pairs)
        return found

    @property
    def body(self) -> bytes:
        """The body that was sent."""
        return b"".join(message.get("body", b"") for message in self.sent[1:])
