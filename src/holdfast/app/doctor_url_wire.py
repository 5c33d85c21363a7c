"""HTTP as the doctor needs it: requests that stop in the middle, answers that come early, and the moment of each.

Standard library only, one connection a request, nothing followed, nothing decoded. A connection that ends without a
whole answer is `Cut`, which says how; every wait is bounded.
"""

from __future__ import annotations

import http.client
import io
import select
import socket
import ssl
import time
from base64 import b64encode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import urlsplit

SECONDS = 30.0
_ANSWER_LIMIT = 1 << 30
_READ = 1 << 18


class Cut(Exception):
    """The connection ended without a whole answer; `slow`: nothing came in time."""

    def __init__(self, reason: str, *, slow: bool = False) -> None:
        super().__init__(reason)
        self.slow = slow


class Untrusted(Exception):
    """The certificate is not one that this machine trusts, or is of another name."""


class Reply(NamedTuple):
    """An answer. `first` and `ended`: seconds from the request's end to the first byte of the body, and to the last."""

    status: int
    version: int
    reason: str
    headers: Mapping[str, str]
    body: bytes
    first: float
    ended: float
    closes: bool

    @property
    def ours(self) -> bool:
        """Whether the registry itself answered, not something in front of it."""
        return "docker-distribution-api-version" in self.headers or b'"request_id"' in self.body

    @property
    def said(self) -> str:
        """Status, phrase and who says it, for people."""
        server = self.headers.get("server", "")
        who = "the registry" if self.ours else (f"a proxy ({server})" if server else "a proxy")
        return f"{self.status} {self.reason} from {who}".replace("  ", " ")


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a registry is reached: scheme, host and port. `authority` is what `Host` says."""

    scheme: str
    host: str
    port: int

    @staticmethod
    def of(url: str) -> Origin:
        """Read a URL. Raises ValueError unless it is http or https with a host."""
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("is not an http or https URL")
        return Origin(parts.scheme, parts.hostname, parts.port or (443 if parts.scheme == "https" else 80))

    @property
    def authority(self) -> str:
        """The host, and the port where it is not the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.scheme == "https" else 80) else f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}"


