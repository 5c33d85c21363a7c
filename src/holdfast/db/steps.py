"""The steps of the schema: numbered plain SQL files, forward only, and who may use what they laid.

A step *expands* (it only adds: a program that does not know it goes on beside it) or, with `-- phase: contract` among
its first lines, *contracts* (it takes away what older programs use). A contracting step says with `-- oldest: N` which
step a program must know at least from then on; the database keeps that number, and an older program refuses to start.
Expanding steps never raise it, so that a rolling upgrade can go on, or back.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Mapping, Sequence
from importlib import resources
from typing import NamedTuple

from holdfast.db.errors import DatabaseError, TooNew

ALIVE_SECONDS = 30
"""A node is alive that gave a sign of life within these."""
_HEADER = re.compile(r"^-- (phase|oldest): *(\w+)$", re.MULTILINE)
_HEADER_LINES = 10
OLDEST = "select oldest from compatibility where id = 1"
"""Asked by both runners, where the table is there (it came with a step of its own)."""


class Migration(NamedTuple):
    """One file: its number, its name, its SQL."""

    number: int
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        """SHA-256 of the SQL, in hex."""
        return hashlib.sha256(self.sql.encode()).hexdigest()

    @property
    def contracts(self) -> bool:
        """Whether this takes away what older programs use."""
        return self._header().get("phase") == "contract"

    @property
    def oldest(self) -> int:
        """The step that a program must know at least, once this is applied; 0: any program goes on."""
        return int(self._header().get("oldest", self.number)) if self.contracts else 0

    def _header(self) -> dict[str, str]:
        return dict(_HEADER.findall("\n".join(self.sql.splitlines()[:_HEADER_LINES])))


class Standing(NamedTuple):
    """Where a database stands, seen by a program. `newest`: the last step applied, 0: none. `oldest`: the step that a
    program must know. `expanding`, `contracting`: the program's steps that are not applied."""

    newest: int
    oldest: int
    expanding: tuple[Migration, ...]
    contracting: tuple[Migration, ...]

    @property
    def pending(self) -> tuple[Migration, ...]:
        """Every step that is not applied, in order."""
        return tuple(sorted(self.expanding + self.contracting))


def migrations(engine: str = "sqlite") -> list[Migration]:
    """The migrations of this program for `engine`, in order."""
    found = []
    for entry in resources.files("holdfast.db").joinpath("migrations").iterdir():
        stem, _, kind = entry.name.removesuffix(".sql").partition(".")
        if entry.name.endswith(".sql") and kind in ("", engine):
            number, _, name = stem.partition("_")
            found.append(Migration(int(number), name, entry.read_text()))
    return sorted(found)


def newest_known(engine: str = "sqlite") -> int:
    """The number of this program's newest step: what a node says of itself."""
    return migrations(engine)[-1].number


def judge(applied: Mapping[int, str], oldest: int, known: Sequence[Migration]) -> Standing:
    """Where a database with these steps (number -> checksum) stands for a program that knows `known`.

    Raises `TooNew` when the program may not use it any more, `DatabaseError` when a step differs from the one applied.
    """
    newest = max((step.number for step in known), default=0)
    if oldest > newest:
        raise TooNew(
            f"the database was laid by a newer Holdfast (it needs schema {oldest}, this program knows {newest}): "
            "start that version, or restore the backup made before the upgrade"
        )
    for step in known:
        if applied.get(step.number, step.checksum) != step.checksum:
            raise DatabaseError(f"migration {step.number} ({step.name}) differs from the one that laid this database")
    pending = [step for step in known if step.number not in applied]
    return Standing(
        max(applied, default=0),
        oldest,
        tuple(step for step in pending if not step.contracts),
        tuple(step for step in pending if step.contracts),
    )


def refuse_older(step: Migration, alive: Collection[int]) -> None:
    """Raise `DatabaseError` when a live node (`alive`: the newest step that each knows) is too old for `step`."""
    older = sum(known < step.oldest for known in alive)
    if older:
        raise DatabaseError(
            f"migration {step.number} ({step.name}) takes away what {older} running node(s) still use: "
            "upgrade or stop them first (`holdfast nodes` lists them)"
        )
