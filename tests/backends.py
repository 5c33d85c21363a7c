"""Real servers for tests: PostgreSQL, and PgBouncer in front of it. Started once per test session, when first needed.

Promises: loopback only, on a free port, under the user `postgres` when the tests run as root; everything is ended and
removed when the test process ends, however it does; each call of `database_url` gives a database that nobody else uses.
Each process of pytest-xdist has servers of its own. A program that is missing skips the test and says how to get it.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import itertools
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import asyncpg
import pytest
from tests.ports import free_port

from holdfast.db.postgres_schema import lay

T = TypeVar("T")
ROOT = Path(__file__).resolve().parents[1]
SECONDS = 60.0
KEPT = 24
"""Databases that are kept before the oldest one is dropped."""
SUPERUSER = "postgres"
USER = "holdfast"
_SHARED_MEMORY = Path("/dev/shm")
_ROOM = 2 << 30


def program(name: str) -> str:
    """The path of a program of PostgreSQL or beside it; skips the test when it is nowhere."""
    places = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda each: int(each.parent.name), reverse=True)
    for place in (ROOT / ".tools" / "bin", *places, Path("/usr/sbin")):
        if (place / name).exists():
            return str(place / name)
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not on this machine: run `make tools`")
    return found


def _as_postgres() -> dict[str, Any]:
    """What makes subprocess run a program as the user postgres, where the tests themselves run as root."""
    if os.geteuid() != 0:
        return {"cwd": "/"}
    return {"user": "postgres", "group": "postgres", "extra_groups": [], "cwd": "/"}


def _directory() -> Path:
    """A new directory that the user postgres owns; in memory where there is room, because every commit is synced."""
    roomy = _SHARED_MEMORY.is_dir() and shutil.disk_usage(_SHARED_MEMORY).free > _ROOM
    path = Path(tempfile.mkdtemp(prefix="holdfast-pg-", dir=_SHARED_MEMORY if roomy else None))
    if os.geteuid() == 0:
        shutil.chown(path, "postgres", "postgres")
    return path


class _Guard:
    """Runs `ending` when `dismiss` is called, and when this process dies, however it does."""

    def __init__(self, ending: str) -> None:
        self._process = subprocess.Popen(
            ["/bin/sh", "-c", f"cat > /dev/null; {ending}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            **_as_postgres(),
        )

    def dismiss(self) -> None:
        """Let it happen now, and wait until it has."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(SECONDS)


def reachable(port: int) -> bool:
    """Whether something listens on a port of loopback."""
    with socket.socket() as sock:
        sock.settimeout(1)
        return sock.connect_ex(("127.0.0.1", port)) == 0


def until(condition: Callable[[], bool], what: str) -> None:
    """Wait until `condition` holds; for the readiness of another process."""
    end = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < end, f"{what} did not happen within {SECONDS} s"
        time.sleep(0.01)


