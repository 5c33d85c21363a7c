"""What counting costs a request, in this process: `python -m bench.metrics`.

Ours is all that a pull counts; beside it the counter and histogram of the library, in its mode for one process and
in that for several.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import timeit
from collections.abc import Callable

from holdfast.access.meters import IDENTITIES
from holdfast.app.metrics.exposition import expose
from holdfast.app.metrics.told import merge
from holdfast.telemetry.counters import Counters
from holdfast.telemetry.meters import Meters
from holdfast.telemetry.pages import Book, Names, Page

TIMES, ROUNDS = 200_000, 5


def best(work: Callable[[], object], times: int = TIMES) -> float:
    """Microseconds of one call, in the best of several rounds."""
    return min(timeit.repeat(work, number=times, repeat=ROUNDS)) / times * 1e6


def ours() -> float:
    """Microseconds that one pull counts for."""
    meters = Meters(Book(1).claim())
    counters, known = Counters(meters), meters.tally(IDENTITIES, "known")

    def pull() -> None:
        counters.in_flight.add()
        known.add()
        counters.count("manifest", "GET", 200, 0, 1234, 0.0012)
        counters.in_flight.add(-1)

    return best(pull)


def library() -> float:
    """The same by the library: a counter and a histogram with labels."""
    from prometheus_client import CollectorRegistry, Counter, Histogram

    registry = CollectorRegistry()
    requests = Counter("requests", "-", ["route", "method", "status"], registry=registry)
    seconds = Histogram("seconds", "-", ["route"], registry=registry, buckets=(0.005, 0.025, 0.1, 0.5, 1, 5, 30))

    def pull() -> None:
        requests.labels("manifest", "GET", "200").inc()
        seconds.labels("manifest").observe(0.0012)

    return best(pull, TIMES // 10)


def page() -> float:
    """Milliseconds to write the page of eight processes, each with 200 operations of the API."""
    pages = [(Page.alone(), Names()) for _ in range(8)]
    for each, _ in pages:
        counters = Counters(Meters(each))
        for number in range(200):
            counters.count(f"api:operation{number}", "GET", 200, 0, 1, 0.001)
    return best(lambda: expose(merge(each.reading(names, owner=1) for each, names in pages), ""), 10) / 1000


def main() -> None:
    """Measure and print."""
    if "--library" in sys.argv:
        print(f"{library():.2f}")
        return
    print(f"ours: {ours():.2f} us a pull")
    print(f"the library, one process: {library():.2f} us for a part of it")
    with tempfile.TemporaryDirectory() as place:
        env = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": place}
        command = [sys.executable, "-m", "bench.metrics", "--library"]
        said = subprocess.run(command, env=env, capture_output=True, text=True, check=True).stdout.strip()
    print(f"the library, several processes: {said} us for a part of it")
    print(f"a page of eight processes: {page():.1f} ms")


if __name__ == "__main__":
    main()
