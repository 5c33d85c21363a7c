"""A proxy for TCP that cuts the connection at a chosen message of the client.

Promises: listens on loopback; counts while it is armed what clients send, one piece as it was sent being one message;
exactly one message is cut, and every other one passes; all its threads and sockets are gone when the block is left.
"""

from __future__ import annotations

import socket
import struct
import threading
from contextlib import suppress
from enum import Enum
from types import TracebackType
from typing import Self

_PIECE = 1 << 20
_PATIENCE = 30.0


class Cut(Enum):
    """How a message is lost: it never comes, half of it comes, or all of it comes and the answer does not."""

    BEFORE = "before"
    TORN = "torn"
    AFTER = "after"


class Cuts:
    """A proxy in front of the server on port `upstream` of loopback."""

    def __init__(self, upstream: int) -> None:
        self._upstream = upstream
        self._lock = threading.Lock()
        self._at: int | None = None
        self._how = Cut.BEFORE
        self._count: int | None = None
        self._sockets: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._listener = socket.socket()
        self.port = 0

    def __enter__(self) -> Self:
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen(64)
        self.port = self._listener.getsockname()[1]
        self._start(self._accept)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            held = list(self._sockets)
        for each in held:
            _reset(each)
        for thread in self._threads:
            thread.join(_PATIENCE)

    def arm(self, at: int | None, how: Cut = Cut.BEFORE) -> None:
        """Count from now on, and cut message `at` (from 0); None: cut none."""
        with self._lock:
            self._at, self._how, self._count = at, how, 0

    def disarm(self) -> int:
        """Cut nothing any more; return how many messages there were."""
        with self._lock:
            count, self._count = self._count, None
            return count or 0

    def _pulled(self) -> Cut | None:
        with self._lock:
            if self._count is None:
                return None
            self._count += 1
            return self._how if self._count - 1 == self._at else None

    def _start(self, work: object, *args: object) -> None:
        thread = threading.Thread(target=work, args=args, daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.socket()
            with self._lock:
                self._sockets |= {client, server}
            try:
                server.connect(("127.0.0.1", self._upstream))
            except OSError:
                self._end(client, server)
                continue
            for each in (client, server):
                each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            # Set while the answer to a message must not come back.
            silent = threading.Event()
            self._start(self._forth, client, server, silent)
            self._start(self._back, client, server, silent)

    def _forth(self, client: socket.socket, server: socket.socket, silent: threading.Event) -> None:
        with suppress(OSError):
            while data := client.recv(_PIECE):
                how = self._pulled()
                if how is Cut.AFTER:
                    silent.set()
                    server.sendall(data)
                    return  # the other direction ends both when the server has answered
                if how is not None:
                    server.sendall(data[: len(data) // 2] if how is Cut.TORN else b"")
                    break
                server.sendall(data)
        self._end(client, server)

    def _back(self, client: socket.socket, server: socket.socket, silent: threading.Event) -> None:
        with suppress(OSError):
            while (data := server.recv(_PIECE)) and not silent.is_set():
                client.sendall(data)
        self._end(client, server)

    def _end(self, *ended: socket.socket) -> None:
        with self._lock:
            self._sockets -= set(ended)
        for each in ended:
            _reset(each)


def _reset(sock: socket.socket) -> None:
    """End a connection as a machine does that has lost it, from whichever thread."""
    with suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    with suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)
    sock.close()
