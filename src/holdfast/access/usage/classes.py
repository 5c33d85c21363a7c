"""What kind of subject uses a right: a person, a robot, nobody in particular; or a program that looks at or copies
images without running them: a scanner, a mirror. Pure.

A program is known by the name that it gives itself, which anyone may give: so the class is for counting, and never for
deciding what somebody may do.
"""

from __future__ import annotations

from enum import IntEnum
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import NamedTuple


class SubjectClass(IntEnum):
    """A class of subjects; the number stands in the database, and those from SCANNER on run no images."""

    PERSON = 0
    ROBOT = 1
    ANONYMOUS = 2
    SCANNER = 3
    MIRROR = 4

    @property
    def word(self) -> str:
        """Its name, as people write it."""
        return self.name.lower()

    @property
    def runs(self) -> bool:
        """Whether what it pulls is meant to run."""
        return self < SubjectClass.SCANNER


SCANNERS = (
    "anchore*",
    "clair*",
    "docker-scout*",
    "dockle*",
    "grype*",
    "harbor-scanner*",
    "neuvector*",
    "snyk*",
    "stackrox*",
    "syft*",
    "trivy*",
    "twistcli*",
    "twistlock*",
)
"""Names of agents that scan what they pull."""
MIRRORS = (
    "artifactory*",
    "containerd-mirror*",
    "docker-distribution*",
    "dragonfly*",
    "harbor-registry-client*",
    "harbor-replication*",
    "kraken*",
    "nexus*",
    "regclient/regsync*",
    "spegel*",
    "zot*",
)
"""Names of agents that copy what they pull to another registry, or cache it for others."""


class Declared(NamedTuple):
    """Whoever matches `pattern` (`robot:team+scan`, `user:*`, `agent:name*`) is of this class."""

    pattern: str
    what: SubjectClass


@lru_cache(4096)
def declared_class(subject: str, agent: str, declared: tuple[Declared, ...]) -> SubjectClass | None:
    """The class that a subject (as the journal has actors), or its agent, is declared to be of: the first that matches;
    None: it is not."""
    name = agent.lower()
    for each in declared:
        if fnmatchcase(f"agent:{name}" if each.pattern.startswith("agent:") else subject, each.pattern):
            return each.what
    return None


@lru_cache(4096)
def class_of(subject: str, agent: str, declared: tuple[Declared, ...] = ()) -> SubjectClass:
    """The class of a subject by what it is declared as; else by the agent's name; else by its account."""
    found = declared_class(subject, agent, declared)
    if found is not None:
        return found
    name = agent.lower()
    if any(fnmatchcase(name, pattern) for pattern in SCANNERS):
        return SubjectClass.SCANNER
    if any(fnmatchcase(name, pattern) for pattern in MIRRORS):
        return SubjectClass.MIRROR
    kind = subject.partition(":")[0]
    return {"user": SubjectClass.PERSON, "robot": SubjectClass.ROBOT}.get(kind, SubjectClass.ANONYMOUS)
