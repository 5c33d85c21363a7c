"""Drives one slice of load: a process per client, each with one connection, released together.

A client repeats its operation until the time is over (and at least `minimum` times) and reports its latencies; the
parent reads the server's CPU just before the release and just after the last report.
"""

import gc
import multiprocessing
import signal
import time
from array import array
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection as Pipe
from multiprocessing.connection import wait
from typing import Protocol

from bench.connection import Broken, Connection
from bench.figures import Slice, percentile
from bench.server import Server

PATIENCE_SECONDS = 900.0
_WATCH_SECONDS = 0.1


class Operation(Protocol):
    """One client's work: called once per operation; returns the bytes of content moved."""

    def __call__(self, connection: Connection, /) -> int: ...

    def verify(self, connection: Connection, /) -> None:
        """After the slice, untimed: prove by digest that what was moved is right; raises `Broken`."""

    def tail_seconds(self) -> float:
        """The worst time from the last byte sent to the answer, so far; 0.0 where no body is sent."""


Job = Callable[[int, int], Operation]
"""Makes the work of client number `client` in round number `round`."""


@dataclass(frozen=True, slots=True)
class Load:
    """How a slice is driven: `clients` at once, for `seconds`, at least `minimum` operations each."""

    clients: int
    seconds: float
    minimum: int = 1
    watch: bool = False
    """sample memory ten times a second, for the growth"""


@dataclass(frozen=True, slots=True)
class _Report:
    latencies: "array[float]"
    moved: int
    elapsed: float
    client_cpu: float
    tail: float


def run_slice(server: Server, job: Job, load: Load, round_number: int) -> Slice:
    """One slice against a running server; raises `Broken` with the first client's complaint."""
    context = multiprocessing.get_context("fork")
    pipes: list[Pipe] = []
    clients = []
    try:
        for number in range(load.clients):
            ours, theirs = context.Pipe()
            process = context.Process(target=_client, args=(theirs, server, job, number, round_number), daemon=True)
            process.start()
            theirs.close()
            pipes.append(ours)
            clients.append(process)
        _gather(pipes)
        before = server.usage()
        cpu = server.cpu()
        for pipe in pipes:
            pipe.send((load.seconds, load.minimum))
        peak = _watch(server, pipes, before.pss) if load.watch else before.pss
        reports = [report for report in _gather(pipes) if isinstance(report, _Report)]
        cpu = server.cpu() - cpu
        after = server.usage()
        for pipe in pipes:
            pipe.send(None)
        _gather(pipes)
    finally:
        for pipe in pipes:
            pipe.close()
        for process in clients:
            process.join(5)
            if process.is_alive():
                process.kill()
                process.join()
    ordered = sorted(latency for report in reports for latency in report.latencies)
    count = len(ordered)
    return Slice(
        operations=count,
        rate=sum(len(report.latencies) / report.elapsed for report in reports),
        bytes_per_second=sum(report.moved / report.elapsed for report in reports),
        p50_ms=percentile(ordered, 50) * 1e3,
        p99_ms=percentile(ordered, 99) * 1e3,
        cpu_us=cpu / count * 1e6,
        client_cpu_us=sum(report.client_cpu for report in reports) / count * 1e6,
        rss=after.rss,
        pss=after.pss,
        growth=max(peak, after.pss) - before.pss if load.watch else 0,
        tail_ms=max(report.tail for report in reports) * 1e3,
    )


def _gather(pipes: list[Pipe]) -> list[object]:
    """One message from each client, in any order; a complaint or a silence raises `Broken`."""
    waiting = list(pipes)
    messages: list[object] = []
    deadline = time.monotonic() + PATIENCE_SECONDS
    while waiting:
        ready = wait(waiting, max(0.0, deadline - time.monotonic()))
        if not ready:
            raise Broken(f"{len(waiting)} clients said nothing for {PATIENCE_SECONDS:.0f} s")
        for pipe in ready:
            assert isinstance(pipe, Pipe)
            waiting.remove(pipe)
            try:
                message = pipe.recv()
            except EOFError:
                raise Broken("a client ended without a word") from None
            if isinstance(message, Exception):
                raise Broken(str(message))
            messages.append(message)
    return messages


def _watch(server: Server, pipes: list[Pipe], peak: int) -> int:
    """The peak of PSS until a client has something to say."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not wait(pipes, _WATCH_SECONDS) and time.monotonic() < deadline:
        peak = max(peak, server.usage().pss)
    return peak


def _client(pipe: Pipe, server: Server, job: Job, number: int, round_number: int) -> None:
    """The body of a client process: connect, say so, work when told, report, verify when told."""
    gc.disable()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends the clients
    try:
        connection = server.connect()
        connection.ask(connection.request("GET", "/v2/"))
        operation = job(number, round_number)
        pipe.send(None)
        seconds, minimum = pipe.recv()
        pipe.send(_work(connection, operation, seconds, minimum))
        pipe.recv()
        if number == 0:
            operation.verify(connection)
        pipe.send(None)
        connection.close()
    except EOFError:
        return  # the parent has given up
    except Broken as problem:
        pipe.send(problem)
    except Exception as problem:
        pipe.send(Broken(f"{type(problem).__name__}: {problem}"))


def _work(connection: Connection, operation: Operation, seconds: float, minimum: int) -> _Report:
    clock = time.perf_counter
    latencies = array("d")
    moved = 0
    cpu = time.process_time()
    began = now = clock()
    end = began + seconds
    while now < end or len(latencies) < minimum:
        moved += operation(connection)
        then, now = now, clock()
        latencies.append(now - then)
    return _Report(latencies, moved, now - began, time.process_time() - cpu, operation.tail_seconds())
