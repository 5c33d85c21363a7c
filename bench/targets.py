"""The targets of the first issue ("Speed and memory"), and whether a run reached them."""

from collections.abc import Callable
from dataclasses import dataclass

from bench.growth import DOWNLOAD, UPLOAD
from bench.results import Metric, Results, Versus

_LEVEL = 1.1
"""'level with' a peer: at most so much of its CPU"""
_FLAT = 1.2


@dataclass(frozen=True, slots=True)
class Target:
    """A figure of holdfast and its bound; `read` gives None when the run did not measure it."""

    title: str
    read: Callable[[Results], float | None]
    bound: float
    at_most: bool
    unit: str = "x"

    def verdict(self, results: Results) -> "Verdict":
        value = self.read(results)
        met = None if value is None else (value <= self.bound if self.at_most else value >= self.bound)
        return Verdict(self, value, met)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was reached; `met` is None when it was not measured."""

    target: Target
    value: float | None
    met: bool | None

    @property
    def word(self) -> str:
        return {None: "not measured", True: "met", False: "MISSED"}[self.met]


def verdicts(results: Results) -> list[Verdict]:
    """One verdict a target, in the order of the issue."""
    return [target.verdict(results) for target in TARGETS]


def _cpu(workload: str, versus: Versus, bound: float, title: str) -> Target:
    return Target(
        f"{title}: CPU against {versus.value}",
        lambda results: results.ratio(workload, Metric.CPU, versus),
        bound,
        at_most=True,
    )


def _rate(workload: str, versus: Versus, bound: float, title: str) -> Target:
    return Target(
        f"{title}: rate against {versus.value}",
        lambda results: results.ratio(workload, Metric.RATE, versus),
        bound,
        at_most=False,
    )


def _flat(crowded: str, ordinary: str, title: str) -> Target:
    def read(results: Results) -> float | None:
        most, few = results.figures(crowded, "holdfast"), results.figures(ordinary, "holdfast")
        return most.cpu_us / few.cpu_us if most and few and few.cpu_us else None

    return Target(f"{title}: CPU at the most tags against 1,000 tags", read, _FLAT, at_most=True)


def _start(results: Results) -> float | None:
    found = results.starts.get("holdfast")
    return max(found.empty, found.again) if found else None


def _idle(results: Results) -> float | None:
    found = results.idle.get("holdfast")
    return found.pss / 2**20 if found else None


def _grown(workload: str) -> Callable[[Results], float | None]:
    def read(results: Results) -> float | None:
        found = results.figures(workload, "holdfast")
        return found.growth_mib if found else None

    return read


def _tail(results: Results) -> float | None:
    found = results.figures(UPLOAD, "holdfast")
    return found.tail_ms / 1e3 if found else None


TARGETS: tuple[Target, ...] = (
    _cpu("manifest-tag", Versus.DISTRIBUTION, 0.5, "manifest GET by tag"),
    _cpu("manifest-digest", Versus.DISTRIBUTION, 0.5, "manifest GET by digest"),
    _cpu("manifest-head", Versus.DISTRIBUTION, 0.5, "manifest HEAD"),
    _cpu("manifest-tag", Versus.ZOT, _LEVEL, "manifest GET by tag"),
    _cpu("manifest-digest", Versus.ZOT, _LEVEL, "manifest GET by digest"),
    _cpu("manifest-head", Versus.ZOT, _LEVEL, "manifest HEAD"),
    _flat("manifest-crowded", "manifest-tagged", "manifest GET"),
    _cpu("blob-head", Versus.BETTER, 0.8, "blob HEAD"),
    _cpu("blob-4k", Versus.BETTER, 0.75, "blob GET 4 KiB"),
    _cpu("blob-4k", Versus.DISTRIBUTION, 0.1, "blob GET 4 KiB"),
    _rate("blob-1m", Versus.BETTER, 0.9, "blob GET 1 MiB"),
    _rate("blob-1m", Versus.DISTRIBUTION, 2, "blob GET 1 MiB"),
    _rate("blob-256m", Versus.STATIC, 0.6, "blob GET 256 MiB"),
    _rate("page-tagged", Versus.BETTER, 4, "tags page"),
    _flat("page-crowded", "page-tagged", "tags page"),
    _cpu("referrers", Versus.BETTER, 1.1, "referrers"),
    _rate("push-small-put", Versus.DISTRIBUTION, 5, "push of a small image, PUT"),
    _rate("push-small-patch", Versus.DISTRIBUTION, 5, "push of a small image, PATCH"),
    _rate("push-256m-put", Versus.DISTRIBUTION, 2, "push of 256 MiB, PUT"),
    _cpu("push-256m-put", Versus.DISTRIBUTION, 0.4, "push of 256 MiB, PUT"),
    _rate("push-256m-patch", Versus.DISTRIBUTION, 2, "push of 256 MiB, PATCH"),
    _cpu("push-256m-patch", Versus.DISTRIBUTION, 0.4, "push of 256 MiB, PATCH"),
    _rate("retag", Versus.DISTRIBUTION, 3, "move a tag"),
    Target("cold start, the slower of first and later", _start, 1.0, at_most=True, unit="s"),
    Target("idle memory of the tree (PSS)", _idle, 100, at_most=True, unit="MiB"),
    Target("memory growth, upload of the largest layer", _grown(UPLOAD), 48, at_most=True, unit="MiB"),
    Target("memory growth, download of the largest layer", _grown(DOWNLOAD), 48, at_most=True, unit="MiB"),
    Target("last byte of the largest layer to answer", _tail, 2.0, at_most=True, unit="s"),
)
