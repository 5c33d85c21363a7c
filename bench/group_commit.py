"""Durable pushes of small images per second against the number of clients at once: `python -m bench.group_commit`.

Two tables: pushes over HTTP, where the processor soon is the limit, and transactions of the database alone, shared and
one by one in the same run, where only the disk is. A peer named with --peer is measured in the same turns.
"""

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from bench import writes
from bench.connection import Broken
from bench.figures import Slice, summarise
from bench.load import Load, run_slice
from bench.peers import CANDIDATES, discover
from bench.pushes import pushing_images
from bench.report import number, table
from bench.server import Kind
from bench.workload import Scale, Stage

_RESULTS = Path(__file__).resolve().parent / "results"
_CLIENTS = (1, 2, 4, 8, 16, 32)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; 1 when a server is missing or fails."""
    given = _parser().parse_args(arguments)
    _RESULTS.mkdir(parents=True, exist_ok=True)
    place = Path(tempfile.mkdtemp(prefix="group-", dir=given.dir or _RESULTS))
    try:
        print(f"Durable transactions of the database alone\n\n{transactions(given.seconds, given.rounds, place)}\n")
        print("Pushes of a small image\n")
        print(pushes(["holdfast", *given.peer], given.seconds, given.rounds, place))
    except (Broken, OSError, RuntimeError) as problem:
        print(problem, file=sys.stderr)
        return 1
    finally:
        shutil.rmtree(place, ignore_errors=True)
    return 0


def pushes(names: Sequence[str], seconds: float, rounds: int, directory: Path) -> str:
    """The table of pushes: one row per number of clients and server."""
    servers, missing = discover(names, directory)
    if missing:
        raise RuntimeError("; ".join(f"no {name}: {hint}" for name, hint in missing.items()))
    rows = []
    with ExitStack() as stack:
        for server in servers:
            stack.callback(server.stop)
            server.start()
        stages = [Stage(server, Scale(run=f"{time.time_ns():x}")) for server in servers]
        alone: dict[str, float] = {}
        for clients in _CLIENTS:
            slices: dict[str, list[Slice]] = {server.name: [] for server in servers}
            for turn in range(rounds):
                for stage in stages:
                    os.sync()
                    job = pushing_images(stage, patched=False)
                    turn_number = turn + 1000 * clients  # no push repeats the content of another number of clients
                    slices[stage.server.name].append(run_slice(stage.server, job, Load(clients, seconds), turn_number))
            for name, found in slices.items():
                figures = summarise(found)
                first = alone.setdefault(name, figures.rate)
                rows.append(
                    (
                        str(clients),
                        name,
                        number(figures.rate),
                        f"{figures.rate / first:.1f} x",
                        number(figures.p50_ms),
                        number(figures.p99_ms),
                        number(figures.cpu_us),
                    )
                )
    header = ("clients", "server", "pushes/s", "of one client", "p50 ms", "p99 ms", "server CPU us/push")
    return table(header, rows)


def transactions(seconds: float, rounds: int, directory: Path) -> str:
    """The table of the database alone."""
    rows = [
        (
            str(one.writers),
            number(one.together),
            number(one.one_by_one),
            f"{one.together / one.one_by_one:.1f} x",
        )
        for one in writes.measure(directory, _CLIENTS, seconds, rounds)
    ]
    return table(("writers", "group commit/s", "one by one/s", "gain"), rows)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.group_commit", description="Pushes against concurrency.")
    parser.add_argument("--seconds", type=float, default=1.0, help="length of a slice")
    parser.add_argument("--rounds", type=int, default=3, help="slices per number of clients")
    parser.add_argument("--dir", help="where the data goes while it runs (bench/results)")
    parser.add_argument(
        "--peer",
        action="append",
        default=[],
        choices=[one.name for one in CANDIDATES if one.kind in {Kind.DISTRIBUTION, Kind.ZOT}],
        help="measure this server as well",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
