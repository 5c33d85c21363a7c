"""What verify finds and what it says about it: the classes of damage, findings, progress, and the outcome of a run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Final, NamedTuple

FINDINGS_KEPT: Final = 1000
"""Findings that an outcome keeps whole; of the others it keeps the count."""

WALKED_REFERENCES: Final = frozenset({"tag", "edge"})
"""Tables whose rows verify follows one by one, so that the engine need not report what they miss as well."""


class Damage(StrEnum):
    """The classes of damage. A class is never renamed: scripts and monitoring read it."""

    DATABASE_CORRUPT = "database-corrupt"
    DOOMED_REFERENCED = "doomed-referenced"
    OBJECT_MISSING = "object-missing"
    OBJECT_SHORT = "object-short"
    OBJECT_CORRUPT = "object-corrupt"
    INLINE_MISSING = "inline-missing"
    INLINE_CORRUPT = "inline-corrupt"
    CONTENT_DAMAGED = "content-damaged"
    UPLOAD_BROKEN = "upload-broken"
    REPOSITORY_BEHIND = "repository-behind"
    TAG_DANGLING = "tag-dangling"
    TAG_HISTORY = "tag-history"
    MANIFEST_UNPARSABLE = "manifest-unparsable"
    LINK_TYPE = "link-type"
    CHILD_MISSING = "child-missing"
    EDGE_MISSING = "edge-missing"
    SUBJECT_EDGE_MISSING = "subject-edge-missing"
    EDGE_EXTRA = "edge-extra"
    CANDIDATE_MISSING = "candidate-missing"
    ORPHAN_MISSING = "orphan-missing"
    LEDGER_WRONG = "ledger-wrong"
    USAGE_WRONG = "usage-wrong"
    DATABASE_RESTORED = "database-restored"
    LITTER_STAGED = "litter-staged"
    LITTER_OBJECT = "litter-object"


_MARKS = "marks the content damaged: it answers 404 and the next push of it heals it"

REPAIRS: Final[Mapping[Damage, str]] = MappingProxyType(
    {
        Damage.DATABASE_CORRUPT: "none: stop the server and restore the database from a backup",
        Damage.DOOMED_REFERENCED: "takes the object off the list of those to delete",
        Damage.OBJECT_MISSING: _MARKS,
        Damage.OBJECT_SHORT: _MARKS,
        Damage.OBJECT_CORRUPT: _MARKS,
        Damage.INLINE_MISSING: "takes the bytes from the object if there is a good one, else " + _MARKS,
        Damage.INLINE_CORRUPT: _MARKS,
        Damage.CONTENT_DAMAGED: "takes the mark away if the bytes hash again; else push what needs it again",
        Damage.UPLOAD_BROKEN: "ends the upload: whoever sends it begins anew",
        Damage.REPOSITORY_BEHIND: "moves the repository's sequence and time to its last event",
        Damage.TAG_DANGLING: "makes the manifest visible again if its bytes are good, else ends the tag with an event",
        Damage.TAG_HISTORY: "appends the event that is missing, or takes a lost tag from its last event",
        Damage.MANIFEST_UNPARSABLE: "turns it into a blob if nothing uses it as a manifest; else push or delete it",
        Damage.LINK_TYPE: "writes down what the manifest itself says",
        Damage.CHILD_MISSING: "makes the content visible again if it is stored; else push the image again",
        Damage.EDGE_MISSING: "writes the edge, so that the collector sees what the manifest keeps",
        Damage.SUBJECT_EDGE_MISSING: "writes the edge, so that the subject keeps what refers to it",
        Damage.EDGE_EXTRA: "removes the edge and leaves what it kept to the collector",
        Damage.CANDIDATE_MISSING: "leaves it to the collector, when the history window and a lease have passed",
        Damage.ORPHAN_MISSING: "leaves it to the collector, which takes it away with its next run",
        Damage.LEDGER_WRONG: "counts what is not counted, or no more",
        Damage.USAGE_WRONG: "counts what is not counted, or no more",
        Damage.DATABASE_RESTORED: "none: --adopt says that database and store belong together as they are",
        Damage.LITTER_STAGED: "deletes the file",
        Damage.LITTER_OBJECT: "deletes the object",
    }
)
"""What `--repair` does about each class."""


class Ids(NamedTuple):
    """Where in the database a finding is; 0 where it does not apply."""

    repo_id: int = 0
    content_id: int = 0
    other_id: int = 0


class Finding(NamedTuple):
    """One damage. `reference` is a digest, a tag, a path, a key or a file's name, whichever names it best."""

    damage: Damage
    repository: str | None
    reference: str
    reason: str
    ids: Ids = Ids()
    repaired: bool = False

    @property
    def repair(self) -> str:
        """What `--repair` does, or did, about it."""
        return REPAIRS[self.damage]

    @property
    def identity(self) -> tuple[Damage, str | None, str, Ids]:
        """What makes two findings of a run the same one."""
        return (self.damage, self.repository, self.reference, self.ids)


class Options(NamedTuple):
    """How to verify. `deep`: read and hash every object. `force`: repair even what a safety limit refuses. `adopt`: let
    sweeping go on with a database that was restored from an older copy."""

    deep: bool = False
    repair: bool = False
    force: bool = False
    adopt: bool = False


class Progress(NamedTuple):
    """How far a stage is; `unit` is "B" where done and total are bytes, else they count things."""

    stage: str
    done: int
    total: int
    unit: str = ""


Report = Callable[[Progress], None]


@dataclass(slots=True)
class Outcome:
    """What a run saw. `checked`: how many were looked at, by kind; `notes`: what was not looked at, or was refused."""

    options: Options
    checked: Counter[str] = field(default_factory=Counter)
    found: Counter[Damage] = field(default_factory=Counter)
    repaired: Counter[Damage] = field(default_factory=Counter)
    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, finding: Finding) -> None:
        """Count a finding, and keep it while there is room."""
        self.found[finding.damage] += 1
        if finding.repaired:
            self.repaired[finding.damage] += 1
        if len(self.findings) < FINDINGS_KEPT:
            self.findings.append(finding)

    @property
    def total(self) -> int:
        """How many findings there were."""
        return self.found.total()

    @property
    def left(self) -> int:
        """How many of them are still there."""
        return self.found.total() - self.repaired.total()