@dataclass
class PostgresServer:
    """A PostgreSQL server of our own. `settings` are lines of its configuration beside those that tests need."""

    settings: dict[str, str] = field(default_factory=dict)
    directory: Path = field(default_factory=_directory)
    port: int = field(default_factory=free_port)
    _number: Iterator[int] = field(default_factory=itertools.count)
    _made: list[str] = field(default_factory=list)
    _template: str | None = None
    _guard: _Guard | None = None

    @property
    def data(self) -> Path:
        return self.directory / "data"

    def _watch(self) -> None:
        stop = f"{program('pg_ctl')} -D {self.data} -w -t {int(SECONDS)} -m immediate stop"
        self._guard = _Guard(f"{stop}; rm -rf {self.directory}")

    def lay(self) -> PostgresServer:
        """Make the data directory and start."""
        self._watch()
        command = [program("initdb"), "-D", str(self.data), "-U", SUPERUSER, "-A", "trust", "-E", "UTF8", "--no-sync"]
        _run(*command, "--locale=C.UTF-8")
        lines = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": "",
            "max_connections": "200",
            "shared_buffers": "64MB",
            "autovacuum_naptime": "60s",
            "log_min_messages": "panic",
            "log_min_error_statement": "panic",
            **self.settings,
        }
        with (self.data / "postgresql.conf").open("a") as file:
            file.writelines(f"{name} = '{value}'\n" for name, value in lines.items())
        self.start()
        self.execute(f"create role {USER} login createdb")
        return self

    def follow(self, primary: PostgresServer) -> PostgresServer:
        """Become a standby of `primary` and start."""
        self._watch()
        source = ["-h", "127.0.0.1", "-p", str(primary.port), "-U", SUPERUSER]
        _run(program("pg_basebackup"), *source, "-D", str(self.data), "-R", "-X", "stream", "-c", "fast")
        with (self.data / "postgresql.conf").open("a") as file:
            file.write(f"port = '{self.port}'\n")
        self.start()
        return self

    def promote(self) -> None:
        """Take writes from now on."""
        _run(program("pg_ctl"), "-D", str(self.data), "-w", "-t", str(int(SECONDS)), "promote")

    def start(self) -> None:
        """Start and wait until it answers."""
        log = str(self.directory / "log")
        _run(program("pg_ctl"), "-D", str(self.data), "-l", log, "-w", "-t", str(int(SECONDS)), "start")

    def stop(self, mode: str = "fast") -> None:
        """Stop; `immediate` is a crash."""
        _run(program("pg_ctl"), "-D", str(self.data), "-w", "-t", str(int(SECONDS)), "-m", mode, "stop")

    def pause(self) -> None:
        """Let every process of the server stand still, as a machine does whose network is cut."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let them go on."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        main = int((self.data / "postmaster.pid").read_text().split()[0])
        children = Path(f"/proc/{main}/task/{main}/children").read_text().split()
        for pid in (main, *map(int, children)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def url(self, database: str = "postgres", user: str = USER) -> str:
        """The address of a database of this server."""
        return f"postgresql://{user}@127.0.0.1:{self.port}/{database}"

    def execute(self, statement: str, *values: object, database: str = "postgres") -> list[tuple[Any, ...]]:
        """Run a statement as the superuser and give its rows."""
        return sql(self.url(database, SUPERUSER), statement, *values)

    def database(self) -> str:
        """The URL of a fresh, empty database."""
        return self._create("template0")

    def laid(self) -> str:
        """The URL of a fresh database that holds the schema and nothing else."""
        if self._template is None:
            name = f"laid_{next(self._number)}"
            self.execute(f"create database {name} owner {USER} template template0")
            asyncio_run(lambda: lay(self.url(name)))
            self._template = name
        return self._create(self._template)

    def _create(self, template: str) -> str:
        name = f"test_{next(self._number)}"
        self.execute(f"create database {name} owner {USER} template {template}")
        self._made.append(name)
        if len(self._made) > KEPT:
            self._drop_oldest()
        return self.url(name)

    def _drop_oldest(self) -> None:
        """Drop the oldest database that nobody is connected to."""
        used = {row[0] for row in self.execute("select distinct datname from pg_stat_activity")}
        unused = next((name for name in self._made[:-KEPT] if name not in used), None)
        if unused is not None:
            with contextlib.suppress(asyncpg.ObjectInUseError):
                self.execute(f"drop database {unused}")
                self._made.remove(unused)

    def remove(self) -> None:
        """End the server and delete what it kept."""
        if self._guard is not None:
            self._guard.dismiss()
        shutil.rmtree(self.directory, ignore_errors=True)


@dataclass
class PgBouncer:
    """PgBouncer in transaction mode in front of every database of a server; `size`: connections to each of them."""

    server: PostgresServer
    size: int = 3
    directory: Path = field(default_factory=_directory)
    port: int = field(default_factory=free_port)
    _process: subprocess.Popen[bytes] | None = None
    _guard: _Guard | None = None

    def start(self) -> PgBouncer:
        if not self.directory.exists():  # ended, its guard has taken it away
            self.directory = _directory()
        users = self.directory / "users.txt"
        users.write_text(f'"{USER}" ""\n')
        config = self.directory / "pgbouncer.ini"
        config.write_text(
            f"[databases]\n* = host=127.0.0.1 port={self.server.port}\n"
            f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {self.port}\nunix_socket_dir =\n"
            f"auth_type = trust\nauth_file = {users}\npool_mode = transaction\ndefault_pool_size = {self.size}\n"
            "max_client_conn = 500\nserver_check_delay = 0\nserver_idle_timeout = 1\nlogfile =\n"
        )
        for path in (users, config):
            path.chmod(0o644)
        self._process = subprocess.Popen(
            [program("pgbouncer"), "-q", str(config)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            **_as_postgres(),
        )
        self._guard = _Guard(f"kill -KILL {self._process.pid}; rm -rf {self.directory}")
        until(lambda: reachable(self.port), "the start of pgbouncer")
        return self

    def url(self, direct: str) -> str:
        """The way through this to the database at `direct`."""
        return f"postgresql://{USER}@127.0.0.1:{self.port}/{direct.rpartition('/')[2]}"

    def end(self) -> None:
        """End it, as a crash does; `start` starts it again on the same port."""
        if self._process is not None and self._guard is not None:
            self._guard.dismiss()
            self._process.wait(SECONDS)
            self._process = None

    def remove(self) -> None:
        self.end()
        shutil.rmtree(self.directory, ignore_errors=True)


def _run(*command: str) -> None:
    # Not captured: the server would inherit the pipe and keep it open.
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, **_as_postgres())


@cache
def postgres_server() -> PostgresServer:
    """The server of this test process."""
    server = PostgresServer()
    atexit.register(server.remove)
    return server.lay()


@cache
def pgbouncer() -> PgBouncer:
    """The PgBouncer of this test process, in front of `postgres_server()`."""
    bouncer = PgBouncer(postgres_server())
    atexit.register(bouncer.remove)
    return bouncer.start()


def database_url() -> str:
    """A fresh, empty database; the schema is not laid."""
    return postgres_server().database()


def laid_database_url() -> str:
    """A fresh database with the schema of this program."""
    return postgres_server().laid()


class _Thread:
    """An event loop in a thread, so that tests can talk to a server while they run a loop of their own."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._connections: dict[str, asyncpg.Connection] = {}
        thread = threading.Thread(target=self.loop.run_forever, name="test-sql", daemon=True)
        thread.start()

    def run(self, work: Callable[[], Awaitable[T]]) -> T:
        async def main() -> T:
            return await work()

        return asyncio.run_coroutine_threadsafe(main(), self.loop).result(SECONDS)


@cache
def _thread() -> _Thread:
    return _Thread()


def asyncio_run(work: Callable[[], Awaitable[T]]) -> T:
    """Run a coroutine function to its end in a loop of its own, also while the caller is inside a loop."""
    return _thread().run(work)


def sql(url: str, statement: str, *values: object) -> list[tuple[Any, ...]]:
    """Run a statement over a connection of its own and give its rows."""

    async def work() -> list[tuple[Any, ...]]:
        connection = await asyncpg.connect(url)
        try:
            return [tuple(row) for row in await connection.fetch(statement, *values)]
        finally:
            await connection.close()

    return asyncio_run(work)
