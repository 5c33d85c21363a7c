"""A small raw HTTP/1.1 client: the bytes that a test writes are the bytes that are sent, and nothing is interpreted.

Promises: no redirect is followed, no header is added but Host, Content-Length and what the connection was made with;
header names are given in lower case, several headers of one name all show; bytes that follow an answer without being
part of it (a body after HEAD, 204 or 304) raise `StrayBytes`.
"""

from __future__ import annotations

import contextlib
import json
import select
import socket
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Headers = Mapping[str, str]
_WITH_LENGTH = ("POST", "PUT", "PATCH")
_BODILESS = (204, 304)
_SECONDS = 30.0


class Closed(Exception):
    """The server closed the connection before it answered."""


class StrayBytes(Exception):
    """The server sent more than its answer."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer, as it came."""

    method: str
    target: str
    status: int
    fields: tuple[tuple[str, str], ...]
    body: bytes

    def all(self, name: str) -> list[str]:
        """Give the values of every header `name`."""
        return [value for key, value in self.fields if key == name]

    def header(self, name: str) -> str | None:
        """Give the one header `name`; two of them are an error."""
        values = self.all(name)
        assert len(values) <= 1, f"{name} is given {len(values)} times: {self}"
        return values[0] if values else None

    def __getitem__(self, name: str) -> str:
        """Give the one header `name`, which must be there."""
        value = self.header(name)
        assert value is not None, f"no {name}: {self}"
        return value

    @property
    def json(self) -> Any:
        """Give the decoded body."""
        return json.loads(self.body)

    @property
    def codes(self) -> list[str]:
        """Give the error codes of the body."""
        return [entry["code"] for entry in self.json["errors"]]

    @property
    def code(self) -> str | None:
        """Give the first error code of the body, None when there is no body to hold one."""
        return self.codes[0] if self.status >= 400 and self.body else None

    def __str__(self) -> str:
        return f"{self.method} {self.target[:200]}: {self.status} {self.fields} {self.body[:500]!r}"


