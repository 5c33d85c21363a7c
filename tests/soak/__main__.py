"""The long soak: `python -m tests.soak --help`, or `make soak`."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tests.pairs import Pair
from tests.soak.run import Plan, soak

_SUITE = (
    (Pair.EMBEDDED, 1, 0),
    (Pair.EMBEDDED, 2, 5),
    (Pair.SEALED_CLUSTER, 2, 0),
    (Pair.SEALED_CLUSTER, 1, 5),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run and print; 1 when anything was wrong, or a run proves nothing."""
    given = _parser().parse_args(arguments)
    seed = given.seed if given.seed is not None else time.time_ns() % 1_000_000
    bad = 0
    for number, (pair, workers, window) in enumerate(_SUITE):
        if (given.pair and pair != given.pair) or (given.window is not None and window != given.window):
            continue
        plan = Plan(pair, workers, window, given.seconds, pushers=given.pushers, seed=seed + number)
        with tempfile.TemporaryDirectory(prefix="soak-", dir=given.dir) as place:
            report = soak(Path(place), plan)
        print(report.table(), flush=True)
        for problem in report.problems():
            bad = 1
            print(f"  FAILED: {problem}", flush=True)
    return bad


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description="Pushes and deletes under collection.")
    parser.add_argument("--seconds", type=float, default=300, help="length of each of the runs (300)")
    parser.add_argument("--pushers", type=int, default=10, help="clients at once (10)")
    parser.add_argument("--seed", type=int, help="the seed of the first run; chosen and printed by default")
    parser.add_argument("--pair", choices=[str(pair) for pair, _, _ in _SUITE], help="only runs on this pair")
    parser.add_argument("--window", type=int, choices=[0, 5], help="only runs with this window, seconds")
    parser.add_argument("--dir", help="where the data goes while it runs")
    return parser


if __name__ == "__main__":
    sys.exit(main())
