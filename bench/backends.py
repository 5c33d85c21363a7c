"""The servers that a cluster stands on, for the bench: PostgreSQL and an S3 server, on loopback, ended with the run.

Both write where the run keeps its data; PostgreSQL runs as the user `postgres` when the bench runs as root, which it
refuses itself. Nothing is tuned but what makes the comparison fair: fsync stays on, and so does every other default.
"""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.server import free_port

_PATIENCE = 30.0
_KEY, _SECRET = "bench-access", "bench-secret-key"


class Absent(Exception):
    """A program is not on this machine; the text says which and how to get it."""


@dataclass(frozen=True, slots=True)
class Backends:
    """Where the servers answer: a URL of an empty database, a bucket, and what a client needs in its environment."""

    database: str
    storage: str
    environment: dict[str, str]
    endpoint: str


@contextlib.contextmanager
def backends(place: Path) -> Iterator[Backends]:
    """Run both under `place`. Raises `Absent`."""
    with contextlib.ExitStack() as stack:
        database = stack.enter_context(_postgres(place / "pg"))
        endpoint = stack.enter_context(_s3(place / "s3"))
        environment = {"AWS_ACCESS_KEY_ID": _KEY, "AWS_SECRET_ACCESS_KEY": _SECRET, "AWS_REGION": "us-east-1"}
        yield Backends(database, f"s3://bench?endpoint={endpoint}", environment, endpoint)


def find(name: str) -> str:
    """The path of a program. Raises `Absent`."""
    newest = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda each: int(each.parent.name), reverse=True)
    root = Path(__file__).resolve().parent.parent
    for directory in (root / ".tools" / "bin", *newest):
        if (directory / name).exists():
            return str(directory / name)
    found = shutil.which(name)
    if found is None:
        raise Absent(f"{name} is not on this machine: run `make tools`")
    return found


def _as_user() -> dict[str, Any]:
    if os.geteuid() != 0:
        return {"cwd": "/"}
    return {"user": "postgres", "group": "postgres", "extra_groups": [], "cwd": "/"}


@contextlib.contextmanager
def _postgres(place: Path) -> Iterator[str]:
    place.mkdir(parents=True)
    for parent in (place, *place.parents):
        if os.geteuid() == 0 and parent.stat().st_mode & 0o005 != 0o005 and parent != Path("/"):
            parent.chmod(parent.stat().st_mode | 0o011)
    if os.geteuid() == 0:
        shutil.chown(place, "postgres", "postgres")
    data, port = place / "data", free_port()
    subprocess.run([find("initdb"), "-D", data, "-A", "trust", "-U", "postgres", "--no-sync"], check=True,
                   capture_output=True, **_as_user())  # fmt: skip
    options = ["-c", "listen_addresses=127.0.0.1", "-p", str(port), "-c", "unix_socket_directories="]
    with (place / "log").open("ab") as log:
        server = subprocess.Popen(
            [find("postgres"), "-D", data, *options], stdin=subprocess.DEVNULL, stdout=log, stderr=log, **_as_user()
        )
    try:
        _await(port, server)
        yield f"postgresql://postgres@127.0.0.1:{port}/postgres"
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(_PATIENCE)


@contextlib.contextmanager
def _s3(place: Path) -> Iterator[str]:
    (place / "bench").mkdir(parents=True)
    port = free_port()
    words = [find("versitygw"), "--port", f"127.0.0.1:{port}", "--region", "us-east-1", "--keep-alive", "--quiet"]
    keys = {"ROOT_ACCESS_KEY": _KEY, "ROOT_SECRET_KEY": _SECRET}
    with (place.parent / "s3.log").open("ab") as log:
        server = subprocess.Popen(
            [*words, "--noacl", "--health", "/health", "posix", str(place)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={**os.environ, **keys},
        )
    try:
        _await(port, server)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(_PATIENCE)


def _await(port: int, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline and server.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.02)
    raise Absent(f"the server on port {port} did not start")
