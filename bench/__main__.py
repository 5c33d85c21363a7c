"""The command line: `python -m bench --help`."""

import argparse
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from bench import pushes, reads, tags
from bench.peers import CANDIDATES, find_program
from bench.picture import Bar, draw
from bench.report import markdown
from bench.results import Metric, Results, Versus
from bench.run import Options, run
from bench.targets import verdicts
from bench.workload import Scale, Workload

_ROOT = Path(__file__).resolve().parent.parent
_RESULTS = _ROOT / "bench" / "results"
_REFERENCE = _ROOT / "docs" / "reference"
_TAGS = {"default": 100_000, "full": 1_000_000}
WORKLOADS: tuple[Workload, ...] = (*reads.WORKLOADS, *tags.WORKLOADS, *pushes.WORKLOADS)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, print and write the report; 1 when holdfast failed a workload, 2 when there is nothing to run."""
    given = _parser().parse_args(arguments)
    if given.list:
        for one in WORKLOADS:
            print(f"{one.name:18} {one.title}, {one.clients} clients")
        for candidate in CANDIDATES:
            print(f"{candidate.name:18} server; {candidate.hint}")
        return 0
    options = _options(given)
    if not options.workloads and not options.big:
        print(f"no workload begins with {given.only}; see --list", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(143))
    _RESULTS.mkdir(parents=True, exist_ok=True)
    place = Path(tempfile.mkdtemp(prefix="bench-", dir=given.dir or _RESULTS))
    began = time.perf_counter()
    try:
        results = run(options, place)
    finally:
        shutil.rmtree(place, ignore_errors=True)
    results.settings["taken"] = f"{time.perf_counter() - began:.0f} s"
    text = markdown(results)
    print(f"\n{text}")
    write(results, text, publish=given.publish)
    ours = [found for rows in results.rows.values() for name, found in rows.items() if name == "holdfast"]
    return 1 if any(not hasattr(found, "rate") for found in ours) else 0


def write(results: Results, text: str, *, publish: bool) -> None:
    """Put JSON, Markdown and SVG into bench/results, and with `publish` the last two into docs/reference."""
    picture = _picture(results)
    results.write(_RESULTS / "results.json")
    (_RESULTS / "results.md").write_text(text)
    (_RESULTS / "ratios.svg").write_text(picture)
    print(f"written to {_RESULTS.relative_to(_ROOT)}: results.json, results.md, ratios.svg")
    if publish:
        _REFERENCE.mkdir(parents=True, exist_ok=True)
        (_REFERENCE / "performance-results.md").write_text(text)
        (_REFERENCE / "performance.svg").write_text(picture)
        print(f"published to {_REFERENCE.relative_to(_ROOT)}: performance-results.md, performance.svg")
    missed = [verdict.target.title for verdict in verdicts(results) if verdict.met is False]
    print(f"targets missed: {'; '.join(missed) or 'none'}")


def _picture(results: Results) -> str:
    bars = []
    for name, title in results.titles.items():
        rate = results.ratio(name, Metric.RATE, Versus.BETTER)
        cpu = results.ratio(name, Metric.CPU, Versus.BETTER)
        if rate and cpu:
            bars.append(Bar(title, rate, cpu))
    peers = [f"{one.name} {one.version}" for one in results.contestants if one.kind.value in {"distribution", "zot"}]
    subtitle = f"holdfast's figure divided by the best of {', '.join(peers)}; one run, medians"
    return draw(bars, subtitle)


def _options(given: argparse.Namespace) -> Options:
    wanted = [name for part in given.only for name in part.split(",") if name]
    chosen = [one for one in WORKLOADS if not wanted or any(one.name.startswith(name) for name in wanted)]
    quick = given.quick
    seconds = given.seconds if given.seconds is not None else (0.2 if quick else 1.0)
    big = given.big if given.big is not None else (0.25 if quick else 1.0)
    if wanted and given.big is None:
        big = 1.0 if any("growth".startswith(name) for name in wanted) else 0.0
    peers = [name for part in given.peers for name in part.split(",") if name]
    return Options(
        workloads=chosen,
        peers=["holdfast", *peers] if peers else _everyone(quick=quick),
        seconds=seconds,
        rounds=given.rounds if given.rounds is not None else (3 if quick else 5),
        scale=Scale(10_000 if quick and given.scale == "default" else _TAGS[given.scale], f"{time.time_ns():x}"),
        big=int(big * 2**30),
        extras=not wanted,
    )


def _everyone(*, quick: bool) -> list[str]:
    """All servers; a quick run takes distribution 2.8 only where the newer one is not found."""
    names = [candidate.name for candidate in CANDIDATES]
    if quick and find_program("registry") is not None:
        names.remove("docker-registry")
    return names


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Compare holdfast with other registries.")
    parser.add_argument("--list", action="store_true", help="print the workloads and servers, and stop")
    parser.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="NAME",
        help="only workloads whose name begins so (comma-separated; growth: the largest layer)",
    )
    parser.add_argument(
        "--peers", action="append", default=[], metavar="NAMES", help="holdfast and these servers only, comma-separated"
    )
    parser.add_argument("--seconds", type=float, help="length of a slice (1.0; 0.2 with --quick)")
    parser.add_argument("--rounds", type=int, help="slices per workload and server (5; 3 with --quick)")
    parser.add_argument("--quick", action="store_true", help="short slices and small scales: under two minutes")
    parser.add_argument(
        "--scale",
        choices=sorted(_TAGS),
        default="default",
        help="tags of the most crowded repository: 10^5, or 10^6 with full",
    )
    parser.add_argument("--big", type=float, metavar="GIB", help="size of the largest layer (1; 0 leaves it out)")
    parser.add_argument("--dir", metavar="DIR", help="where the data goes while it runs (bench/results)")
    parser.add_argument("--publish", action="store_true", help="copy table and picture into docs/reference")
    return parser


if __name__ == "__main__":
    sys.exit(main())
