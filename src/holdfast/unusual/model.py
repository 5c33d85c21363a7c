"""What is looked at, what may be found in it, and what a finding says."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

SECOND = 1_000_000
"""Microseconds."""
HOUR = 3600 * SECOND
DAY = 24 * HOUR
CROWDS = ("anonymous", "unknown")
"""Subjects that stand for whoever comes from a network: only how much they ask for says something."""


class Kind(StrEnum):
    """What may be unusual. A kind is never renamed: alerts and settings name it."""

    NETWORK = "network"
    AGENT = "agent"
    REPOSITORY = "repository"
    HOURS = "hours"
    ENUMERATION = "enumeration"
    BULK = "bulk"
    DEAD_KEY = "dead-key"
    DENIALS = "denials"
    APART = "apart"
    CANARY = "canary"


ABOUT: dict[Kind, str] = {
    Kind.NETWORK: "comes from a network that it never came from",
    Kind.AGENT: "uses a client that it never used",
    Kind.REPOSITORY: "pulls from repositories that it never pulled from",
    Kind.HOURS: "is busy at hours at which it never is",
    Kind.ENUMERATION: "asks for many names that it may not see",
    Kind.BULK: "pulls far more repositories or bytes than ever",
    Kind.DEAD_KEY: "comes by a key that was long unused",
    Kind.DENIALS: "is refused far more often than ever",
    Kind.APART: "uses one credential in two far networks at once",
    Kind.CANARY: "touched a canary",
}


class Seen(NamedTuple):
    """What a subject did, or was refused, some `times` until `at` (microseconds). `network`: a /24 or /64; `agent`: its
    name without its version; `bytes`: what was sent; `pulls`: manifests among it that were sent."""

    subject: str
    credential: str
    network: str
    agent: str
    repository: str
    allowed: bool
    times: int
    pulls: int
    bytes: int
    at: int


class Finding(NamedTuple):
    """One thing that is unusual: `points` that it adds to the score, the value seen, and what is usual."""

    kind: Kind
    points: int
    value: str
    usual: str

    @property
    def text(self) -> str:
        """One line for people."""
        return f"{self.kind} +{self.points}: {self.value} ({self.usual})"


class Alarm(NamedTuple):
    """A score that reached the threshold. `findings`: the most points first; `network`: from where it was caused;
    `path`: what all repositories in it lie below; `fresh`: the kinds that no alarm of this cause told before."""

    subject: str
    credential: str
    network: str
    path: str
    at: int
    score: int
    findings: tuple[Finding, ...]
    fresh: tuple[Kind, ...]
