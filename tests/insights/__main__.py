"""The whole of the exactness test: `python -m tests.insights --pulls 100000`."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from tests.insights.test_exact import pulls_are_counted_exactly


def main() -> int:
    """Pull, compare, print; 1 when anything differs."""
    parser = argparse.ArgumentParser(prog="python -m tests.insights", description="Counts against a client's own log.")
    parser.add_argument("--pulls", type=int, default=100_000, help="random pulls (100000)")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="insights-") as place:
        found = pulls_are_counted_exactly(Path(place), given.pulls, given.seed)
    print("\n".join(found) or f"{given.pulls} random pulls: every count equals the log", flush=True)
    print(f"{time.monotonic() - began:.0f} s, seed {given.seed}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
