"""How long a server takes to its first answer, and what it holds when nobody asks anything of it."""

import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import median

from bench.processes import Memory
from bench.server import Server

_SETTLE_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Start:
    """Medians of the seconds from spawn to the first answer on /v2/."""

    empty: float
    """on an empty directory"""
    again: float
    """on the directory that the first start made"""


def starts(servers: Sequence[Server], rounds: int) -> dict[str, Start]:
    """Start each server on an empty directory and once more on the same, in turns."""
    empty: dict[str, list[float]] = {server.name: [] for server in servers}
    again: dict[str, list[float]] = {server.name: [] for server in servers}
    for _ in range(rounds):
        for server in servers:
            fresh = replace(server, root=server.root.with_name(f"{server.name}-start"), port=0)
            try:
                empty[server.name].append(fresh.start())
                again[server.name].append(fresh.restart())
            finally:
                fresh.stop()
                shutil.rmtree(fresh.root, ignore_errors=True)
    return {server.name: Start(median(empty[server.name]), median(again[server.name])) for server in servers}


def idle(servers: Sequence[Server]) -> dict[str, Memory]:
    """The memory of each running server's tree, two seconds after the last start."""
    time.sleep(_SETTLE_SECONDS)
    return {server.name: server.usage() for server in servers}
