"""What goes back to the client: a status, headers, a body, and the headers that every `/v2` answer carries."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import NamedTuple

from holdfast.distribution.request import Request

_ASK_EVERY = 4 << 20
Headers = list[tuple[bytes, bytes]]
_COMMON = [
    (b"docker-distribution-api-version", b"registry/2.0"),
    (b"x-content-type-options", b"nosniff"),
]


class Answer(NamedTuple):
    """A whole answer. `length`: what Content-Length says when it is not the size of `body` (HEAD)."""

    status: int
    headers: Headers
    body: bytes = b""
    length: int | None = None


class StreamAnswer(NamedTuple):
    """An answer whose body comes in pieces, `length` bytes together."""

    status: int
    headers: Headers
    pieces: AsyncGenerator[bytes, None]
    length: int


AnyAnswer = Answer | StreamAnswer


async def send(request: Request, answer: AnyAnswer) -> int:
    """Send `answer`; returns how many bytes of body were sent."""
    length = answer.length if answer.length is not None else len(answer.body)
    headers = [*_COMMON, (b"x-request-id", request.id.encode()), *answer.headers]
    if answer.status not in (204, 304):
        headers.append((b"content-length", b"%d" % length))
    await request.send({"type": "http.response.start", "status": answer.status, "headers": headers})
    if isinstance(answer, StreamAnswer):
        return await _send_pieces(request, answer)
    body = b"" if request.method == "HEAD" else answer.body
    await request.send({"type": "http.response.body", "body": body})
    return len(body)


async def _send_pieces(request: Request, answer: StreamAnswer) -> int:
    """Send the pieces; if they end early the connection fails, so that nobody takes a part for the whole.

    A client that leaves in the middle (many take a range without an end, and what they want of it) costs what it took:
    sending to nobody fails in silence and never waits, so the loop is given away and the client asked for here.
    """
    sent = told = 0
    leaving = asyncio.ensure_future(request.gone())
    try:
        async with aclosing(answer.pieces) as pieces:
            async for piece in pieces:
                sent += len(piece)
                await request.send({"type": "http.response.body", "body": piece, "more_body": sent < answer.length})
                if sent - told >= _ASK_EVERY:
                    told = sent
                    await asyncio.sleep(0)
                if leaving.done():
                    return sent
    finally:
        leaving.cancel()
    if sent < answer.length:
        raise ConnectionError("content ended before its length")
    return sent
