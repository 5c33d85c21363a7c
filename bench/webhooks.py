"""How many events a second one job worker tells through 50 webhooks, and how late: `python -m bench.webhooks`.

A real server with its one worker; events are written into its journal by this program, as pushes write them, at a
steady rate; a receiver here answers 204 at once. Two readings of "1,000 events a second through 50 webhooks": each
event is asked for by one of them, and each by all 50. The delay is from the event to its arrival, and holds the second
in which the journal is sealed.
"""

import argparse
import asyncio
import contextlib
import http.client
import json
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from bench.backends import backends
from bench.processes import parse_stat
from bench.server import Kind, Launch, Server
from holdfast.db.port import Database, Unit
from holdfast.db.postgres import PostgresDatabase
from holdfast.db.sqlite import SqliteDatabase
from holdfast.journal.model import ChangeKind, Origin
from holdfast.journal.service import Place, record

_WEBHOOKS = 50
_UNIT = 20
_DEEP = ("a", "a/b", "a/b/c")
_OF_PATH = 20
_SAMPLE = 10


class Receiver(asyncio.Protocol):
    """Answers every request with 204, and notes when what arrived."""

    taken = 0
    delays: list[float] = []  # noqa: RUF012 - of all connections
    begins = False

    def __init__(self) -> None:
        self._data = b""
        self._transport: Any = None

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._data += data
        while (end := self._data.find(b"\r\n\r\n")) >= 0:
            head = self._data[:end].lower()
            at = head.index(b"content-length:") + len(b"content-length:")
            length = int(head[at : head.find(b"\r\n", at) if b"\r\n" in head[at:] else None])
            if len(self._data) < end + 4 + length:
                return
            body, self._data = self._data[end + 4 : end + 4 + length], self._data[end + 4 + length :]
            self._transport.write(b"HTTP/1.1 204 No Content\r\n\r\n")
            Receiver.taken += 1
            if Receiver.taken % _SAMPLE == 0:
                Receiver.delays.append(time.time() - json.loads(body)["data"]["sent"])


def _server(root: Path, port: int, extra: Sequence[str], environment: dict[str, str]) -> Server:
    argv = (sys.executable, "-m", "holdfast", "serve", "--data", str(root / "data"), "--listen", f"127.0.0.1:{port}")
    flags = ("--open", "--allow-private-targets", "127.0.0.1/32", *extra)

    def recipe(_root: Path, _port: int) -> Launch:
        return Launch((*argv, *flags), environment)

    return Server("holdfast", Kind.HOLDFAST, "", recipe, root, port=port)


def _cpu(session: int) -> dict[int, float]:
    """The CPU seconds of every process of a server."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            with contextlib.suppress(OSError):
                stat = parse_stat((entry / "stat").read_text())
                if stat.session == session:
                    found[stat.pid] = stat.own_seconds
    return found


def _make(port: int, target: str, *, to_all: bool) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port)
    for n in range(_WEBHOOKS):
        path = _DEEP[n // _OF_PATH] if to_all else f"team{n}"
        body = json.dumps({"path": path, "url": f"{target}/{n}", "name": f"n{n}"})
        connection.request("POST", "/api/v1/webhooks", body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        assert answer.status == 201, answer.read()
        answer.read()
    connection.close()


async def _feed(db: Database, rate: float, seconds: float, repositories: int, *, to_all: bool) -> int:
    """Write events at `rate`; how many."""
    began, count = time.monotonic(), 0
    chance = random.Random(1)
    while (passed := time.monotonic() - began) < seconds:
        if count >= passed * rate:
            await asyncio.sleep(0.002)
            continue

        async def work(unit: Unit, first: int = count) -> None:
            for n in range(first, first + _UNIT):
                top = "a/b/c" if to_all else f"team{chance.randrange(_WEBHOOKS)}"
                path = f"{top}/app{chance.randrange(max(1, repositories))}"
                data = {"digest": f"sha256:{n:064x}", "tags": ["v1"], "sent": time.time()}
                await record(
                    unit, ChangeKind.MANIFEST_PUSHED, Place(0, 0, unit.now), actor="user:bench",
                    origin=Origin("bench"), data=data, path=path,
                )  # fmt: skip

        await db.write(work)
        count += _UNIT
    return count


async def _run(options: argparse.Namespace, root: Path, target: str, environment: dict[str, str], port: int) -> str:
    to_all = options.all
    loop = asyncio.get_running_loop()
    listener = await loop.create_server(Receiver, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    postgres = target.startswith("postgresql://")
    server = _server(root, port, ("--database", target) if postgres else (), environment)
    await asyncio.to_thread(server.start)
    try:
        await asyncio.to_thread(_make, server.port, url, to_all=to_all)
        db: Database = PostgresDatabase(target) if postgres else SqliteDatabase(str(root / "data" / "holdfast.db"))
        await asyncio.sleep(2.0)
        cpu, began = _cpu(server.session), time.monotonic()
        made = await _feed(db, options.rate, options.seconds, options.repositories, to_all=to_all)
        fed = time.monotonic() - began
        during = Receiver.taken
        wanted = made * (_WEBHOOKS if to_all else 1)
        deadline = time.monotonic() + options.patience
        while Receiver.taken < wanted and time.monotonic() < deadline:
            await asyncio.sleep(0.05)
        took = time.monotonic() - began
        # Nobody asks the server anything: what is used most is the worker.
        used = max(now - cpu.get(pid, 0.0) for pid, now in _cpu(server.session).items())
        await db.close()
    finally:
        await asyncio.to_thread(server.stop)
        listener.close()
    delays = sorted(Receiver.delays) or [0.0]
    cells = (
        "PostgreSQL" if postgres else "SQLite",
        "all 50" if to_all else "one of 50",
        f"{made / fed:,.0f}",
        f"{during / fed:,.0f}",
        f"{Receiver.taken / took:,.0f}",
        f"{Receiver.taken:,} of {wanted:,}",
        f"{statistics.median(delays):.2f} s",
        f"{delays[int(len(delays) * 0.99)]:.2f} s",
        f"{used / took:.2f}",
        f"{used / max(1, Receiver.taken) * 1e6:.0f} us",
    )
    return "| " + " | ".join(cells) + " |"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run once and print one row of a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=float, default=1000.0, help="events a second")
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--repositories", type=int, default=20, help="of one namespace")
    parser.add_argument("--all", action="store_true", help="each event is asked for by all 50 webhooks")
    parser.add_argument("--postgres", action="store_true", help="on PostgreSQL instead of SQLite")
    parser.add_argument("--patience", type=float, default=60.0, help="seconds to wait for what is late")
    options = parser.parse_args(arguments)
    from bench.server import free_port

    with ExitStack() as stack:
        root = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        os.chmod(root, 0o755)
        target, environment = "", {}
        if options.postgres:
            found = stack.enter_context(backends(root))
            key = root / "key"
            from holdfast.access.master import new_master_key

            key.write_text(new_master_key())
            target, environment = found.database, {"HOLDFAST_ENCRYPTION_KEY_FILE": str(key)}
        head = "events/s | taken/s meanwhile | taken/s | taken | delay | p99 | worker CPU | each"
        print(f"| database | each event to | {head} |")
        print("|---|---|---:|---:|---:|---:|---:|---:|---:|---:|")
        print(asyncio.run(_run(options, root, target, environment, free_port())))
    return 0


if __name__ == "__main__":
    sys.exit(main())
