"""What a cluster costs beside the embedded pair, in one run: `python -m bench.cluster`.

The same holdfast on SQLite and files, and on PostgreSQL and an S3 server, each in clear and encrypted, in turns; the
object store's library alone against the same S3 server, and reading a file with the cipher alone, as the limits; how
manifest pulls grow with processes on one PostgreSQL; how long a start takes with very many repositories.
"""

import argparse
import base64
import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench import pushes, reads
from bench.backends import Absent, Backends, backends, find
from bench.cluster_limits import limits
from bench.cluster_page import page
from bench.figures import Figures, Slice, summarise
from bench.load import Job, Load, run_slice
from bench.server import Kind, Launch, Server
from bench.workload import Scale, Stage, Workload

_ROOT = Path(__file__).resolve().parent.parent
_RESULTS = _ROOT / "bench" / "results"
_PAGE = _ROOT / "docs" / "reference" / "performance-cluster.md"
_PROCESSES = (1, 2, 4)
_SEED = """
insert into repository (path, born, seq, last_at)
select 'team-' || (n % 1000) || '/app-' || n, 1, 1, 1 from generate_series(1, {count}) n
"""
_SEED_EMBEDDED = """
with recursive n(n) as (select 1 union all select n + 1 from n where n < {count})
insert into repository (path, born, seq, last_at) select 'team-' || (n % 1000) || '/app-' || n, 1, 1, 1 from n
"""


@dataclass(frozen=True, slots=True)
class Pair:
    """One way to run holdfast."""

    name: str
    title: str
    cluster: bool
    sealed: bool
    workers: int = 1


PAIRS = (
    Pair("embedded", "SQLite + files", cluster=False, sealed=False),
    Pair("sealed", "SQLite + files, encrypted", cluster=False, sealed=True),
    Pair("cluster", "PostgreSQL + S3", cluster=True, sealed=False),
    Pair("sealed-cluster", "PostgreSQL + S3, encrypted", cluster=True, sealed=True),
)
CURVE = tuple(Pair(f"curve-{n}", f"{n} processes", cluster=True, sealed=False, workers=n) for n in _PROCESSES)


def workloads() -> dict[str, Workload]:
    """The rows, by name."""
    known = {one.name: one for one in (*reads.WORKLOADS, *pushes.WORKLOADS)}
    names = ("manifest-tag", "manifest-head", "blob-1m", "blob-256m", "push-small-put", "push-256m-put")
    return {name: known[name] for name in names}


def server_of(pair: Pair, place: Path, given: Backends) -> Server:
    """Holdfast as `pair` runs it, on a database and a prefix of its own."""
    root = place / pair.name
    root.mkdir(parents=True)
    key = root / "key"
    key.write_text(base64.b64encode(os.urandom(32)).decode() + "\n")
    words = ["--encryption-key-file", str(key), "--encryption-content", "on" if pair.sealed else "off"]
    if pair.cluster:
        database = pair.name.replace("-", "_")
        subprocess.run([find("psql"), "-q", "-c", f"create database {database}", given.database], check=True)
        bucket, _, options = given.storage.partition("?")
        words += ["--database", f"{given.database.rpartition('/')[0]}/{database}"]
        words += ["--storage", f"{bucket}/{pair.name}?{options}", "--storage-redirect", "off"]
    words += ["--workers", str(pair.workers), "--open"]

    def recipe(root: Path, port: int) -> Launch:
        program = (sys.executable, "-m", "holdfast", "serve", "--data", str(root / "data"))
        return Launch((*program, "--listen", f"127.0.0.1:{port}", *words), given.environment)

    return Server(pair.name, Kind.HOLDFAST, "", recipe, root)


@contextlib.contextmanager
def running(pairs: Sequence[Pair], place: Path, given: Backends, run: str) -> Iterator[list[Stage]]:
    """The servers of `pairs`, up at once."""
    with contextlib.ExitStack() as stack:
        stages = []
        for pair in pairs:
            server = server_of(pair, place, given)
            stack.callback(server.stop)
            server.start()
            stages.append(Stage(server, Scale(run=f"{run} {pair.name}")))
        yield stages


