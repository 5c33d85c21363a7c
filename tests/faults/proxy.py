"""A proxy for HTTP/1.1 that does to chosen calls what networks and servers do on bad days.

Promises: listens on loopback, on a port of its own that stays the same while it is down; numbers the calls from 0 in
the order in which they come; what `faults` (given the call) says is done to it, and every other call passes unchanged;
all its threads and sockets are gone when the block is left.

    with Proxy(port_of_the_server) as proxy:
        proxy.faults = lambda call: Answered(503, "SlowDown") if call.number == 3 else None
"""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Self

_HEAD_MOST = 64 << 10
_PIECE = 64 << 10
_PATIENCE = 60.0


@dataclass(frozen=True, slots=True)
class Call:
    """One request: its number, its method, and its path with the query."""

    number: int
    method: str
    target: str


@dataclass(frozen=True, slots=True)
class Answered:
    """The request is read and thrown away; the answer is this."""

    status: int
    code: str = "InternalError"


@dataclass(frozen=True, slots=True)
class CutRequest:
    """The connection is reset when this many bytes of the body have been passed on; the server sees the same."""

    after: int = 0


@dataclass(frozen=True, slots=True)
class CutAnswer:
    """The server does its work; the connection ends when this many bytes of the answer have been passed on.

    It is reset when there are none, else closed: a reset would take back what the client has not read yet.
    """

    after: int = 0


@dataclass(frozen=True, slots=True)
class Swallowed:
    """The server does its work and answers; the client never hears of it, on a connection that stays open."""


@dataclass(frozen=True, slots=True)
class Slow:
    """The answer comes `seconds` later."""

    seconds: float


Fault = Answered | CutRequest | CutAnswer | Swallowed | Slow


