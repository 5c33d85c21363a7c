"""Appending to the journal, inside the unit that makes the change."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import NamedTuple

from holdfast.db.port import Unit
from holdfast.journal.model import ChangeKind, Origin
from holdfast.journal.store import APPEND


class Place(NamedTuple):
    """Where and when in a repository's history: its id, its seq, and a time that never goes back (microseconds)."""

    repo_id: int
    seq: int
    at: int


async def record(
    unit: Unit, kind: ChangeKind, place: Place, *, actor: str, origin: Origin, data: dict[str, object]
) -> None:
    """Append one change. `data` is small, holds no secret, and is kept as JSON with sorted keys."""
    known = {name: value for name, value in zip(origin._fields[1:], origin[1:], strict=True) if value}
    await unit.run(
        APPEND,
        repo_id=place.repo_id,
        seq=place.seq,
        at=place.at,
        actor=actor,
        request=origin.request,
        kind=str(kind),
        data=_json(data),
        origin=_json(known) if known else None,
    )


async def note(unit: Unit, kind: ChangeKind, *, actor: str, origin: Origin, data: dict[str, object]) -> None:
    """Append a change that is not one repository's."""
    await record(unit, kind, Place(0, 0, unit.now), actor=actor, origin=origin, data=data)


def _json(value: Mapping[str, object]) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))
