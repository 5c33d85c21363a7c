"""Appending to the journal, inside the unit that makes the change."""

from __future__ import annotations

import json
from typing import NamedTuple

from holdfast.db.port import Unit
from holdfast.journal.model import ChangeKind
from holdfast.journal.store import APPEND


class Place(NamedTuple):
    """Where and when in a repository's history: its id, its seq, and a time that never goes back (microseconds)."""

    repo_id: int
    seq: int
    at: int


async def record(
    unit: Unit, kind: ChangeKind, place: Place, *, actor: str, request: str, data: dict[str, object]
) -> None:
    """Append one change. `data` is small, holds no secret, and is kept as JSON with sorted keys."""
    await unit.run(
        APPEND,
        repo_id=place.repo_id,
        seq=place.seq,
        at=place.at,
        actor=actor,
        request=request,
        kind=str(kind),
        data=json.dumps(data, sort_keys=True, separators=(",", ":")),
    )