class Proxy:
    """A proxy in front of the server on port `upstream` of loopback."""

    def __init__(self, upstream: int) -> None:
        self.upstream = upstream
        self.faults: Callable[[Call], Fault | None] = lambda call: None
        self.calls: list[Call] = []
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._sockets: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._listener: socket.socket | None = None
        self.port = 0

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self.up()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self.down()
        for thread in self._threads:
            thread.join(_PATIENCE)

    def up(self) -> None:
        """Listen (again)."""
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self.port))
        listener.listen(128)
        self.port = listener.getsockname()[1]
        self._listener = listener
        self._start(self._accept, listener)

    def down(self) -> None:
        """Refuse connections, and reset those that there are."""
        listener, self._listener = self._listener, None
        if listener is not None:
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        with self._lock:
            held = list(self._sockets)
        for each in held:
            _reset(each)

    def methods(self) -> list[str]:
        """What was called, in order."""
        return [call.method for call in self.calls]

    # -- connections --------------------------------------------------------------------------------------------

    def _start(self, work: Callable[[socket.socket], None], sock: socket.socket) -> None:
        thread = threading.Thread(target=work, args=(sock,), daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            self._start(self._serve, client)

    def _serve(self, client: socket.socket) -> None:
        server = socket.socket()
        with self._lock:
            self._sockets |= {client, server}
        try:
            for each in (client, server):
                each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                each.settimeout(_PATIENCE)
            server.connect(("127.0.0.1", self.upstream))
            source, answers = _Reader(client), _Reader(server)
            while self._exchange(source, answers, client, server):
                pass
        except OSError:
            # One of the two has gone, or the proxy has.
            pass
        finally:
            with self._lock:
                self._sockets -= {client, server}
            for each in (client, server):
                _reset(each)

    def _exchange(self, source: _Reader, answers: _Reader, client: socket.socket, server: socket.socket) -> bool:
        """Pass one request and its answer; tell whether the connection goes on."""
        head = source.head()
        if not head:
            return False
        method, target, _ = head.split(b"\r\n", 1)[0].decode("latin-1").split(" ", 2)
        with self._lock:
            call = Call(len(self.calls), method, target)
            self.calls.append(call)
        fault = self.faults(call)
        if isinstance(fault, Answered):
            for _ in source.body(head):
                pass
            client.sendall(_error(fault, method))
            return True
        if not _request(source, head, server, fault):
            return False
        answer = answers.head()
        body = answers.body(answer, request=method)
        if isinstance(fault, Swallowed):
            for _ in body:
                pass
            # Until the client gives up, or the proxy ends.
            return bool(source.more()) and False
        if isinstance(fault, Slow) and self._ended.wait(fault.seconds):
            return False
        return _answer(answer, body, client, fault) and b"connection: close" not in answer.lower()


class _Reader:
    """Reads messages from one side."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._held = b""

    def more(self) -> bytes:
        """Wait for bytes; none at the end."""
        return self._sock.recv(_PIECE)

    def head(self) -> bytes:
        """The first line and the fields of the next message, with the empty line; nothing at the end."""
        while b"\r\n\r\n" not in self._held:
            data = self.more()
            if not data or len(self._held) > _HEAD_MOST:
                return b""
            self._held += data
        head, _, self._held = self._held.partition(b"\r\n\r\n")
        if head.startswith(b"HTTP/1.1 100"):
            return self.head()
        return head + b"\r\n\r\n"

    def body(self, head: bytes, request: str = "") -> Iterator[bytes]:
        """The body that `head` announces, in pieces as they come, with its chunked framing if it has one."""
        fields = dict(line.lower().split(b":", 1) for line in head.split(b"\r\n")[1:] if b":" in line)
        if request == "HEAD" or head[9:12] in (b"204", b"304"):
            return
        if b"chunked" in fields.get(b"transfer-encoding", b""):
            yield from self._chunked()
            return
        left = int(fields.get(b"content-length", b"0"))
        while left:
            data = self._held or self.more()
            if not data:
                raise ConnectionResetError
            self._held = data[left:]
            yield data[:left]
            left -= len(data[:left])

    def _line(self) -> bytes:
        while b"\r\n" not in self._held:
            data = self.more()
            if not data:
                raise ConnectionResetError
            self._held += data
        line, _, self._held = self._held.partition(b"\r\n")
        return line + b"\r\n"

    def _chunked(self) -> Iterator[bytes]:
        while True:
            line = self._line()
            yield line
            left = int(line.split(b";")[0], 16) + 2
            while left:
                data = self._held or self.more()
                if not data:
                    raise ConnectionResetError
                self._held = data[left:]
                yield data[:left]
                left -= len(data[:left])
            if line.startswith(b"0\r\n") or int(line.split(b";")[0], 16) == 0:
                return


def _request(source: _Reader, head: bytes, server: socket.socket, fault: Fault | None) -> bool:
    """Pass a request on, all of it or as far as `fault` lets it; tell whether the server has all of it."""
    left = fault.after if isinstance(fault, CutRequest) else None
    server.sendall(head)
    for data in source.body(head):
        if left is not None and len(data) >= left:
            server.sendall(data[:left])
            return False
        server.sendall(data)
        left = None if left is None else left - len(data)
    return left is None


def _answer(head: bytes, body: Iterator[bytes], client: socket.socket, fault: Fault | None) -> bool:
    """Pass an answer on, all of it or as far as `fault` lets it; tell whether it was all of it."""
    if not isinstance(fault, CutAnswer):
        client.sendall(head)
        for data in body:
            client.sendall(data)
        return bool(head)
    left = fault.after
    for data in (head, *body):
        client.sendall(data[:left])
        left -= len(data[:left])
        if not left:
            break
    if fault.after:
        client.shutdown(socket.SHUT_WR)
        while client.recv(_PIECE):
            pass
    return False


def _error(fault: Answered, method: str) -> bytes:
    body = f"<?xml version='1.0'?><Error><Code>{fault.code}</Code><Message>as the test said</Message></Error>".encode()
    fields = f"HTTP/1.1 {fault.status} Fault\r\ncontent-type: application/xml\r\ncontent-length: {len(body)}\r\n\r\n"
    return fields.encode() + (b"" if method == "HEAD" else body)


def _reset(sock: socket.socket) -> None:
    """End a connection as a machine does that has lost it, from whichever thread."""
    with suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    with suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)
    sock.close()
