"""Runs the workloads: servers in turns, in short slices, so that what else the machine does falls on all alike."""

import os
import platform
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from bench import growth, lifecycle, limits
from bench.connection import Broken
from bench.figures import Absent, Figures, Slice, summarise
from bench.load import Job, Load, run_slice
from bench.peers import discover, log_in
from bench.results import Contestant, Results
from bench.server import Kind, Server
from bench.workload import Scale, Stage, Unsupported, Workload


@dataclass(frozen=True, slots=True)
class Options:
    """What to run; `seconds` is the length of a slice, `big` the bytes of the largest layer (0: leave it out)."""

    workloads: Sequence[Workload]
    peers: Sequence[str]
    seconds: float
    rounds: int
    scale: Scale
    big: int
    extras: bool
    """the limits of the machine, the starts and the idle memory"""


def run(options: Options, directory: Path) -> Results:
    """Everything, with all data under `directory`; servers are ended whatever happens."""
    servers, missing = discover(options.peers, directory)
    results = Results(
        machine=_machine(directory),
        settings={
            "slices": f"{options.rounds} of {options.seconds:g} s",
            "most tags": f"{options.scale.tags:,}",
            "largest layer": f"{options.big / 2**30:g} GiB",
        },
        missing=missing,
    )
    if options.extras:
        results.limits = limits.measure(directory, max(options.seconds, 0.5))
    with ExitStack() as stack:
        stages = [Stage(server, options.scale) for server in servers if _started(server, stack, missing)]
        servers = [stage.server for stage in stages]
        results.contestants = [Contestant(server.name, server.kind, server.version) for server in servers]
        for name, hint in missing.items():
            print(f"no {name}: {hint}")
        if options.extras:
            results.idle = lifecycle.idle(servers)
            results.starts = lifecycle.starts([one for one in servers if not one.basic], min(options.rounds, 3))
        kinds = {server.kind for server in servers}
        for workload in (one for one in options.workloads if one.kinds & kinds):
            results.titles[workload.name] = workload.title
            results.rows[workload.name] = _play(workload, stages, options)
    if options.big:
        _grow(results, [server for server in servers if server.kind is not Kind.STATIC and not server.basic], options)
    return results


def _started(server: Server, stack: ExitStack, missing: dict[str, str]) -> bool:
    """Start a server, to be stopped with the stack; one that does not start is missing, with what it printed."""
    stack.callback(server.stop)
    try:
        server.start()
        if server.basic:
            log_in(server)
    except (OSError, RuntimeError) as problem:
        print(problem)
        missing[server.name] = "did not start"
        return False
    return True


def _play(workload: Workload, stages: Sequence[Stage], options: Options) -> dict[str, Figures | Absent]:
    """One workload on every server that takes part, A B A B; a server that fails drops out with its reason."""
    print(f"{workload.title}", flush=True)
    jobs: dict[str, Job] = {}
    slices: dict[str, list[Slice]] = {}
    found: dict[str, Figures | Absent] = {}
    taking = [one for one in stages if one.server.kind in workload.kinds and (workload.basic or not one.server.basic)]
    for stage in taking:
        try:
            jobs[stage.server.name] = workload.prepare(stage)
            slices[stage.server.name] = []
        except (Unsupported, Broken, OSError, KeyError, ValueError) as problem:
            found[stage.server.name] = Absent(str(problem) or type(problem).__name__)
    load = Load(workload.clients, 0.0 if workload.single else options.seconds)
    rounds = (options.rounds + 1) // 2 if workload.single else options.rounds
    for turn in range(rounds):
        at = turn % max(len(taking), 1)
        for stage in [*taking[at:], *taking[:at]]:
            name = stage.server.name
            if name in found:
                continue
            if workload.writes:
                os.sync()
            try:
                slices[name].append(run_slice(stage.server, jobs[name], load, turn))
            except (Broken, OSError) as problem:
                found[name] = Absent(str(problem))
    for stage in taking:
        name = stage.server.name
        if name not in found:
            found[name] = summarise(slices[name], stage.notes.get(workload.name, ""))
        _tell(name, found[name])
    return {stage.server.name: found[stage.server.name] for stage in taking}


def _grow(results: Results, servers: Sequence[Server], options: Options) -> None:
    results.titles[growth.UPLOAD] = f"upload of {options.big / 2**30:g} GiB"
    results.titles[growth.DOWNLOAD] = f"download of {options.big / 2**30:g} GiB"
    results.rows[growth.UPLOAD] = {}
    results.rows[growth.DOWNLOAD] = {}
    print(f"one layer of {options.big / 2**30:g} GiB, up and down", flush=True)
    for server in servers:
        os.sync()
        grown = growth.measure(server, options.big)
        results.rows[growth.UPLOAD][server.name] = grown.upload
        results.rows[growth.DOWNLOAD][server.name] = grown.download
        _tell(server.name, grown.upload)
        _tell(server.name, grown.download)


def _tell(name: str, found: Figures | Absent) -> None:
    if isinstance(found, Absent):
        print(f"  {name:16} {found.reason}", flush=True)
    else:
        print(
            f"  {name:16} {found.rate:10,.1f}/s {found.megabytes:10,.1f} MB/s {found.cpu_us:12,.1f} us CPU "
            f"p50 {found.p50_ms:8.2f} ms p99 {found.p99_ms:8.2f} ms",
            flush=True,
        )


def _machine(directory: Path) -> dict[str, str]:
    """What the figures were measured on, without anything that names the machine."""
    model = "unknown"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    return {
        "processor": model,
        "cores": str(len(os.sched_getaffinity(0))),
        "kernel": platform.release().split("-")[0],
        "python": platform.python_version(),
        "file system": _file_system(directory),
        "date": time.strftime("%Y-%m-%d"),
    }


def _file_system(directory: Path) -> str:
    """The type of the file system under a directory, from the longest mount point that holds it."""
    best, kind = "", "unknown"
    for line in Path("/proc/mounts").read_text().splitlines():
        _, point, found, *_ = line.split()
        inside = directory.resolve().is_relative_to(point)
        if inside and len(point) >= len(best):
            best, kind = point, found
    return kind
