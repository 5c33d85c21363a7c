"""All that one run found, and how two servers' figures are compared."""

import json
from dataclasses import asdict, dataclass, field
from enum import Enum
from pathlib import Path

from bench.figures import Absent, Figures
from bench.lifecycle import Start
from bench.limits import Limit
from bench.processes import Memory
from bench.server import Kind


class Versus(Enum):
    """Whom holdfast is compared with."""

    BETTER = "the better peer"
    DISTRIBUTION = "distribution"
    ZOT = "zot"
    STATIC = "nginx"


class Metric(Enum):
    """What is compared; the value is the name of the figure."""

    RATE = "rate"
    CPU = "cpu_us"

    @property
    def higher_is_better(self) -> bool:
        return self is Metric.RATE


@dataclass(frozen=True, slots=True)
class Contestant:
    """A server of the run."""

    name: str
    kind: Kind
    version: str


@dataclass
class Results:
    """The outcome of a run; `rows` maps a workload's name to what each server did."""

    machine: dict[str, str] = field(default_factory=dict)
    settings: dict[str, str] = field(default_factory=dict)
    contestants: list[Contestant] = field(default_factory=list)
    missing: dict[str, str] = field(default_factory=dict)
    limits: list[Limit] = field(default_factory=list)
    titles: dict[str, str] = field(default_factory=dict)
    rows: dict[str, dict[str, Figures | Absent]] = field(default_factory=dict)
    starts: dict[str, Start] = field(default_factory=dict)
    idle: dict[str, Memory] = field(default_factory=dict)

    def figures(self, workload: str, server: str) -> Figures | None:
        """What a server did, or None when it did not."""
        found = self.rows.get(workload, {}).get(server)
        return found if isinstance(found, Figures) else None

    def peer(self, workload: str, metric: Metric, versus: Versus) -> tuple[str, float] | None:
        """The peer's name and figure: of several, the best; distribution is its newest version of the run."""
        kinds = {
            Versus.BETTER: {Kind.DISTRIBUTION, Kind.ZOT},
            Versus.DISTRIBUTION: {Kind.DISTRIBUTION},
            Versus.ZOT: {Kind.ZOT},
            Versus.STATIC: {Kind.STATIC},
        }[versus]
        found = []
        for contestant in self.contestants:
            figures = self.figures(workload, contestant.name)
            if contestant.kind in kinds and figures is not None:
                found.append((contestant.name, float(getattr(figures, metric.value))))
        if not found:
            return None
        if versus is Versus.DISTRIBUTION:
            return found[0]
        return (max if metric.higher_is_better else min)(found, key=lambda pair: pair[1])

    def ratio(self, workload: str, metric: Metric, versus: Versus) -> float | None:
        """holdfast's figure divided by the peer's; None when one of them is not there."""
        ours = self.figures(workload, "holdfast")
        peer = self.peer(workload, metric, versus)
        if ours is None or peer is None or not peer[1]:
            return None
        return float(getattr(ours, metric.value)) / peer[1]

    def write(self, file: Path) -> None:
        """The whole as JSON."""
        document = asdict(self)
        for contestant in document["contestants"]:
            contestant["kind"] = contestant["kind"].value
        document["idle"] = {name: memory._asdict() for name, memory in self.idle.items()}
        file.write_text(json.dumps(document, indent=1) + "\n")
