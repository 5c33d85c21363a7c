"""Several nodes of one installation: `serve --no-jobs` processes and one `worker`, over PostgreSQL and a bucket.

Promises: nodes share nothing but the database, the bucket and the key file, each has a directory and a port of its
own; all are ready when `running_cluster` yields, and gone with their children when the block is left.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from tests import warm
from tests.deploy.proxies import haproxy
from tests.pairs import Pair, place_of
from tests.ports import free_port
from tests.serving import Server

NODES = 3
_END = 30.0


@dataclass(slots=True)
class Work:
    """One `holdfast worker` process."""

    env: Mapping[str, str]
    logs: Path
    process: warm.Running | None = None

    def start(self) -> None:
        """Start it; nothing waits for it to be ready."""
        words, log = ["worker", "--data", str(self.logs / "data")], self.logs / "worker.log"
        self.process = warm.begin(words, {**os.environ, **self.env}, self.logs, log, log)

    def stop(self) -> None:
        """End it in order."""
        if self.process is not None:
            self.process.terminate()
            try:
                status = self.process.wait(_END)
            finally:
                self.kill9()
            assert status == 0, self.log_text()[-3000:]

    def kill9(self) -> None:
        """End it at once."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(_END)
            self.process = None

    def log_text(self) -> str:
        """Give what it said."""
        return (self.logs / "worker.log").read_text(encoding="utf-8", errors="replace")


@dataclass(slots=True)
class Cluster:
    """The nodes of an installation, and their worker."""

    nodes: list[Server]
    worker: Work
    env: Mapping[str, str]
    logs: Path
    words: list[str] = field(default_factory=list)

    @property
    def ports(self) -> list[int]:
        """Give the port of each node."""
        return [node.port for node in self.nodes]

    def holdfast(self, *words: str) -> str:
        """Run another verb of the program on the installation; give what it printed."""
        done = warm.run(words, {**os.environ, **self.env})
        assert done.returncode == 0, f"{words}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
        return done.stdout

    def trouble(self) -> list[str]:
        """Give the lines of the logs that hold a status 500 or a stack of what nobody foresaw."""
        lines = [line for node in self.nodes for line in node.log_text().splitlines()]
        return [line for line in lines if '"status":500' in line or "unforeseen" in line]


@contextlib.contextmanager
def running_cluster(
    place: Path, *flags: str, count: int = NODES, pair: Pair = Pair.SEALED_CLUSTER, env: Mapping[str, str] | None = None
) -> Iterator[Cluster]:
    """Run `count` open nodes with these flags, and a worker; `env` is added to what all of them know."""
    place.mkdir(parents=True, exist_ok=True)
    known = {**place_of(pair, place), **(env or {})}
    nodes: list[Server] = []
    for number in range(count):
        logs = place / f"node{number}"
        logs.mkdir()
        ports = {node.port for node in nodes}
        port = next(port for port in iter(free_port, 0) if port not in ports)
        nodes.append(Server(data=logs / "data", port=port, flags=("--open", "--no-jobs", *flags), env=known, logs=logs))
    (place / "worker").mkdir()
    cluster = Cluster(nodes, Work(known, place / "worker"), known, place)
    with contextlib.ExitStack() as stack:
        for node in nodes:
            stack.callback(end, node)
        stack.callback(cluster.worker.kill9)
        nodes[0].start()  # it lays the schema
        cluster.worker.start()
        with ThreadPoolExecutor(count) as threads:
            list(threads.map(Server.start, nodes[1:]))
        yield cluster
        cluster.worker.stop()
        for node in nodes:
            if node.process is not None:
                node.stop()


def end(node: Server) -> None:
    """End a node with all its children, if it runs."""
    if node.process is not None:
        node.kill9()
    if node.group > 1:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(node.group, signal.SIGKILL)


@contextlib.contextmanager
def balanced(place: Path, ports: list[int]) -> Iterator[int]:
    """Run haproxy in front of these ports, which gives each request to the next of them; give its port."""
    port = free_port()
    nodes = "\n".join(f"    server node{number} 127.0.0.1:{each}" for number, each in enumerate(ports))
    text = f"""
defaults
    mode http
    timeout connect 2s
    timeout client 60s
    timeout server 60s
    retries 2
    option redispatch

frontend holdfast
    bind 127.0.0.1:{port}
    default_backend holdfast

backend holdfast
    balance roundrobin
    option httpchk
    http-check send meth GET uri /readyz ver HTTP/1.1 hdr Host registry.example.com
    http-check expect status 200
    default-server check inter 200ms fall 1 rise 1
{nodes}
"""
    with haproxy(place, text, port):
        yield port
