"""A real `holdfast serve` process for tests.

Promises: the server listens on 127.0.0.1 only, is ready (`/readyz` answers 200) when `running_server` yields, has no
more output waiting in a pipe (both streams go to files), and is gone with all its children when the block is left,
whatever happened inside. Nothing here sleeps for a guess: readiness is polled against a bound, and a server that ends
before it is ready fails at once with its log.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import select
import signal
import ssl
import subprocess
import time
from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests import warm
from tests.pairs import Pair, chosen, place_of
from tests.ports import free_port

READY_SECONDS = 180.0
STOP_SECONDS = 30.0
program = warm.program


class ServerFailed(AssertionError):
    """The server did not start or did not end in time; the message carries the end of its log."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """A user name and a password, as the server printed them."""

    username: str
    password: str

    @property
    def pair(self) -> str:
        """Give `user:password`, the form many clients take on the command line."""
        return f"{self.username}:{self.password}"

    @property
    def basic(self) -> str:
        """Give the value of an `Authorization` header for Basic (RFC 7617)."""
        return "Basic " + b64encode(self.pair.encode()).decode("ascii")


def pause(seconds: float) -> None:
    """Wait between two polls of an external process."""
    select.select([], [], [], seconds)


@dataclass(slots=True)
class Server:
    """One server process; made by `running_server`, may be stopped, killed and started again inside the block."""

    data: Path
    port: int
    flags: tuple[str, ...]
    env: Mapping[str, str]
    logs: Path
    process: warm.Running | None = None
    cold: bool = False
    group: int = 0
    known_admin: Credentials | None = field(default=None, repr=False)

    @property
    def host(self) -> str:
        """Give `127.0.0.1:PORT`, the registry's name in an image reference."""
        return f"127.0.0.1:{self.port}"

    @property
    def tls(self) -> bool:
        """Tell whether the flags ask for TLS."""
        return "--tls-cert" in self.flags

    @property
    def url(self) -> str:
        """Give the server's origin without a trailing slash."""
        return f"{'https' if self.tls else 'http'}://{self.host}"

    @property
    def pid(self) -> int:
        """Give the id of the process that was started (the supervisor of any workers)."""
        assert self.process is not None, "the server is not running"
        return self.process.pid

    @property
    def admin(self) -> Credentials:
        """Give the admin whom the first start printed on its standard output."""
        if self.known_admin is None:
            self.known_admin = printed_admin(self.stdout_text())
        return self.known_admin

    def stdout_text(self) -> str:
        """Give all that every start so far wrote to standard output."""
        return _text(self.logs / "serve.out")

    def log_text(self) -> str:
        """Give standard output and then standard error of every start so far."""
        return self.stdout_text() + _text(self.logs / "serve.err")

    def start(self, seconds: float = READY_SECONDS) -> None:
        """Start the process and return when `/readyz` answers 200; raise ServerFailed otherwise."""
        assert self.process is None, "the server is running already"
        words = ["serve", "--data", str(self.data), "--listen", self.host, *self.flags]
        begin = warm.begin_cold if self.cold else warm.begin
        files = self.logs / "serve.out", self.logs / "serve.err"
        self.process = begin(words, {**os.environ, **self.env}, self.logs, *files)
        self.group = self.process.pid
        deadline = time.monotonic() + seconds
        while not answers_ready(self.port, tls=self.tls):
            if self.process.poll() is not None:
                status = self.process.returncode
                self.process = None
                raise ServerFailed(f"the server ended with status {status}:\n{self.log_text()[-4000:]}")
            if time.monotonic() > deadline:
                self.kill9()
                raise ServerFailed(f"the server was not ready after {seconds:.0f} s:\n{self.log_text()[-4000:]}")
            pause(0.02)

    def stop(self, seconds: float = STOP_SECONDS) -> int:
        """Ask the server to end (SIGTERM) and give its exit status; raise ServerFailed when it does not end."""
        assert self.process is not None, "the server is not running"
        self.process.terminate()
        try:
            status = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill9()
            raise ServerFailed(f"the server ignored SIGTERM for {seconds:.0f} s:\n{self.log_text()[-4000:]}") from None
        self.process = None
        return status

    def kill9(self, *, children: bool = True) -> None:
        """Kill the process with SIGKILL; its children at once with it, or (`children=False`) left to notice it."""
        assert self.process is not None, "the server is not running"
        if children:
            _kill_group(self.process.pid)
        else:
            self.process.kill()
        self.process.wait(STOP_SECONDS)
        self.process = None

    def restart(self, *, graceful: bool = True) -> None:
        """Stop (or kill) the server and start it again on the same port and data."""
        if self.process is not None:
            if graceful:
                self.stop()
            else:
                self.kill9()
        self.start()


@contextlib.contextmanager
def running_server(
    tmp_path: Path, *flags: str, env: Mapping[str, str] | None = None, pair: Pair | None = None, cold: bool = False
) -> Iterator[Server]:
    """Run `holdfast serve --data tmp_path/data --listen 127.0.0.1:PORT FLAGS` until the block is left.

    `flags` are passed as they are (`"--open"`, `"--workers", "2"`); `env` is added to this process's environment.
    `pair`: on what it keeps what it keeps, by default as `HOLDFAST_TEST_PAIR` says; `Server.env` has the settings of
    it, for other verbs of the program. It begins loaded (tests/warm.py), or `cold`, as a shell begins it, where that is
    the subject.
    """
    data = tmp_path / "data"
    tmp_path.mkdir(parents=True, exist_ok=True)
    kept = place_of(pair or chosen(), tmp_path)
    server = Server(data=data, port=free_port(), flags=flags, env={**kept, **(env or {})}, logs=tmp_path, cold=cold)
    try:
        server.start()
        yield server
    finally:
        try:
            if server.process is not None:
                server.stop()
        finally:
            _kill_group(server.group)


def answers_ready(port: int, *, tls: bool = False) -> bool:
    """Tell whether `/readyz` on this port answers 200 now (with `tls`: whoever signed the certificate)."""
    connection: http.client.HTTPConnection
    if tls:
        anyone = ssl.create_default_context()
        anyone.check_hostname, anyone.verify_mode = False, ssl.CERT_NONE
        connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=5, context=anyone)
    else:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def printed_admin(stdout: str) -> Credentials:
    """Parse the banner of the first start: its lines `user: NAME` and `password: WORD`, indented or not."""
    user = re.search(r"^\s*user:\s*(\S+)\s*$", stdout, re.MULTILINE)
    password = re.search(r"^\s*password:\s*(\S+)\s*$", stdout, re.MULTILINE)
    if user is None or password is None:
        raise ServerFailed(f"no admin was printed on standard output:\n{stdout[-2000:]}")
    return Credentials(user.group(1), password.group(1))


def _kill_group(group: int) -> None:
    if group > 1:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group, signal.SIGKILL)


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
