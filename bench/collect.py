"""What collection costs: `python -m bench.collect`.

Garbage blobs, a file and a few rows each, are collected: at which rate against plain `unlink` of as many equal files on
the same file system in the same run; how many pushes go on beside it against without it; and how its time grows with
what the store holds beside the same garbage.
"""

import argparse
import asyncio
import contextlib
import multiprocessing
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.figures import summarise
from bench.garbage import LONG_AGO, SIZE, files, lay
from bench.load import Load, run_slice
from bench.peers import CANDIDATES, find_program
from bench.pushes import pushing_images
from bench.report import table
from bench.server import Server
from bench.workload import Scale, Stage
from holdfast.app.config import load
from holdfast.app.engines import engines
from holdfast.app.registry_settings import registry_settings
from holdfast.blobs.key import new_key
from holdfast.registry.collect.service import Collect
from holdfast.registry.sweep.service import Sweep

_ROOT = Path(__file__).resolve().parent.parent
_RESULTS = _ROOT / "bench" / "results"
GARBAGE = 100_000
STORES = (1_000, 10_000, 100_000)
_FEW = 5_000
_CLIENTS = 4


@dataclass(frozen=True, slots=True)
class Found:
    """Objects per second: collected, and unlinked; pushes per second without and beside collection; and seconds by the
    contents of the store, for the same garbage."""

    collected: float
    unlinked: float
    pushes_alone: float
    pushes_beside: float
    growth: dict[int, float]


def measure(place: Path, garbage: int, few: int, stores: Sequence[int], seconds: float) -> Found:
    """Everything, in directories below `place`."""
    growth = {}
    for contents in stores:
        with _registry(place, f"growth-{contents}") as server:
            server.stop()
            lay(server.data, contents, few)
            os.sync()
            growth[contents] = collect(server.data)
    with _registry(place, "rate") as server:
        server.stop()
        lay(server.data, 0, garbage)
        before = unlink(place / "plain", garbage // 2)
        os.sync()
        took = collect(server.data)
        after = unlink(place / "plain", garbage - garbage // 2)
        if left := _objects(server.data):
            raise RuntimeError(f"{left} objects are left")
    alone, beside = pushes(place, garbage, seconds)
    return Found(garbage / took, garbage / (before + after), alone, beside, growth)


def pushes(place: Path, garbage: int, seconds: float) -> tuple[float, float]:
    """Pushes per second of small images, without the collector and while it works."""
    with _registry(place, "pushes") as server:
        server.stop()
        lay(server.data, 0, garbage)
        os.sync()
        server.start()
        job = pushing_images(Stage(server, Scale(run=f"{time.time_ns():x}")), patched=False)
        turns = iter(range(1_000_000))

        def rate() -> float:
            return summarise([run_slice(server, job, Load(_CLIENTS, seconds), next(turns))]).rate

        rate()
        alone = [rate() for _ in range(4)]
        process = multiprocessing.get_context("spawn").Process(target=collect, args=(server.data,))
        process.start()
        beside: list[float] = []
        while process.is_alive() or not beside:
            beside.append(rate())
        process.join()
        if process.exitcode:
            raise RuntimeError("the collector failed")
        if len(beside) > 1:
            beside.pop()  # it ended somewhere in the last one
        alone += [rate() for _ in range(4)]
        return statistics.median(alone), statistics.median(beside)


def collect(data: Path) -> float:
    """Collect all that is due in a data directory; returns the seconds that it took."""
    settings = load({"data": str(data), "collect.grace": "0s"}, {}).settings

    async def work() -> float:
        async with engines(settings) as found:
            began = time.perf_counter()
            core = registry_settings(settings)
            await Collect(found.db, core).run()
            await Sweep(found.db, found.blobs, core).run()
            return time.perf_counter() - began

    return asyncio.run(work())


def unlink(place: Path, count: int) -> float:
    """Seconds that `os.unlink` of as many equal files takes, one after the other."""
    paths = list(files(place, [new_key(LONG_AGO + n) for n in range(count)]))
    os.sync()
    began = time.perf_counter()
    for path in paths:
        os.unlink(path)
    took = time.perf_counter() - began
    shutil.rmtree(place)
    return took


@contextlib.contextmanager
def _registry(place: Path, name: str) -> Iterator[Server]:
    """Holdfast, open to all, on a directory of its own; it runs, and is gone with its data when the block is left."""
    program = find_program("holdfast")
    if program is None:
        raise RuntimeError("no holdfast: make install")
    kind = next(candidate for candidate in CANDIDATES if candidate.name == "holdfast")
    server = Server(name, kind.kind, "", kind.recipe(program), place / name)
    try:
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(server.root, ignore_errors=True)


def _objects(data: Path) -> int:
    return sum(len(files) for _, _, files in os.walk(data / "store" / "objects"))


# -- the command line --------------------------------------------------------------------------------------------------


def page(found: Found, garbage: int, few: int) -> str:
    """The figures as a section of a Markdown page."""
    rows = [
        ("objects collected in a second, nothing beside it", f"{found.collected:,.0f}"),
        ("equal files unlinked in a second, one after the other", f"{found.unlinked:,.0f}"),
        ("collected / unlinked", f"{found.collected / found.unlinked:.2f}"),
        (f"pushes of small images in a second, {_CLIENTS} clients", f"{found.pushes_alone:,.0f}"),
        ("the same beside the collector", f"{found.pushes_beside:,.0f}"),
        ("beside / alone", f"{found.pushes_beside / found.pushes_alone:.2f}"),
    ]
    grown = [(f"{contents:,}", f"{took:.2f}", f"{few / took:,.0f}") for contents, took in found.growth.items()]
    return "\n\n".join(
        [
            f"{garbage:,} blobs of {SIZE:,} bytes that nothing keeps, SQLite and files:",
            table(("what", "found"), rows),
            f"{few:,} such blobs beside what the store keeps:",
            table(("contents kept", "seconds", "objects/s"), grown),
        ]
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.collect", description=__doc__.partition("\n")[0])
    parser.add_argument("--garbage", type=int, default=GARBAGE, metavar="N", help=f"blobs to collect ({GARBAGE:,})")
    parser.add_argument("--seconds", type=float, default=1.0, help="length of a slice of pushes (1.0)")
    parser.add_argument("--quick", action="store_true", help="a tenth of everything")
    parser.add_argument("--dir", metavar="DIR", help="where the data goes while it runs (bench/results)")
    given = parser.parse_args(arguments)
    part = 10 if given.quick else 1
    _RESULTS.mkdir(parents=True, exist_ok=True)
    place = Path(tempfile.mkdtemp(prefix="collect-", dir=given.dir or _RESULTS))
    garbage, few = given.garbage // part, _FEW // part
    try:
        found = measure(place, garbage, few, [contents // part for contents in STORES], given.seconds)
    except RuntimeError as problem:
        print(problem, file=sys.stderr)
        return 1
    finally:
        shutil.rmtree(place, ignore_errors=True)
    print(page(found, garbage, few))
    return 0


if __name__ == "__main__":
    sys.exit(main())
