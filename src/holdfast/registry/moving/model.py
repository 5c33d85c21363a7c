"""What a move tells about itself: its progress, what it found damaged, and how it ended."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple


class Progress(NamedTuple):
    """How far a stage is. `unit`: B for bytes, else empty."""

    stage: str
    done: int
    total: int
    unit: str = ""


Report = Callable[[Progress], None]


class Damaged(NamedTuple):
    """Content of the old house that cannot be brought along as it should be: its digest (an open upload: its name),
    the key of its object, and what is wrong with it. `content_id`: 0 for an upload."""

    content_id: int
    digest: str
    key: str
    reason: str


class Moved(NamedTuple):
    """How a move ended. `tables`: rows by table, in both houses; `read_only`: seconds in which nothing could be
    written; `notes`: what to look at, though it stops nothing; `finished_before`: an earlier run had done it all but
    its last word."""

    tables: dict[str, int]
    objects: int
    bytes: int
    uploads: int
    passes: int
    read_only: float
    damaged: list[Damaged]
    notes: list[str]
    finished_before: bool = False


class MoveError(Exception):
    """The move cannot begin or go on; the text says why and what to do. The old house takes writes."""


class DamageFound(MoveError):
    """The old house holds damaged content, and nobody said that it may be left behind."""

    def __init__(self, damaged: list[Damaged]) -> None:
        self.damaged = damaged
        super().__init__(
            f"{len(damaged)} object(s) of the old store are damaged or missing: mend them (`holdfast verify --deep` "
            "tells of them, a push of the same content mends it), or go on without them with --skip-damaged"
        )
