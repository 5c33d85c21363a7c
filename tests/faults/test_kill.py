"""kill -9 at random moments during concurrent pushes: nothing that was acknowledged is lost, nothing is left running.

HOLDFAST_KILL_ROUNDS sets how often (default 9, three of each kind), HOLDFAST_FAULT_SEED the randomness.
"""

from __future__ import annotations

import os
import random
import signal
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.faults.client import Ledger
from tests.faults.load import Pusher, pushers, wait_for
from tests.faults.oracle import check, verify
from tests.serving import Server, answers_ready, pause, running_server

ROUNDS = int(os.environ.get("HOLDFAST_KILL_ROUNDS", "9"))
SEED = int(os.environ.get("HOLDFAST_FAULT_SEED", "1"))
_PUSHERS = 4


def workers_of(pid: int) -> list[int]:
    """The children of a process."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def alive(pid: int) -> bool:
    """Whether a process runs (a zombie does not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def port_is_free(port: int) -> bool:
    """Whether another server could listen there now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
            probe.listen()
        except OSError:
            return False
    return True


def kill_all(server: Server, threads: list[Pusher]) -> None:
    """The supervisor and its workers at once."""
    server.kill9()


def kill_supervisor(server: Server, threads: list[Pusher]) -> None:
    """The supervisor alone: its workers end with it, and the port comes free."""
    children = workers_of(server.pid)
    assert children
    server.kill9(children=False)
    for _ in range(500):
        if not any(map(alive, children)) and port_is_free(server.port):
            return
        pause(0.01)
    assert not any(map(alive, children)), "workers outlived the supervisor"
    raise AssertionError("the port did not come free")


def kill_worker(server: Server, threads: list[Pusher]) -> None:
    """One worker: the server makes another, and pushes go on without anybody's help."""
    before = workers_of(server.pid)
    os.kill(before[0], signal.SIGKILL)
    for _ in range(3000):
        now = workers_of(server.pid)
        # Until it is gone for good, what connects may still be handed to the dead one.
        if before[0] not in now and len(now) == len(before) and answers_ready(server.port):
            break
        pause(0.01)
    else:
        raise AssertionError(f"no worker took over from {before[0]}: {now}")
    wait_for(threads, 40)


KINDS: list[Callable[[Server, list[Pusher]], None]] = [kill_all, kill_worker, kill_supervisor]


@pytest.mark.parametrize("workers", [pytest.param(1, marks=pytest.mark.slow), 2])
def test_what_was_acknowledged_survives_kill_9(
    tmp_path: Path, workers: int, record_property: Callable[[str, object], None]
) -> None:
    rounds = range(ROUNDS // 3 if workers == 2 else ROUNDS - ROUNDS // 3)
    chance = random.Random(SEED)
    ledgers: list[Ledger] = []
    held = 0
    with running_server(tmp_path, "--open", "--workers", str(workers)) as server:
        for number in rounds:
            with pushers(server.port, _PUSHERS, seed=SEED * 1000 + number) as threads:
                wait_for(threads, chance.randrange(20, 400))
                KINDS[number % len(KINDS)](server, threads)
            ledgers = [thread.ledger for thread in threads]
            server.restart(graceful=False)
            held += check(server.port, ledgers)
            verify(server.data, "--deep")
        record_property("fault", f"kill -9 with {workers} workers: {len(rounds)} rounds, {held} outcomes held")
    assert held > 0