def compare(stages: Sequence[Stage], one: Workload, seconds: float, rounds: int) -> list[Figures]:
    """The figures of one workload on every stage, in turns."""
    jobs: list[Job] = [one.prepare(stage) for stage in stages]
    slices: list[list[Slice]] = [[] for _ in stages]
    for turn in range(rounds):
        for at, stage in enumerate(stages):
            load = Load(one.clients, 0.0 if one.single else seconds, watch=one.name == "push-256m-put")
            slices[at].append(run_slice(stage.server, jobs[at], load, turn))
    return [summarise(each) for each in slices]


def curve(place: Path, given: Backends, seconds: float, rounds: int) -> list[tuple[int, Figures]]:
    """Manifest pulls by processes that share one PostgreSQL, with eight clients."""
    one = workloads()["manifest-tag"]
    found = []
    for pair in CURVE:
        with running([pair], place, given, "curve") as stages:
            job = one.prepare(stages[0])
            slices = [run_slice(stages[0].server, job, Load(8, seconds), turn) for turn in range(rounds)]
        found.append((pair.workers, summarise(slices)))
    return found


def starts(place: Path, given: Backends, count: int) -> dict[str, float]:
    """Seconds from the start to the first answer with `count` repositories, by pair; the median of five."""
    found = {}
    for pair in (Pair("many", "SQLite + files", False, False), Pair("many-cluster", "PostgreSQL + S3", True, False)):
        server = server_of(pair, place, given)
        server.start()
        server.stop()
        if pair.cluster:
            database = f"{given.database.rpartition('/')[0]}/{pair.name.replace('-', '_')}"
            subprocess.run([find("psql"), "-q", "-c", _SEED.format(count=count), "-c", "analyze", database], check=True)
        else:
            import apsw

            file = apsw.Connection(str(server.data / "holdfast.db"))
            file.execute(_SEED_EMBEDDED.format(count=count))
            file.close()
        taken = []
        for _ in range(5):
            taken.append(server.start())
            server.stop()
        found[pair.title] = median(taken)
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, print and write the page."""
    parser = argparse.ArgumentParser(prog="python -m bench.cluster", description="Measure holdfast as a cluster.")
    parser.add_argument("--quick", action="store_true", help="short slices, few repositories")
    parser.add_argument("--only", default="", metavar="NAME", help="only workloads whose name begins so")
    parser.add_argument("--publish", action="store_true", help="write docs/reference/performance-cluster.md")
    given = parser.parse_args(arguments)
    seconds, rounds, count = (0.3, 3, 10_000) if given.quick else (1.0, 5, 1_000_000)
    _RESULTS.mkdir(parents=True, exist_ok=True)
    place = Path(tempfile.mkdtemp(prefix="bench-"))
    try:
        with backends(place) as servers:
            with running(PAIRS, place, servers, f"{time.time_ns():x}") as stages:
                table = {}
                for name, one in workloads().items():
                    if name.startswith(given.only):
                        table[name] = compare(stages, one, seconds, rounds)
                        print(
                            name,
                            *(
                                f"{each.rate:.1f}/s {each.cpu_us:.0f}us {each.growth_mib:.0f}MiB"
                                for each in table[name]
                            ),
                        )
            if given.only:
                return 0
            titles = [pair.title for pair in PAIRS]
            bounds = limits(place, servers, rounds)
            grown = curve(place, servers, seconds, rounds)
            text = page(titles, workloads(), table, bounds, grown, starts(place, servers, count), count)
    except Absent as why:
        print(why, file=sys.stderr)
        return 2
    finally:
        shutil.rmtree(place, ignore_errors=True)
    print(text)
    (_RESULTS / "cluster.md").write_text(text)
    if given.publish:
        _PAGE.write_text(text)
    sys.stdout.flush()
    os._exit(0)  # the object store's library keeps threads that an interpreter must not be taken down under


if __name__ == "__main__":
    sys.exit(main())