class Connection:
    """One connection to a server on 127.0.0.1, opened when it is needed and again after the server closed it.

    `headers` are sent with every request that does not name them itself.
    """

    def __init__(self, port: int, headers: Headers | None = None) -> None:
        self.port = port
        self.headers = dict(headers or {})
        self._socket: socket.socket | None = None
        self._buffer = b""

    def ask(
        self, method: str, target: str, body: bytes = b"", headers: Headers | None = None, *, close: bool = False
    ) -> Answer:
        """Send one request and give its answer. `close`: on a connection that ends with it, read to the last byte.

        A header whose value is empty is left out, `Host` and `Content-Length` too.
        """
        close = close or method == "HEAD"
        fields = {"Host": f"127.0.0.1:{self.port}", **self.headers}
        if body or method in _WITH_LENGTH:
            fields["Content-Length"] = str(len(body))
        if close:
            fields["Connection"] = "close"
        fields.update(headers or {})
        lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items() if value)
        return self.raw(f"{method} {target} HTTP/1.1\r\n{lines}\r\n".encode("latin-1") + body, close=close)

    def chunked(self, method: str, target: str, pieces: Sequence[bytes], headers: Headers | None = None) -> Answer:
        """Send a request whose body has no Content-Length, in these chunks."""
        body = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces if piece) + b"0\r\n\r\n"
        return self.ask(method, target, body, {"Content-Length": "", "Transfer-Encoding": "chunked", **(headers or {})})

    def raw(self, data: bytes, *, close: bool = False) -> Answer:
        """Send these bytes as they are and read one answer. Raises `Closed`, `StrayBytes`."""
        if close or self._ended():
            self.close()
        try:
            self.send(data)
        except (BrokenPipeError, ConnectionResetError):
            if self._socket is None:
                raise
        try:
            return self.receive(data, close=close)
        except Closed:
            self.close()
            raise

    def _ended(self) -> bool:
        """Whether the server closed the connection while nobody asked anything, as it does after half a minute."""
        if self._socket is None or self._buffer or not select.select([self._socket], [], [], 0)[0]:
            return False
        try:
            return not self._socket.recv(1, socket.MSG_PEEK)
        except ConnectionResetError:
            return True

    def send(self, data: bytes) -> None:
        """Send bytes, connecting first when there is no connection."""
        if self._socket is None:
            self._socket = socket.create_connection(("127.0.0.1", self.port), timeout=_SECONDS)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._buffer = b""
        self._socket.sendall(data)

    def begin(self, method: str, target: str, length: int) -> bytes:
        """Begin a request whose `length` bytes of body are sent with `send`; give what `receive` wants to see of it.

        It asks for "100 Continue" and waits for it: on return the server is reading the body.
        """
        fields = {**self.headers, "Content-Length": length, "Expect": "100-continue"}
        lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        head = f"{method} {target} HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\n{lines}\r\n".encode("latin-1")
        self.send(head)
        went_on = self._head()
        assert went_on.startswith("HTTP/1.1 100 "), went_on
        return head

    def head(self) -> Mapping[str, str]:
        """Read the head of an answer, and nothing of its body; give its headers."""
        fields = (field.partition(":") for field in self._head().split("\r\n")[1:])
        return {name.lower(): value.strip() for name, _, value in fields}

    def receive(self, request: bytes, *, close: bool = False, pipelined: bool = False) -> Answer:
        """Read the answer to `request`. `close`: the server must end the connection after it. `pipelined`: the next
        answer may be there already."""
        head = self._head()
        line, _, rest = head.partition("\r\n")
        status = int(line.split(" ", 2)[1])
        pairs = [field.partition(":") for field in rest.split("\r\n") if field]
        fields = tuple((name.lower(), value.strip()) for name, _, value in pairs)
        method, target, *_ = (*request.split(b" ", 2), b"", b"")
        bare = method == b"HEAD" or status in _BODILESS
        length = next((int(value) for name, value in fields if name == "content-length"), 0)
        assert not any(name == "transfer-encoding" for name, _ in fields), f"an answer of unknown length: {head}"
        body = b"" if bare else self._take(length)
        answer = Answer(method.decode("latin-1"), target.decode("latin-1"), status, fields, body)
        if not pipelined:
            self._finish(answer, close=close)
        return answer

    def _head(self) -> str:
        while b"\r\n\r\n" not in self._buffer:
            self._fill()
        head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        return head.decode("latin-1")

    def _take(self, length: int) -> bytes:
        while len(self._buffer) < length:
            self._fill()
        body, self._buffer = self._buffer[:length], self._buffer[length:]
        return body

    def _finish(self, answer: Answer, *, close: bool) -> None:
        if close:
            with contextlib.suppress(Closed, ConnectionResetError):
                while not self._buffer:
                    self._fill()
        if self._buffer:
            raise StrayBytes(f"{self._buffer[:200]!r} after {answer}")
        if close or "close" in (answer.header("connection") or ""):
            self.close()

    def _fill(self) -> None:
        assert self._socket is not None
        try:
            data = self._socket.recv(1 << 16)
        except ConnectionResetError as error:
            raise Closed("reset") from error
        if not data:
            raise Closed(f"after {self._buffer[:200]!r}")
        self._buffer += data

    def close(self) -> None:
        """Close the connection; the next request opens another."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None


@contextlib.contextmanager
def connected(port: int, headers: Headers | None = None) -> Iterator[Connection]:
    """Give a connection of one's own, closed when the block is left."""
    connection = Connection(port, headers)
    try:
        yield connection
    finally:
        connection.close()


def basic(name: str, password: str) -> str:
    """Give the value of an Authorization header for Basic."""
    return "Basic " + b64encode(f"{name}:{password}".encode()).decode("ascii")
