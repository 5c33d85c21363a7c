"""Answers that last: events as they come (server-sent events, HTML Living Standard, 9.2).

Promises: nothing is buffered here; a client that leaves ends its stream at once, one that does not read ends it after
`SLOW` seconds; the end of the events is the proper end of the answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from holdfast.api.framing import ClientGone

WITHOUT_BODY = "holdfast.without-body"
"""In the scope of a request whose answer has no body."""
STREAMED = b"text/event-stream"
"""What the Content-Type of an answer that lasts begins with."""
SLOW = 30.0
RETRY_MS = 2000
_HEADERS = {"x-accel-buffering": "no"}  # proxies are not to wait for more


def begin(id: int, retry_ms: int = RETRY_MS) -> bytes:
    """What a stream begins with: its place, and when a client that lost it may come back."""
    return b"retry: %d\nid: %d\n\n" % (retry_ms, id)


def event(id: int, kind: str, data: str) -> bytes:
    """One event. `data` is one line."""
    return f"id: {id}\nevent: {kind}\ndata: {data}\n\n".encode()


def heartbeat(id: int, said: str = "") -> bytes:
    """A sign of life, which is no event, but lets the client come back to this place. `said`: for people, one line."""
    return f": {said}\nid: {id}\n\n".encode()


class EventStream(Response):
    """An answer of pieces, each of whole events. `ended` is called when it is over, however."""

    media_type = STREAMED.decode()

    def __init__(
        self, pieces: AsyncGenerator[bytes, None], ended: Callable[[], None] = lambda: None, *, slow: float = SLOW
    ) -> None:
        super().__init__(headers=_HEADERS)
        del self.headers["content-length"]
        self._pieces = pieces
        self._ended = ended
        self._slow = slow

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send them until there are no more, or nobody wants them. Raises `ClientGone` for one that does not read."""
        try:
            await self._send(scope, receive, send)
        finally:
            self._ended()

    async def _send(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with aclosing(self._pieces) as pieces:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            if not scope.get(WITHOUT_BODY):
                leaving = asyncio.ensure_future(_left(receive))
                try:
                    if not await self._all(pieces, leaving, send):
                        return
                finally:
                    leaving.cancel()
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _all(self, pieces: AsyncGenerator[bytes, None], leaving: asyncio.Future[None], send: Send) -> bool:
        """Send all pieces; whether the client was there to the end."""
        while True:
            coming = asyncio.ensure_future(anext(pieces, None))
            try:
                await asyncio.wait((coming, leaving), return_when=asyncio.FIRST_COMPLETED)
                if leaving.done():
                    return False
                piece = coming.result()
            finally:
                if not coming.done():
                    coming.cancel()
                    await asyncio.wait((coming,))
            if piece is None:
                return True
            try:
                async with asyncio.timeout(self._slow):
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
            except TimeoutError as error:
                raise ClientGone from error


async def _left(receive: Receive) -> None:
    """Return when the client has left."""
    while (await receive())["type"] != "http.disconnect":
        pass