@dataclass(frozen=True, slots=True)
class Wire:
    """Requests to one origin. `credential`: (name, password) for Basic, or None. `ca`: a file of authorities."""

    origin: Origin
    credential: tuple[str, str] | None = field(default=None, repr=False)
    ca: str | None = None

    def ask(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        seconds: float = SECONDS,
    ) -> Reply:
        """Send a whole request and give the answer. Raises Cut, Untrusted, OSError (no connection at all)."""
        more = dict(headers or {})
        if body or method in ("POST", "PUT", "PATCH"):
            more["Content-Length"] = str(len(body))
        reply = self.send(method, path, [body] if body else [], more, seconds=seconds)
        assert reply is not None
        return reply

    def send(
        self,
        method: str,
        path: str,
        pieces: Iterable[bytes],
        headers: Mapping[str, str],
        *,
        seconds: float = SECONDS,
        whole: bool = True,
    ) -> Reply | None:
        """Send a body piece by piece, chunked unless `headers` has its length; stop at once when an answer comes.

        `whole` False: the body is left unfinished, and None is given when no answer comes in `seconds`.
        Raises Cut, Untrusted, OSError (no connection at all).
        """
        connection = self._connect()
        try:
            incoming = _Incoming(connection.sock)
            try:
                self._send(connection, incoming, _Head(method, path, headers), pieces, whole=whole)
            except OSError as error:
                if not incoming.arrived:  # what was said before the connection broke counts
                    incoming.poll()
                if not incoming.arrived:
                    raise Cut(f"the connection broke while the request was sent ({_name(error)})") from error
            connection.sock.settimeout(seconds)
            try:
                return _receive(incoming, method)
            except TimeoutError as error:
                if not whole and not incoming.arrived:
                    return None
                raise Cut(f"no answer in {seconds:.0f} s", slow=True) from error
        finally:
            connection.close()

    def _connect(self) -> http.client.HTTPConnection:
        connection: http.client.HTTPConnection
        if self.origin.scheme == "https":
            context = ssl.create_default_context(cafile=self.ca)
            connection = http.client.HTTPSConnection(
                self.origin.host, self.origin.port, timeout=SECONDS, context=context
            )
        else:
            connection = http.client.HTTPConnection(self.origin.host, self.origin.port, timeout=SECONDS)
        try:
            connection.connect()
        except ssl.SSLCertVerificationError as error:
            raise Untrusted(error.verify_message) from error
        return connection

    def _send(
        self,
        connection: http.client.HTTPConnection,
        incoming: _Incoming,
        head: _Head,
        pieces: Iterable[bytes],
        *,
        whole: bool,
    ) -> None:
        connection.putrequest(head.method, head.path, skip_host=True, skip_accept_encoding=True)
        names = {name.lower() for name in head.headers}
        chunked = "content-length" not in names and head.method not in ("GET", "HEAD", "DELETE")
        if "host" not in names:
            connection.putheader("Host", self.origin.authority)
        if self.credential is not None:
            pair = b64encode(":".join(self.credential).encode()).decode()
            connection.putheader("Authorization", f"Basic {pair}")
        for name, value in head.headers.items():
            connection.putheader(name, value)
        connection.putheader("User-Agent", "holdfast-doctor")
        if chunked:
            connection.putheader("Transfer-Encoding", "chunked")
        connection.endheaders()
        for piece in pieces:
            if incoming.poll():
                return
            connection.send(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
        if whole and chunked:
            connection.send(b"0\r\n\r\n")


class _Head(NamedTuple):
    """The head of a request."""

    method: str
    path: str
    headers: Mapping[str, str]


class _Incoming(io.RawIOBase):
    """What comes from a socket, with a look whether something has come that takes no time.

    A readable TLS socket may hold nothing but the session's own messages, so the look reads, and keeps what it read.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._ahead = b""
        self.arrived = False

    def poll(self) -> bool:
        """Whether a part of the answer has come."""
        if self._ahead:
            return True
        pending = isinstance(self._sock, ssl.SSLSocket) and self._sock.pending() > 0
        if not pending and not select.select([self._sock], [], [], 0)[0]:
            return False
        limit = self._sock.gettimeout()
        self._sock.settimeout(0)
        try:
            self._ahead = self._sock.recv(_READ)
        except (ssl.SSLWantReadError, BlockingIOError):
            return False
        except OSError:
            return False  # sending says so as well, and better
        finally:
            self._sock.settimeout(limit)
        self.arrived = self.arrived or bool(self._ahead)
        return bool(self._ahead)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        if self._ahead:
            piece, self._ahead = self._ahead[: len(buffer)], self._ahead[len(buffer) :]
            buffer[: len(piece)] = piece
            return len(piece)
        count = self._sock.recv_into(buffer)
        self.arrived = self.arrived or count > 0
        return count

    def makefile(self, *_: object) -> io.BufferedReader:
        """What `http.client` reads an answer from."""
        return io.BufferedReader(self, _READ)


def _receive(incoming: _Incoming, method: str) -> Reply:
    began = time.monotonic()
    answer = http.client.HTTPResponse(incoming, method=method)  # type: ignore[arg-type]
    try:
        answer.begin()
        first = answer.read(1)
        came = time.monotonic() - began
        body = first + answer.read(_ANSWER_LIMIT)
    except TimeoutError:
        raise
    except http.client.IncompleteRead as error:
        raise Cut("the answer ended before its length") from error
    except (http.client.HTTPException, OSError) as error:
        raise Cut(f"the connection ended before an answer came ({_name(error)})") from error
    length = answer.headers.get("content-length")
    if method != "HEAD" and length is not None and length.isdigit() and len(body) < min(int(length), _ANSWER_LIMIT):
        raise Cut("the answer ended before its length")
    headers = {name.lower(): value for name, value in answer.headers.items()}
    ended = time.monotonic() - began
    return Reply(answer.status, answer.version, answer.reason, headers, body, came, ended, bool(answer.will_close))


def _name(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return type(error).__name__
