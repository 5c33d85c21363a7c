"""A request of the API as HTTP: refused where it could be read in two ways, its body read whole and bounded.

The same rules as on `/v2` (RFC 9112, 3.2 and 6.3); a body is small here, and strict JSON or nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import unquote

from holdfast.oci.document import decode
from holdfast.oci.errors import ManifestInvalid

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

BODY_BYTES = 1 << 20
HEADER_BYTES = 32 << 10
_ONCE = frozenset({b"content-length", b"authorization", b"transfer-encoding", b"content-type", b"if-match"})
_BODILESS = frozenset({"GET", "HEAD"})
_ELSEWHERE = frozenset({b"cross-site", b"same-site"})


class Malformed(Exception):
    """The request is no proper HTTP, or its body no proper JSON. `close`: the connection cannot be trusted further."""

    def __init__(self, message: str, *, close: bool = False) -> None:
        super().__init__(message)
        self.close = close


class HeadersTooLarge(Exception):
    """The headers of a request have more bytes than any honest client sends."""


class BodyTooLarge(Exception):
    """The body has more than `BODY_BYTES`."""


class NotJson(Exception):
    """There is a body, and it is not called `application/json`."""


class BodyTimeout(Exception):
    """The client stopped sending in the middle of a body."""


class ClientGone(Exception):
    """The client left before its body ended."""


class CrossSite(Exception):
    """A browser sends this for a page of another site."""


class Incoming:
    """One request: its headers, and its body once. `idle`: seconds without a byte after which it is given up."""

    def __init__(self, scope: Scope, receive: Receive, idle: float) -> None:
        self.scope = scope
        self.method: str = scope["method"]
        self.received = 0
        self.headers: dict[bytes, bytes] = {}
        self._receive = receive
        self._idle = idle
        self._ended = self.method in _BODILESS

    def text(self, header: bytes) -> str:
        """A header as text (Latin-1), '' when it is absent."""
        return self.headers.get(header, b"").decode("latin-1")

    def read_headers(self) -> None:
        """Keep the headers. Raises `Malformed`, `HeadersTooLarge`, `CrossSite`."""
        hosts = size = 0
        for name, value in self.scope["headers"]:
            size += len(name) + len(value)
            if name == b"host":
                hosts += 1 if value else 2  # the web server hands on a missing Host as an empty one
            elif name in self.headers and name in _ONCE:
                raise Malformed(f"the header {name.decode()} is given twice", close=True)
            self.headers.setdefault(name, value)
        if size > HEADER_BYTES:
            raise HeadersTooLarge
        if hosts != 1 and self.scope["http_version"] == "1.1":
            raise Malformed("a request names exactly one Host", close=True)
        if b"transfer-encoding" in self.headers and b"content-length" in self.headers:
            raise Malformed("Content-Length and Transfer-Encoding exclude each other", close=True)
        if self.headers.get(b"transfer-encoding", b"chunked").lower() != b"chunked":
            raise Malformed("the only Transfer-Encoding taken is 'chunked'", close=True)
        length = self.headers.get(b"content-length", b"0")
        if not length.isdigit() or len(length) > 18:
            raise Malformed("Content-Length is not a number", close=True)
        if self.method not in _BODILESS and self.headers.get(b"sec-fetch-site") in _ELSEWHERE:
            raise CrossSite

    async def body(self) -> bytes:
        """The whole body, checked to be one JSON object or nothing.

        Raises `BodyTooLarge`, `NotJson`, `Malformed`, `BodyTimeout`, `ClientGone`.
        """
        if int(self.headers.get(b"content-length", b"0")) > BODY_BYTES:
            raise BodyTooLarge
        data = await self._read(BODY_BYTES)
        if not data:
            return data
        if self.text(b"content-type").partition(";")[0].strip().lower() != "application/json":
            raise NotJson
        try:
            decode(data)
        except ManifestInvalid as error:  # it speaks of what it reads on /v2
            raise Malformed(error.reason.replace("The manifest", "The body", 1)) from None
        return data

    async def after(self) -> Message:
        """What comes after the body: the client's leaving."""
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                return message

    async def drain(self) -> None:
        """Read what is left of a small body before it is refused: a client that still sends would only see the
        connection break."""
        if b"expect" in self.headers or not self.headers.get(b"content-length", b"0").isdigit():
            return
        if len(self.headers.get(b"content-length", b"0")) > len(str(BODY_BYTES)):
            return
        try:
            await self._read(8 * BODY_BYTES)
        except (BodyTooLarge, BodyTimeout, ClientGone):
            return

    async def _read(self, limit: int) -> bytes:
        pieces: list[bytes] = []
        size = 0
        while not self._ended:
            try:
                async with asyncio.timeout(self._idle):
                    message = await self._receive()
            except TimeoutError as error:
                self._ended = True
                raise BodyTimeout from error
            if message["type"] == "http.disconnect":
                self._ended = True
                raise ClientGone
            piece: bytes = message.get("body", b"")
            self._ended = not message.get("more_body", False)
            self.received += len(piece)
            size += len(piece)
            if size > limit:
                raise BodyTooLarge
            pieces.append(piece)
        return b"".join(pieces)


def path_of(scope: Scope) -> str:
    """The path with `%2F` written as `~1`, so that an escaped slash never ends a segment; the rest is decoded."""
    raw: bytes = scope.get("raw_path") or b""
    path = raw.partition(b"?")[0].decode("latin-1")
    if "%2f" not in path.lower():
        return str(scope["path"])
    return "~1".join(map(unquote, path.replace("%2f", "%2F").split("%2F")))
