"""A request as the handlers see it: the few headers that matter, the query, and a body with bounds.

Promises: a request that could be read in two ways (no Host or two, Content-Length beside Transfer-Encoding) is
refused before anything else (RFC 9112, 3.2 and 6.3); a body that stalls is given up; no buffer grows with the body.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import parse_qsl

from holdfast.access.model import ANONYMOUS, UNCHECKED, Identity
from holdfast.access.policy.decide import Rights
from holdfast.access.policy.model import Action
from holdfast.access.usage.watch import Counted
from holdfast.journal.model import Origin

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

_NOBODY = Identity(ANONYMOUS, UNCHECKED, Rights("anonymous", (), {}))
_WANTED = frozenset(
    {
        b"authorization",
        b"content-length",
        b"content-range",
        b"content-type",
        b"expect",
        b"if-none-match",
        b"range",
        b"transfer-encoding",
        b"user-agent",
    }
)
_BODILESS = frozenset({"GET", "HEAD"})
_DRAIN = 8 << 20
_QUERY_FIELDS = 64
HEADER_BYTES = 32 << 10


class BadRequest(Exception):
    """The request is malformed as HTTP or in its query; `close`: the connection cannot be trusted any further."""

    def __init__(self, message: str, *, close: bool = False) -> None:
        super().__init__(message)
        self.close = close


class HeadersTooLarge(Exception):
    """The headers of a request have more bytes than any honest client sends."""


class BodyTimeout(Exception):
    """The client stopped sending in the middle of a body."""


class ClientGone(Exception):
    """The client closed the connection before its body ended, or broke the framing of its body."""


class Request:
    """One request. `who` is set once the credential was recognised; `did`: which tags it made and moved;
    `sent`: the digest of the manifest that it was sent, '' for none; `elsewhere`: bytes that it was told to fetch from
    another place; `counted`: its use, where that is counted."""

    __slots__ = (
        "_ended",
        "_idle",
        "_query",
        "_receive",
        "_send",
        "_watch",
        "counted",
        "did",
        "elsewhere",
        "headers",
        "id",
        "method",
        "origin",
        "path",
        "received",
        "scope",
        "sent",
        "who",
    )

    def __init__(self, scope: Scope, receive: Receive, send: Send, request_id: str, idle: float) -> None:
        self.scope = scope
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.id = request_id
        self.who = _NOBODY
        self.did: list[tuple[Action, str]] = []
        self.sent = ""
        self.elsewhere = 0
        self.counted: Counted | None = None
        self.origin = Origin(request_id)
        self.received = 0
        self._receive = receive
        self._ended = False
        self._send = send
        self._idle = idle
        self._watch: _Watch | None = None
        self._query: dict[str, list[str]] | None = None
        self.headers: dict[bytes, bytes] = {}

    def take(self, who: Identity) -> None:
        """The credential was recognised as that of `who`."""
        self.who = who
        request, address, agent, _ = self.origin
        self.origin = Origin(request, address, agent, who.credential.text)

    def read_headers(self) -> None:
        """Keep the headers that handlers ask for.

        Raises `BadRequest` for those that make a request ambiguous, `HeadersTooLarge` above `HEADER_BYTES`.
        """
        found = self.headers
        hosts = size = 0
        for name, value in self.scope["headers"]:
            size += len(value)
            if name in _WANTED:
                if name in found:
                    if name in (b"content-length", b"authorization", b"transfer-encoding"):
                        raise BadRequest(f"the header {name.decode()} is given twice", close=True)
                    continue
                found[name] = value
            elif name == b"host":
                hosts += 1 if value else 2  # the web server hands on a missing Host as an empty one
        if size > HEADER_BYTES:
            raise HeadersTooLarge
        if hosts != 1 and self.scope["http_version"] == "1.1":
            raise BadRequest("a request names exactly one Host", close=True)
        if b"transfer-encoding" in found and b"content-length" in found:
            raise BadRequest("Content-Length and Transfer-Encoding exclude each other", close=True)
        if found.get(b"transfer-encoding", b"chunked").lower() != b"chunked":
            raise BadRequest("the only Transfer-Encoding taken is 'chunked'", close=True)

    @property
    def length(self) -> int | None:
        """Content-Length in bytes, None when it is absent. Raises `BadRequest`."""
        value = self.headers.get(b"content-length")
        if value is None:
            return None
        if not value.isdigit() or len(value) > 18:
            raise BadRequest("Content-Length is not a number", close=True)
        return int(value)

    def text(self, header: bytes) -> str:
        """A header as text (Latin-1), '' when it is absent."""
        value = self.headers.get(header)
        return value.decode("latin-1") if value is not None else ""

    def query(self, name: str) -> str | None:
        """The first value of a query field, None when it is absent. Raises `BadRequest`."""
        if not self.scope["query_string"]:
            return None
        values = self.queries(name)
        return values[0] if values else None

    def queries(self, name: str) -> list[str]:
        """Every value of a query field, in order. Raises `BadRequest`."""
        if self._query is None:
            self._query = {}
            raw: bytes = self.scope["query_string"]
            try:
                pairs = parse_qsl(
                    raw.decode("ascii"), keep_blank_values=True, max_num_fields=_QUERY_FIELDS, errors="strict"
                )
            except ValueError as error:
                raise BadRequest("the query cannot be read") from error
            for key, value in pairs:
                self._query.setdefault(key, []).append(value)
        return self._query.get(name, [])

    async def body(self) -> AsyncIterator[bytes]:
        """The body in the pieces that arrive. Raises `ClientGone`, `BodyTimeout`."""
        try:
            while True:
                message = await self._next()
                if message["type"] == "http.disconnect":
                    self._ended = True
                    raise ClientGone
                piece: bytes = message.get("body", b"")
                if piece:
                    self.received += len(piece)
                    yield piece
                if not message.get("more_body", False):
                    self._ended = True
                    return
        finally:
            if self._watch is not None:
                self._watch.stop()

    async def _next(self) -> Message:
        """The next message of the body, if it comes in time: only the client is timed, never what is done with it."""
        watch = self._watch
        if watch is None:
            watch = self._watch = _Watch(self._idle)
        watch.start()
        try:
            return await self._receive()
        except asyncio.CancelledError as error:
            if watch.expired:
                self._ended = True
                raise BodyTimeout from error
            raise
        finally:
            watch.waiting = False

    async def whole_body(self, limit: int) -> bytes | None:
        """The whole body, or None when it has more than `limit` bytes."""
        length = self.length
        if length is not None and length > limit:
            return None
        pieces: list[bytes] = []
        size = 0
        async for piece in self.body():
            size += len(piece)
            if size > limit:
                return None
            pieces.append(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    async def drain(self) -> None:
        """Read what is left of a small body before it is refused, so that the client reads the answer and the
        connection lives on: a client that is still sending would only see it break. A client that waits for
        100-continue sends nothing, and a large body is not worth reading."""
        if self._ended or self.method in _BODILESS or b"expect" in self.headers:
            return
        length = self.headers.get(b"content-length", b"0")
        if not length.isdigit() or len(length) > len(str(_DRAIN)) or int(length) > _DRAIN:
            return
        try:
            async for _ in self.body():
                if self.received > _DRAIN:
                    return
        except (ClientGone, BodyTimeout):
            return

    async def gone(self) -> None:
        """Return when the client has left; for an answer that goes on for long, when the body is of no interest."""
        while (await self._receive())["type"] != "http.disconnect":
            continue

    async def send(self, message: Message) -> None:
        """Send one ASGI message."""
        await self._send(message)


class _Watch:
    """Cancels the task that waits for a body when nothing came for `idle` seconds: one timer a body."""

    __slots__ = ("_deadline", "_handle", "_idle", "_loop", "_task", "expired", "waiting")

    def __init__(self, idle: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.current_task()
        self._idle = idle
        self._deadline = 0.0
        self._handle: asyncio.TimerHandle | None = None
        self.expired = False
        self.waiting = False

    def start(self) -> None:
        """The task begins to wait; whoever gets what it waited for says so by `waiting`."""
        self.waiting = True
        self._deadline = self._loop.time() + self._idle
        if self._handle is None:
            self._handle = self._loop.call_at(self._deadline, self._check)

    def stop(self) -> None:
        """Nobody waits any more."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _check(self) -> None:
        self._handle = None
        if not self.waiting:
            return
        if self._loop.time() < self._deadline:
            self._handle = self._loop.call_at(self._deadline, self._check)
        elif self._task is not None:
            self.expired = True
            self._task.cancel()
