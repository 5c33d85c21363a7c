"""A keep-alive HTTP/1.1 client on a blocking socket, as cheap as Python allows: the client must not be the limit.

Requests are bytes built beforehand; answers are read into one reused buffer and counted. There is no pipelining, and
every read and write is bounded by a time-out of the socket itself (not Python's, which costs a poll per call).
"""

import hashlib
import socket
import struct
from collections.abc import Iterable
from typing import NamedTuple, Protocol

_TIMEOUT_SECONDS = 300
_BUFFER = 256 * 1024


class Broken(Exception):
    """The server's answer is not what the workload expects; the text says what came."""


class Hasher(Protocol):
    def update(self, data: memoryview, /) -> object: ...


class Answer(NamedTuple):
    """`head` is the status line and the header lines; `body` is empty where it was only counted."""

    status: int
    head: bytes
    length: int
    body: bytes

    def header(self, name: str) -> str:
        """The value of the first header of that name (any case), or ''."""
        at = self.head.lower().find(b"\r\n" + name.lower().encode() + b":")
        if at < 0:
            return ""
        start = at + len(name) + 3
        end = self.head.find(b"\r\n", start)
        return self.head[start : end if end >= 0 else len(self.head)].strip().decode("latin-1")


class Connection:
    """One connection to 127.0.0.1:port; `authorization` is sent by those who build requests with it."""

    __slots__ = ("_buffer", "_socket", "_view", "authorization", "port")

    def __init__(self, port: int, authorization: str = "") -> None:
        self.port = port
        self.authorization = authorization
        self._buffer = bytearray(_BUFFER)
        self._view = memoryview(self._buffer)
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        bound = struct.pack("ll", _TIMEOUT_SECONDS, 0)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, bound)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, bound)

    def close(self) -> None:
        self._socket.close()

    def request(self, method: str, target: str, headers: Iterable[str] = (), length: int | None = None) -> bytes:
        """The bytes of a request's head; `length` is the Content-Length of the body that follows."""
        lines = [f"{method} {target} HTTP/1.1", f"Host: 127.0.0.1:{self.port}", "User-Agent: holdfast-bench"]
        if self.authorization:
            lines.append(f"Authorization: {self.authorization}")
        if length is not None:
            lines.append(f"Content-Length: {length}")
        return "\r\n".join([*lines, *headers, "", ""]).encode()

    def ask(self, request: bytes, *, bodiless: bool = False) -> Answer:
        """Send a request whose bytes are whole, and read its answer with its body."""
        self._socket.sendall(request)
        return self.receive(bodiless=bodiless)

    def send(self, parts: Iterable[bytes | memoryview]) -> int:
        """Send parts one after the other; returns how many bytes."""
        total = 0
        for part in parts:
            self._socket.sendall(part)
            total += len(part)
        return total

    def receive(self, *, bodiless: bool = False, keep: bool = True, hasher: Hasher | None = None) -> Answer:
        """Read one answer. Without `keep` the body is only counted (and given to `hasher`), but an error's is kept."""
        data = self._socket.recv(_BUFFER)
        end = data.find(b"\r\n\r\n")
        while end < 0:
            more = self._socket.recv(_BUFFER)
            if not more or len(data) > _BUFFER:
                raise Broken(f"the connection ended inside an answer's head: {data[:80]!r}")
            data += more
            end = data.find(b"\r\n\r\n")
        status = int(data[9:12])
        head = data[: end + 2]
        rest = data[end + 4 :]
        if bodiless or status in {204, 304}:
            return Answer(status, head, 0, rest)
        lowered = head.lower()
        at = lowered.find(b"\r\ncontent-length:")
        if at >= 0:
            length = int(head[at + 17 : head.find(b"\r\n", at + 17)])
            if keep or status >= 400:
                return Answer(status, head, length, self._keep(rest, length))
            self._count(rest, length, hasher)
            return Answer(status, head, length, b"")
        if b"chunked" in lowered:
            body = self._chunks(rest)
            return Answer(status, head, len(body), body)
        raise Broken(f"an answer without a length: {head[:200]!r}")

    def _keep(self, rest: bytes, length: int) -> bytes:
        if len(rest) == length:
            return rest
        body = bytearray(rest)
        while len(body) < length:
            count = self._socket.recv_into(self._buffer)
            if not count:
                raise Broken(f"the body ended after {len(body)} of {length} bytes")
            body += self._view[:count]
        return bytes(body)

    def _count(self, rest: bytes, length: int, hasher: Hasher | None) -> None:
        if hasher is not None:
            hasher.update(memoryview(rest))
        seen = len(rest)
        while seen < length:
            count = self._socket.recv_into(self._buffer)
            if not count:
                raise Broken(f"the body ended after {seen} of {length} bytes")
            if hasher is not None:
                hasher.update(self._view[:count])
            seen += count

    def _chunks(self, data: bytes) -> bytes:
        """Decode a chunked body; small ones only (lists), so that it may be plain."""
        body = bytearray()
        while True:
            while (end := data.find(b"\r\n")) < 0:
                data += self._more()
            size = int(data[:end].split(b";")[0], 16)
            data = data[end + 2 :]
            while len(data) < size + 2:
                data += self._more()
            body += data[:size]
            data = data[size + 2 :]
            if size == 0:
                return bytes(body)

    def _more(self) -> bytes:
        more = self._socket.recv(_BUFFER)
        if not more:
            raise Broken("the connection ended inside a chunked body")
        return more


def expect(answer: Answer, *statuses: int) -> Answer:
    """The answer itself, if its status is one of those; raises `Broken` with what came instead."""
    if answer.status not in statuses:
        raise Broken(f"status {answer.status}, expected {statuses[0]}: {answer.body[:200]!r}")
    return answer


def sha256_digest(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()
